//! Stories with more than one phone, call or push.

use super::plot::{Ending, HAPPY, Plot, converses, is_pushed};
use super::refusal;
use crate::simulate::call::{Call, Callee};
use crate::simulate::options::Client;
use crate::simulate::push::Fate;
use crate::simulate::stage::Stage;

/// Both phones ring and are pushed; the second one answers.
pub(super) fn two_devices(stage: &mut Stage<'_>) {
    let first = stage.options.client;
    let second = if first == Client::IphoneLync2010 { Client::WpLync2010 } else { Client::IphoneLync2010 };
    let mut call = Call::new(stage, 0, 0, Callee { place: 0, phones: &[first, second], desktop: false });
    call.invites(0);
    call.finds_endpoints(6);
    call.rings(0, 60);
    call.rings(1, 66);
    is_pushed(&mut call, 0, 70, Fate::Accepted(81));
    is_pushed(&mut call, 1, 76, Fate::Accepted(112));
    call.is_accepted(1, 4_200, 15);
    call.cancels_branches(4_202, Some(1));
    converses(&mut call, 1, 4_215);
}

/// Alice and Carol call Bob, two seconds apart; Dave calls Erin between them.
pub(super) fn two_calls(stage: &mut Stage<'_>) {
    HAPPY.tell_between(stage, 0, 0, 0);
    HAPPY.tell_between(stage, 1_000, 2, 1);
    let later = Plot { ending: Ending::Answered { at: 6_500, confirmed: 15 }, ..HAPPY };
    later.tell_between(stage, 2_000, 1, 0);
}

/// The app went to the background: the next message of the conversation is pushed as well.
pub(super) fn further_im(stage: &mut Stage<'_>) {
    let client = stage.options.client;
    let mut call = Call::new(stage, 0, 0, Callee { place: 0, phones: &[client], desktop: false });
    call.invites(0);
    call.finds_endpoints(6);
    call.rings(0, 60);
    is_pushed(&mut call, 0, 70, Fate::Accepted(81));
    call.is_accepted(0, 4_200, 15);
    call.exchanges(6_000, 0, false, "MESSAGE");
    call.exchanges(90_000, 0, true, "MESSAGE");
    is_pushed(&mut call, 0, 90_014, Fate::Accepted(95));
    call.exchanges(97_000, 0, false, "MESSAGE");
    call.exchanges(110_000, 0, true, "BYE");
}

/// The mobility service tries again, with a new request.
pub(super) fn repeated(stage: &mut Stage<'_>) {
    let client = stage.options.client;
    let mut call = Call::new(stage, 0, 0, Callee { place: 0, phones: &[client], desktop: false });
    call.invites(0);
    call.finds_endpoints(6);
    call.rings(0, 60);
    is_pushed(&mut call, 0, 70, Fate::RefusedByEdge(12, refusal::DNS_MISSING));
    is_pushed(&mut call, 0, 1_120, Fate::Accepted(81));
    call.is_accepted(0, 4_200, 15);
    converses(&mut call, 0, 4_215);
}
