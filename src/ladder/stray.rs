//! Requests that may be a push to another address than the profile's.
//!
//! A site can set any push address (`PushNotificationProxyUri`), and who does not tell lyncpush would be
//! told that no push was made. So what a mobility service sends outside, and is no push that is known, is
//! remembered for a while: a call that seems to have no push then says where to look.

use super::call::Call;
use super::client::is_mobile;
use super::correlator::{Correlator, Sighting};
use super::observe::Transaction;
use super::rung::Rung;
use crate::sip::view::Uri;

/// Strays remembered; the oldest is forgotten.
pub const MAX_STRAYS: usize = 256;

/// One request of a mobility service to somewhere else.
#[derive(Clone, Debug)]
pub struct Stray {
    /// The address it comes from.
    sender: Box<str>,
    /// The endpoint it comes from.
    epid: Option<Box<[u8]>>,
    rung: Rung,
}

impl Correlator {
    /// Remembers a request outside any dialog that a mobility service sends to another domain by a
    /// method that pushes have.
    pub(super) fn note_stray(&mut self, sighting: &Sighting<'_>, transaction: &Transaction<'_>, uri: &Uri<'_>) {
        let (message, method) = (sighting.message, transaction.method);
        if !self.profile.push.methods.iter().any(|known| known.as_bytes() == method.as_bytes()) {
            return;
        }
        let (Some(from), Some(to)) = (transaction.from, transaction.to) else { return };
        let epid = from.epid();
        let registered =
            || epid.and_then(|epid| std::str::from_utf8(epid).ok()).is_some_and(|e| self.endpoints.contains_key(e));
        let outside = to.tag().is_none() && !to.uri().host.eq_ignore_ascii_case(from.uri().host);
        if !outside || !(registered() || is_mobile(message, &self.profile)) {
            return;
        }
        let Some(sender) = from.uri().aor() else { return };
        let summary = format!("{method} {}", self.push_target(uri, message));
        let stray = Stray { sender: sender.into(), epid: epid.map(Into::into), rung: self.rung(sighting, summary) };
        if self.strays.len() >= MAX_STRAYS {
            self.strays.pop_front();
        }
        self.strays.push_back(stray);
    }

    /// The strays that one of the call's phones may have sent, while it was open.
    pub(super) fn strays_of(&self, call: &Call) -> Vec<Rung> {
        let doubt = self.coverage.clock_uncertainty;
        let from = call.first.time.nanos().saturating_sub(doubt);
        let until = call.last.time.nanos().saturating_add(doubt);
        let of_phone = |stray: &&Stray| {
            call.phones
                .iter()
                .any(|phone| phone.epid.is_some() && phone.epid.as_deref().map(str::as_bytes) == stray.epid.as_deref())
                || [&call.callee, &call.caller].into_iter().flatten().any(|user| *user == stray.sender)
        };
        let in_time = |stray: &&Stray| (from..=until).contains(&stray.rung.at.time.nanos());
        self.strays.iter().filter(of_phone).filter(in_time).map(|stray| stray.rung.clone()).collect()
    }
}
