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

    /// The fully qualified name of the server that reports.
    pub fn source(&self) -> Option<&'a [u8]> {
        self.params.get(b"source")
    }

    /// The reason as the reporter words it.
    pub fn reason(&self) -> Option<&'a [u8]> {
        self.params.get(b"reason")
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
        let found = Diagnostic::parse(&header).map(|one| (one.id, one.sub, one.source(), one.reason()));
        let expected =
            expected.map(|(id, sub, source, reason)| (id, sub, source.map(str::as_bytes), reason.map(str::as_bytes)));
        assert_eq!(found, expected, "{value}");
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
