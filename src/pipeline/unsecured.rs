//! In place of `keys` and `secured` where the program is built without the feature `tls`: a connection inside TLS is
//! known for what it is, and not read.

use super::hidden::Hidden;
use super::ledger::{Ledger, Speaker};
use super::packing::Packing;
use super::reading::Seen;
use crate::capture::KeylogText;
use crate::flow::Connection;
use crate::frame::{FrameRef, Timestamp};
use crate::report::model::{KeyCounts, Tls};
use crate::report::view::Refused;
use crate::stream::Event;
use crate::tls::{HEADER, farewell};
use crate::unreadable::{Hurdle, UnreadableReason};

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

/// What a side has sent.
#[derive(Default)]
struct Sent {
    /// The header of its first record.
    header: Vec<u8>,
    octets: u64,
    /// Octets of it are missing.
    is_torn: bool,
}

impl Sent {
    /// Whether all of it is one alert, or as short as one in TLS 1.3, as far as it is there: no SIP is in there.
    fn is_farewell(&self) -> bool {
        let header = self.header.first_chunk();
        !self.is_torn && header.is_none_or(|header| farewell(*header).is_some_and(|most| self.octets <= most as u64))
    }
}

/// One connection.
#[derive(Default)]
pub struct Secured {
    hidden: Hidden,
    first: Option<Timestamp>,
    /// Whether its first record is of a handshake.
    handshake: bool,
    /// Whether it began before the capture, and nothing was seen of it before.
    may_only_close: bool,
    sent: [Sent; 2],
}

impl Secured {
    /// Nothing of it seen yet.
    /// `has_spoken` if octets came before that were taken for no TLS.
    pub fn new(connection: &Connection, has_spoken: bool) -> Self {
        Self { may_only_close: connection.is_joined && !has_spoken, ..Self::default() }
    }

    /// Whether it began before the capture and shows nothing but how it closes.
    fn only_closes(&self) -> bool {
        self.may_only_close && self.sent.iter().all(Sent::is_farewell)
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
                let sent = speaker.side.of(&mut self.sent);
                let room = HEADER.saturating_sub(sent.header.len());
                sent.header.extend(bytes.iter().take(room));
                sent.octets += bytes.len() as u64;
                if self.only_closes() {
                    return;
                }
                if let Some(doubt) = packing.doubt(connection, ledger) {
                    self.hidden.tell(connection, doubt, from, frame, out);
                }
            }
            Event::End { frame, .. } => self.hidden.end(connection, frame, out),
            Event::Gap { length, after, frame, .. } => {
                speaker.side.of(&mut self.sent).is_torn = true;
                packing.warn(connection, length, after, frame, ledger, out);
            }
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
        if self.only_closes() {
            return None;
        }
        Some(match self.handshake {
            true => (UnreadableReason::TlsNoSecret, "this program was built without TLS".to_owned()),
            false => (UnreadableReason::TlsNoHandshake, "the capture begins after the handshake".to_owned()),
        })
    }

    pub fn hurdle(&self) -> Option<Hurdle> {
        None
    }

    pub fn shown(&self) -> Option<Tls> {
        None
    }

    pub fn refused(&self, _connection: &Connection) -> Option<Refused> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{ConnectionId, Flow, Side, Transport};
    use crate::ladder::profile::Profile;
    use crate::sip::framer;

    /// Whether a connection that shows these octets is hidden, by what is told of it and by what is listed.
    fn hidden(is_joined: bool, sent: &[(Side, Vec<u8>)], size: usize) -> [bool; 2] {
        let ports = Profile::built_in().unwrap().ports;
        let (mut packing, mut ledger) = (Packing::new(framer::Limits::default()), Ledger::new(&ports));
        let [client, server] = ["192.0.2.1:40000", "192.0.2.2:5061"].map(|end| end.parse().unwrap());
        let flow = Flow { client, server };
        let connection = Connection { id: ConnectionId(1), flow, transport: Transport::Tcp, is_joined };
        let frame = FrameRef { input: 0, number: 1, time: Timestamp::new(1, 6) };
        let mut secured = Secured::new(&connection, false);
        let mut told = false;
        let mut take = |side, event| {
            let speaker = Speaker { connection: &connection, side };
            secured.event(speaker, event, &mut packing, &mut Keys::default(), &mut ledger, &mut |_| told = true);
        };
        for (side, octets) in sent {
            octets.chunks(size).for_each(|bytes| take(*side, Event::Bytes { offset: 0, bytes, frame }));
            take(*side, Event::End { frame, over: true });
        }
        [told, secured.close(&mut ledger).is_some()]
    }

    #[test]
    fn a_connection_that_only_closes_hides_nothing() {
        let record = |kind: u8, octets: u8| [&[kind, 3, 3, 0, octets][..], &vec![0x5a; octets.into()]].concat();
        let both = |octets: Vec<u8>| vec![(Side::Client, octets.clone()), (Side::Server, octets)];
        for size in [1, 7, 100] {
            for (sent, expected) in [
                (record(21, 26), false),
                (record(23, 19), false),
                (record(23, 20), true),
                (record(23, 19).repeat(2), true),
                ([record(21, 26), record(23, 100)].concat(), true),
                (record(22, 100), true),
            ] {
                let what = format!("{sent:?} in pieces of {size}");
                assert_eq!(hidden(true, &both(sent.clone()), size), [expected; 2], "{what}");
                assert_eq!(hidden(false, &both(sent), size), [true; 2], "{what}");
            }
        }
    }
}
