//! Where one ladder is told: its clock, its lot and its connections.

use std::net::IpAddr;

use super::agenda::{Act, Agenda};
use super::options::Options;
use super::random::Random;
use super::topology::{Hop, Topology};
use crate::flow::Side;

/// Nanoseconds in a millisecond.
pub(super) const MILLISECOND: i64 = 1_000_000;
/// No act is later than planned by as much as this, nanoseconds: acts a millisecond apart keep their order.
const JITTER: u64 = 700_000;
/// Connections two servers keep to each other, at most.
const LANES: u64 = 4;
/// With more ladders than this, header lines and messages that no reader needs are left out unless they are asked for.
const WORDY_LADDERS: u64 = 16;

/// What a scenario changes about the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Where pushes are sent, without the scheme.
    pub(super) push_target: &'static str,
    /// Whether hosts write their messages in every odd way that was ever seen.
    pub(super) odd: bool,
}

/// One ladder's stage. Times are milliseconds from the ladder's beginning.
pub(super) struct Stage<'a> {
    /// What the user chose; the phone's application is already the scenario's.
    pub(super) options: &'a Options,
    /// Who stands where.
    pub(super) topology: Topology,
    /// What is special about the deployment.
    pub(super) setting: Setting,
    /// The ladder's number, from 0.
    pub(super) ladder: u64,
    /// What this ladder's identifiers are drawn from.
    pub(super) random: Random,
    begin: i64,
    agenda: &'a mut Agenda,
    /// Messages that are part of the next octets said, beside the first.
    further: u64,
    latest: i64,
    users: Vec<Hop>,
}

impl<'a> Stage<'a> {
    /// The stage of the ladder of this number, which begins at `begin` (nanoseconds since 1970 UTC).
    pub(super) fn new(options: &'a Options, setting: Setting, ladder: u64, begin: i64, agenda: &'a mut Agenda) -> Self {
        let topology = Topology { ipv6: options.ipv6 };
        let random = Random::of(&[options.seed, ladder, 0x7374_6167]);
        Self { options, topology, setting, ladder, random, begin, agenda, further: 0, latest: 0, users: Vec::new() }
    }

    /// Which of the parallel connections between two servers this ladder uses.
    pub(super) fn lane(&self) -> u8 {
        (self.ladder % LANES) as u8
    }

    /// Whether header lines and messages that no reader needs are written.
    pub(super) fn is_wordy(&self) -> bool {
        self.options.wordy || self.options.ladders <= WORDY_LADDERS
    }

    /// Lets `side` of `hop` send a message.
    pub(super) fn say(&mut self, at: i64, hop: Hop, side: Side, octets: Vec<u8>) {
        if hop.is_of_user() && !self.users.contains(&hop) {
            self.users.push(hop);
        }
        let messages = 1 + std::mem::take(&mut self.further);
        let octets = if self.setting.odd { [b"\r\n\r\n", octets.as_slice()].concat() } else { octets };
        self.plan(at, Act::Say { hop, side, octets, messages });
    }

    /// The next octets said hold one message more.
    pub(super) fn counts_another(&mut self) {
        self.further += 1;
    }

    /// Lets anything else happen.
    pub(super) fn plan(&mut self, at: i64, act: Act) {
        self.latest = self.latest.max(at);
        let jitter = self.random.below(JITTER) as i64;
        let at = self.begin.saturating_add(at.saturating_mul(MILLISECOND)).saturating_add(jitter);
        self.agenda.push(at, act);
    }

    /// Lets the users of this ladder close their connections, `after` the last thing planned.
    pub(super) fn leaves(&mut self, after: i64) {
        let at = self.latest + after;
        for hop in std::mem::take(&mut self.users) {
            self.plan(at, Act::Close(hop));
        }
    }

    /// A tag as clients and applications choose it.
    pub(super) fn tag(&mut self) -> String {
        self.random.hex(10)
    }

    /// A tag as servers choose it.
    pub(super) fn server_tag(&mut self) -> String {
        self.random.upper_hex(32)
    }

    /// A Call-ID.
    pub(super) fn call_id(&mut self) -> String {
        self.random.hex(32)
    }

    /// The `Via` of a client: it names no branch.
    pub(super) fn client_via(&self, hop: Hop) -> String {
        let transport = if self.setting.odd { "tls" } else { "TLS" };
        format!("SIP/2.0/{transport} {}", self.topology.ends(hop, 0).0)
    }

    /// The `Via` of a mobility service or another UCMA application.
    pub(super) fn service_via(&mut self, hop: Hop) -> String {
        format!("SIP/2.0/TLS {};branch=z9hG4bK{}", self.topology.ends(hop, 0).0, self.random.hex(8))
    }

    /// The `Via` of a proxy that sends on `hop`, which it opened itself or listens on.
    pub(super) fn proxy_via(&mut self, hop: Hop, forked: bool) -> String {
        let (client, server) = self.topology.ends(hop, 0);
        let sent_by = if hop.is_of_user() { server } else { client };
        let branched = if forked { "TRUE" } else { "FALSE" };
        let (high, low) = (self.random.upper_hex(8), self.random.upper_hex(16));
        let mut via = format!("SIP/2.0/TLS {sent_by};branch=z9hG4bK{high}.{low};branched={branched}");
        if self.is_wordy() {
            via.push_str(&format!(";ms-internal-info=\"{}AA\"", self.random.base64_url(34)));
        }
        via
    }

    /// `via` as the proxy that received it on `hop` passes it on.
    pub(super) fn received(&self, via: &str, hop: Hop) -> String {
        let port = self.topology.ends(hop, 0).0.port();
        format!("{via};ms-received-port={port};ms-received-cid={}", self.connection_name(hop))
    }

    /// What the server calls the connection of `hop`.
    pub(super) fn connection_name(&self, hop: Hop) -> String {
        let client = self.topology.ends(hop, 0).0;
        let host = match client.ip() {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[15],
        };
        format!("{host:X}{:04X}00", client.port())
    }

    /// A signature of a header line, as servers add them.
    pub(super) fn signature(&mut self) -> String {
        format!("{}AA", self.random.base64_url(if self.is_wordy() { 42 } else { 10 }))
    }

    /// What servers of the phone's generation call themselves.
    pub(super) fn server(&self) -> &'static str {
        let agent = self.options.client.server();
        if agent.starts_with("RTCC/6") {
            "RTC/6.0"
        } else if agent.starts_with("RTCC/5") {
            "RTC/5.0"
        } else {
            "RTC/4.0"
        }
    }

    /// The signature of the server for a client, when the message is wordy.
    pub(super) fn authentication_info(&mut self) -> String {
        if !self.is_wordy() {
            return String::new();
        }
        let (rand, proof) = (self.random.upper_hex(8), self.random.upper_hex(24));
        format!(
            "TLS-DSK qop=\"auth\", opaque=\"69F5EF2F\", srand=\"{rand}\", snum=\"{}\", rspauth=\"01000000{proof}\", \
             targetname=\"{}\", realm=\"SIP Communications Service\", version=4",
            1 + self.random.below(90),
            super::topology::FRONT_END
        )
    }
}
