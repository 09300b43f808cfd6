//! In place of `keys` and `secured` where the program is built without the feature `tls`: a connection inside TLS is
//! known for what it is, and not read.

use super::ledger::{Hidden, Ledger, Speaker};
use super::packing::Packing;
use super::reading::Seen;
use crate::capture::KeylogText;
use crate::flow::Connection;
use crate::frame::{FrameRef, Timestamp};
use crate::report::model::{KeyCounts, Tls};
use crate::report::view::Refused;
use crate::stream::Event;
use crate::unreadable::UnreadableReason;

/// No secrets.
#[derive(Default)]
pub struct Keys {}

impl Keys {
    pub(super) fn count(&self) -> KeyCounts {
        KeyCounts::default()
    }

    pub(super) fn look_in(&mut self, _files: Vec<String>, _is_stdin: bool) {}

    pub(super) fn is_waiting(&self) -> bool {
        false
    }

    pub(super) fn wants_search(&self) -> bool {
        false
    }

    pub(super) fn search(&mut self) {}

    pub(super) fn follow(&mut self, _texts: &[KeylogText]) -> bool {
        false
    }

    pub(super) fn seal(&mut self) {}

    #[cfg(feature = "live")]
    pub(super) fn is_followed(&self) -> bool {
        false
    }

    #[cfg(feature = "live")]
    pub(super) fn read_on(&mut self) -> bool {
        false
    }

    #[cfg(feature = "live")]
    pub(super) fn take_troubles(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// One connection.
#[derive(Default)]
pub struct Secured {
    hidden: Hidden,
    first: Option<Timestamp>,
    /// Whether its first record is of a handshake.
    handshake: bool,
}

impl Secured {
    /// Nothing of it seen yet.
    pub fn new(_: &Connection) -> Self {
        Self::default()
    }

    pub fn event(
        &mut self,
        speaker: Speaker<'_>,
        event: Event<'_>,
        packing: &mut Packing,
        _keys: &mut Keys,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let connection = speaker.connection;
        match event {
            Event::Bytes { bytes, frame, .. } => {
                if self.first.is_none() {
                    self.handshake = bytes.first().is_some_and(|kind| matches!(kind, 22 | 0x80..));
                }
                let from = *self.first.get_or_insert(frame.time);
                if packing.may_be_sip(connection, ledger) {
                    self.hidden.tell(connection, from, frame, out);
                }
            }
            Event::End { frame, .. } => self.hidden.end(connection, frame, out),
            Event::Gap { length, after, frame, .. } => packing.warn(connection, length, after, frame, ledger, out),
            Event::Witness { .. } => {}
        }
    }

    pub fn retry(
        &mut self,
        _connection: &Connection,
        _frame: FrameRef,
        _packing: &mut Packing,
        _keys: &mut Keys,
        _ledger: &mut Ledger,
        _out: &mut impl FnMut(Seen<'_>),
    ) {
    }

    pub fn give_up(
        &mut self,
        _connection: &Connection,
        _: (FrameRef, Timestamp),
        _packing: &mut Packing,
        _keys: &mut Keys,
        _ledger: &mut Ledger,
        _out: &mut impl FnMut(Seen<'_>),
    ) {
    }

    pub fn may_open(&self, _keys: &Keys) -> bool {
        false
    }

    pub fn abandon(&mut self, _keys: &mut Keys) {}

    pub fn held(&self) -> usize {
        0
    }

    pub fn shed(&mut self, _frame: FrameRef) {}

    pub fn is_waiting(&self) -> bool {
        false
    }

    pub fn waiting_since(&self) -> Option<Timestamp> {
        None
    }

    pub fn close(&self, _ledger: &mut Ledger) -> Option<(UnreadableReason, String)> {
        Some(match self.handshake {
            true => (UnreadableReason::TlsNoSecret, "this program was built without TLS".to_owned()),
            false => (UnreadableReason::TlsNoHandshake, "the capture begins after the handshake".to_owned()),
        })
    }

    pub fn shown(&self) -> Option<Tls> {
        None
    }

    pub fn refused(&self, _connection: &Connection) -> Option<Refused> {
        None
    }
}
