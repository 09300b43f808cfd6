//! What is counted and listed over all streams, and what is told of them to the judging half.
//!
//! Limits: [`MAX_LISTED`] for each list.

use super::reading::{Notice, Seen};
use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::flow::{Connection, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::ladder::profile::Ports;
use crate::report::view::{Account, Refused, Unread};
use crate::sip::framer::Framed;
use crate::stream::UNKNOWN_LENGTH;

/// Unreadable streams, and refused handshakes, listed one by one in the report; further ones are counted.
const MAX_LISTED: usize = 1_000;
/// How long octets may wait for what tells how to read them until they are said to be unreadable, nanoseconds.
const PATIENCE: i64 = 1_000_000_000;
/// How often an unreadable stream that goes on is told of again, nanoseconds.
const RETELL: i64 = 1_000_000_000;

/// Who sends what is read.
#[derive(Clone, Copy)]
pub struct Speaker<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// Which side of it.
    pub side: Side,
}

/// Octets of a stream that are not in the capture.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// When the stream was last whole.
    pub from: Timestamp,
    /// When the loss was proved.
    pub to: Timestamp,
    /// In how many places; 0 for octets that were counted before.
    pub gaps: u64,
    /// How many, as far as it is known.
    pub octets: u64,
}

impl Loss {
    /// The loss that a [`Gap`](crate::stream::Event::Gap) is.
    pub fn new(length: u64, after: Option<FrameRef>, frame: FrameRef) -> Self {
        let from = after.map_or(frame.time, |after| after.time).min(frame.time);
        let octets = if length == UNKNOWN_LENGTH { 0 } else { length };
        Self { from, to: frame.time, gaps: 1, octets }
    }

    /// The same, of octets that were counted before.
    pub fn counted(self) -> Self {
        Self { gaps: 0, octets: 0, ..self }
    }

    /// This and another loss in one.
    pub fn and(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            gaps: self.gaps + other.gaps,
            octets: self.octets.saturating_add(other.octets),
        }
    }

    /// What the judging half is told of it.
    pub fn notice(self) -> Notice {
        Notice::Lost { from: self.from, to: self.to }
    }
}

/// What is counted and listed over all streams.
pub struct Ledger {
    ports: Ports,
    /// The counts so far; what belongs together is counted by the methods.
    pub account: Account,
    /// Octets that wait in all connections until it is known whether they are compressed.
    pub held: usize,
}

impl Ledger {
    /// Nothing counted yet. `ports` tells where an encrypted stream may be SIP.
    pub fn new(ports: &Ports) -> Self {
        Self { ports: ports.clone(), account: Account::default(), held: 0 }
    }

    /// Whether SIP is expected on a port.
    pub fn is_sip_port(&self, port: u16) -> bool {
        self.ports.all().any(|known| known == port)
    }

    /// Whether a connection uses a port on which SIP is expected.
    pub fn is_expected(&self, connection: &Connection) -> bool {
        self.is_sip_port(connection.flow.server.port()) || self.is_sip_port(connection.flow.client.port())
    }

    /// Whether nothing is known of what a connection's port is for: what is inside TLS there may be SIP.
    pub fn is_foreign(&self, connection: &Connection) -> bool {
        !self.is_expected(connection) && self.ports.is_foreign(connection.flow.server.port())
    }

    /// Hands on what a framer gives of a stream known to be SIP.
    pub fn framed(&mut self, speaker: Speaker<'_>, framed: Framed<'_>, out: &mut impl FnMut(Seen<'_>)) {
        let Speaker { connection, side } = speaker;
        match framed {
            Framed::Message { raw, last, .. } => out(Seen::Message { connection, side, at: last, raw }),
            Framed::Anomaly(anomaly) => self.anomaly(anomaly),
        }
    }

    /// A stream has a defect.
    pub fn anomaly(&mut self, anomaly: Anomaly) {
        if anomaly.kind == AnomalyKind::MalformedMessage {
            self.account.malformed += 1;
        }
        self.account.anomalies.push(anomaly);
    }

    /// Streams have these defects.
    pub fn anomalies(&mut self, log: &AnomalyLog) {
        self.account.anomalies.append(log);
    }

    /// Octets of a SIP stream are lost: counts them and tells of them.
    pub fn lost(&mut self, connection: &Connection, loss: Loss, out: &mut impl FnMut(Seen<'_>)) {
        self.account.gaps += loss.gaps;
        self.account.gap_octets = self.account.gap_octets.saturating_add(loss.octets);
        out(Seen::Notice(connection, loss.notice()));
    }

    /// Lists a stream that could not be read.
    pub fn unread(&mut self, unread: Unread) {
        if self.account.unread.len() < MAX_LISTED {
            self.account.unread.push(unread);
        } else {
            self.account.unlisted += 1;
        }
    }

    /// Remembers a stream that could not be read where no SIP is expected. Those of which nothing is known have a room of
    /// their own.
    pub fn unread_elsewhere(&mut self, unread: Unread) {
        let alike = self.account.elsewhere.iter().filter(|known| known.foreign == unread.foreign);
        if alike.count() < MAX_LISTED {
            self.account.elsewhere.push(unread);
        } else {
            self.account.unlisted_elsewhere += u64::from(unread.foreign);
        }
    }

    /// Lists a handshake that was refused or broken off, on a port on which servers and phones' services talk SIP.
    pub fn refused(&mut self, refused: Refused) {
        if !self.ports.is_of_servers(refused.flow.server.port()) {
            return;
        }
        if self.account.refused.len() < MAX_LISTED {
            self.account.refused.push(refused);
        } else {
            self.account.unlisted_refused += 1;
        }
    }
}

/// Since when octets wait for what tells how to read them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience(Option<Timestamp>);

impl Patience {
    /// With octets that wait since then, if any do.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn since_when(waiting: Option<Timestamp>) -> Self {
        Self(waiting)
    }

    /// Octets wait at `now`. Says whether they have done so for too long.
    pub fn wait(&mut self, now: Timestamp) -> bool {
        now.since(*self.0.get_or_insert(now)) >= PATIENCE
    }

    /// Since when; `now` where nothing waits.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        self.0.unwrap_or(now)
    }

    /// Nothing waits any more.
    pub fn end(&mut self) {
        self.0 = None;
    }
}

/// Since when a stream is not read, and when that was last told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hidden {
    from: Option<Timestamp>,
    told: Option<Timestamp>,
    /// Whether it was told of what waits for a secret.
    waits: bool,
    /// Whether it is told of what is not known to be SIP, on a port of which nothing is known.
    foreign: bool,
}

impl Hidden {
    /// What is told from here on is of what is not known to be SIP, on a port of which nothing is known; or it is not.
    pub fn foreign(&mut self, is_foreign: bool) {
        self.foreign = is_foreign;
    }

    /// Tells that the stream is not read at `frame`, and was not before since `from`; and that it will not be for as long
    /// as it is not told again, for what comes until then.
    pub fn tell(&mut self, connection: &Connection, from: Timestamp, frame: FrameRef, out: &mut impl FnMut(Seen<'_>)) {
        let from = *self.from.get_or_insert(from);
        if self.told.is_none_or(|told| frame.time.since(told) >= RETELL || frame.time < told) {
            self.told = Some(frame.time);
            let (input, to, waits, foreign) = (frame.input, frame.time.shifted(RETELL), self.waits, self.foreign);
            out(Seen::Notice(connection, Notice::Unreadable { input, from: from.min(frame.time), to, waits, foreign }));
        }
    }

    /// The same of what waits for a secret, so that it may be open one day.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn wait(&mut self, connection: &Connection, from: Timestamp, frame: FrameRef, out: &mut impl FnMut(Seen<'_>)) {
        self.waits = true;
        self.tell(connection, from, frame, out);
    }

    /// What was not read up to `last` is given up for good; what waits since `from` goes on waiting.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn give_up(
        &mut self,
        connection: &Connection,
        first: Timestamp,
        last: FrameRef,
        from: Timestamp,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let (input, to) = (last.input, last.time);
        let since = self.from.unwrap_or(first).min(to);
        let foreign = self.foreign;
        out(Seen::Notice(connection, Notice::Unreadable { input, from: since, to, waits: false, foreign }));
        (self.from, self.told) = (Some(from), None);
    }

    /// Nothing waits any more. What is not read at `frame` all the same, since it waited or before, stays so.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn settle(&mut self, connection: &Connection, hidden: bool, frame: FrameRef, out: &mut impl FnMut(Seen<'_>)) {
        if !std::mem::take(&mut self.waits) {
            return;
        }
        match hidden {
            true => self.end(connection, frame, out),
            false => *self = Self::default(),
        }
        out(Seen::Notice(connection, Notice::Settled));
    }

    /// Tells it once more at the stream's last frame, if it was told at all.
    pub fn end(&mut self, connection: &Connection, frame: FrameRef, out: &mut impl FnMut(Seen<'_>)) {
        if let Some(from) = self.from {
            self.told = Some(frame.time);
            let (input, to, waits, foreign) = (frame.input, frame.time, self.waits, self.foreign);
            out(Seen::Notice(connection, Notice::Unreadable { input, from: from.min(to), to, waits, foreign }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;
    use crate::ladder::profile::Profile;
    use crate::unreadable::UnreadableReason;

    #[test]
    fn what_may_be_sip_on_unknown_ports_is_listed_within_a_bound_whatever_else_there_is() {
        let mut ledger = Ledger::new(&Profile::built_in().unwrap().ports);
        let mut close = |host: u8, port: u16| {
            let flow = Flow { client: ([192, 0, 2, host], 40_000).into(), server: ([192, 0, 2, 9], port).into() };
            let (reason, detail) = (UnreadableReason::TlsNoSecret, "why".to_owned());
            ledger.unread_elsewhere(Unread {
                flow,
                reason,
                detail,
                frames: 1,
                is_cut: false,
                tls: None,
                hurdle: None,
                foreign: port == 5_099,
            });
        };
        // Those of browsers take nobody's place.
        (0..2 * MAX_LISTED).for_each(|_| close(7, 8_443));
        close(31, 5_099);
        (0..MAX_LISTED).for_each(|_| close(7, 5_099));
        let account = Account { messages: 1, ..ledger.account.clone() };
        let list = |account: &Account, host: u8| {
            let mut account = account.clone();
            account.list_elsewhere(|known| known == std::net::IpAddr::from([192, 0, 2, host]));
            (account.unread, account.unlisted)
        };
        let (unread, unlisted) = list(&account, 7);
        assert_eq!((unread.len(), unlisted), (MAX_LISTED - 1, 1));
        assert!(unread.iter().all(|unread| unread.detail.contains("port 5099 belongs into [ports]")));
        let (unread, unlisted) = list(&account, 8);
        assert_eq!((unread.len(), unlisted), (0, 0));
        let (unread, _) = list(&ledger.account, 8);
        assert_eq!(unread.len(), 2 * MAX_LISTED, "where nothing was read all of it may be SIP");
    }

    #[test]
    fn what_is_told_of_a_stream_that_is_not_read_holds_until_it_is_told_again() {
        let [client, server] = [40_000, 5_061].map(|port| ([192, 0, 2, 7], port).into());
        let (id, transport) = (crate::flow::ConnectionId(1), crate::flow::Transport::Tcp);
        let connection = Connection { id, flow: Flow { client, server }, transport, is_joined: false };
        let mut hidden = Hidden::default();
        let mut told: Vec<(Timestamp, Timestamp)> = Vec::new();
        for tenth in 0..100 {
            let time = Timestamp::new(tenth * RETELL / 10, 9);
            hidden.tell(&connection, time, FrameRef { input: 0, number: 1, time }, &mut |seen| {
                if let Seen::Notice(_, Notice::Unreadable { from, to, .. }) = seen {
                    told.push((from, to));
                }
            });
            assert!(told.iter().any(|(from, to)| (*from..=*to).contains(&time)), "{tenth}");
        }
        assert_eq!(told.len(), 10);
    }

    #[test]
    fn refused_handshakes_beyond_the_limit_are_counted_where_sip_is_expected() {
        let mut ledger = Ledger::new(&Profile::built_in().unwrap().ports);
        let mut refuse = |port: u16| {
            let [client, server] = [40_000, port].map(|port| ([192, 0, 2, 7], port).into());
            let at = FrameRef { input: 0, number: 1, time: Timestamp::new(0, 6) };
            let (cause, how) = ("unknown_ca".to_owned(), "refused".to_owned());
            let flow = Flow { client, server };
            let tls = Default::default();
            ledger.refused(Refused { flow, at, cause, how, distrusting: None, plainly: None, tls });
        };
        // Those of browsers take nobody's place.
        (0..MAX_LISTED).for_each(|_| refuse(443));
        (0..MAX_LISTED + 2).for_each(|_| refuse(5061));
        assert_eq!((ledger.account.refused.len(), ledger.account.unlisted_refused), (MAX_LISTED, 2));
    }
}
