//! Push requests and their responses, read into pushes.

use crate::ladder::client::text;
use crate::ladder::correlator::{Correlator, Sighting, UNSCHEDULED};
use crate::ladder::leg::Leg;
use crate::ladder::push::{Push, PushAnswer, PushCopy, State};
use crate::ladder::rung::Ladder;
use crate::ladder::table::Key;
use crate::sip::header::HeaderName;
use crate::sip::message::{Message, StartLine};
use crate::sip::method::Method;
use crate::sip::status::Status;
use crate::sip::view::{Address, Uri, lossy};

use super::{Transaction, is_routed_to_edge};

impl Correlator {
    /// Whether a request is a push: found by where it goes, whatever its method, unless the profile
    /// accepts no other than its own.
    pub(super) fn is_push(&self, transaction: &Transaction<'_>, uri: &Uri<'_>) -> bool {
        let method = transaction.method;
        if matches!(method, Method::Ack | Method::Cancel | Method::Bye) {
            return false;
        }
        (self.is_push_host(uri) || transaction.to.is_some_and(|to| self.is_push_host(&to.uri())))
            && self.is_push_method(method)
    }

    fn is_push_host(&self, uri: &Uri<'_>) -> bool {
        self.push_hosts.iter().any(|host| uri.host_is(host))
    }

    /// Whether a user part is that of a health check.
    fn is_test_user(&self, user: &[u8]) -> bool {
        self.profile.push.test_users.iter().any(|test| test.as_bytes().eq_ignore_ascii_case(user))
    }

    fn is_push_method(&self, method: Method<'_>) -> bool {
        let push = &self.profile.push;
        let mut known = push.methods.iter().chain(&push.test_methods);
        push.accept_other_methods || known.any(|known| known.as_bytes() == method.as_bytes())
    }

    /// The place of the push that a response answers; one whose request was not seen is made new.
    /// `None` for a response to something else, or to a push that is over.
    pub(super) fn push_answered(
        &mut self,
        sighting: &Sighting<'_>,
        transaction: &Transaction<'_>,
        status: Status,
        out: &mut impl FnMut(Ladder),
    ) -> Option<usize> {
        self.push_key(transaction);
        if let Some(place) = self.pushes.find(&self.key) {
            return Some(place);
        }
        let method = transaction.method;
        let answers = status.is_final()
            && !matches!(method, Method::Invite | Method::Cancel | Method::Bye | Method::Ack)
            && self.is_push_method(method)
            && transaction.to.is_some_and(|to| self.is_push_host(&to.uri()));
        if answers { self.push_place(sighting, transaction, out) } else { None }
    }

    pub(super) fn push_request(
        &mut self,
        sighting: &Sighting<'_>,
        transaction: &Transaction<'_>,
        uri: &Uri<'_>,
        out: &mut impl FnMut(Ladder),
    ) {
        let (message, hop) = (sighting.message, sighting.hop());
        let Some(place) = self.push_place(sighting, transaction, out) else { return };
        let routed = is_routed_to_edge(message);
        let via = message.via_count();
        let summary = format!("{} {}", transaction.method, self.push_target(uri, message));
        let rung = self.rung(sighting, summary);
        let check = self.pushes.get_mut(place).is_some_and(|push| push.check);
        if via <= 1 && !routed && !check {
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
    pub(in crate::ladder) fn push_target(&self, uri: &Uri<'_>, message: &Message<'_>) -> String {
        let host = lossy(uri.host).into_owned();
        let own = |user: &str| {
            self.push_users.iter().any(|own| own.eq_ignore_ascii_case(user)) || self.is_test_user(user.as_bytes())
        };
        match uri.user.map(|user| lossy(user).into_owned()) {
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
        transaction: &Transaction<'_>,
        out: &mut impl FnMut(Ladder),
    ) -> Option<usize> {
        self.push_key(transaction);
        if let Some(place) = self.pushes.find(&self.key) {
            return Some(place);
        }
        let key: Key = self.key.as_slice().into();
        if self.is_closed(&key) {
            return None;
        }
        self.make_room_for_push(out);
        let message = sighting.message;
        let from = transaction.from;
        let asserted = message.asserted_identities();
        let mut senders: Vec<Box<str>> = from
            .iter()
            .filter_map(|from| from.uri().aor())
            .chain(asserted.filter_map(|a| a.uri().aor()))
            .map(Into::into)
            .collect();
        senders.dedup();
        // A user's endpoint checks no routes: whatever its method, what it sends there is a push.
        let epid = from.as_ref().and_then(Address::epid);
        let is_check = |test: &String| test.as_bytes() == transaction.method.as_bytes();
        let check = epid.is_none() && self.profile.push.test_methods.iter().any(is_check);
        let test = check || transaction.to.and_then(|to| to.uri().user).is_some_and(|user| self.is_test_user(user));
        let text = if message.request_uri().is_some() { self.push_text(message) } else { Box::default() };
        let contact_gruu = message.contacts().find_map(|contact| contact.uri().opaque().map(self::text));
        let target = message.request_uri().filter(|uri| self.is_push_host(uri));
        let host =
            target.or_else(|| transaction.to.map(|to| to.uri())).map_or_else(Box::default, |uri| self::text(uri.host));
        let gruu = contact_gruu.or_else(|| from.as_ref().and_then(|from| from.uri().opaque()).map(self::text));
        let late = self.late(sighting.at);
        let place = self.pushes.insert(key.clone(), |generation| Push {
            key,
            call_id: self::text(transaction.call_id),
            method: transaction.method.to_string().into(),
            host,
            check,
            test,
            senders,
            epid: epid.map(self::text),
            gruu,
            text,
            first: sighting.at,
            last: sighting.at,
            late,
            requests: Vec::new(),
            answers: Vec::new(),
            state: State::Waiting,
            joined: None,
            scheduled: UNSCHEDULED,
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

    pub(super) fn push_response(&mut self, sighting: &Sighting<'_>, place: usize, status: Status) {
        if !status.is_final() {
            return;
        }
        let via = sighting.message.via_count();
        let answer = self.answer(sighting, status);
        if let Some(push) = self.pushes.get_mut(place) {
            push.add_answer(PushAnswer { hop: sighting.hop(), via, answer });
            if push.state != State::Waiting {
                push.resolve(&mut self.coverage);
            }
        }
        self.reschedule_push(place);
    }

    fn push_key(&mut self, transaction: &Transaction<'_>) {
        self.key.clear();
        self.key.extend_from_slice(transaction.call_id);
        self.key.push(1);
        self.key.extend_from_slice(&transaction.cseq.to_be_bytes());
    }
}
