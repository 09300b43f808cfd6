//! Findings about the capture as a whole.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::model::{Certificate, Finding, Input};
use super::text;
use super::time::rfc3339;
use super::view::{Account, Cited, Dialed, Refused, Subject, finding, of_handshake};
use super::words;
use crate::anomaly::AnomalyKind;
use crate::frame::Timestamp;
use crate::judge::finding::{self, Severity};
use crate::ladder::coverage::{Coverage, Hop};
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::Profile;
use crate::tally::SetAside;

/// Frames cited for one kind of refused handshake.
const CITED: usize = 5;
/// Certificates that vouch for another, as sentences name them.
const VOUCHING: usize = 4;
/// Columns of a name in a sentence: no certificate that is honest has a longer one.
const NAME: usize = 160;

/// Findings about the capture as a whole.
pub fn findings(
    inputs: &[Input],
    account: &Account,
    coverage: &Coverage,
    profile: &Profile,
    ladders: u64,
    cited: &Cited,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |code, severity, detail| found.push(told(code, severity, detail));
    let hidden = account.unread.len() as u64 + account.unlisted;
    let cut = cut(account);
    let unknown_link = account.tally.set_aside().filter(|(reason, _)| matches!(reason, SetAside::UnknownLink(_)));
    let unknown_link: u64 = unknown_link.map(|(_, frames)| frames).sum();
    if unknown_link > 0 && unknown_link == account.tally.read() {
        let links: Vec<&str> = inputs.iter().flat_map(|input| &input.link_types).map(String::as_str).collect();
        let detail = format!("No frame could be read: link type {} is not decoded.", links.join(", "));
        say("LP901", Severity::Error, detail);
    } else if account.telling == 0 && hidden > 0 {
        say(
            "LP901",
            Severity::Error,
            format!(
                "{} could not be read, and not one message that tells anything was: see the coverage.{cut}",
                text::counted(hidden, "stream", "streams")
            ),
        );
    } else if hidden > 0 {
        let severity = if ladders == 0 { Severity::Warning } else { Severity::Note };
        let streams = text::counted(hidden, "stream", "streams");
        let what = if ladders == 0 { "pushes" } else { "further pushes" };
        let detail = format!(
            "{streams} that may be SIP could not be read, or not wholly: {what} may be in there. The coverage names each, and what would open it.{cut}"
        );
        say("LP908", severity, detail);
    }
    found.extend(losses(inputs, account, coverage.dropped()));
    found.extend(refused(account, coverage, profile, cited));
    found.extend(account.dialed.iter().map(|dialed| not_made(dialed, coverage, ladders, cited)));
    for (code, unlisted, one, many, which) in [
        ("LP601", account.unlisted_refused, "further TLS handshake", "further TLS handshakes", "on SIP ports"),
        ("LP602", account.unlisted_dialed, "further attempt", "further attempts", "to connect to other servers"),
    ] {
        if unlisted > 0 {
            let unlisted = text::counted(unlisted, one, many);
            let detail = format!("{unlisted} {which} came to nothing; they are not listed.");
            found.push(told(code, Severity::Note, detail));
        }
    }
    found
}

/// Those of them that tell of losses: what comes later adds to them and takes nothing back, so they can be told before
/// the end. `forgotten` are the hops that coverage had no room for.
pub fn losses(inputs: &[Input], account: &Account, forgotten: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |code, severity, detail| found.push(told(code, severity, detail));
    for input in inputs {
        if let Some(detail) = &input.ended_detail {
            say("LP902", Severity::Note, format!("{}: {detail}", input.path));
        }
    }
    for (input, lost) in inputs.iter().filter_map(|input| Some((input, words::lost(input.drops?)?))) {
        let detail = format!(
            "{}: {lost}. Steps that may lie in what was lost are said to be unreadable, never missing.",
            input.path
        );
        say("LP907", Severity::Note, detail);
    }
    if account.gaps > 0 {
        let detail = format!(
            "{}, {}: steps that may lie in what is missing are said to be unreadable, never missing.{}",
            text::counted(account.gaps, "gap", "gaps"),
            text::counted(account.gap_octets, "octet", "octets"),
            cut(account)
        );
        say("LP903", Severity::Note, detail);
    }
    let backwards = account.anomalies.count(AnomalyKind::FrameOrder);
    if backwards > 0 {
        let detail = format!(
            "{} older than one before: nothing is said to be missing. Put the capture in order first (reordercap, or mergecap without -a).",
            text::counted(backwards, "frame is", "frames are")
        );
        say("LP905", Severity::Warning, detail);
    }
    let evicted = account.evicted + forgotten;
    if evicted > 0 {
        let entries = text::counted(evicted, "entry was", "entries were");
        say("LP904", Severity::Note, format!("{entries} closed early because a table was full."));
    }
    found
}

/// That frames were cut, and what helps, where any were that may carry SIP.
fn cut(account: &Account) -> String {
    match account.anomalies.count(AnomalyKind::CutFrame) {
        0 => String::new(),
        cut => format!(
            " {} cut by the capture's snapshot length: capture whole frames (tcpdump -s 0; dumpcap and Wireshark without a limit).",
            text::counted(cut, "frame was", "frames were")
        ),
    }
}

/// That the report does not list every ladder it counts.
pub fn let_go(ladders: u64) -> Finding {
    let detail = format!(
        "{} counted and not listed: the report of a watched interface holds the latest. The format ndjson writes all of them.",
        text::counted(ladders, "earlier ladder is", "earlier ladders are")
    );
    told("LP904", Severity::Note, detail)
}

/// A finding that its detail says all of.
fn told(code: &'static str, severity: Severity, detail: String) -> Finding {
    finding(&finding::make(code, severity, None, detail, None, Vec::new(), None), None)
}

/// One finding for each pair of hosts and cause for which TLS handshakes failed. One that a ladder cites is a symptom
/// of what broke the ladder.
fn refused(account: &Account, coverage: &Coverage, profile: &Profile, cited: &Cited) -> Vec<Finding> {
    let mut kinds: BTreeMap<_, Vec<&Refused>> = BTreeMap::new();
    let elsewhere = account.refused_elsewhere.iter().filter(|refused| is_named_edge(refused, coverage, profile));
    for refused in account.refused.iter().chain(elsewhere) {
        kinds.entry((refused.flow.client.ip(), refused.flow.server, &refused.cause)).or_default().push(refused);
    }
    let findings = kinds.into_iter().filter_map(|((client, server, cause), all)| {
        let first = *all.first()?;
        let by_ladder = cited.get(all.iter().map(|refused| Subject::Handshake(refused.citation())));
        let is_edge = all.iter().filter_map(|refused| is_on_edge(refused, coverage, profile)).max();
        // What the push of a ladder waited for is on its way.
        let is_edge = if by_ladder.is_some() { Some(true) } else { is_edge };
        let severity = if is_edge == Some(true) { Severity::Error } else { Severity::Warning };
        let times = if all.len() == 1 { String::new() } else { format!(", {} times", all.len()) };
        let unknown = if is_edge.is_none() { UNKNOWN_LEG } else { "" };
        let detail = format!("Between {client} and {server}{times}: {}.{}{unknown}", first.how, shown(first));
        let hop = format!("{client} > {server} {cause}");
        let made = finding::make("LP601", severity, None, detail, None, Vec::new(), Some(&hop));
        let evidence = all.iter().take(CITED).map(|refused| refused.citation()).collect();
        let told = of_handshake(&made, first, names_peer(first, profile), profile);
        let remedy = first.plainly.map(|plainly| spoken_plainly(first, plainly)).or(told.remedy);
        let found = Finding { evidence, remedy, tls: Some(first.tls.clone()), ..told };
        Some(symptom_of(found, by_ladder))
    });
    findings.collect()
}

/// What to look at where a server answers TLS in plain text.
fn spoken_plainly(refused: &Refused, plainly: &str) -> String {
    let server = refused.flow.server;
    let (host, port) = (server.ip(), server.port());
    format!(
        "What answers on port {port} of {host} speaks {plainly} and no TLS there. See whether {port} is the right port of the right host, which service listens on it, and whether a proxy or a load balancer between the two answered in its place."
    )
}

/// Said of a handshake of which nothing shows whether a push passes there.
const UNKNOWN_LEG: &str = " Nothing here shows which leg that is, so this is a warning; on a leg of the Edge it would be an error: say with --vantage where the capture was taken.";

/// Whether a handshake was on one of the Edge's legs; `None` where nothing shows which leg it was on. What shows it: the
/// place where the capture was taken, SIP between the same hosts, a host that SIP elsewhere shows to be the Edge, and a
/// name of the Edge or of who is behind it, in SIP or in the profile, that the handshake names too.
fn is_on_edge(refused: &Refused, coverage: &Coverage, profile: &Profile) -> Option<bool> {
    let hop = Hop::of(&refused.flow);
    // Where somebody said where the capture was taken, every leg in it is one of those.
    let legs = coverage.legs_of(&hop).union(coverage.told(refused.at.input));
    let is_host = [refused.flow.client, refused.flow.server].iter().any(|end| coverage.is_edge(end.ip()));
    let is_seen = legs.meets(LegSet::of(&[Leg::EdgeInternal, Leg::EdgeExternal]));
    if is_seen || is_host || is_named_edge(refused, coverage, profile) {
        return Some(true);
    }
    let is_elsewhere = !legs.is_empty() || hop.is_one_host() || profile.ports.mobility.contains(&hop.port());
    is_elsewhere.then_some(false)
}

/// Whether a handshake names the Edge, or who is behind it.
fn is_named_edge(refused: &Refused, coverage: &Coverage, profile: &Profile) -> bool {
    let names = profile.push.peer_hosts.iter().map(String::as_str).chain(coverage.edge_names());
    refused.is_between(&names.collect::<Vec<_>>())
}

/// A finding as a symptom of the one of a ladder that cites the same, by its cause and code. What to do stands there.
fn symptom_of(found: Finding, by_ladder: Option<&(String, String)>) -> Finding {
    match by_ladder {
        Some((cause, code)) if found.cause.as_ref().is_none_or(|own| own == cause) => {
            Finding { cause: Some(cause.clone()), symptom_of: Some(code.clone()), remedy: None, ..found }
        }
        _ => found,
    }
}

/// Connections to one server that were not made. Whose host is whose, addresses do not tell.
fn not_made(dialed: &Dialed, coverage: &Coverage, ladders: u64, cited: &Cited) -> Finding {
    let told = coverage.told(dialed.first.input);
    let seen = dialed.flows.first().map_or(LegSet::EMPTY, |flow| coverage.legs_of(&Hop::of(flow)));
    // Where somebody said where the capture was taken, what was never seen to be SIP is one of those legs.
    let legs = if seen.is_empty() { told } else { seen };
    let matters = ladders == 0 || legs.meets(LegSet::of(&[Leg::EdgeInternal, Leg::EdgeExternal]));
    let severity = if matters { Severity::Warning } else { Severity::Note };
    let (dialer, server, host, port) = (dialed.dialer(), dialed.server, dialed.server.ip(), dialed.server.port());
    let (what, outside) = match dialed.refused {
        true => (format!("See whether the service on port {port} of {host} runs"), "connection-refused"),
        false => (format!("See whether {host} is up, and what throws packets to its port {port} away"), "firewall"),
    };
    let remedy = match dialed.clients.len() {
        1 => format!(
            "{what}. If {dialer} is the Edge that dials the clearing house: lyncpush explain {outside}. If it is the Front End that dials the Edge: lyncpush explain edge-unreachable."
        ),
        _ => format!("{what}. Where it is the Edge's own address, many unknown hosts are those of a scan."),
    };
    let detail = format!("Between {dialer} and {server}: {}.", in_vain(dialed));
    let hop = format!("{server} {}", if dialed.refused { "refused" } else { "unanswered" });
    let made = finding::make("LP602", severity, None, detail, None, Vec::new(), Some(&hop));
    let found = Finding { evidence: dialed.citations().collect(), remedy: Some(remedy), ..finding(&made, None) };
    symptom_of(found, cited.get(std::iter::once(Subject::of_connection(dialed))))
}

/// What was dialed in vain while a push waited for it, as a sentence; frames are those of `several` inputs, or of one.
pub(super) fn dialed_meanwhile(dialed: &Dialed, sure: bool, several: bool) -> String {
    let frames: Vec<String> = dialed.frames.iter().map(|at| at.name(several)).collect();
    let frames = format!("frame{} {}", if frames.len() == 1 { "" } else { "s" }, frames.join(", "));
    let maybe = if sure { "" } else { " Addresses do not tell whether that is the one." };
    format!("Meanwhile {} dialed {} in vain ({frames}): {}.{maybe}", dialed.dialer(), dialed.server, in_vain(dialed))
}

fn in_vain(dialed: &Dialed) -> String {
    let attempts = text::counted(dialed.attempts, "attempt", "attempts");
    let syns = text::counted(dialed.syns, "SYN", "SYNs");
    let how = if dialed.refused { "a RST answered" } else { "no answer by TCP is in the capture" };
    format!("{attempts} to connect, {syns}, {how}")
}

/// Whether the server is the clearing house's, by what either side calls it.
fn names_peer(refused: &Refused, profile: &Profile) -> bool {
    refused.is_with(&profile.push.peer_hosts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A handshake that a push waited for, likewise.
pub(super) fn waited_for(refused: &Refused, several: bool) -> String {
    let (client, server) = (refused.flow.client.ip(), refused.flow.server);
    let frame = refused.at.name(several);
    format!("Meanwhile the TLS handshake between {client} and {server} failed (frame {frame}): {}.", refused.how)
}

/// What a refused handshake shows, as sentences.
fn shown(refused: &Refused) -> String {
    let tls = &refused.tls;
    let mut words = String::new();
    let hello = [
        ("Version", "", &tls.version),
        ("Suite", "suite", &tls.suite),
        ("Server name", "server name", &tls.server_name),
    ];
    for (first, further, fact) in hello {
        let Some(fact) = fact else { continue };
        let (before, label) = if words.is_empty() { (" ", first) } else { (", ", further) };
        words.push_str(&format!("{before}{label} {fact}"));
    }
    if !words.is_empty() {
        words.push('.');
    }
    let at = refused.at.time;
    for (whose, certificate) in [("server", &tls.certificate), ("client", &tls.client_certificate)] {
        match certificate {
            Some(certificate) => words.push_str(&described(whose, certificate, at)),
            None if whose == "server" => words.push_str(" The server's certificate cannot be seen."),
            None => {}
        }
    }
    words
}

/// The name of a certificate as a sentence holds it.
pub(super) fn in_sentence(name: &str) -> Cow<'_, str> {
    text::clip(name, NAME, "…")
}

fn described(whose: &str, certificate: &Certificate, at: Timestamp) -> String {
    let Certificate { subject, issuer, not_after, chain, .. } = certificate;
    let own = one(subject, issuer, not_after, at);
    let mut words = format!(" The {whose}'s certificate is of {own}.");
    if !chain.is_empty() {
        let chain: Vec<String> = chain
            .iter()
            .take(VOUCHING)
            .map(|one_of| one(&one_of.subject, &one_of.issuer, &one_of.not_after, at))
            .collect();
        words.push_str(&format!(" With it came that of {}.", chain.join("; of ")));
    }
    words
}

/// One certificate.
fn one(subject: &str, issuer: &str, not_after: &str, at: Timestamp) -> String {
    // Both are RFC 3339 in UTC: up to the seconds their order is that of time.
    let is_over = not_after.get(..19) < rfc3339(at).get(..19);
    let until = if is_over { "EXPIRED, it was valid until" } else { "valid until" };
    let by = if issuer == subject { "itself".into() } else { in_sentence(issuer) };
    format!("{}, issued by {by}, {until} {not_after}", in_sentence(subject))
}
