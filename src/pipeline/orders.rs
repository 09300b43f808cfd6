//! Which frames a broken ladder needs: told to who keeps them.
//!
//! In: messages and ladders, as they are judged. Out: [`Order`]s. A step is missing only where its leg is in view, so
//! beside the ladder's own connections an order names those that showed the other legs last.
//!
//! Limits: [`ORDERS`] that nobody took yet; further ones are counted.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::carrier::Ends;
use crate::flow::Connection;
use crate::frame::{FrameRef, Timestamp};
use crate::judge::Judgement;
use crate::judge::status::Status;
use crate::judge::verdict::Verdict;
use crate::ladder::Ladder;
use crate::ladder::coverage::{Coverage, Hop, Span};
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::rung::Trigger;
use crate::report::view::Waited;

/// Orders that wait to be taken, some KiB each at most.
const ORDERS: usize = 1_024;
/// How long before the first message of a ladder its frames begin, nanoseconds: a connection that is joined in the
/// middle is read from its next message on.
const BEFORE: i64 = 2_000_000_000;
/// Hops with unreadable streams that are looked for.
const HIDDEN: usize = 16;
/// How long a message that shows a leg may have taken, nanoseconds.
const MESSAGE: i64 = 1_000_000_000;

/// A part of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its ends.
    pub ends: Ends,
    /// Frames from here on.
    pub from: Timestamp,
    /// Up to here; none for up to now.
    pub to: Option<Timestamp>,
}

/// The frames of one broken ladder are to be kept.
#[derive(Clone, Debug)]
pub struct Order {
    /// The ladder's id.
    pub id: String,
    /// The step at which it is broken.
    pub broken_at: Option<u8>,
    /// Its first message.
    pub first: Timestamp,
    /// When it was closed.
    pub closed: Timestamp,
    /// Of these connections.
    pub parts: Vec<Part>,
    /// And of those on these hops which nobody could read: a step may be in them, and is not missing therefore.
    pub hidden: Vec<Hop>,
}

/// What showed a leg last.
#[derive(Clone, Default)]
struct Witness {
    at: Option<Timestamp>,
    parts: Vec<Part>,
}

/// Makes orders.
pub struct Orders {
    user: Option<String>,
    /// How long before a push alone its call may have been, nanoseconds.
    ring: i64,
    witnesses: [Witness; 5],
    send: SyncSender<Order>,
    lost: Arc<AtomicU64>,
}

/// Where orders come out.
pub struct Taken {
    /// One after the other.
    pub orders: Receiver<Order>,
    /// How many did not fit.
    pub lost: Arc<AtomicU64>,
}

impl Orders {
    /// Orders of the ladders of `user`, or of all; and where they come out. `ring` is how long a call may go on without
    /// an answer, nanoseconds.
    pub fn new(user: Option<&str>, ring: i64) -> (Self, Taken) {
        let (send, orders) = sync_channel(ORDERS);
        let lost = Arc::<AtomicU64>::default();
        let made =
            Self { user: user.map(str::to_owned), ring, witnesses: Default::default(), send, lost: Arc::clone(&lost) };
        (made, Taken { orders, lost })
    }

    /// A message showed `legs` by itself.
    pub fn shown(&mut self, legs: LegSet, connection: &Connection, at: FrameRef) {
        for leg in legs.iter() {
            let ends = Ends::new(connection.flow.client, connection.flow.server);
            let part = Part { ends, from: at.time.shifted(-MESSAGE), to: Some(at.time) };
            self.witness(leg, at.time, || vec![part]);
        }
    }

    /// A ladder was judged; its push waited for `waited`, if for anything that came to nothing.
    pub fn judged(&mut self, ladder: &Ladder, judgement: &Judgement, waited: Option<&Waited>, coverage: &Coverage) {
        // What came before is judged as well where the call was not seen.
        let is_early = ladder.opened_late || matches!(ladder.trigger, Trigger::PushOnly | Trigger::Test);
        let from = ladder.first.time.shifted(-BEFORE).shifted(if is_early { -self.ring } else { 0 });
        if judgement.verdict == Verdict::Broken && self.is_wanted(ladder) {
            let mut parts = parts(ladder, from, None);
            let waited_for = waited.map_or(&[][..], Waited::flows);
            let ends = waited_for.iter().map(|flow| Ends::new(flow.client, flow.server));
            parts.extend(ends.map(|ends| Part { ends, from, to: None }));
            self.order(ladder, judgement, coverage, (from, parts));
        }
        // What a message does not show by itself a whole ladder does.
        let shown = ladder.evidence().filter_map(|rung| rung.leg).fold(LegSet::EMPTY, LegSet::with);
        for leg in shown.iter() {
            self.witness(leg, ladder.last.time, || parts(ladder, from, Some(ladder.last.time)));
        }
    }

    fn is_wanted(&self, ladder: &Ladder) -> bool {
        self.user.as_ref().is_none_or(|user| ladder.is_of(user))
    }

    fn order(
        &self,
        ladder: &Ladder,
        judgement: &Judgement,
        coverage: &Coverage,
        (from, mut parts): (Timestamp, Vec<Part>),
    ) {
        let own = ladder.evidence().filter_map(|rung| rung.leg).fold(LegSet::EMPTY, LegSet::with);
        for (_, witness) in Leg::ALL.iter().zip(&self.witnesses).filter(|(leg, _)| !own.contains(**leg)) {
            for part in &witness.parts {
                match parts.iter_mut().find(|known| known.ends == part.ends) {
                    Some(known) => {
                        known.from = known.from.min(part.from);
                        known.to = known.to.zip(part.to).map(|(one, other)| one.max(other));
                    }
                    None => parts.push(Part { from: part.from.min(from), ..*part }),
                }
            }
        }
        let closed = ladder.closed.max(ladder.last.time);
        let is_hidden = judgement.steps.iter().any(|step| step.status == Status::Unreadable);
        let hidden = if is_hidden { HIDDEN } else { 0 };
        let hidden = coverage.unreadable_in(Span { from, to: closed }).take(hidden).collect();
        let order = Order {
            id: ladder.id.to_string(),
            broken_at: judgement.broken_at,
            first: ladder.first.time,
            closed,
            parts,
            hidden,
        };
        if self.send.try_send(order).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    fn witness(&mut self, leg: Leg, at: Timestamp, parts: impl FnOnce() -> Vec<Part>) {
        if let Some(witness) = self.witnesses.get_mut(leg as usize)
            && witness.at.is_none_or(|known| known <= at)
        {
            *witness = Witness { at: Some(at), parts: parts() };
        }
    }
}

/// The connections of a ladder.
fn parts(ladder: &Ladder, from: Timestamp, to: Option<Timestamp>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for rung in ladder.evidence() {
        let ends = Ends::new(rung.from, rung.to);
        if !parts.iter().any(|part| part.ends == ends) {
            parts.push(Part { ends, from, to });
        }
    }
    parts
}
