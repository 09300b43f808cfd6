//! How a SIP message is read into calls and pushes.
//!
//! Here: which of the two a message is for, what it shows of its leg by itself, and what is kept of it
//! as evidence. `call` and `push` read the two kinds.

mod call;
mod push;

use std::sync::Arc;

use memchr::memmem;

use super::call::MAX_RUNGS;
use super::client::{MobileClient, is_mobile, mobile_client, text};
use super::correlator::{Correlator, Sighting};
use super::leg::Leg;
use super::rung::{Answer, Diagnosis, Ladder, Rung};
use crate::sip::header::HeaderName;
use crate::sip::message::{Message, StartLine};
use crate::sip::method::Method;
use crate::sip::status::Status;
use crate::sip::view::{Address, Uri, lossy};

/// Characters of a Request-URI or reason phrase that a summary shows.
const SUMMARY_LIMIT: usize = 160;

/// What a request and its responses have in common on every hop. The branch of the Via is no part of
/// it: desktop clients send none. From and To are read once for all who ask.
///
/// Source: RFC 3261 §17; \[MS-SIP\] for the Via without branch.
pub(super) struct Transaction<'m> {
    pub(super) call_id: &'m [u8],
    pub(super) cseq: u32,
    pub(super) method: Method<'m>,
    pub(super) from: Option<Address<'m>>,
    pub(super) to: Option<Address<'m>>,
}

impl Correlator {
    /// Takes one message in and gives the ladders that its time closes.
    pub fn message(&mut self, sighting: &Sighting<'_>, out: &mut impl FnMut(Ladder)) {
        self.advance(sighting.at.time, out);
        self.coverage.heard(&sighting.connection.flow, sighting.at.time);
        let message = sighting.message;
        self.note_edge(message);
        let (Some(call_id), Some(cseq)) = (message.call_id(), message.cseq()) else {
            self.ordinary(sighting);
            return;
        };
        let method = message.method().unwrap_or(cseq.method);
        let transaction = Transaction { call_id, cseq: cseq.number, method, from: message.from(), to: message.to() };
        match message.start {
            StartLine::Request { uri, .. } => self.request(sighting, &transaction, &Uri::parse(uri), out),
            StartLine::Response { status, .. } => self.response(sighting, &transaction, status, out),
        }
    }

    fn request(
        &mut self,
        sighting: &Sighting<'_>,
        transaction: &Transaction<'_>,
        uri: &Uri<'_>,
        out: &mut impl FnMut(Ladder),
    ) {
        if self.is_push(transaction, uri) {
            return self.push_request(sighting, transaction, uri, out);
        }
        match transaction.method {
            Method::Register => {
                self.registration(sighting);
                self.ordinary(sighting);
            }
            Method::Invite
            | Method::Ack
            | Method::Cancel
            | Method::Bye
            | Method::Message
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Refer => self.call_request(sighting, transaction, uri, out),
            _ => self.ordinary(sighting),
        }
        self.note_stray(sighting, transaction, uri);
    }

    fn response(
        &mut self,
        sighting: &Sighting<'_>,
        transaction: &Transaction<'_>,
        status: Status,
        out: &mut impl FnMut(Ladder),
    ) {
        if let Some(place) = self.push_answered(sighting, transaction, status, out) {
            return self.push_response(sighting, place, status);
        }
        self.ordinary(sighting);
        let of_call = matches!(
            transaction.method,
            Method::Invite | Method::Message | Method::Bye | Method::Info | Method::Update | Method::Cancel
        );
        if of_call {
            self.call_response(sighting, transaction, status, out);
        }
    }

    /// Names that a message gives the Edge, or who is behind it: only an Edge says where a message came from, and who is
    /// named in a route through it is reached by no other way.
    ///
    /// Source: \[MS-SIPRE\] §2.2.15 for the one.
    fn note_edge(&mut self, message: &Message<'_>) {
        if let Some(trust) = message.edge_trust() {
            trust.ep_fqdn().into_iter().chain(trust.remote_fqdn()).for_each(|name| self.coverage.edge_name(name));
        }
        for route in message.values(HeaderName::Route).filter(|route| is_edge_route(route)) {
            self.coverage.edge_name(Address::parse(route).uri().host);
        }
    }

    /// A message that is part of no ladder still shows that its leg is in view.
    fn ordinary(&mut self, sighting: &Sighting<'_>) {
        let leg = self.leg_by_itself(sighting);
        if leg == Some(Leg::EdgeInternal) {
            // What is routed goes to the Edge, what bears its mark comes from it.
            let (flow, side) = (&sighting.connection.flow, sighting.side);
            let edge = if is_routed_to_edge(sighting.message) { flow.receiver(side) } else { flow.sender(side) };
            self.coverage.edge(edge.ip());
        }
        self.coverage.sip(sighting.hop(), sighting.at.input, leg);
    }

    /// The leg a message is on, where the message alone tells.
    fn leg_by_itself(&self, sighting: &Sighting<'_>) -> Option<Leg> {
        let (message, hop) = (sighting.message, sighting.hop());
        if self.profile.ports.mobility.contains(&hop.port()) {
            return Some(Leg::Mcx);
        }
        // A Front End talks to itself only through its mobility service; elsewhere that service shows
        // itself when it registers its endpoints.
        let registers = || message.method() == Some(Method::Register) && is_mobile(message, &self.profile);
        if self.profile.ports.sip.contains(&hop.port()) && (hop.is_one_host() || registers()) {
            return Some(Leg::PushInternal);
        }
        let told = self.coverage.told(sighting.at.input);
        // The Front End hands the Edge's mark on to clients: one Via left, or an endpoint's own
        // address as target, is such a client's leg.
        let marked = || {
            message.header(HeaderName::MsEdgeProxyMessageTrust).is_some()
                && match message.request_uri() {
                    Some(uri) => !is_contact(&uri),
                    // Servers ask each other by OPTIONS whether they are there; clients do not.
                    None => message.via_count() >= 2 || is_of(message, Method::Options),
                }
        };
        if (told.is_empty() || told.contains(Leg::EdgeInternal)) && (is_routed_to_edge(message) || marked()) {
            return Some(Leg::EdgeInternal);
        }
        is_a_clients(message).then_some(Leg::Caller)
    }

    // ------------------------------------------------------------------ endpoints

    /// A mobility service registers an endpoint: its epid will be known for a phone's. Where it is none, the host is a
    /// client's.
    fn registration(&mut self, sighting: &Sighting<'_>) {
        let message = sighting.message;
        if message.via_count() == 1 && !is_mobile(message, &self.profile) {
            self.coverage.registers(sighting.connection.flow.sender(sighting.side).ip());
        }
        let Some(client) = mobile_client(message, &self.profile) else { return };
        let Some(from) = message.from() else { return };
        if let (Some(epid), Some(user)) = (from.epid(), from.uri().aor()) {
            self.remember_endpoint(text(epid), user.into(), client);
        }
    }

    fn remember_endpoint(&mut self, epid: Box<str>, user: Box<str>, client: Arc<MobileClient>) {
        if let Some(known) = self.endpoints.get_mut(&epid) {
            if client.client.is_some() {
                *known = (user, client);
            }
            return;
        }
        while self.endpoint_order.len() >= self.limits.endpoints {
            if let Some(oldest) = self.endpoint_order.pop_front() {
                self.endpoints.remove(&oldest);
            }
        }
        self.endpoint_order.push_back(epid.clone());
        self.endpoints.insert(epid, (user, client));
    }

    // ------------------------------------------------------------------ evidence

    pub(super) fn rung(&self, sighting: &Sighting<'_>, summary: impl Into<Arc<str>>) -> Rung {
        let flow = &sighting.connection.flow;
        let summary = summary.into();
        let raw = self.kept(sighting.message, &summary);
        Rung {
            at: sighting.at,
            leg: None,
            from: flow.sender(sighting.side),
            to: flow.receiver(sighting.side),
            summary,
            raw,
        }
    }

    fn answer(&self, sighting: &Sighting<'_>, status: Status) -> Answer {
        let message = sighting.message;
        let reason = match message.start {
            StartLine::Response { reason, .. } => reason,
            StartLine::Request { .. } => b"",
        };
        let diagnostics: Vec<Diagnosis> = message
            .diagnostics()
            .take(MAX_RUNGS)
            .map(|found| {
                let details = found.details();
                Diagnosis {
                    id: found.id,
                    source: details.source.map(text),
                    reason: details.reason.map(text),
                    domain: details.domain.map(text),
                    peer: details.peer.map(text),
                    os_error: details.os_error,
                }
            })
            .collect();
        let trust = message.edge_trust();
        Answer {
            rung: self.rung(sighting, summary(&status.0.to_string(), reason)),
            status: status.0,
            diagnostics,
            source_type: trust.and_then(|trust| trust.source_type()).map(text),
            edge: trust.and_then(|trust| trust.ep_fqdn()).map(text),
            warning: message.warnings().next().map(|warning| warning.code),
        }
    }
}

/// Whether a request is to leave through the Edge.
fn is_routed_to_edge(message: &Message<'_>) -> bool {
    message.headers(HeaderName::Route).any(is_edge_route)
}

fn is_edge_route(route: &[u8]) -> bool {
    memmem::find(route, b"ms-edge-route").is_some()
}

/// Whether a response answers a request of this method.
fn is_of(message: &Message<'_>, method: Method<'_>) -> bool {
    message.cseq().is_some_and(|cseq| cseq.method == method)
}

/// Whether a message is one that passes between a client and its first server: it has come over one
/// hop, between two addresses of one domain, and is none that servers send each other to see whether
/// they are there. Traffic between servers has more Via or other methods.
fn is_a_clients(message: &Message<'_>) -> bool {
    let method = message.method().or_else(|| message.cseq().map(|cseq| cseq.method));
    if !matches!(
        method,
        Some(
            Method::Register
                | Method::Subscribe
                | Method::Service
                | Method::Notify
                | Method::Benotify
                | Method::Publish
        )
    ) || message.via_count() != 1
    {
        return false;
    }
    message.from().zip(message.to()).is_some_and(|(from, to)| from.uri().host.eq_ignore_ascii_case(to.uri().host))
}

/// Whether a Request-URI is a registered contact: it names a port or an address instead of a domain.
fn is_contact(uri: &Uri<'_>) -> bool {
    let is_address = std::str::from_utf8(uri.host)
        .is_ok_and(|host| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok());
    uri.port.is_some() || is_address
}

/// `first` and `rest` as one line of evidence, not too long.
fn summary(first: &str, rest: &[u8]) -> String {
    let rest = lossy(rest);
    let mut text = String::with_capacity(first.len() + 1 + rest.len());
    text.push_str(first);
    text.push(' ');
    text.push_str(&rest);
    if text.len() > SUMMARY_LIMIT
        && let Some((end, _)) = text.char_indices().nth(SUMMARY_LIMIT)
    {
        text.truncate(end);
        text.push('…');
    }
    text
}
