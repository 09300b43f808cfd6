//! What takes the place of the options of `--post` in a program without tickets: nothing.

use clap::Args;

use crate::error::Result;
use crate::report::model::{Finding, Input, Ladder};

/// No options.
#[derive(Debug, Args)]
pub struct Options {}

/// No files.
#[derive(Debug)]
pub struct Files;

impl Options {
    /// No files.
    ///
    /// Never fails.
    pub fn files(&self) -> Result<Files> {
        Ok(Files)
    }

    /// No tickets.
    ///
    /// Never fails.
    pub fn start(&self, _: Files, _: &[String], _: impl FnMut(&String) -> String) -> Result<Tickets> {
        Ok(Tickets)
    }
}

/// No tickets.
#[derive(Debug)]
pub struct Tickets;

impl Tickets {
    /// No tickets.
    pub const fn none() -> Self {
        Self
    }

    /// There are none.
    pub const fn are_wanted(&self) -> bool {
        false
    }

    /// There are none.
    pub const fn are_held_back(&self) -> bool {
        false
    }

    /// Does nothing.
    pub fn offer(&mut self, _: &Ladder, _: &[Finding]) {}

    /// Does nothing.
    pub fn offer_captures(&mut self, _: &[Input], _: &[Finding]) {}

    /// Does nothing.
    ///
    /// Never fails.
    pub fn finish(self, _: bool, _: &mut dyn FnMut(&str)) -> Result<()> {
        Ok(())
    }
}
