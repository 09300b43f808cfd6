//! What stops a push at the Edge, or on its way to the clearing house.

use super::{
    Cause, EDGE, Evidence, REPORTER, SHELL, Stage, evidence, numbered, numbered_if, on, reporter, with_handshake,
    with_waited,
};
use crate::diagnosis::Certainty::{Certain, Likely, Possible};
use crate::diagnosis::case::{Case, Waited};
use crate::flow::Side;
use crate::knowledge::sources::{BHARGAV, DNS, EXPRESSWAY, MS_OCER, NETDORK, PUSH_SET_UP, PUSH_TEST, RISUAL, WINDOWS};
use crate::knowledge::{diagnostics, statuses};

/// WSAECONNREFUSED.
const REFUSED: u32 = 10061;
/// WSAHOST_NOT_FOUND.
const NOT_FOUND: u32 = 11001;
/// The Management Shell again, for what only one of may be there.
const WITHOUT_PROVIDER: &str = "Lync Server Management Shell, where no hosting provider has this proxy yet";
/// What the Edge says may be told by the Front End only.
const AT_EDGE: &str = "on the Edge's external network card: it shows what the Edge tries, DNS queries among it.";

pub(super) const CAUSES: &[Cause] = &[
    Cause {
        name: "domain-not-allowed",
        title: "The push's domain is no allowed domain of the Edge",
        stage: Stage::Edge,
        meaning: "The hosting provider may be there, but the domain that pushes go to is not in the list of allowed domains. DNS leads to a host of another domain, which the Edge then does not take for a partner.",
        wire: "The push request to the Edge, answered 504 by it (ms-edge-proxy-message-trust EdgeProxyGenerated) with ms-diagnostics 1009; nothing leaves. The caller sees 504 or, later, 408.",
        numbers: &[1009],
        statuses: &[504],
        codes: &["LP105", "LP108", "LP109"],
        applies: |case| numbered(case, &[1009], Likely),
        advice: "Allow the domain that pushes go to, and see that its hosting provider is there and enabled.",
        check: &[
            on(SHELL, "Get-CsAllowedDomain -Identity '{push-domain}'"),
            on(SHELL, "Get-CsHostingProvider | Format-List Identity, ProxyFqdn, Enabled"),
            on(SHELL, "Test-CsMcxPushNotification -AccessEdgeFqdn '{edge}'"),
        ],
        change: &[
            on(SHELL, "New-CsAllowedDomain -Identity '{push-domain}'"),
            on(
                WITHOUT_PROVIDER,
                "New-CsHostingProvider -Identity LyncOnline -Enabled $True -ProxyFqdn '{proxy}' -VerificationLevel UseSourceVerification",
            ),
        ],
        next: "",
        example: ("domain-not-allowed", &[]),
        sources: &[BHARGAV, PUSH_SET_UP, MS_OCER],
    },
    Cause {
        name: "no-route",
        title: "There is no route for this push to its domain",
        stage: Stage::Edge,
        meaning: "The server knows no way for this kind of request, or for this pair of domains: no federation route, a domain shared with Office 365 and set up wrongly, or a peer that is not allowed.",
        wire: "The push request, answered 404, 403 or 504 inside with ms-diagnostics 1005, 1017 or 1027.",
        numbers: &[1005, 1017, 1027],
        statuses: &[403, 404, 504],
        codes: &["LP105", "LP108", "LP109"],
        applies: |case| numbered(case, &[1005, 1017, 1027], Likely),
        advice: "See that the site has a federation route, and that the domain and its hosting provider are set up.",
        check: &[
            on(SHELL, "Get-CsSite | Format-List Identity, FederationRoute"),
            on(SHELL, "Get-CsAllowedDomain -Identity '{push-domain}'"),
            on(SHELL, "Get-CsHostingProvider | Format-List Identity, ProxyFqdn, Enabled, EnabledSharedAddressSpace"),
        ],
        change: &[on(SHELL, "New-CsAllowedDomain -Identity '{push-domain}'")],
        next: AT_EDGE,
        example: ("no-route", &[]),
        sources: &[MS_OCER, NETDORK],
    },
    Cause {
        name: "dns-missing",
        title: "A DNS record on the way to the clearing house is missing",
        stage: Stage::Edge,
        meaning: "The reporting host looked up the SRV record of the push's domain, or the address of its next server, and found none: the record, or the DNS server that the host asks, is missing.",
        wire: "The push request, answered 504 inside with ms-diagnostics 1008 (SRV) or 1014 (A) after the DNS queries; nothing leaves.",
        numbers: &[1008, 1014],
        statuses: &[504],
        codes: &["LP105", "LP108", "LP109"],
        applies: |case| {
            numbered(case, &[1008, 1014], Certain)
                .or_else(|| numbered_if(case, &[1046], Likely, |error| error == Some(NOT_FOUND)))
        },
        advice: "Make the reporting host resolve the names. With a hosting provider that names its proxy, no SRV record of the push's domain is needed.",
        check: &[
            on(REPORTER, "nslookup -type=SRV '_sipfederationtls._tcp.{push-domain}'"),
            on(REPORTER, "nslookup '{proxy}'"),
            on(SHELL, "Get-CsHostingProvider | Format-List Identity, ProxyFqdn, Enabled"),
            on(SHELL, "Get-CsAllowedDomain -Identity '{push-domain}'"),
        ],
        change: &[
            on(
                "on the host that reports it, only where it asks the wrong DNS servers: this replaces them",
                "netsh interface ipv4 set dnsservers name=<external> static <dns-server>",
            ),
            on(
                "Lync Server Management Shell, where the domain is not allowed yet",
                "New-CsAllowedDomain -Identity '{push-domain}'",
            ),
            on(
                WITHOUT_PROVIDER,
                "New-CsHostingProvider -Identity LyncOnline -Enabled $True -ProxyFqdn '{proxy}' -VerificationLevel UseSourceVerification",
            ),
        ],
        next: AT_EDGE,
        example: ("dns-missing", &[]),
        sources: &[MS_OCER, DNS, PUSH_SET_UP],
    },
    Cause {
        name: "connection-refused",
        title: "The clearing house's port is closed to the Edge",
        stage: Stage::Edge,
        meaning: "The Edge's attempt to connect was answered with a refusal at once: the name leads to the wrong host, or a firewall answers in the peer's place.",
        wire: "The push request to the Edge, answered 504 by it with ms-diagnostics 1046 and Winsock code 10061; on the external leg SYN, RST.",
        numbers: &[1046],
        statuses: &[504],
        codes: &["LP105", "LP108", "LP109", "LP602"],
        applies: |case| not_connected(case, true),
        advice: "See to which address the proxy's name leads on the Edge, and who refuses the connection there.",
        check: &[
            on(EDGE, "nslookup '{proxy}'"),
            on(EDGE, "(New-Object Net.Sockets.TcpClient '{proxy}', 5061).Connected"),
            on(EDGE, "Get-Content C:\\Windows\\System32\\drivers\\etc\\hosts"),
        ],
        change: &[],
        next: "on the Edge's external network card: it shows which address the Edge dials and what comes back.",
        example: ("connection-refused", &[]),
        sources: &[WINDOWS],
    },
    Cause {
        name: "firewall",
        title: "The Edge cannot connect to the clearing house: TCP 5061 outwards",
        stage: Stage::Edge,
        meaning: "The Edge's attempts to connect to the clearing house's proxy were not answered. Most often a firewall throws TCP 5061 away, outwards or on the way back.",
        wire: "The push request to the Edge, answered 504 by it with ms-diagnostics 1046 after 20 to 30 seconds; on the external leg only SYN, sent again and again.",
        numbers: &[1046],
        statuses: &[504],
        codes: &["LP105", "LP108", "LP109", "LP602"],
        applies: |case| not_connected(case, false),
        advice: "Open TCP 5061 from the Access Edge's external address to the clearing house's proxy in the firewalls between them, answers included. Windows' own firewall lets connections out unless told to block them.",
        check: &[
            on(EDGE, "(New-Object Net.Sockets.TcpClient '{proxy}', 5061).Connected"),
            on(EDGE, "netsh advfirewall show allprofiles firewallpolicy"),
        ],
        change: &[on(
            "on the Edge, only where its own firewall blocks what goes out",
            "netsh advfirewall firewall add rule name='SIP federation out' dir=out action=allow protocol=TCP remoteport=5061",
        )],
        next: "on the Edge's external network card: SYN packets without an answer show that something throws them away.",
        example: ("firewall", &[]),
        sources: &[PUSH_SET_UP, WINDOWS],
    },
    Cause {
        name: "certificate-not-trusted",
        title: "The peer's certificate is not trusted",
        stage: Stage::Edge,
        meaning: "The reporting host does not trust the certificate that its peer showed: the root is missing from its store, the certificate is expired, or it is for another name. Roots change: in June 2013 the clearing house moved to another, and sites without it lost their pushes.",
        wire: "The push request, answered 504 inside with ms-diagnostics 1010, which may carry an HRESULT; on the external leg TCP and the beginning of TLS, then an alert or a reset.",
        numbers: &[1010],
        statuses: &[504],
        codes: &["LP105", "LP108", "LP109", "LP601"],
        applies: not_trusted,
        advice: "If the root of the peer's chain is missing among the reporting host's trusted roots, put it there; if the host's clock is wrong, set it. A certificate that is expired or for another name can only be mended by the peer.",
        check: &[
            on(
                REPORTER,
                "Get-ChildItem Cert:\\LocalMachine\\Root | Sort-Object Subject | Format-Table Subject, NotAfter",
            ),
            on(REPORTER, "Get-Date"),
        ],
        change: &[on(REPORTER, "Import-Certificate -FilePath <root.cer> -CertStoreLocation Cert:\\LocalMachine\\Root")],
        next: "",
        example: ("certificate", &[]),
        sources: &[MS_OCER, EXPRESSWAY, WINDOWS],
    },
    Cause {
        name: "certificate-refused",
        title: "The peer ended the TLS handshake: it may not take the Edge's certificate",
        stage: Stage::Edge,
        meaning: "The peer broke TLS off. The usual reason is that it does not trust the certificate on the Edge's external side: issued by a private authority, expired, or for another name; others are that no version or cipher is common to both.",
        wire: "The push request to the Edge, answered 504 by it with ms-diagnostics 1047, often with Winsock code 10054; on the external leg TLS that the peer ends.",
        numbers: &[1047],
        statuses: &[504],
        codes: &["LP105", "LP108", "LP109", "LP601"],
        applies: refused,
        advice: "See whether the Edge's external certificate is valid, of a public authority, and for the name in the federation SRV record; if it is not, put one there that is.",
        check: &[on(
            EDGE,
            "Get-CsCertificate -Type AccessEdgeExternal | Format-List Subject, AlternativeNames, Issuer, NotAfter",
        )],
        change: &[on(EDGE, "Set-CsCertificate -Type AccessEdgeExternal -Thumbprint <thumbprint>")],
        next: "on the Edge's external network card: the alert in the TLS handshake says what the peer does not take.",
        example: ("certificate-refused", &[]),
        sources: &[RISUAL],
    },
];

/// Last of the refusals: nobody knows the number, or there is none.
pub(super) const UNEXPLAINED: Cause = Cause {
    name: "push-refused",
    title: "The push was refused, and it is not known why",
    stage: Stage::Edge,
    meaning: "A server inside answered the push with a refusal whose numbers name no known cause.",
    wire: "A final response outside 2xx to the push request, made inside, with no ms-diagnostics number that is known for it.",
    numbers: &[],
    statuses: &[403, 404, 480, 500, 503, 504],
    codes: &["LP105", "LP108"],
    applies: unexplained,
    advice: "Ask the host that reports it: its own log says why, in more words than the response.",
    check: &[
        on(SHELL, "Test-CsMcxPushNotification -AccessEdgeFqdn '{edge}'"),
        on(REPORTER, "Get-WinEvent -LogName 'Lync Server' -MaxEvents 50 | Format-List TimeCreated, Message"),
    ],
    change: &[],
    next: "on the host that reports it, both of its network cards.",
    example: ("push-refused", &[]),
    sources: &[PUSH_TEST],
};

/// The reporter's own word, or the alert of the side that reports.
fn not_trusted(case: &Case<'_>) -> Option<Evidence> {
    let by_client = is_distrusted_by(case, Side::Client);
    numbered(case, &[1010], Certain)
        .or_else(|| numbered(case, &[1047], Certain).filter(|_| by_client))
        .or_else(|| unnumbered(case).filter(|_| by_client))
        .map(|evidence| with_handshake(evidence, case))
}

fn refused(case: &Case<'_>) -> Option<Evidence> {
    let by_server = is_distrusted_by(case, Side::Server);
    numbered(case, &[1047], if by_server { Certain } else { Likely })
        .or_else(|| unnumbered(case).filter(|_| by_server))
        .map(|evidence| with_handshake(evidence, case))
}

/// Whether that side of the handshake that the push waited for does not take the other one's certificate.
fn is_distrusted_by(case: &Case<'_>, side: Side) -> bool {
    matches!(case.waited, Some(Waited::Handshake { distrusting, .. }) if *distrusting == Some(side))
}

/// The Edge says that it could not connect, or the capture shows it: nothing answered, or a RST said no.
fn not_connected(case: &Case<'_>, by_reset: bool) -> Option<Evidence> {
    let seen = match case.waited {
        Some(Waited::Connection { refused, to_edge: false, sure, .. }) => Some((*refused, *sure)),
        _ => None,
    };
    // What the Edge dials is known only where it is known for the Edge.
    let known = seen.filter(|(_, sure)| *sure).map(|(refused, _)| refused);
    let fits = |error: Option<u32>| match (error, known) {
        (Some(NOT_FOUND), _) => false,
        (Some(error), _) => (error == REFUSED) == by_reset,
        (None, Some(refused)) => refused == by_reset,
        (None, None) => !by_reset,
    };
    let is_known = known == Some(by_reset);
    let told = numbered_if(case, &[1046], if is_known { Certain } else { Likely }, fits);
    let timed_out = || unnumbered(case).filter(|_| is_known && case.is_made_by_edge() && case.is_504());
    told.or_else(timed_out).map(|evidence| {
        with_waited(
            evidence,
            case,
            |waited| matches!(waited, Waited::Connection { refused, to_edge: false, .. } if *refused == by_reset),
        )
    })
}

/// A refusal made inside without any number: then the handshake has to tell.
fn unnumbered(case: &Case<'_>) -> Option<Evidence> {
    let refusal = case.refusal().filter(|_| case.told().is_empty() && !case.is_from_outside())?;
    let by = reporter(refusal.edge.as_deref());
    evidence(Likely, format!("{by} answered the push with {}.", refusal.status))
}

fn unexplained(case: &Case<'_>) -> Option<Evidence> {
    let refusal = case.refusal()?;
    let told = case.told();
    let by = reporter(told.iter().find_map(|told| told.report.source.as_deref()).or(refusal.edge.as_deref()));
    let mut why = format!("{by} answered the push with {}", refusal.status);
    let mut ids: Vec<u32> = told.iter().map(|told| told.report.id).collect();
    ids.dedup();
    for id in ids {
        why.push_str(&format!("; ms-diagnostics {id}: {}", diagnostics::meaning(id).unwrap_or("not known")));
    }
    if told.is_empty() {
        let status = statuses::find(refusal.status);
        why.push_str(&status.map_or_else(String::new, |status| format!(": {}", status.push)));
    }
    why.push('.');
    evidence(Possible, why)
}
