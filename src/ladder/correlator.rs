//! Messages in, closed ladders out.
//!
//! Every table is bounded ([`Limits`]); what is dropped is counted. Nothing here looks at a clock: calls
//! and pushes fall due by capture time, in an order that depends on the messages alone.
//! How a message is read into calls and pushes stands in `observe`, how a ladder is made of them in `closing`.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::call::Call;
use super::client::MobileClient;
use super::coverage::{Coverage, Hop, Span};
use super::kept::Room;
use super::profile::{Profile, uri_host};
use super::push::{Push, State};
use super::redaction::Texts;
use super::rung::Ladder;
use super::stray::Stray;
use super::table::{Key, Table};
use crate::flow::{Connection, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::sip::message::Message;

/// The time of a call or push that stands on no list of what falls due.
pub(super) const UNSCHEDULED: i64 = i64::MIN;

/// How much the correlator remembers at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open calls and remembered sessions; the oldest is closed when one more comes.
    pub calls: usize,
    /// Open pushes; likewise.
    pub pushes: usize,
    /// Mobile endpoints known by their registration or an earlier call; the oldest is forgotten. A hash table whose
    /// entries come and go doubles once more, at some time, if they fill more than 7/16 of a power of two: 57,344.
    pub endpoints: usize,
    /// Calls and pushes that are over, remembered so that a straggler does not open them again. Likewise.
    pub closed: usize,
    /// Calls of one user, and calls to phones, that a push is compared with: the latest ones.
    pub candidates: usize,
    /// Octets of a push kept for joining.
    pub push_text: usize,
    /// Octets of messages kept for a report, in ladders that are open and in those that nobody has shown yet.
    pub texts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 65_536,
            pushes: 16_384,
            endpoints: 57_344,
            closed: 57_344,
            candidates: 64,
            push_text: 16_384,
            texts: usize::MAX,
        }
    }
}

/// A message and where it was seen.
#[derive(Clone, Copy)]
pub struct Sighting<'a> {
    /// The connection it came on.
    pub connection: &'a Connection,
    /// Who sent it.
    pub side: Side,
    /// The frame that completed it.
    pub at: FrameRef,
    /// The message.
    pub message: &'a Message<'a>,
}

impl Sighting<'_> {
    /// The hop it was seen on.
    pub fn hop(&self) -> Hop {
        Hop::of(&self.connection.flow)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Push(usize, u32),
    Call(usize, u32),
}

/// Joins messages to calls and pushes, and gives a ladder when its story is over.
pub struct Correlator {
    pub(super) profile: Profile,
    pub(super) limits: Limits,
    pub(super) push_hosts: Vec<String>,
    pub(super) push_users: Vec<String>,
    pub(super) texts: Texts,
    pub(super) room: Room,
    /// What the capture can see.
    pub coverage: Coverage,
    pub(super) calls: Table<Call>,
    pub(super) pushes: Table<Push>,
    pub(super) by_user: HashMap<Box<str>, VecDeque<usize>>,
    pub(super) ringing: VecDeque<(usize, u32)>,
    pub(super) alone: Vec<usize>,
    pub(super) strays: VecDeque<Stray>,
    pub(super) endpoints: HashMap<Box<str>, (Box<str>, Arc<MobileClient>)>,
    pub(super) endpoint_order: VecDeque<Box<str>>,
    closed: HashSet<Key>,
    closed_order: VecDeque<Key>,
    call_order: VecDeque<(usize, u32)>,
    push_order: VecDeque<(usize, u32)>,
    due: BinaryHeap<Reverse<(i64, Due)>>,
    /// When what cannot be read yet was said, if there is such.
    waits: Option<Span>,
    /// What has fallen due and waits for that.
    held: Vec<(i64, Due)>,
    pub(super) now: Timestamp,
    /// What fell due before is joined and closed.
    closed_until: Timestamp,
    evicted: u64,
    pub(super) key: Vec<u8>,
}

impl Correlator {
    /// A correlator for `profile`. `keep_raw` keeps the text of every message that becomes evidence.
    pub fn new(profile: Profile, limits: Limits, coverage: Coverage, texts: Texts) -> Self {
        let push_hosts = profile.push.uris.iter().filter_map(|uri| uri_host(uri)).map(str::to_owned).collect();
        let user = |uri: &String| Some(uri.split_once(':')?.1.rsplit_once('@')?.0.to_owned());
        Self {
            push_hosts,
            push_users: profile.push.uris.iter().filter_map(user).collect(),
            profile,
            limits,
            texts,
            room: Room::new(limits.texts),
            coverage,
            calls: Table::new(),
            pushes: Table::new(),
            by_user: HashMap::default(),
            ringing: VecDeque::new(),
            alone: Vec::new(),
            strays: VecDeque::new(),
            endpoints: HashMap::default(),
            endpoint_order: VecDeque::new(),
            closed: HashSet::default(),
            closed_order: VecDeque::new(),
            call_order: VecDeque::new(),
            push_order: VecDeque::new(),
            due: BinaryHeap::new(),
            waits: None,
            held: Vec::new(),
            now: Timestamp::new(i64::MIN, 6),
            closed_until: Timestamp::new(i64::MIN, 6),
            evicted: 0,
            key: Vec::new(),
        }
    }

    /// How far capture time has passed; ladders that fell due before are closed, but for those that wait.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The profile in force.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Calls and pushes that were closed early because a table was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Calls and pushes that are open.
    pub fn open(&self) -> (usize, usize) {
        (self.calls.len(), self.pushes.len())
    }

    /// The clock was set: closes what is open, since its times cannot be compared with those to come, and goes on at
    /// `now`.
    pub fn restart(&mut self, now: Timestamp, out: &mut impl FnMut(Ladder)) {
        self.finish(out);
        (self.now, self.closed_until) = (now, now);
    }

    /// Where what was said `at` comes so late that others it may belong to are closed: until when they fell due.
    pub(super) fn late(&self, at: FrameRef) -> Option<Timestamp> {
        (at.time.shifted(self.linger()) < self.closed_until).then_some(self.closed_until)
    }

    /// Something was said in that time which may be read yet: what it may belong to is neither joined nor closed before.
    pub fn wait(&mut self, waits: Option<Span>) {
        if self.waits != waits {
            self.waits = waits;
            self.due.extend(self.held.drain(..).map(Reverse));
        }
    }

    /// Whether what began at `first` and falls due at `time` has to wait.
    fn has_to_wait(&self, first: FrameRef, time: i64) -> bool {
        let span = Span { from: first.time, to: Timestamp::new(time, 9) };
        self.waits.is_some_and(|waits| waits.meets(&span))
    }

    /// Lets capture time pass: what has fallen due by then is joined and closed.
    pub fn advance(&mut self, now: Timestamp, out: &mut impl FnMut(Ladder)) {
        if now <= self.now {
            return;
        }
        self.now = now;
        while let Some(Reverse((time, due))) = self.due.peek().copied() {
            if time > now.nanos() {
                break;
            }
            self.due.pop();
            match due {
                Due::Push(place, generation) => self.push_due(place, generation, time, out),
                Due::Call(place, generation) => self.call_due(place, generation, time, out),
            }
        }
        let closed_until = self.waits.map_or(now, |waits| waits.from.min(now));
        self.closed_until = self.closed_until.max(closed_until);
    }

    /// The capture is over: everything open is joined and closed as it stands.
    pub fn finish(&mut self, out: &mut impl FnMut(Ladder)) {
        for place in self.pushes_by_time() {
            self.settle(place);
        }
        for place in self.pushes_by_time() {
            if matches!(self.pushes.get(place).map(|push| &push.state), Some(State::Message(..))) {
                self.close_push(place, out);
            }
        }
        let mut calls: Vec<usize> = self.calls.occupied().collect();
        calls.sort_by_key(|place| self.calls.get(*place).map(|call| (call.first.time, call.generation)));
        for place in calls {
            self.close_call(place, out);
        }
        for place in self.pushes_by_time() {
            self.close_push(place, out);
        }
    }

    fn pushes_by_time(&self) -> Vec<usize> {
        let mut places: Vec<usize> = self.pushes.occupied().collect();
        places.sort_by_key(|place| self.pushes.get(*place).map(|push| (push.first.time, push.generation)));
        places
    }

    fn linger(&self) -> i64 {
        let join = &self.profile.join;
        let settled = i64::from(join.settle_ms) + i64::from(join.before_ms);
        // A push may come late by the clocks' doubt, and waits for as long again to be settled.
        let doubt = self.coverage.clock_uncertainty.saturating_mul(2);
        (i64::from(self.profile.limits.linger_ms).max(settled) * 1_000_000).saturating_add(doubt)
    }

    // ------------------------------------------------------------------ falling due

    /// Puts a call back on the list of what falls due, after something about it has changed.
    pub(super) fn reschedule_call(&mut self, place: usize) {
        let Some(call) = self.calls.get(place) else { return };
        let messages = self.pushes_of_messages(place);
        let ends = call.pushes.iter().chain(&messages).filter_map(|push| self.pushes.get(*push));
        let story = ends.map(|push| push.story_end(&self.profile)).fold(call.story_end(&self.profile), i64::max);
        let time = story.saturating_add(self.linger());
        let generation = call.generation;
        if let Some(call) = self.calls.get_mut(place) {
            // One that falls due later is put off when its turn comes.
            if time < call.scheduled || call.scheduled == UNSCHEDULED {
                self.due.push(Reverse((time, Due::Call(place, generation))));
            }
            call.scheduled = time;
        }
    }

    fn pushes_of_messages(&self, place: usize) -> Vec<usize> {
        if !self.calls.get(place).is_some_and(|call| call.messages.iter().any(|message| message.pushed)) {
            return Vec::new();
        }
        let of_call = |push: &Push| matches!(push.state, State::Message(call, _) if call == place);
        self.pushes.occupied().filter(|push| self.pushes.get(*push).is_some_and(of_call)).collect()
    }

    fn call_due(&mut self, place: usize, generation: u32, time: i64, out: &mut impl FnMut(Ladder)) {
        let Some(call) = self.calls.get(place).filter(|call| call.generation == generation) else { return };
        let has_to_wait = self.has_to_wait(call.first, time);
        let Some(call) = self.calls.get_mut(place) else { return };
        match call.scheduled.cmp(&time) {
            Ordering::Greater => self.due.push(Reverse((call.scheduled, Due::Call(place, generation)))),
            Ordering::Equal if has_to_wait => self.held.push((time, Due::Call(place, generation))),
            Ordering::Equal => {
                call.scheduled = UNSCHEDULED;
                self.close_call(place, out);
            }
            Ordering::Less => {}
        }
    }

    /// Puts a push on the list of what falls due: to be joined, or to be closed.
    pub(super) fn reschedule_push(&mut self, place: usize) {
        let Some(push) = self.pushes.get(place) else { return };
        let ms = |value: u32| i64::from(value) * 1_000_000;
        let time = match push.state {
            State::Waiting => {
                let settle = ms(self.profile.join.settle_ms).saturating_add(self.coverage.clock_uncertainty);
                push.first.time.nanos().saturating_add(settle)
            }
            State::Call(call) => return self.reschedule_call(call),
            State::Message(..) => push.story_end(&self.profile).saturating_add(self.linger()),
            State::Alone => push.story_end(&self.profile).saturating_add(self.linger()).max(self.late_call_until(push)),
        };
        let generation = push.generation;
        let joined_to = match push.state {
            State::Message(call, _) => Some(call),
            _ => None,
        };
        if let Some(push) = self.pushes.get_mut(place) {
            if time < push.scheduled || push.scheduled == UNSCHEDULED {
                self.due.push(Reverse((time, Due::Push(place, generation))));
            }
            push.scheduled = time;
        }
        if let Some(call) = joined_to {
            self.reschedule_call(call);
        }
    }

    /// Until when a call that began before the capture may still show itself and claim this push.
    fn late_call_until(&self, push: &Push) -> i64 {
        let ring = i64::from(self.profile.limits.ring_ms) * 1_000_000;
        match self.coverage.begins() {
            Some(begin) if !push.test && push.first.time.since(begin) < ring => begin.nanos().saturating_add(ring),
            _ => i64::MIN,
        }
    }

    fn push_due(&mut self, place: usize, generation: u32, time: i64, out: &mut impl FnMut(Ladder)) {
        let Some(push) = self.pushes.get(place).filter(|push| push.generation == generation) else { return };
        let has_to_wait = self.has_to_wait(push.first, time);
        let Some(push) = self.pushes.get_mut(place) else { return };
        match push.scheduled.cmp(&time) {
            Ordering::Greater => self.due.push(Reverse((push.scheduled, Due::Push(place, generation)))),
            Ordering::Equal if has_to_wait => self.held.push((time, Due::Push(place, generation))),
            Ordering::Equal => {
                push.scheduled = UNSCHEDULED;
                if push.state == State::Waiting {
                    self.settle(place);
                    self.reschedule_push(place);
                } else {
                    self.close_push(place, out);
                }
            }
            Ordering::Less => {}
        }
    }

    // ------------------------------------------------------------------ tables

    /// Makes room for one more call.
    pub(super) fn make_room_for_call(&mut self, out: &mut impl FnMut(Ladder)) {
        while let Some((place, generation)) = self.call_order.front().copied() {
            let open = self.calls.get(place).is_some_and(|call| call.generation == generation);
            if open && self.calls.len() < self.limits.calls {
                break;
            }
            self.call_order.pop_front();
            if open {
                self.evicted += 1;
                self.close_call(place, out);
                self.forget_call(place);
            }
        }
    }

    /// Makes room for one more push.
    pub(super) fn make_room_for_push(&mut self, out: &mut impl FnMut(Ladder)) {
        while let Some((place, generation)) = self.push_order.front().copied() {
            let open = self.pushes.get(place).is_some_and(|push| push.generation == generation);
            if open && self.pushes.len() < self.limits.pushes {
                break;
            }
            self.push_order.pop_front();
            if open {
                self.evicted += 1;
                self.settle(place);
                match self.pushes.get(place).map(|push| push.state.clone()) {
                    Some(State::Call(call)) => self.close_call(call, out),
                    _ => self.close_push(place, out),
                }
            }
        }
    }

    pub(super) fn call_added(&mut self, place: usize, generation: u32) {
        self.call_order.push_back((place, generation));
    }

    pub(super) fn push_added(&mut self, place: usize, generation: u32) {
        self.push_order.push_back((place, generation));
    }

    /// Takes a call out of every table.
    pub(super) fn forget_call(&mut self, place: usize) -> Option<Call> {
        let key = self.calls.get(place)?.key.clone();
        let call = self.calls.remove(place, &key)?;
        for user in call.callee.iter().chain(&call.caller) {
            if let Some(places) = self.by_user.get_mut(user) {
                places.retain(|known| *known != place);
                if places.is_empty() {
                    self.by_user.remove(user);
                }
            }
        }
        self.remember_closed(key);
        Some(call)
    }

    /// Takes a push out of every table.
    pub(super) fn forget_push(&mut self, place: usize) -> Option<Push> {
        let key = self.pushes.get(place)?.key.clone();
        self.alone.retain(|alone| *alone != place);
        let push = self.pushes.remove(place, &key)?;
        self.remember_closed(key);
        Some(push)
    }

    fn remember_closed(&mut self, key: Key) {
        while self.closed_order.len() >= self.limits.closed {
            if let Some(oldest) = self.closed_order.pop_front() {
                self.closed.remove(&oldest);
            }
        }
        if self.closed.insert(key.clone()) {
            self.closed_order.push_back(key);
        }
    }

    /// Whether this key belongs to something that is over.
    pub(super) fn is_closed(&self, key: &[u8]) -> bool {
        self.closed.contains(key)
    }
}
