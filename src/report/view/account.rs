//! What became of everything read, and how the report shows it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Dialed, Refused};
use crate::anomaly::AnomalyLog;
use crate::flow::Flow;
use crate::ladder::coverage::Coverage;
use crate::ladder::leg::Leg;
use crate::report::model::{
    AnomalyCitation, AnomalyCount, Coverage as CoverageModel, FrameCounts, KeyCounts, Legs, Streams, Tls, Unreadable,
};
use crate::tally::FrameTally;
use crate::unreadable::{Hurdle, UnreadableReason};

/// What became of everything read.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Frames.
    pub tally: FrameTally,
    /// Defects.
    pub anomalies: AnomalyLog,
    /// TCP connections.
    pub tcp: u64,
    /// TLS connections.
    pub tls: u64,
    /// Those of which text was read.
    pub decrypted: u64,
    /// What was given to read them with.
    pub keys: KeyCounts,
    /// Compressed connections.
    pub compressed: u64,
    /// SIP messages.
    pub messages: u64,
    /// Those that are about anything but the connection itself.
    pub telling: u64,
    /// Those with a defect.
    pub malformed: u64,
    /// Holes in SIP streams.
    pub gaps: u64,
    /// Octets lost in them.
    pub gap_octets: u64,
    /// Streams that could not be read.
    pub unread: Vec<Unread>,
    /// Further ones that are not listed.
    pub unlisted: u64,
    /// Streams that could not be read on ports where no SIP is expected.
    pub elsewhere: Vec<Unread>,
    /// Further ones of them inside TLS, on ports of which nothing is known, by their hosts.
    pub unlisted_elsewhere: BTreeMap<[IpAddr; 2], u64>,
    /// Further ones of hosts that are known for SIP.
    pub unlisted_of_speakers: u64,
    /// TLS handshakes that were refused or broken off, on ports of servers.
    pub refused: Vec<Refused>,
    /// The same on ports of which nothing is known: told where their names show whose they are.
    pub refused_elsewhere: Vec<Refused>,
    /// Further ones that are not listed.
    pub unlisted_refused: u64,
    /// Connections that were not made, by who was dialed.
    pub dialed: Vec<Dialed>,
    /// Further attempts that are not listed.
    pub unlisted_dialed: u64,
    /// Calls, pushes and connections closed early because a table was full.
    pub evicted: u64,
}

/// A stream that could not be read.
#[derive(Clone, Debug)]
pub struct Unread {
    /// Its endpoints.
    pub flow: Flow,
    /// Why.
    pub reason: UnreadableReason,
    /// The same in words.
    pub detail: String,
    /// Frames of it.
    pub frames: u64,
    /// What stands in the way, where that changes what would help.
    pub hurdle: Option<Hurdle>,
    /// Whether the capture's snapshot length cut any of them.
    pub is_cut: bool,
    /// What its handshake shows.
    pub tls: Option<Tls>,
    /// Whether it is inside TLS, on a port of which nothing is known.
    pub foreign: bool,
}

impl Account {
    /// Lists what could not be read where no SIP is expected, as far as SIP may have been there: all of it if there is
    /// nothing else, or else what is inside TLS on a port of which nothing is known, and of a host that is known for SIP.
    pub fn list_elsewhere(&mut self, speaks: impl Fn(IpAddr) -> bool) {
        let nothing_else = self.messages == 0 && self.unread.is_empty();
        let may_be_sip = |unread: &Unread| {
            nothing_else
                || unread.foreign && [unread.flow.client.ip(), unread.flow.server.ip()].into_iter().any(&speaks)
        };
        for mut unread in std::mem::take(&mut self.elsewhere).into_iter().filter(may_be_sip) {
            unread.detail.push_str(&match nothing_else {
                true => "; its port is none of the profile's, where SIP is expected ([ports])".to_owned(),
                false => format!(
                    "; one of its hosts is known for SIP: port {} belongs into [ports] of the profile, into sip if this is SIP too, else into other",
                    unread.flow.server.port()
                ),
            });
            self.unread.push(unread);
        }
        let pairs = std::mem::take(&mut self.unlisted_elsewhere).into_iter();
        let unlisted: u64 = pairs.filter(|(pair, _)| pair.iter().copied().any(&speaks)).map(|(_, count)| count).sum();
        self.unlisted += std::mem::take(&mut self.unlisted_of_speakers) + if nothing_else { 0 } else { unlisted };
    }
}

/// The account and what was in view, as the report shows them.
pub(super) fn coverage(account: &Account, coverage: &Coverage) -> CoverageModel {
    let seen = coverage.legs();
    let set_aside: BTreeMap<String, u64> =
        account.tally.set_aside().map(|(reason, count)| (reason.to_string(), count)).collect();
    CoverageModel {
        legs: Legs {
            caller: seen.contains(Leg::Caller),
            mcx: seen.contains(Leg::Mcx),
            push_internal: seen.contains(Leg::PushInternal),
            edge_internal: seen.contains(Leg::EdgeInternal),
            edge_external: seen.contains(Leg::EdgeExternal),
        },
        sip_messages: account.messages,
        sip_malformed: account.malformed,
        streams: Streams {
            tcp: account.tcp,
            tls: account.tls,
            tls_decrypted: account.decrypted,
            compressed: account.compressed,
        },
        gaps: account.gaps,
        gap_bytes: account.gap_octets,
        unreadable: account
            .unread
            .iter()
            .map(|unread| Unreadable {
                stream: unread.flow.to_string(),
                reason: unread.reason,
                detail: detail(unread),
                frames: unread.frames,
                tls: unread.tls.clone(),
            })
            .collect(),
        keys: (account.keys != KeyCounts::default()).then_some(account.keys),
        frames: FrameCounts { read: account.tally.read(), used: account.tally.used(), set_aside },
        anomalies: account
            .anomalies
            .iter()
            .map(|(kind, counted)| AnomalyCount {
                kind: kind.name().to_owned(),
                count: counted.count,
                first: counted
                    .first
                    .iter()
                    .map(|one| AnomalyCitation {
                        input: one.frame.input,
                        frame: one.frame.number,
                        detail: one.detail.to_owned(),
                    })
                    .collect(),
            })
            .collect(),
    }
}

/// What is said of a stream whose frames are not whole.
const CUT: &str = "its frames were cut by the capture's snapshot length: capture whole frames (tcpdump -s 0)";

/// Why a stream was not read, and what would help.
fn detail(unread: &Unread) -> String {
    let suite = unread.tls.as_ref().and_then(|tls| tls.suite.as_deref());
    let help = unread.hurdle.map_or_else(|| unread.reason.help(suite), Hurdle::help);
    let detail = &unread.detail;
    match (unread.is_cut, unread.reason) {
        (false, _) => format!("{detail}; {help}"),
        (true, UnreadableReason::Damaged) => format!("{detail}; {CUT}"),
        (true, _) => format!("{detail}; {help}; {CUT}"),
    }
}
