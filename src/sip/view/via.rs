//! Via: one hop a message has come.

use super::params::Params;
use super::text;
use super::uri::host_and_port;

/// One Via value. What cannot be read stays empty, so that hops still count.
///
/// Source: RFC 3261 §20.42; \[MS-SIPRE\] for the `ms-` parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as spelled: `TLS`, `tls`, `TCP`, …
    pub transport: &'a [u8],
    /// Who sent it.
    pub host: &'a [u8],
    /// The port it gave; `None` when there is none.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one Via; `value` must not be a comma list.
    pub fn parse(value: &'a [u8]) -> Self {
        let (head, params) = text::cut(value, b';');
        let (_name, rest) = text::cut(head, b'/');
        let (_version, rest) = text::cut(rest.unwrap_or_default(), b'/');
        let rest = text::trim(rest.unwrap_or_default());
        let end = rest.iter().position(|octet| text::is_space(*octet)).unwrap_or(rest.len());
        let (transport, place) = rest.split_at_checked(end).unwrap_or((rest, b""));
        let (host, port) = host_and_port(place);
        Self { transport, host, port, params: Params::new(params.unwrap_or_default()) }
    }

    /// The branch; clients of Lync leave it out.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.get(b"branch")
    }

    /// The address the next hop saw the request come from.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params.get(b"received")
    }

    /// The source port of the hop before, as the server saw it.
    pub fn ms_received_port(&self) -> Option<u16> {
        self.params.get(b"ms-received-port").and_then(text::number)
    }

    /// The server's number of the connection of the hop before, in hexadecimal digits of any case.
    pub fn ms_received_cid(&self) -> Option<&'a [u8]> {
        self.params.get(b"ms-received-cid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        check(
            "SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK2DA3892F.D0429AA1",
            "TLS",
            "192.0.2.7",
            Some(5061),
            Some("z9hG4bK2DA3892F.D0429AA1"),
        );
        check("SIP/2.0/tls 192.0.2.10", "tls", "192.0.2.10", None, None);
        check(" SIP  / 2.0\r\n / TCP   a.example   ;\r\n branch  =  z9 ", "TCP", "a.example", None, Some("z9"));
        check("SIP/2.0/UDP [2001:db8::9:1]:6050;received=[::1]", "UDP", "[2001:db8::9:1]", Some(6050), None);
        check("SIP/2.0/TCP host : 5062 ;branch=a", "TCP", "host", Some(5062), Some("a"));
        check("SIP/2.0/TCP", "TCP", "", None, None);
        check("nonsense", "", "", None, None);
        check("", "", "", None, None);
    }

    fn check(value: &str, transport: &str, host: &str, port: Option<u16>, branch: Option<&str>) {
        let via = Via::parse(value.as_bytes());
        assert_eq!((via.transport, via.host, via.port), (transport.as_bytes(), host.as_bytes(), port), "{value}");
        assert_eq!(via.branch(), branch.map(str::as_bytes), "{value}");
    }

    #[test]
    fn what_a_front_end_adds() {
        let via = Via::parse(
            b"SIP/2.0/tls 192.0.2.10:50230;received=198.51.100.254;ms-received-port=50230;ms-received-cid=37ABE00",
        );
        assert_eq!(via.received(), Some(&b"198.51.100.254"[..]));
        assert_eq!(via.ms_received_port(), Some(50230));
        assert_eq!(via.ms_received_cid(), Some(&b"37ABE00"[..]));
    }
}
