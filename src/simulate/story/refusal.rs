//! The answers that say no, as servers word them.

use crate::simulate::call::Refusal;

const fn refusal(status: u16, reason: &'static str, diagnostics: &'static str) -> Refusal {
    Refusal { status, reason, diagnostics, warning: "" }
}

/// What a synthetic 504 is called, with the servers' own spelling.
const SERVER_TIME_OUT: &str = "Server time-out";

/// The phone had nowhere to be pushed to. The number is a stand-in: only the text is public.
pub(super) const NO_SUBSCRIPTION: Refusal = refusal(
    408,
    "Request Timeout",
    "24000;reason=\"The client did not respond to the invitation\";info=\"No push subscription for target device\"",
);
pub(super) const FILTERED: Refusal = Refusal {
    status: 606,
    reason: "Not Acceptable",
    diagnostics: "",
    warning: "309 lcs.microsoft.com \"Message contents not allowed by policy\"",
};
pub(super) const NOT_FEDERATED: Refusal =
    refusal(403, "Forbidden", "1002;reason=\"From URI not authorized to communicate with federated partners\"");
pub(super) const NOT_OUTSIDE: Refusal = refusal(
    403,
    "Forbidden",
    "1012;reason=\"From URI is not authorized to communicate with users outside the enterprise\"",
);
pub(super) const EDGE_DOWN: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1038;reason=\"Failed to connect to a peer server\";fqdn=\"edge01.example.com\";port=\"5061\";winsock-code=\"10060\"",
);
pub(super) const DOMAIN_NOT_ALLOWED: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1009;reason=\"No match for domain in DNS SRV results\";domain=\"push.lync.com\";\
     fqdn1=\"sipfed.online.lync.com:5061\"",
);
pub(super) const DNS_MISSING: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1008;reason=\"Unable to resolve DNS SRV record\";domain=\"push.lync.com\";dns-srv-result=\"NegativeResult\"",
);
pub(super) const FIREWALL: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1046;reason=\"Failed to connect to a federated peer server\";fqdn=\"sipfed.online.lync.com\";\
     peer-type=\"FederatedPartner\";winsock-code=\"10060\"",
);
pub(super) const CLOSED: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1046;reason=\"Failed to connect to a federated peer server\";fqdn=\"sipfed.online.lync.com\";\
     peer-type=\"FederatedPartner\";winsock-code=\"10061\"",
);
pub(super) const NO_ROUTE: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1027;reason=\"Cannot route this type of SIP request to or from federated partners\";domain=\"push.lync.com\"",
);
pub(super) const HANDSHAKE: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1047;reason=\"Failed to complete TLS negotiation with a federated peer server\";fqdn=\"sipfed.online.lync.com\";\
     WinsockFailureCode=\"10054(WSAECONNRESET)\";WinsockFailureDescription=\"The peer forced closure of the connection\"",
);
pub(super) const CLOCKS: Refusal =
    refusal(401, "Unauthorized", "1013;reason=\"Significant time skew detected during authentication\"");
pub(super) const BROKEN_SERVER: Refusal =
    refusal(500, "Server Internal Error", "5003;reason=\"Internal failure in a server application\"");
pub(super) const NOT_ALLOWED: Refusal = refusal(403, "Forbidden", "17000;reason=\"The client version is not allowed\"");
pub(super) const CERTIFICATE: Refusal = refusal(
    504,
    SERVER_TIME_OUT,
    "1010;reason=\"Certificate trust with another server could not be established\";\
     ErrorType=\"The peer certificate is not chained off a trusted root\";tls-target=\"sipfed.online.lync.com\";\
     PeerServer=\"sipfed.online.lync.com\";HRESULT=\"0x800B0109(CERT_E_UNTRUSTEDROOT)\"",
);
pub(super) const REJECTED: Refusal = refusal(403, "Forbidden", "");
pub(super) const TIMED_OUT: Refusal = refusal(408, "Request Timeout", "5001;reason=\"Request Timed-out\"");
pub(super) const NO_ANSWER: Refusal =
    refusal(480, "Temporarily Unavailable", "13002;reason=\"The routing rules did not result in any final response\"");
pub(super) const DECLINED: Refusal = refusal(603, "Decline", "");
