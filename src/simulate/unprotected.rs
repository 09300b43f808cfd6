//! A build without TLS: there is nothing to choose, so nothing here is ever reached.

use super::options::Options;
use super::topology::Hop;
use crate::error::Result;
use crate::flow::Side;

/// No version and no suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {}

/// What nobody says before any text.
pub(super) struct Handshake {
    pub(super) flights: Vec<(Side, Vec<u8>)>,
    pub(super) keylog: String,
}

/// What protects no connection.
pub(super) enum Protection {}

impl Protection {
    pub(super) fn begin(choice: Choice, _: &Options, _: Hop, _: &[u64]) -> Result<(Self, Handshake)> {
        match choice {}
    }

    pub(super) fn seal(&mut self, _: Side, _: &[u8]) -> Result<Vec<u8>> {
        match *self {}
    }

    pub(super) fn close(&mut self, _: Side) -> Result<Vec<u8>> {
        match *self {}
    }

    pub(super) fn refuse(&mut self, _: Side) -> Result<(usize, Vec<u8>)> {
        match *self {}
    }
}
