//! ms-diagnostics and its two sisters.

use super::super::header::{Header, HeaderName};
use super::params::Params;
use super::text;

/// Why a server or client failed a request, by number. Texts vary between versions: never match by text.
///
/// Source: \[MS-OCER\] §2.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnostic<'a> {
    /// Which of the three headers said it.
    pub header: HeaderName,
    /// The number.
    pub id: u32,
    /// The number behind the point, where there is one.
    pub sub: Option<u32>,
    /// Everything else that was said.
    pub params: Params<'a>,
}

impl<'a> Diagnostic<'a> {
    /// Reads a diagnostics header; `None` for other headers and without a number.
    pub fn parse(header: &Header<'a>) -> Option<Self> {
        let known = matches!(
            header.name,
            HeaderName::MsDiagnostics | HeaderName::MsDiagnosticsPublic | HeaderName::MsClientDiagnostics
        );
        if !known {
            return None;
        }
        let (code, params) = text::cut(header.value, b';');
        let (id, sub) = text::cut(text::trim(code), b'.');
        Some(Self {
            header: header.name,
            id: text::number(id)?,
            sub: sub.and_then(text::number),
            params: Params::new(params.unwrap_or_default()),
        })
    }

    /// What its parameters say: the first of each name, in any letter case.
    pub fn details(&self) -> Details<'a> {
        let mut values = [None; NAMES.len()];
        for param in self.params.iter() {
            let known = NAMES.iter().position(|name| param.name.eq_ignore_ascii_case(name));
            if let Some(value) = known.and_then(|at| values.get_mut(at)) {
                value.get_or_insert(param.value.unwrap_or_default());
            }
        }
        let [source, reason, domain, peers @ .., winsock_code, winsock_failure, hresult] = values;
        let peer: Option<&[u8]> = peers.into_iter().flatten().next();
        let number = winsock_code.or(winsock_failure).or(hresult);
        Details {
            source,
            reason,
            domain,
            peer: peer.map(|peer| text::cut(peer, b':').0),
            os_error: number.and_then(os_error),
        }
    }
}

/// Names of parameters; those of the server that a report is about, and of the operating system's number, in the order
/// in which they count.
const NAMES: [&[u8]; 10] = [
    b"source",
    b"reason",
    b"domain",
    b"peerserver",
    b"tls-target",
    b"fqdn",
    b"fqdn1",
    b"winsock-code",
    b"winsockfailurecode",
    b"hresult",
];

/// What a report says beside its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details<'a> {
    /// The fully qualified name of the server that reports.
    pub source: Option<&'a [u8]>,
    /// The reason as the reporter words it.
    pub reason: Option<&'a [u8]>,
    /// The SIP domain the report is about.
    pub domain: Option<&'a [u8]>,
    /// The server the report is about, without its port.
    pub peer: Option<&'a [u8]>,
    /// The operating system's number for what went wrong: a Winsock code or an HRESULT.
    pub os_error: Option<u32>,
}

/// Reads such a number, whose name may follow it in parentheses.
fn os_error(value: &[u8]) -> Option<u32> {
    let number = std::str::from_utf8(text::trim(text::cut(value, b'(').0)).ok()?;
    match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (u32, Option<u32>, Option<&'a str>, Option<&'a str>);

    #[test]
    fn values() {
        check(
            r#" 13004;reason="Request was proxied, twice";source="fe01.example.com";Count="1";appName="InboundRouting""#,
            Some((13004, None, Some("fe01.example.com"), Some("Request was proxied, twice"))),
        );
        check(r#"25008;Reason="Attempting""#, Some((25008, None, None, Some("Attempting"))));
        check(r#"52035 ; reason = "x; y""#, Some((52035, None, None, Some("x; y"))));
        check("1009.12;SOURCE=edge01", Some((1009, Some(12), Some("edge01"), None)));
        check("1034", Some((1034, None, None, None)));
        check("ErrorCode=1008,Source=accessproxy", None);
        check("", None);
        check("99999999999;reason=x", None);
    }

    fn check(value: &str, expected: Option<Parts<'_>>) {
        let header = Header { name: HeaderName::MsDiagnostics, spelled: b"ms-diagnostics", value: value.as_bytes() };
        let found = Diagnostic::parse(&header).map(|one| (one.id, one.sub, one.details().source, one.details().reason));
        let expected =
            expected.map(|(id, sub, source, reason)| (id, sub, source.map(str::as_bytes), reason.map(str::as_bytes)));
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn what_a_report_is_about() {
        for (value, domain, peer, os_error) in [
            (
                r#"1009;domain="push.lync.com";fqdn1="sipfed.online.lync.com:5061""#,
                Some("push.lync.com"),
                Some("sipfed.online.lync.com"),
                None,
            ),
            (r#"1034;Domain="a";PeerServer="b""#, Some("a"), Some("b"), None),
            (r#"1034;fqdn="later";tls-target="first";domain=a;domain=b"#, Some("a"), Some("first"), None),
            (r#"1046;fqdn="c";winsock-code="10060""#, None, Some("c"), Some(10060)),
            (r#"1047;WinsockFailureCode="10054(WSAECONNRESET)""#, None, None, Some(10054)),
            (r#"1010;tls-target=d;HRESULT="0x800B0109(CERT_E_UNTRUSTEDROOT)""#, None, Some("d"), Some(0x800b_0109)),
            (r#"1010;HRESULT="0x800B01090""#, None, None, None),
            (r#"1010;HRESULT="(x)""#, None, None, None),
        ] {
            let header =
                Header { name: HeaderName::MsDiagnostics, spelled: b"ms-diagnostics", value: value.as_bytes() };
            let found = Diagnostic::parse(&header)
                .map(|one| one.details())
                .map(|found| (found.domain, found.peer, found.os_error));
            assert_eq!(found, Some((domain.map(str::as_bytes), peer.map(str::as_bytes), os_error)), "{value}");
        }
    }

    #[test]
    fn only_the_three_headers() {
        for (name, expected) in [
            (HeaderName::MsDiagnosticsPublic, true),
            (HeaderName::MsClientDiagnostics, true),
            (HeaderName::Warning, false),
            (HeaderName::Other, false),
        ] {
            let header = Header { name, spelled: b"", value: b"1034" };
            assert_eq!(Diagnostic::parse(&header).map(|one| one.header), expected.then_some(name));
        }
    }
}
