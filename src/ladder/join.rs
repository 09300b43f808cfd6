//! Which call a push belongs to: evidence weighed, never silently picked.
//!
//! No source documents an identifier that the INVITE and the push share, so each kind of evidence has
//! a weight in the profile and the confidence is what remains after all of them: 1 - Π(1 - weight).

use memchr::memmem;

use super::call::Call;
use super::profile::{Join, Profile};
use super::push::Push;
use crate::sip::epid::gruu_opaque;

/// What speaks for a push belonging to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// 0 to 1.
    pub confidence: f64,
    /// The kinds of evidence found, by their profile keys, strongest first.
    pub evidence: Vec<&'static str>,
    /// How far the push is from what set it off, nanoseconds.
    pub distance: i64,
}

/// What of the call set the push off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its INVITE.
    Invite,
    /// The in-dialog MESSAGE with this CSeq.
    Message(u32),
}

/// The causes within a call that could have set off the push, by time alone.
///
/// A push belongs to a call only from its INVITE on and until its final response; after that, and in a
/// call that was established before the capture, only a MESSAGE of the session can set one off.
/// `uncertainty` is that of the clocks, nanoseconds.
pub fn causes(push: &Push, call: &Call, join: &Join, uncertainty: i64) -> Vec<Cause> {
    let at = push.first.time.nanos();
    let before = i64::from(join.before_ms) * 1_000_000 + uncertainty;
    let after = i64::from(join.after_ms) * 1_000_000 + uncertainty;
    let mut causes = Vec::new();
    let begun = call.invited().is_none_or(|invite| at >= invite.time.nanos().saturating_sub(uncertainty));
    let finals = call.finals.iter().map(|last| last.answer.rung.at.time.nanos());
    let open = finals.max().is_none_or(|last| at <= last.saturating_add(before));
    if begun && open && !call.reported && !call.established_unseen() {
        causes.push(Cause::Invite);
    }
    for message in call.messages.iter().filter(|message| !message.pushed) {
        let since = at.saturating_sub(message.first.time.nanos());
        if (-uncertainty..=after).contains(&since) {
            causes.push(Cause::Message(message.cseq));
        }
    }
    causes
}

/// Weighs the evidence for one cause; `None` when the push comes from somebody else.
pub fn weigh(push: &Push, call: &Call, cause: Cause, profile: &Profile, uncertainty: i64) -> Option<Weighed> {
    let weights = &profile.join.weights;
    let is = |address: &Option<Box<str>>| address.as_ref().is_some_and(|address| push.senders.contains(address));
    let mut found: Vec<(&'static str, f64)> = Vec::new();
    if same_endpoint(push, call) {
        found.push(("epid", weights.epid));
    }
    let mentions = |text: &str| !text.is_empty() && memmem::find(&push.text, text.as_bytes()).is_some();
    if mentions(&call.call_id) || call.conversation_id.as_deref().is_some_and(mentions) {
        found.push(("identifier", weights.identifier));
    }
    if is(&call.callee) {
        found.push(("aor", weights.aor));
    }
    let named = |address: &Option<Box<str>>| {
        address.as_deref().and_then(|a| a.split_once(':')).is_some_and(|(_, rest)| mentions(rest))
    };
    if named(&call.callee) || named(&call.caller) {
        found.push(("name", weights.name));
    }
    if is(&call.caller) {
        found.push(("caller", weights.caller));
    }
    if found.is_empty() && is_a_users(push, call) {
        return None;
    }
    let distance = distance(push, call, cause);
    let before = i64::from(profile.join.before_ms) * 1_000_000 + uncertainty;
    let after = i64::from(profile.join.after_ms) * 1_000_000 + uncertainty;
    if (-before..=after).contains(&distance) {
        found.push(("time", weights.time));
    }
    let confidence = 1.0 - found.iter().fold(1.0, |doubt, (_, weight)| doubt * (1.0 - weight));
    let evidence = found.into_iter().map(|(name, _)| name).collect();
    // Within the clocks' doubt no cause is nearer than another.
    let distance = distance.saturating_abs().saturating_sub(uncertainty).max(0);
    Some(Weighed { confidence, evidence, distance })
}

/// Nanoseconds from what set the push off to the push: the phone's 180, else the call's beginning.
fn distance(push: &Push, call: &Call, cause: Cause) -> i64 {
    let since = |at: i64| push.first.time.nanos().saturating_sub(at);
    match cause {
        Cause::Message(cseq) => {
            let message = call.messages.iter().find(|message| message.cseq == cseq);
            message.map_or(i64::MAX, |message| since(message.first.time.nanos()))
        }
        Cause::Invite => {
            let own =
                call.phones.iter().filter(|phone| phone.epid.is_some() && phone.epid == push.epid).find_map(|p| p.rang);
            let rang = own.or_else(|| call.phones.iter().filter_map(|phone| phone.rang).min_by_key(|at| at.time));
            since(rang.unwrap_or(call.first).time.nanos())
        }
    }
}

/// The phone of the call that the push comes from, by epid or by the GRUU computed from it.
pub fn phone_of(push: &Push, call: &Call) -> Option<usize> {
    let computed = |epid: &Option<Box<str>>, gruu: &Option<Box<str>>| match (epid, gruu) {
        (Some(epid), Some(gruu)) => gruu_opaque(epid.as_bytes()) == **gruu,
        _ => false,
    };
    call.phones.iter().position(|phone| match (&phone.epid, &push.epid) {
        (Some(phone), Some(push)) => phone == push,
        _ => {
            let same_gruu = phone.gruu.is_some() && phone.gruu == push.gruu;
            same_gruu || computed(&phone.epid, &push.gruu) || computed(&push.epid, &phone.gruu)
        }
    })
}

fn same_endpoint(push: &Push, call: &Call) -> bool {
    phone_of(push, call).is_some()
}

/// Whether the sender is a user other than those of the call: it has an endpoint id, or stands in the
/// callee's own domain. Only a service that is no user may be joined by time alone.
fn is_a_users(push: &Push, call: &Call) -> bool {
    let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_owned());
    let callees = call.callee.as_deref().and_then(domain);
    push.epid.is_some() || push.senders.iter().any(|sender| callees.is_some() && domain(sender) == callees)
}
