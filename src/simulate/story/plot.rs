//! One call to one phone, by its facts.

use crate::simulate::call::{Call, Callee, Refusal};
use crate::simulate::push::{Fate, Order, Push};
use crate::simulate::stage::Stage;

/// How a call ends. Times are milliseconds from the INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The phone accepts; the caller confirms after so long.
    Answered { at: i64, confirmed: i64 },
    /// The desktop accepts.
    AnsweredOnDesktop { at: i64 },
    /// The mobility service refuses in the phone's place, or the user does.
    Refused { at: i64, refusal: Refusal },
    /// The Front End ends the call.
    GivenUp { at: i64, refusal: Refusal },
    /// The caller ends the call.
    Cancelled { at: i64 },
}

/// One call to a user with one phone. Times are milliseconds from the INVITE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    /// When the Front End finds the user's endpoints.
    pub(super) lookup: i64,
    /// When the phone rings.
    pub(super) ringing: i64,
    /// When the push leaves the mobility service, and what becomes of it. A client that gets no push gets none.
    pub(super) push: Option<(i64, Fate)>,
    /// Whether a desktop is signed in as well.
    pub(super) desktop: bool,
    /// How the call ends.
    pub(super) ending: Ending,
}

/// All ten steps, in order and in time.
pub(super) const HAPPY: Plot = Plot {
    lookup: 6,
    ringing: 60,
    push: Some((70, Fate::Accepted(81))),
    desktop: false,
    ending: Ending::Answered { at: 4_200, confirmed: 15 },
};

impl Plot {
    /// Tells it on `stage`.
    pub(super) fn tell(&self, stage: &mut Stage<'_>) {
        self.tell_between(stage, 0, 0, 0);
    }

    /// Tells it, `begin` milliseconds late, for the `caller`th and the `callee`th user of the ladder.
    pub(super) fn tell_between(&self, stage: &mut Stage<'_>, begin: i64, caller: u64, callee: u64) {
        let client = stage.options.client;
        let called = Callee { place: callee, phones: &[client], desktop: self.desktop };
        let mut call = Call::new(stage, begin, caller, called);
        call.invites(0);
        call.finds_endpoints(self.lookup);
        call.rings(0, self.ringing);
        if self.desktop {
            call.rings(1, self.ringing - 20);
        }
        if let Some((at, fate)) = self.push {
            is_pushed(&mut call, 0, begin + at, fate);
        }
        self.ends(&mut call);
    }

    fn ends(&self, call: &mut Call<'_, '_>) {
        match self.ending {
            Ending::Answered { at, confirmed } => {
                call.is_accepted(0, at, confirmed);
                converses(call, 0, at + confirmed);
            }
            Ending::AnsweredOnDesktop { at } => {
                call.is_accepted(1, at, 15);
                call.cancels_branches(at + 2, Some(1));
                converses(call, 1, at + 15);
            }
            Ending::Refused { at, refusal } => call.is_refused(0, at, refusal),
            Ending::GivenUp { at, refusal } => call.is_given_up(at, refusal),
            Ending::Cancelled { at } => call.is_cancelled(at),
        }
    }
}

/// The phone of this branch is pushed, `at` milliseconds after the ladder's beginning, if its client ever is.
pub(super) fn is_pushed(call: &mut Call<'_, '_>, branch: usize, at: i64, fate: Fate) {
    let Some(phone) = call.branches.get(branch).map(|branch| branch.end.clone()) else { return };
    if !phone.phone.as_ref().is_some_and(|phone| phone.client.is_pushed()) {
        return;
    }
    let caller = call.caller().aor.clone();
    let push = Push::new(call.stage, Order { phone: &phone, about: Some(&caller) });
    push.send(call.stage, at, fate);
}

/// Caller and phone exchange words, and the caller hangs up.
pub(super) fn converses(call: &mut Call<'_, '_>, branch: usize, at: i64) {
    if call.stage.is_wordy() {
        call.exchanges(at + 1_800, branch, true, "MESSAGE");
        call.exchanges(at + 3_300, branch, false, "INFO");
        call.exchanges(at + 4_900, branch, false, "MESSAGE");
    }
    call.exchanges(at + 10_000, branch, true, "BYE");
}
