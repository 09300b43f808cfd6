//! ms-diagnostics numbers.
//!
//! `ms-diagnostics` and `ms-client-diagnostics` do not cross federation, `ms-diagnostics-public` does: what the
//! clearing house says of its reasons is lost, and the Edge adds 1034 in its place.

use super::Basis::{self, Documented, Inferred, Traced, Unverified};
use super::sources::{
    BHARGAV, EXPRESSWAY, MS_DIAGNOSTICS, MS_OCER, NETDORK, NONE, RISUAL, SIPE, SPLIT_DOMAIN, TRACES, UCMA,
};

/// One number.
#[derive(Debug)]
pub struct Number {
    /// The number.
    pub id: u32,
    /// What it means, in our words; servers word it differently.
    pub meaning: &'static str,
    /// The status codes of responses that carry it.
    pub statuses: &'static [u16],
    /// What it means in a push ladder.
    pub reading: &'static str,
    /// How sure that reading is.
    pub basis: Basis,
    /// Where the number comes from.
    pub source: &'static str,
}

/// Numbers that belong to one part of the product.
#[derive(Debug)]
pub struct Range {
    /// The first.
    pub from: u32,
    /// The last.
    pub to: u32,
    /// Who reports them.
    pub meaning: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// Every number that matters in a push ladder.
pub const NUMBERS: &[Number] = &[
    row(22, "reported by a client about its media or its user", &[488], "not about the push", Traced, TRACES),
    row(23, "reported by a client about its media or its user", &[488], "not about the push", Traced, TRACES),
    row(
        1001,
        "the sender may not talk to public IM providers",
        &[403],
        "a policy forbids the push: the clearing house stands as a public provider and the user may not use those",
        Inferred,
        MS_OCER,
    ),
    row(
        1002,
        "the sender may not talk to federated partners",
        &[403],
        "the user has no external access policy with federation: the push is refused before it leaves",
        Inferred,
        MS_OCER,
    ),
    row(
        1003,
        "the user does not exist",
        &[404],
        "the push or the call went to a user nobody knows",
        Documented,
        MS_OCER,
    ),
    row(1004, "the route set is no longer valid", &[481], "a stale dialog after a failover", Documented, MS_OCER),
    row(
        1005,
        "the destination domain cannot be routed to",
        &[404, 504],
        "there is no route for the push's domain",
        Documented,
        MS_OCER,
    ),
    row(1006, "routing on a client's connection failed", &[480, 504], "the client is gone", Documented, MS_OCER),
    row(
        1007,
        "it cannot be routed at the moment",
        &[503, 504],
        "transient: see whether it comes again",
        Documented,
        MS_OCER,
    ),
    row(
        1008,
        "the DNS SRV record cannot be resolved",
        &[504],
        "the reporting host finds no SRV record for the push's domain",
        Documented,
        MS_OCER,
    ),
    row(
        1009,
        "what DNS SRV gives does not match the domain",
        &[504],
        "the push's domain is no allowed domain and its SRV record leads to a host of another domain: the shape of a missing New-CsAllowedDomain",
        Traced,
        BHARGAV,
    ),
    row(
        1010,
        "the certificate of the next server is not trusted",
        &[504],
        "the reporting host does not trust the peer's certificate: its root is missing, it is expired, or it is for another name",
        Traced,
        EXPRESSWAY,
    ),
    row(
        1011,
        "the previous hop gave no ms-diagnostics",
        &[],
        "the refusal was made further on, and who made it says no more",
        Documented,
        MS_OCER,
    ),
    row(
        1012,
        "the sender may not talk to users outside the enterprise",
        &[403],
        "the user has no external access policy: the push is refused before it leaves",
        Inferred,
        MS_OCER,
    ),
    row(
        1013,
        "the clocks of two hosts are too far apart for authentication",
        &[401, 403],
        "the clock of the reporting host or of its peer is wrong",
        Documented,
        MS_OCER,
    ),
    row(
        1014,
        "the DNS A record cannot be resolved",
        &[504],
        "the reporting host cannot resolve the name of the next server",
        Documented,
        MS_OCER,
    ),
    row(
        1017,
        "From and To domains cannot be routed in this combination",
        &[403, 504],
        "the domain is shared with Office 365 and set up wrongly",
        Traced,
        SPLIT_DOMAIN,
    ),
    row(
        1027,
        "this kind of request is not routed to or from federated partners",
        &[403, 504],
        "the Edge does not route the push's method, or the peer's domain is not allowed",
        Traced,
        NETDORK,
    ),
    row(
        1033,
        "the previous server component gave no diagnostics",
        &[],
        "the refusal was made by a server further on inside",
        Unverified,
        NONE,
    ),
    row(
        1034,
        "the previous hop, a federated peer, gave no diagnostics",
        &[403, 404, 504],
        "the refusal came from outside: from the clearing house or its proxy",
        Traced,
        NETDORK,
    ),
    row(
        1035,
        "the previous hop, a public IM provider, gave no diagnostics",
        &[],
        "the refusal came from outside",
        Unverified,
        NONE,
    ),
    row(
        1036,
        "the previous hop, a peer of a shared address space, gave no diagnostics",
        &[],
        "the refusal came from the other half of a shared domain",
        Unverified,
        NONE,
    ),
    row(
        1037,
        "the previous hop, a client, gave no diagnostics",
        &[],
        "the refusal came from an endpoint",
        Unverified,
        NONE,
    ),
    row(
        1038,
        "connecting to a peer server failed",
        &[504],
        "reported by the Front End, the Edge or Director cannot be reached from it",
        Unverified,
        NONE,
    ),
    row(
        1039,
        "TLS with a peer server could not be established",
        &[504],
        "reported by the Front End, its TLS with the Edge or Director fails",
        Unverified,
        NONE,
    ),
    row(
        1041,
        "the peer's pool is out of service",
        &[504],
        "reported by the Front End, the Edge pool does not answer its health checks",
        Unverified,
        NONE,
    ),
    row(
        1046,
        "connecting to a federated peer failed",
        &[504],
        "the Edge cannot connect to the clearing house's proxy; the Winsock code tells how it failed",
        Unverified,
        NONE,
    ),
    row(
        1047,
        "TLS with a federated peer could not be established",
        &[504],
        "the peer ended the TLS handshake: most often it does not take the Edge's certificate",
        Traced,
        RISUAL,
    ),
    row(
        4003,
        "the sender is not enabled for remote access",
        &[403],
        "a policy forbids the user access from outside",
        Documented,
        MS_OCER,
    ),
    row(
        4004,
        "these credentials may not speak for the sender",
        &[403],
        "who sends is not who it says it is",
        Documented,
        MS_OCER,
    ),
    row(
        4005,
        "the destination is not enabled for SIP or does not exist",
        &[404],
        "step 2: the callee is not known",
        Documented,
        MS_OCER,
    ),
    row(4006, "the user is not in the pool", &[404], "step 2: the callee is not known", Documented, MS_OCER),
    row(
        5000,
        "critical server applications are not running",
        &[503],
        "the server is not in order",
        Documented,
        MS_OCER,
    ),
    row(5001, "the request timed out", &[408], "who reports it waited for an answer in vain", Documented, MS_OCER),
    row(5002, "the request was cancelled", &[487], "harmless", Documented, MS_OCER),
    row(5003, "a server application failed", &[500], "the server is not in order", Documented, MS_OCER),
    row(5009, "made after a cancelled branch", &[], "two endpoints answered at once: harmless", Documented, MS_OCER),
    row(5010, "made after a cancelled branch", &[], "two endpoints answered at once: harmless", Documented, MS_OCER),
    row(5011, "made after a cancelled branch", &[], "two endpoints answered at once: harmless", Documented, MS_OCER),
    row(10003, "a proxy answered with a failure", &[404], "relayed: a line beside it tells more", Traced, TRACES),
    row(13000, "the call goes in a loop to its caller", &[482], "not about the push", Documented, MS_OCER),
    row(13001, "the routing rules gave no suitable final response", &[480], "nobody answered", Documented, MS_OCER),
    row(13002, "the routing rules gave no final response", &[480], "nobody answered", Documented, MS_OCER),
    row(13004, "the request went to one or more registered endpoints", &[101], "step 2 is done", Traced, TRACES),
    row(13005, "the request went to further targets", &[101], "simultaneous ringing", Documented, MS_OCER),
    row(
        13006,
        "the request was forwarded, branches before were cancelled",
        &[101],
        "call forwarding",
        Documented,
        MS_OCER,
    ),
    row(13007, "the request went to an application", &[101], "call handling by an application", Documented, MS_OCER),
    row(
        13009,
        "there is no endpoint in the backup registrar",
        &[480],
        "the callee's pool is in failover",
        Documented,
        MS_OCER,
    ),
    row(13010, "there is not enough bandwidth", &[], "not about the push", Documented, MS_OCER),
    row(13011, "the server is overloaded", &[503], "the Front End cannot keep up", Documented, MS_OCER),
    row(
        17000,
        "the client's version is not allowed",
        &[403],
        "the client version filter refuses it",
        Documented,
        MS_DIAGNOSTICS,
    ),
    row(
        25008,
        "it is being routed to the primary pool",
        &[101],
        "the callee is at home in another pool",
        Traced,
        TRACES,
    ),
    row(51004, "reported by a client about its user", &[], "not about the push", Traced, TRACES),
    row(51007, "reported by a client about encryption", &[488], "not about the push", Traced, TRACES),
    row(52017, "reported by a client", &[488], "not about the push", Traced, TRACES),
    row(52035, "the client has a session of this conversation already", &[488], "not about the push", Traced, SIPE),
];

/// Whose the numbers are, for those without a row.
pub const RANGES: &[Range] = &[
    range(0, 999, "common to all parts", MS_DIAGNOSTICS),
    range(1000, 1999, "the SIP stack: routing, DNS, TLS, policy", MS_DIAGNOSTICS),
    range(2000, 2999, "presence", MS_DIAGNOSTICS),
    range(3000, 3999, "conferences: the focus", MS_DIAGNOSTICS),
    range(4000, 4999, "user services: registration and lookup", MS_DIAGNOSTICS),
    range(5000, 5999, "server applications", MS_DIAGNOSTICS),
    range(6000, 6999, "conferences: instant messages", MS_DIAGNOSTICS),
    range(7000, 7999, "conferences: audio and video", MS_DIAGNOSTICS),
    range(8000, 8999, "telephony conferences", MS_DIAGNOSTICS),
    range(9000, 9999, "media relay authentication", MS_DIAGNOSTICS),
    range(10000, 10999, "the mediation server", MS_DIAGNOSTICS),
    range(11000, 11999, "quality metrics", MS_DIAGNOSTICS),
    range(12000, 12999, "outbound routing", MS_DIAGNOSTICS),
    range(13000, 13999, "inbound routing: finding the callee's endpoints", MS_DIAGNOSTICS),
    range(14000, 14999, "number translation", MS_DIAGNOSTICS),
    range(15000, 15999, "Exchange unified messaging", MS_DIAGNOSTICS),
    range(16000, 16999, "the Intelligent IM Filter", MS_DIAGNOSTICS),
    range(17000, 17999, "the client version filter", MS_DIAGNOSTICS),
    range(24000, 24999, "UCMA applications, the mobility service among them", UCMA),
    range(25000, 25999, "registrar routing between pools", UCMA),
    range(51000, 52999, "clients, about themselves", TRACES),
    range(60000, 62999, "reserved for applications of others", UCMA),
];

const fn row(
    id: u32,
    meaning: &'static str,
    statuses: &'static [u16],
    reading: &'static str,
    basis: Basis,
    source: &'static str,
) -> Number {
    Number { id, meaning, statuses, reading, basis, source }
}

const fn range(from: u32, to: u32, meaning: &'static str, source: &'static str) -> Range {
    Range { from, to, meaning, source }
}

/// What is known of a number.
pub fn find(id: u32) -> Option<&'static Number> {
    NUMBERS.iter().find(|known| known.id == id)
}

/// Whose a number is.
pub fn range_of(id: u32) -> Option<&'static Range> {
    RANGES.iter().find(|range| (range.from..=range.to).contains(&id))
}

/// What a number means in a few words, from its row or its range.
pub fn meaning(id: u32) -> Option<&'static str> {
    find(id).map(|known| known.meaning).or_else(|| range_of(id).map(|range| range.meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_in_a_range() {
        assert!(NUMBERS.is_sorted_by_key(|row| row.id) && NUMBERS.windows(2).all(|pair| pair[0].id != pair[1].id));
        assert!(RANGES.windows(2).all(|pair| pair[0].to < pair[1].from));
        for row in NUMBERS {
            assert!(range_of(row.id).is_some(), "{}", row.id);
        }
    }

    #[test]
    fn what_is_unknown_has_its_range_at_most() {
        assert_eq!(meaning(16123), Some("the Intelligent IM Filter"));
        assert_eq!(meaning(4_000_000_000), None);
        assert!(find(16123).is_none());
    }
}
