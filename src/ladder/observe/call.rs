//! Requests and responses of calls, read into calls.

use crate::ladder::call::{self, Call, Final, InviteCopy, MAX_MESSAGES, MAX_RUNGS, Seen};
use crate::ladder::client::{Phone, is_mobile, mobile_client, text};
use crate::ladder::correlator::{Correlator, Sighting};
use crate::ladder::leg::Leg;
use crate::ladder::profile::StepKey;
use crate::ladder::rung::Ladder;
use crate::ladder::table::Key;
use crate::sip::message::Message;
use crate::sip::method::Method;
use crate::sip::status::Status;
use crate::sip::view::{Address, Uri, lossy};

use super::{Transaction, is_contact, summary};

impl Correlator {
    pub(super) fn call_request(
        &mut self,
        sighting: &Sighting<'_>,
        transaction: &Transaction<'_>,
        uri: &Uri<'_>,
        out: &mut impl FnMut(Ladder),
    ) {
        let (message, hop) = (sighting.message, sighting.hop());
        let Transaction { call_id, cseq, method, from, to } = *transaction;
        let (Some(from), Some(to)) = (from, to) else { return self.ordinary(sighting) };
        let initial = method == Method::Invite && to.tag().is_none();
        let mobility = self.profile.ports.mobility.contains(&hop.port());
        let to_endpoint = initial && to.epid().is_some() && is_contact(uri);
        let tag = if mobility { Some(Leg::Mcx) } else { (initial && !to_endpoint).then_some(Leg::Caller) };
        self.coverage.sip(hop, sighting.at.input, tag.or_else(|| self.leg_by_itself(sighting)));
        let from_tag = from.tag().unwrap_or_default();
        let mut known = self.find_call(call_id, from_tag);
        if known.is_none() && method == Method::Message {
            known = self.way_back(sighting, call_id, &from, &to, out);
        }
        let known = known.map(|place| (place, true));
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
        let seen = Seen { hop, rung: self.rung(sighting, summary(&lossy(method.as_bytes()), uri.raw)) };
        let registered =
            to.epid().map(text).and_then(|epid| self.endpoints.get(&epid).map(|known| (epid, known.1.clone())));
        let caller_phone = if initial { self.phone_of_sender(message, &from) } else { None };
        let late = self.late(sighting.at);
        let Some(call) = self.calls.get_mut(place) else { return };
        call.seen(sighting.at, late);
        match method {
            Method::Invite if initial => {
                call.caller_phone = call.caller_phone.take().or(caller_phone);
                let known = call
                    .invites
                    .iter()
                    .any(|copy| copy.hop == hop && copy.cseq == cseq && copy.to_endpoint == to_endpoint);
                if !known && call.invites.len() < MAX_RUNGS {
                    let via = message.via_count();
                    call.invites.push(InviteCopy { hop, via, cseq, to_endpoint, rung: seen.rung });
                }
                if let Some((epid, client)) = registered {
                    call.add_mobile_hop(hop);
                    let phone = call.phone(Some(&epid), None, true);
                    if let Some(phone) = phone.and_then(|at| call.phones.get_mut(at)) {
                        phone.client.get_or_insert(client);
                    }
                } else if mobility && (to.epid().is_some() || call.phones.is_empty()) {
                    call.phone(to.epid().map(text).as_deref(), None, true);
                }
            }
            Method::Cancel => call::add(&mut call.cancels, seen),
            Method::Ack => call.add_ack(to.tag().unwrap_or_default(), seen),
            Method::Message if by_caller => {
                call.late = call.late.max(late);
                call.add_in_dialog(cseq, seen.clone());
                call.add_message(cseq, sighting.at, seen);
            }
            Method::Bye => {
                call.over = true;
                call.add_in_dialog(cseq, seen);
            }
            Method::Invite => {
                if call.reinvites.len() >= MAX_MESSAGES {
                    call.reinvites.pop_front();
                }
                call.reinvites.push_back(cseq);
                call.add_in_dialog(cseq, seen);
            }
            _ => call.add_in_dialog(cseq, seen),
        }
        self.reschedule_call(place);
    }

    /// The phone that sends a request, if it is one: known by its registration or by its User-Agent.
    fn phone_of_sender(&self, message: &Message<'_>, from: &Address<'_>) -> Option<Phone> {
        let epid = from.epid().map(text);
        let registered = epid.as_ref().and_then(|epid| self.endpoints.get(epid)).map(|(_, client)| client.clone());
        let client = registered.or_else(|| mobile_client(message, &self.profile))?;
        let gruu = message.contacts().find_map(|contact| contact.uri().opaque().map(text));
        Some(Phone { epid, gruu, tag: from.tag().map(Into::into), client: Some(client), rang: None })
    }

    /// Opens the way back of a session that a phone opened, for the first message to that phone.
    fn way_back(
        &mut self,
        sighting: &Sighting<'_>,
        call_id: &[u8],
        from: &Address<'_>,
        to: &Address<'_>,
        out: &mut impl FnMut(Ladder),
    ) -> Option<usize> {
        from.tag()?;
        let session = self.find_call(call_id, to.tag()?)?;
        let phone = self.calls.get(session)?.caller_phone.clone()?;
        let place = self.open_call(sighting, call_id, from, to, out);
        self.calls.get_mut(place)?.leads_back_to(phone);
        Some(place)
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
        let key: Key = self.key.as_slice().into();
        let caller: Option<Box<str>> = from.uri().aor().map(Into::into);
        let callee: Option<Box<str>> = to.uri().aor().map(Into::into);
        let users: Vec<Box<str>> =
            callee.iter().chain(caller.iter().filter(|caller| Some(*caller) != callee.as_ref())).cloned().collect();
        let place = self.calls.insert(key.clone(), |generation| {
            Call::new(key, text(call_id), tag.into(), caller, callee, sighting.at, generation)
        });
        let late = self.late(sighting.at);
        if let Some(call) = self.calls.get_mut(place) {
            call.late = late;
            call.callee_name = to.display().as_deref().filter(|name| !name.is_empty()).map(text);
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

    pub(super) fn call_response(
        &mut self,
        sighting: &Sighting<'_>,
        transaction: &Transaction<'_>,
        status: Status,
        out: &mut impl FnMut(Ladder),
    ) {
        let Transaction { call_id, cseq, method, from, to } = *transaction;
        let (Some(from), Some(to)) = (from, to) else { return };
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
        let mobile = self.note_mobile(sighting, place, &to, status, method);
        match method {
            Method::Invite => self.invite_response(sighting, place, cseq, status, &to, mobile),
            Method::Message if status.is_final() => {
                let answer = self.answer(sighting, status);
                if let Some(call) = self.calls.get_mut(place) {
                    call.answer_message(cseq, sighting.hop(), answer);
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
        place: usize,
        to: &Address<'_>,
        status: Status,
        method: Method<'_>,
    ) -> bool {
        let message = sighting.message;
        let epid = to.epid().map(text);
        let mobile = is_mobile(message, &self.profile);
        let late = self.late(sighting.at);
        let Some(call) = self.calls.get_mut(place) else { return false };
        call.seen(sighting.at, late);
        let rang = method == Method::Invite && status == Status::RINGING;
        if !mobile {
            let phone = call.phone(epid.as_deref(), to.tag(), false);
            call.other_endpoint |= rang && phone.is_none();
            return false;
        }
        call.add_mobile_hop(sighting.hop());
        let Some(at) = call.phone(epid.as_deref(), to.tag(), true) else { return true };
        if call.callee_name.is_none() {
            let named = message.asserted_identities().filter_map(|asserted| asserted.display()).chain(to.display());
            call.callee_name = named.map(|name| text(&name)).find(|name| !name.trim().is_empty());
        }
        let Some(phone) = call.phones.get_mut(at) else { return true };
        if phone.gruu.is_none() {
            phone.gruu = message.contacts().find_map(|contact| contact.uri().opaque().map(text));
        }
        let first_ring = rang && phone.rang.is_none();
        if first_ring {
            phone.rang = Some(sighting.at);
        }
        let client = if phone.client.is_none() { mobile_client(message, &self.profile) } else { None };
        phone.client = phone.client.take().or_else(|| client.clone());
        let user = call.callee.clone();
        let generation = call.generation;
        if first_ring {
            if self.ringing.len() >= self.limits.candidates {
                self.ringing.pop_front();
            }
            self.ringing.push_back((place, generation));
        }
        if let (Some(epid), Some(user), Some(client)) = (epid, user, client) {
            self.remember_endpoint(epid, user, client);
        }
        true
    }

    fn invite_response(
        &mut self,
        sighting: &Sighting<'_>,
        place: usize,
        cseq: u32,
        status: Status,
        to: &Address<'_>,
        mobile: bool,
    ) {
        let hop = sighting.hop();
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
}
