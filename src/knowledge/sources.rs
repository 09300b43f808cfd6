//! Where the entries come from: public texts only.

/// Client error reporting.
pub const MS_OCER: &str = "[MS-OCER] Client Error Reporting Protocol, ErrorIds";
/// The header in general, its ranges of numbers.
pub const MS_DIAGNOSTICS: &str = "learn.microsoft.com bb964037, \"Ms-Diagnostics Header\"";
/// Which of the three headers cross federation.
pub const UCMA: &str = "MicrosoftDocs office-developer-lync-evergreen-docs, diagnostics-and-error-reporting.md";
/// The Edge's mark.
pub const MS_SIPRE: &str = "[MS-SIPRE] Session Initiation Protocol Routing Extensions, 2.2.15";
/// The Edge's words for the kinds of peers.
pub const MSPL: &str = "learn.microsoft.com dn439139, MSPL ExternalSourceType";
/// SIP itself.
pub const RFC_3261: &str = "RFC 3261";
/// TLS up to 1.2.
pub const RFC_5246: &str = "RFC 5246, The Transport Layer Security (TLS) Protocol Version 1.2";
/// TLS 1.3.
pub const RFC_8446: &str = "RFC 8446, The Transport Layer Security (TLS) Protocol Version 1.3";
/// Key logs.
pub const KEY_LOG: &str = "draft-ietf-tls-keylogfile, The SSLKEYLOGFILE Format for TLS";
/// Compression.
pub const MS_SIPCOMP: &str = "[MS-SIPCOMP] Session Initiation Protocol (SIP) Compression Protocol";
/// Setting up pushes.
pub const PUSH_SET_UP: &str = "learn.microsoft.com hh690047, Lync Server 2013 \"Configuring for push notifications\"";
/// Testing pushes.
pub const PUSH_TEST: &str =
    "learn.microsoft.com dn767948, Lync Server 2013 \"Test push notifications to smart phones\"";
/// Mobility in general, and which clients are pushed.
pub const MOBILITY: &str = "learn.microsoft.com hh690037, Lync Server 2013 \"Planning for mobility\"";
/// The mobility service's counters.
pub const COUNTERS: &str = "learn.microsoft.com hh690046, \"Mobility performance counters\"";
/// Where pushes are sent.
pub const MCX: &str = "learn.microsoft.com hh690035, \"Set-CsMcxConfiguration\"";
/// The clearing house holds messages.
pub const HOLDS: &str =
    "Skype for Business Server help, \"Mobile Client: Create or Edit Push Notification Configuration\"";
/// DNS records of federation.
pub const DNS: &str = "learn.microsoft.com, Lync Server 2013 \"DNS summary\" pages for the Edge";
/// The domain that is not allowed, told from its traces.
pub const BHARGAV: &str = "bhargavs.com 2013/03/28, \"Configuring Lync 2013 mobility for push notifications\"";
/// Certificates and DNS of federation, with traces.
pub const EXPRESSWAY: &str = "Cisco document 212383, DNS and certificates of Microsoft federation";
/// A partner that does not trust our certificate.
pub const RISUAL: &str = "risual.com 2012/06, \"Lync federation issue: presence unknown\"";
/// A partner that cannot be routed to.
pub const NETDORK: &str = "jon.netdork.net 2012/07/18, \"Lync, Federation, and DNS\"";
/// Hybrid domains.
pub const SPLIT_DOMAIN: &str = "learn.microsoft.com, support article on ms-diagnostics 1017 and ms-split-domain-info";
/// Clients in the open.
pub const SIPE: &str = "SIPE project, its tests and its reading of Warning 309";
/// Windows' own numbers.
pub const WINDOWS: &str = "learn.microsoft.com, Windows Sockets error codes and COM error codes (Security and Setup)";
/// How far clocks may be apart.
pub const KERBEROS: &str = "learn.microsoft.com, \"Maximum tolerance for computer clock synchronization\"";
/// Traces that circulate, without a page of their own.
pub const TRACES: &str = "published traces";
/// Nothing that could be cited.
pub const NONE: &str = "no public source";
