//! SIP status codes as a push ladder shows them.

use super::Basis::{self, Documented, Inferred, Traced};
use super::sources::{BHARGAV, HOLDS, PUSH_TEST, RFC_3261, SIPE, TRACES};

/// One status code.
#[derive(Debug)]
pub struct StatusCode {
    /// The code.
    pub code: u16,
    /// Its phrase.
    pub phrase: &'static str,
    /// What it means where it answers the push.
    pub push: &'static str,
    /// What it means where it answers the call.
    pub call: &'static str,
    /// How sure that is.
    pub basis: Basis,
    /// Where that is written.
    pub source: &'static str,
}

/// Every status code that matters.
pub const STATUSES: &[StatusCode] = &[
    row(100, "Trying", "the next hop has it", "the next hop has it", Documented, RFC_3261),
    row(
        101,
        "Progress Report",
        "not seen there",
        "the Front End found endpoints of the callee (step 2, with ms-diagnostics 13004), or says how it goes on",
        Traced,
        TRACES,
    ),
    row(
        180,
        "Ringing",
        "not seen there",
        "an endpoint rings; step 3 when its Server or User-Agent names McxService or UCWA",
        Documented,
        TRACES,
    ),
    row(
        200,
        "OK",
        "the clearing house took the push (step 8); it may hold it until the phone can be reached, so this is no proof that the phone showed it",
        "somebody answered (step 9)",
        Documented,
        HOLDS,
    ),
    row(401, "Unauthorized", "the sender must show who it is", "the caller must show who it is", Documented, RFC_3261),
    row(
        403,
        "Forbidden",
        "a policy forbids it: inside, the user may not talk to federated partners (1002, 1012); outside, the clearing house does not take it",
        "a policy forbids it",
        Inferred,
        TRACES,
    ),
    row(404, "Not Found", "the target is not known to who answered", "the callee is not known", Documented, RFC_3261),
    row(
        408,
        "Request Timeout",
        "nobody answered in time; made by the Edge or the Front End it stands for silence further out",
        "nobody answered in time",
        Traced,
        BHARGAV,
    ),
    row(
        480,
        "Temporarily Unavailable",
        "the target cannot be reached now",
        "no endpoint answered",
        Documented,
        RFC_3261,
    ),
    row(486, "Busy Here", "not seen there", "the user is busy or does not want to be disturbed", Documented, RFC_3261),
    row(
        487,
        "Request Terminated",
        "the request was taken back",
        "the call was cancelled: by the caller, or on one endpoint because another answered",
        Documented,
        RFC_3261,
    ),
    row(488, "Not Acceptable Here", "not seen there", "the endpoint does not take this session", Documented, RFC_3261),
    row(
        500,
        "Server Internal Error",
        "the answering server failed",
        "the answering server failed",
        Documented,
        RFC_3261,
    ),
    row(
        503,
        "Service Unavailable",
        "the answering server is overloaded or being serviced",
        "the answering server is overloaded or being serviced",
        Documented,
        RFC_3261,
    ),
    row(
        504,
        "Server Time-out",
        "the next server could not be reached: route, DNS, connection or certificate, as ms-diagnostics tell",
        "the next server could not be reached",
        Documented,
        PUSH_TEST,
    ),
    row(603, "Decline", "not seen there", "the user declined", Documented, RFC_3261),
    row(
        606,
        "Not Acceptable",
        "the content is not allowed: the Intelligent IM Filter, with Warning 309",
        "the session is not acceptable",
        Inferred,
        SIPE,
    ),
];

const fn row(
    code: u16,
    phrase: &'static str,
    push: &'static str,
    call: &'static str,
    basis: Basis,
    source: &'static str,
) -> StatusCode {
    StatusCode { code, phrase, push, call, basis, source }
}

/// What is known of a code.
pub fn find(code: u16) -> Option<&'static StatusCode> {
    STATUSES.iter().find(|known| known.code == code)
}
