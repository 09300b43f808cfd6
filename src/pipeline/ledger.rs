//! What is counted and listed over all streams, and what is told of them to the judging half.
//!
//! Limits: [`MAX_LISTED`] for each list.

use super::reading::{Notice, Seen};
use super::speakers::Speakers;
use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::flow::{Connection, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::ladder::profile::Ports;
use crate::report::view::{Account, Refused, Unread};
use crate::sip::framer::Framed;
use crate::stream::UNKNOWN_LENGTH;

/// Unreadable streams, and refused handshakes, listed one by one in the report; further ones are counted.
const MAX_LISTED: usize = 1_000;
/// Pairs of hosts of which it is counted how many streams are not listed.
const MAX_PAIRS: usize = 16_384;

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
    /// Hosts that are known for SIP by now.
    pub speakers: Speakers,
    /// How many are listed of those where no SIP is expected, by [`Elsewhere`].
    listed: [usize; 3],
}

/// Whose streams could not be read where no SIP is expected: each has a room of its own.
#[derive(Clone, Copy)]
enum Elsewhere {
    /// It is known that they are something else.
    Known,
    /// Nothing is known of their ports, nor of their hosts.
    Strangers,
    /// Nothing is known of their ports, and a host is known for SIP.
    Speakers,
}

impl Ledger {
    /// Nothing counted yet. `ports` tells where an encrypted stream may be SIP.
    pub fn new(ports: &Ports) -> Self {
        Self {
            ports: ports.clone(),
            account: Account::default(),
            held: 0,
            speakers: Speakers::default(),
            listed: [0; 3],
        }
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

    /// A connection is inside TLS: on a port of servers its hosts are taken for such as speak SIP.
    pub fn protected(&mut self, connection: &Connection) {
        if self.ports.is_of_servers(connection.flow.server.port()) {
            self.speakers.heard(&connection.flow);
        }
    }

    /// Hands on what a framer gives of a stream known to be SIP.
    pub fn framed(&mut self, speaker: Speaker<'_>, framed: Framed<'_>, out: &mut impl FnMut(Seen<'_>)) {
        let Speaker { connection, side } = speaker;
        match framed {
            Framed::Message { raw, last, .. } => {
                self.speakers.heard(&connection.flow);
                out(Seen::Message { connection, side, at: last, raw });
            }
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
        let speaks = self.speakers.is_one_of(&unread.flow);
        let room = match (unread.foreign, speaks) {
            (false, _) => Elsewhere::Known,
            (true, false) => Elsewhere::Strangers,
            (true, true) => Elsewhere::Speakers,
        };
        let listed = &mut self.listed[room as usize];
        if *listed < MAX_LISTED {
            *listed += 1;
            self.account.elsewhere.push(unread);
            return;
        }
        if !unread.foreign {
            return;
        }
        // Whether a host of theirs speaks SIP may be known at the end only.
        let pairs = &mut self.account.unlisted_elsewhere;
        let pair = [unread.flow.client.ip(), unread.flow.server.ip()];
        match pairs.len() < MAX_PAIRS || pairs.contains_key(&pair) {
            true => *pairs.entry(pair).or_default() += 1,
            false => self.account.unlisted_of_speakers += u64::from(speaks),
        }
    }

    /// Lists a handshake that was refused or broken off, on a port on which servers and phones' services talk SIP; on one of
    /// which nothing is known apart, as long as there is room.
    pub fn refused(&mut self, refused: Refused) {
        let port = refused.flow.server.port();
        if !self.ports.is_of_servers(port) {
            if self.ports.is_foreign(port) && self.account.refused_elsewhere.len() < MAX_LISTED {
                self.account.refused_elsewhere.push(refused);
            }
            return;
        }
        if self.account.refused.len() < MAX_LISTED {
            self.account.refused.push(refused);
        } else {
            self.account.unlisted_refused += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;
    use crate::ladder::profile::Profile;
    use crate::unreadable::UnreadableReason;

    const FRONT_END: u8 = 9;
    const OTHER: u8 = 10;

    fn unread([client, server]: [u8; 2], port: u16) -> Unread {
        let flow = Flow { client: ([192, 0, 2, client], 40_000).into(), server: ([192, 0, 2, server], port).into() };
        let (reason, detail) = (UnreadableReason::TlsNoSecret, "why".to_owned());
        Unread { flow, reason, detail, frames: 1, is_cut: false, tls: None, hurdle: None, foreign: port == 5_099 }
    }

    /// Those that are listed of hosts that speak SIP, and how many are not.
    fn list(account: &Account, speakers: &[u8]) -> (Vec<Unread>, u64) {
        let mut account = account.clone();
        account.list_elsewhere(|known| speakers.iter().any(|host| known == std::net::IpAddr::from([192, 0, 2, *host])));
        (account.unread, account.unlisted)
    }

    #[test]
    fn what_may_be_sip_on_unknown_ports_is_listed_within_a_bound_whatever_else_there_is() {
        let mut ledger = Ledger::new(&Profile::built_in().unwrap().ports);
        // Those of browsers take nobody's place.
        (0..2 * MAX_LISTED).for_each(|_| ledger.unread_elsewhere(unread([7, FRONT_END], 443)));
        ledger.unread_elsewhere(unread([31, FRONT_END], 5_099));
        (0..MAX_LISTED).for_each(|_| ledger.unread_elsewhere(unread([7, FRONT_END], 5_099)));
        let account = Account { messages: 1, ..ledger.account.clone() };
        let (found, unlisted) = list(&account, &[7]);
        assert_eq!((found.len(), unlisted), (MAX_LISTED - 1, 1));
        assert!(found.iter().all(|unread| unread.detail.contains("port 5099 belongs into [ports]")));
        let (found, unlisted) = list(&account, &[8]);
        assert_eq!((found.len(), unlisted), (0, 0));
        let (found, _) = list(&ledger.account, &[8]);
        assert_eq!(found.len(), 2 * MAX_LISTED, "where nothing was read all of it may be SIP");
    }

    #[test]
    fn strangers_take_the_place_of_no_stream_that_may_be_sip_and_are_not_counted_with_them() {
        let mut ledger = Ledger::new(&Profile::built_in().unwrap().ports);
        let foreign = |ledger: &mut Ledger, hosts| ledger.unread_elsewhere(unread(hosts, 5_099));
        foreign(&mut ledger, [40, FRONT_END]);
        (0..MAX_LISTED + 50).for_each(|_| foreign(&mut ledger, [31, OTHER]));
        foreign(&mut ledger, [41, FRONT_END]);
        let account = |ledger: &Ledger| Account { messages: 1, ..ledger.account.clone() };
        // Known at the end only: what is not listed is counted.
        let (found, unlisted) = list(&account(&ledger), &[FRONT_END]);
        assert_eq!((found.len(), unlisted), (1, 1));
        // Known by then: it is listed.
        ledger.speakers.heard(&unread([1, FRONT_END], 5_061).flow);
        (0..MAX_LISTED + 2).for_each(|_| foreign(&mut ledger, [42, FRONT_END]));
        let (found, unlisted) = list(&account(&ledger), &[FRONT_END]);
        assert_eq!((found.len(), unlisted), (MAX_LISTED + 1, 3));
        assert_eq!(list(&account(&ledger), &[OTHER]).1, 51);
        assert_eq!(list(&account(&ledger), &[]).1, 0);
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
        (0..MAX_LISTED + 2).for_each(|_| refuse(5099));
        assert_eq!((ledger.account.refused.len(), ledger.account.unlisted_refused), (MAX_LISTED, 2));
        assert_eq!(ledger.account.refused_elsewhere.len(), MAX_LISTED);
    }
}
