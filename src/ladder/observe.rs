//! How a SIP message is read into calls and pushes.

use memchr::memmem;

use super::call::{self, Call, Final, InviteCopy, MAX_MESSAGES, MAX_RUNGS, Seen};
use super::client::{mobile_client, text};
use super::correlator::{Correlator, Sighting};
use super::coverage::Hop;
use super::leg::Leg;
use super::profile::StepKey;
use super::push::{Push, PushAnswer, PushCopy, State};
use super::rung::{Answer, Diagnosis, Ladder, Rung};
use crate::sip::header::HeaderName;
use crate::sip::message::{Message, StartLine};
use crate::sip::method::Method;
use crate::sip::status::Status;
use crate::sip::view::{Address, Uri};

/// Characters of a Request-URI or reason phrase that a summary shows.
const SUMMARY_LIMIT: usize = 160;

impl Correlator {
    /// Takes one message in and gives the ladders that its time closes.
    pub fn message(&mut self, sighting: &Sighting<'_>, out: &mut impl FnMut(Ladder)) {
        self.advance(sighting.at.time, out);
        let hop = Hop::of(&sighting.connection.flow);
        let message = sighting.message;
        let (Some(call_id), Some(cseq)) = (message.call_id(), message.cseq()) else {
            self.ordinary(sighting, hop);
            return;
        };
        match message.start {
            StartLine::Request { method, uri } => self.request(sighting, hop, call_id, cseq.number, method, uri, out),
            StartLine::Response { status, .. } => {
                self.response(sighting, hop, call_id, (cseq.number, cseq.method), status, out);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one request, each read once")]
    fn request(
        &mut self,
        sighting: &Sighting<'_>,
        hop: Hop,
        call_id: &[u8],
        cseq: u32,
        method: Method<'_>,
        uri: &[u8],
        out: &mut impl FnMut(Ladder),
    ) {
        let uri = Uri::parse(uri);
        if !matches!(method, Method::Ack | Method::Cancel | Method::Bye) && self.is_push(sighting.message, &uri) {
            return self.push_request(sighting, hop, call_id, cseq, method, &uri, out);
        }
        match method {
            Method::Register => {
                self.registration(sighting.message);
                self.ordinary(sighting, hop);
            }
            Method::Invite
            | Method::Ack
            | Method::Cancel
            | Method::Bye
            | Method::Message
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Refer => self.call_request(sighting, hop, call_id, cseq, method, &uri, out),
            _ => self.ordinary(sighting, hop),
        }
    }

    /// A message that is part of no ladder still shows that its leg is in view.
    fn ordinary(&mut self, sighting: &Sighting<'_>, hop: Hop) {
        let leg = self.leg_by_itself(sighting, hop);
        self.coverage.sip(hop, sighting.at.input, leg);
    }

    /// The leg a message is on, where the message alone tells.
    fn leg_by_itself(&self, sighting: &Sighting<'_>, hop: Hop) -> Option<Leg> {
        if self.profile.ports.mobility.contains(&hop.port()) {
            return Some(Leg::Mcx);
        }
        let message = sighting.message;
        // A Front End talks to itself only through its mobility service; elsewhere that service shows
        // itself when it registers its endpoints.
        let registers =
            || message.method() == Some(Method::Register) && mobile_client(message, &self.profile).is_some();
        if self.profile.ports.sip.contains(&hop.port()) && (hop.is_one_host() || registers()) {
            return Some(Leg::PushInternal);
        }
        let told = self.coverage.told(sighting.at.input);
        let routed = || message.headers(HeaderName::Route).any(|route| memmem::find(route, b"ms-edge-route").is_some());
        // The Front End hands the Edge's mark on to clients: one Via left, or an endpoint's own
        // address as target, is such a client's leg.
        let marked = || {
            message.header(HeaderName::MsEdgeProxyMessageTrust).is_some()
                && match message.request_uri() {
                    Some(uri) => !is_contact(&uri),
                    None => message.via_count() >= 2,
                }
        };
        let edge = (told.is_empty() || told.contains(Leg::EdgeInternal)) && (routed() || marked());
        edge.then_some(Leg::EdgeInternal)
    }

    // ------------------------------------------------------------------ pushes

    fn is_push(&self, message: &Message<'_>, uri: &Uri<'_>) -> bool {
        let to_push = |uri: &Uri<'_>| self.push_hosts.iter().any(|host| uri.host_is(host));
        to_push(uri) || message.to().is_some_and(|to| to_push(&to.uri))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one request, each read once")]
    fn push_request(
        &mut self,
        sighting: &Sighting<'_>,
        hop: Hop,
        call_id: &[u8],
        cseq: u32,
        method: Method<'_>,
        uri: &Uri<'_>,
        out: &mut impl FnMut(Ladder),
    ) {
        let message = sighting.message;
        let Some(place) = self.push_place(sighting, call_id, cseq, method, out) else { return };
        let routed = message.headers(HeaderName::Route).any(|route| memmem::find(route, b"ms-edge-route").is_some());
        let via = message.via_count();
        let summary = format!("{method} {}", self.push_target(uri, message));
        let rung = self.rung(sighting, summary);
        if via <= 1 && !routed {
            self.coverage.sip(hop, sighting.at.input, Some(Leg::PushInternal));
        }
        if let Some(push) = self.pushes.get_mut(place) {
            push.add_request(PushCopy { hop, via, routed_to_edge: routed, rung });
            if push.state != State::Waiting {
                push.resolve(&mut self.coverage);
            }
        }
        self.reschedule_push(place);
    }

    /// The target as a summary shows it: a user part that is not the clearing house's own may be a
    /// device's id, and parameters too, so neither is shown.
    fn push_target(&self, uri: &Uri<'_>, message: &Message<'_>) -> String {
        let host = String::from_utf8_lossy(uri.host).into_owned();
        let test = |user: &str| self.profile.push.test_users.iter().any(|test| test.eq_ignore_ascii_case(user));
        let own = |user: &str| self.push_users.iter().any(|own| own.eq_ignore_ascii_case(user)) || test(user);
        match uri.user.map(|user| String::from_utf8_lossy(user).into_owned()) {
            Some(user) if own(&user) => format!("sip:{user}@{host}"),
            Some(_) => format!("sip:…@{host}"),
            None if message.request_uri().is_some() => format!("sip:{host}"),
            None => host,
        }
    }

    /// The place of the push with this Call-ID and CSeq, made new when it is not known; `None` for one
    /// that is over.
    fn push_place(
        &mut self,
        sighting: &Sighting<'_>,
        call_id: &[u8],
        cseq: u32,
        method: Method<'_>,
        out: &mut impl FnMut(Ladder),
    ) -> Option<usize> {
        let key = push_key(call_id, cseq);
        if let Some(place) = self.pushes.find(&key) {
            return Some(place);
        }
        if self.is_closed(&key) {
            return None;
        }
        self.make_room_for_push(out);
        let message = sighting.message;
        let from = message.from();
        let asserted = message.asserted_identities();
        let mut senders: Vec<Box<str>> = from
            .iter()
            .filter_map(|from| from.uri.aor())
            .chain(asserted.filter_map(|a| a.uri.aor()))
            .map(Into::into)
            .collect();
        senders.dedup();
        let test_user = |to: &Address<'_>| {
            to.uri.user.is_some_and(|user| {
                self.profile.push.test_users.iter().any(|test| test.as_bytes().eq_ignore_ascii_case(user))
            })
        };
        let test = self.profile.push.test_methods.iter().any(|test| test.as_bytes() == method.as_bytes())
            || message.to().as_ref().is_some_and(test_user);
        let text = if message.request_uri().is_some() { self.push_text(message) } else { Box::default() };
        let contact_gruu = message.contacts().find_map(|contact| contact.uri.opaque().map(self::text));
        let gruu = contact_gruu.or_else(|| from.as_ref().and_then(|from| from.uri.opaque()).map(self::text));
        let place = self.pushes.insert(key.clone(), |generation| Push {
            key,
            call_id: self::text(call_id),
            method: method.to_string().into(),
            test,
            senders,
            epid: from.as_ref().and_then(Address::epid).map(self::text),
            gruu,
            text,
            first: sighting.at,
            last: sighting.at,
            requests: Vec::new(),
            answers: Vec::new(),
            state: State::Waiting,
            joined: None,
            scheduled: i64::MIN,
            generation,
        });
        let generation = self.pushes.get(place).map_or(0, |push| push.generation);
        self.push_added(place, generation);
        Some(place)
    }

    /// What of a push may hold an identifier of its call: everything but the headers that name its
    /// sender and its way.
    fn push_text(&self, message: &Message<'_>) -> Box<[u8]> {
        use HeaderName::{Contact, From, PAssertedIdentity, RecordRoute, Route, Via};
        let mut text = Vec::new();
        if let StartLine::Request { uri, .. } = message.start {
            text.extend_from_slice(uri);
        }
        for header in message.iter() {
            if !matches!(header.name, Contact | From | PAssertedIdentity | RecordRoute | Route | Via) {
                text.push(b'\n');
                text.extend_from_slice(header.value);
            }
        }
        text.push(b'\n');
        text.extend_from_slice(message.body);
        text.truncate(self.limits.push_text);
        text.into_boxed_slice()
    }

    fn push_response(&mut self, sighting: &Sighting<'_>, hop: Hop, place: usize, status: Status) {
        if !status.is_final() {
            return;
        }
        let via = sighting.message.via_count();
        let answer = self.answer(sighting, status);
        if let Some(push) = self.pushes.get_mut(place) {
            push.add_answer(PushAnswer { hop, via, answer });
            if push.state != State::Waiting {
                push.resolve(&mut self.coverage);
            }
        }
        self.reschedule_push(place);
    }

    // ------------------------------------------------------------------ calls

    #[allow(clippy::too_many_arguments, reason = "the parts of one request, each read once")]
    fn call_request(
        &mut self,
        sighting: &Sighting<'_>,
        hop: Hop,
        call_id: &[u8],
        cseq: u32,
        method: Method<'_>,
        uri: &Uri<'_>,
        out: &mut impl FnMut(Ladder),
    ) {
        let message = sighting.message;
        let (Some(from), Some(to)) = (message.from(), message.to()) else { return self.ordinary(sighting, hop) };
        let initial = method == Method::Invite && to.tag().is_none();
        let mobility = self.profile.ports.mobility.contains(&hop.port());
        let to_endpoint = initial && to.epid().is_some() && is_contact(uri);
        let tag = if mobility { Some(Leg::Mcx) } else { (initial && !to_endpoint).then_some(Leg::Caller) };
        self.coverage.sip(hop, sighting.at.input, tag.or_else(|| self.leg_by_itself(sighting, hop)));
        let from_tag = from.tag().unwrap_or_default();
        let known = self.find_call(call_id, from_tag).map(|place| (place, true));
        let known = known.or_else(|| self.find_call(call_id, to.tag()?).map(|place| (place, false)));
        // A page-mode MESSAGE or a REFER outside a dialog belongs to no call.
        let opens = initial || (to.tag().is_some() && method != Method::Cancel);
        let (place, by_caller) = match known {
            Some(known) => known,
            None if opens && (initial || !self.over(call_id, from_tag, to.tag())) => {
                (self.open_call(sighting, call_id, &from, &to, out), true)
            }
            None => return,
        };
        let shown = String::from_utf8_lossy(uri.raw);
        let seen = Seen { hop, rung: self.rung(sighting, summary(format_args!("{method} {shown}"))) };
        let registered =
            to.epid().map(text).and_then(|epid| self.endpoints.get(&epid).map(|known| (epid, known.1.clone())));
        let Some(call) = self.calls.get_mut(place) else { return };
        call.seen(sighting.at);
        match method {
            Method::Invite if initial => {
                let known = call
                    .invites
                    .iter()
                    .any(|copy| copy.hop == hop && copy.cseq == cseq && copy.to_endpoint == to_endpoint);
                if !known && call.invites.len() < MAX_RUNGS {
                    let via = message.via_count();
                    call.invites.push(InviteCopy { hop, via, cseq, to_endpoint, rung: seen.rung });
                }
                if let Some((epid, client)) = registered {
                    if let Some(phone) = call.phone(Some(&epid), None, true) {
                        call.mobile(phone, hop, client, None);
                    }
                } else if mobility && (to.epid().is_some() || call.phones.is_empty()) {
                    call.phone(to.epid().map(text).as_deref(), None, true);
                }
            }
            Method::Cancel => call::add(&mut call.cancels, seen),
            Method::Ack => call::add(&mut call.acks, seen),
            Method::Message if by_caller => {
                call.add_in_dialog(cseq, seen.clone());
                call.add_message(cseq, sighting.at, seen);
            }
            Method::Bye => {
                call.over = true;
                call.add_in_dialog(cseq, seen);
            }
            Method::Invite => {
                call.reinvites.push_back(cseq);
                call.reinvites.truncate(MAX_MESSAGES);
                call.add_in_dialog(cseq, seen);
            }
            _ => call.add_in_dialog(cseq, seen),
        }
        self.reschedule_call(place);
    }

    fn find_call(&mut self, call_id: &[u8], tag: &[u8]) -> Option<usize> {
        self.call_key(call_id, tag);
        self.calls.find(&self.key)
    }

    fn call_key(&mut self, call_id: &[u8], tag: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(call_id);
        self.key.push(0);
        self.key.extend_from_slice(tag);
    }

    /// Whether the dialog is one that is over already.
    fn over(&mut self, call_id: &[u8], from_tag: &[u8], to_tag: Option<&[u8]>) -> bool {
        self.call_key(call_id, from_tag);
        if self.is_closed(&self.key) {
            return true;
        }
        self.call_key(call_id, to_tag.unwrap_or_default());
        self.is_closed(&self.key)
    }

    fn open_call(
        &mut self,
        sighting: &Sighting<'_>,
        call_id: &[u8],
        from: &Address<'_>,
        to: &Address<'_>,
        out: &mut impl FnMut(Ladder),
    ) -> usize {
        self.make_room_for_call(out);
        let tag = from.tag().unwrap_or_default();
        self.call_key(call_id, tag);
        let key: Box<[u8]> = self.key.as_slice().into();
        let caller: Option<Box<str>> = from.uri.aor().map(Into::into);
        let callee: Option<Box<str>> = to.uri.aor().map(Into::into);
        let users: Vec<Box<str>> =
            callee.iter().chain(caller.iter().filter(|caller| Some(*caller) != callee.as_ref())).cloned().collect();
        let place = self.calls.insert(key.clone(), |generation| {
            Call::new(key, text(call_id), tag.into(), caller, callee, sighting.at, generation)
        });
        if let Some(call) = self.calls.get_mut(place) {
            call.callee_name = to.display.as_deref().filter(|name| !name.is_empty()).map(text);
            call.conversation_id = sighting.message.conversation_id().map(text);
            let generation = call.generation;
            self.call_added(place, generation);
        }
        for user in users {
            let places = self.by_user.entry(user).or_default();
            if places.len() >= self.limits.candidates {
                places.pop_front();
            }
            places.push_back(place);
        }
        place
    }

    fn response(
        &mut self,
        sighting: &Sighting<'_>,
        hop: Hop,
        call_id: &[u8],
        (cseq, method): (u32, Method<'_>),
        status: Status,
        out: &mut impl FnMut(Ladder),
    ) {
        if let Some(place) = self.pushes.find(&push_key(call_id, cseq)) {
            return self.push_response(sighting, hop, place, status);
        }
        let message = sighting.message;
        let (Some(from), Some(to)) = (message.from(), message.to()) else { return self.ordinary(sighting, hop) };
        let of_call = matches!(
            method,
            Method::Invite | Method::Message | Method::Bye | Method::Info | Method::Update | Method::Cancel
        );
        if !matches!(method, Method::Invite | Method::Cancel | Method::Bye | Method::Ack)
            && status.is_final()
            && self.push_hosts.iter().any(|host| to.uri.host_is(host))
        {
            if let Some(place) = self.push_place(sighting, call_id, cseq, method, out) {
                self.push_response(sighting, hop, place, status);
            }
            return;
        }
        self.ordinary(sighting, hop);
        if !of_call {
            return;
        }
        let from_tag = from.tag().unwrap_or_default();
        let place = match self.find_call(call_id, from_tag) {
            Some(place) => place,
            None if method == Method::Invite
                && !self.over(call_id, from_tag, to.tag())
                && to.tag().is_none_or(|tag| self.find_call(call_id, tag).is_none()) =>
            {
                self.open_call(sighting, call_id, &from, &to, out)
            }
            None => return,
        };
        let mobile = self.note_mobile(sighting, hop, place, &to, status, method);
        match method {
            Method::Invite => self.invite_response(sighting, hop, place, cseq, status, &to, mobile),
            Method::Message if status.is_final() => {
                let answer = self.answer(sighting, status);
                if let Some(call) = self.calls.get_mut(place) {
                    call.answer_message(cseq, hop, answer);
                }
            }
            _ => {}
        }
        if self.calls.get(place).is_some_and(|call| !call.invite_seen()) {
            self.claim(place);
        }
        self.reschedule_call(place);
    }

    /// Whether a mobility service answered: then the callee has a phone in this call.
    fn note_mobile(
        &mut self,
        sighting: &Sighting<'_>,
        hop: Hop,
        place: usize,
        to: &Address<'_>,
        status: Status,
        method: Method<'_>,
    ) -> bool {
        let message = sighting.message;
        let epid = to.epid().map(text);
        let client = mobile_client(message, &self.profile);
        let Some(call) = self.calls.get_mut(place) else { return false };
        call.seen(sighting.at);
        let rang = method == Method::Invite && status == Status::RINGING;
        let Some(client) = client else {
            let phone = call.phone(epid.as_deref(), to.tag(), false);
            call.other_endpoint |= rang && phone.is_none();
            return false;
        };
        let Some(phone) = call.phone(epid.as_deref(), to.tag(), true) else { return true };
        let gruu = message.contacts().find_map(|contact| contact.uri.opaque().map(text));
        call.mobile(phone, hop, client.clone(), gruu);
        if call.callee_name.is_none() {
            let named = message.asserted_identities().filter_map(|asserted| asserted.display).chain(to.display.clone());
            call.callee_name = named.map(|name| text(&name)).find(|name| !name.trim().is_empty());
        }
        let first_ring = rang && call.phones.get(phone).is_some_and(|phone| phone.rang.is_none());
        if let Some(phone) = call.phones.get_mut(phone).filter(|_| first_ring) {
            phone.rang = Some(sighting.at);
        }
        let user = call.callee.clone();
        let generation = call.generation;
        if first_ring {
            if self.ringing.len() >= self.limits.candidates {
                self.ringing.pop_front();
            }
            self.ringing.push_back((place, generation));
        }
        if let (Some(epid), Some(user)) = (epid, user) {
            self.remember_endpoint(epid, user, client);
        }
        true
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one response, each read once")]
    fn invite_response(
        &mut self,
        sighting: &Sighting<'_>,
        hop: Hop,
        place: usize,
        cseq: u32,
        status: Status,
        to: &Address<'_>,
        mobile: bool,
    ) {
        let reports = &self.profile.steps.get(StepKey::MobileLookup).diagnostics;
        let lookup =
            status == Status::PROGRESS_REPORT && sighting.message.diagnostics().any(|d| reports.contains(&d.id));
        let ringing = status == Status::RINGING;
        if !lookup && !ringing && !status.is_final() {
            return;
        }
        let answer = self.answer(sighting, status);
        let Some(call) = self.calls.get_mut(place) else { return };
        if call.reinvites.contains(&cseq) || (call.invite_seen() && !call.invites.iter().any(|copy| copy.cseq == cseq))
        {
            return;
        }
        if lookup {
            call::add(&mut call.progress, Seen { hop, rung: answer.rung });
        } else if ringing {
            let phone = call.phone(to.epid().map(text).as_deref(), to.tag(), false);
            let known = |seen: &Seen| seen.hop == hop;
            if let Some(phone) = phone
                && mobile
                && call.ringing.len() < MAX_RUNGS
                && !call.ringing.iter().any(|(other, seen)| *other == phone && known(seen))
            {
                call.ringing.push((phone, Seen { hop, rung: answer.rung }));
            }
        } else {
            let to_tag: Option<Box<[u8]>> = to.tag().map(Into::into);
            let known = |last: &Final| {
                last.hop == hop && last.cseq == cseq && last.to_tag == to_tag && last.answer.status == status.0
            };
            if !call.finals.iter().any(known) && call.finals.len() < MAX_RUNGS {
                call.finals.push(Final { hop, cseq, to_tag, mobile, answer });
            }
        }
    }

    // ------------------------------------------------------------------ endpoints

    /// A mobility service registers an endpoint: its epid will be known for a phone's.
    fn registration(&mut self, message: &Message<'_>) {
        let Some(client) = mobile_client(message, &self.profile) else { return };
        let Some(from) = message.from() else { return };
        if let (Some(epid), Some(user)) = (from.epid(), from.uri.aor()) {
            self.remember_endpoint(text(epid), user.into(), client);
        }
    }

    fn remember_endpoint(&mut self, epid: Box<str>, user: Box<str>, client: super::client::MobileClient) {
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

    fn rung(&self, sighting: &Sighting<'_>, summary: impl Into<Box<str>>) -> Rung {
        let flow = &sighting.connection.flow;
        Rung {
            at: sighting.at,
            leg: None,
            from: flow.sender(sighting.side),
            to: flow.receiver(sighting.side),
            summary: summary.into(),
            raw: self.keep_raw.then(|| sighting.message.raw.into()),
        }
    }

    fn answer(&self, sighting: &Sighting<'_>, status: Status) -> Answer {
        let message = sighting.message;
        let reason = match message.start {
            StartLine::Response { reason, .. } => String::from_utf8_lossy(reason),
            StartLine::Request { .. } => "".into(),
        };
        let diagnostics: Vec<Diagnosis> = message
            .diagnostics()
            .take(MAX_RUNGS)
            .map(|found| Diagnosis { id: found.id, source: found.source().map(text), reason: found.reason().map(text) })
            .collect();
        let trust = message.edge_trust();
        Answer {
            rung: self.rung(sighting, summary(format_args!("{} {reason}", status.0))),
            status: status.0,
            diagnostics,
            source_type: trust.as_ref().and_then(|trust| trust.source_type).map(text),
            edge: trust.as_ref().and_then(|trust| trust.ep_fqdn).map(text),
            warning: message.warnings().next().map(|warning| warning.code),
            server: message.server().or(message.user_agent()).map(text),
        }
    }
}

/// Whether a Request-URI is a registered contact: it names a port or an address instead of a domain.
fn is_contact(uri: &Uri<'_>) -> bool {
    let is_address = std::str::from_utf8(uri.host)
        .is_ok_and(|host| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok());
    uri.port.is_some() || is_address
}

fn push_key(call_id: &[u8], cseq: u32) -> Box<[u8]> {
    [call_id, &[1], &cseq.to_be_bytes()].concat().into()
}

fn summary(text: std::fmt::Arguments<'_>) -> String {
    let mut text = text.to_string();
    if let Some((end, _)) = text.char_indices().nth(SUMMARY_LIMIT) {
        text.truncate(end);
        text.push('…');
    }
    text
}
