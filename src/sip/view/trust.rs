//! ms-edge-proxy-message-trust.

use super::params::Params;

/// What the Access Edge says of where a message came from. Only an Edge adds it, never a client.
///
/// Source: \[MS-SIPRE\] §2.2.15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeTrust<'a> {
    /// `AuthorizedServer`, `AutoFederation`, `DirectPartner`, `EdgeProxyGenerated` or `InternetUser`.
    pub source_type: Option<&'a [u8]>,
    /// The Edge's own name.
    pub ep_fqdn: Option<&'a [u8]>,
    /// `verified` or `unverified`.
    pub source_verified_user: Option<&'a [u8]>,
    /// `federation` or `publiccloud`.
    pub source_network: Option<&'a [u8]>,
    /// The peer the message came from.
    pub remote_fqdn: Option<&'a [u8]>,
}

impl<'a> EdgeTrust<'a> {
    /// Reads the header's value; what is not said stays `None`.
    pub fn parse(value: &'a [u8]) -> Self {
        let params = Params::new(value);
        Self {
            source_type: params.get(b"ms-source-type"),
            ep_fqdn: params.get(b"ms-ep-fqdn"),
            source_verified_user: params.get(b"ms-source-verified-user"),
            source_network: params.get(b"ms-source-network"),
            remote_fqdn: params.get(b"ms-remote-fqdn"),
        }
    }

    /// Whether the Edge made the message up itself: nothing came from outside.
    pub fn is_edge_generated(&self) -> bool {
        self.source_type.is_some_and(|kind| kind.eq_ignore_ascii_case(b"EdgeProxyGenerated"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_answers() {
        let trust = EdgeTrust::parse(
            b"ms-source-type=AuthorizedServer;ms-ep-fqdn=edge01.example.com;ms-source-verified-user=verified;\
              ms-source-network=federation;ms-remote-fqdn=sipfed.online.lync.com",
        );
        assert_eq!(trust.source_type, Some(&b"AuthorizedServer"[..]));
        assert_eq!(trust.ep_fqdn, Some(&b"edge01.example.com"[..]));
        assert_eq!(trust.source_verified_user, Some(&b"verified"[..]));
        assert_eq!(trust.source_network, Some(&b"federation"[..]));
        assert_eq!(trust.remote_fqdn, Some(&b"sipfed.online.lync.com"[..]));
        assert!(!trust.is_edge_generated());
    }

    #[test]
    fn the_edge_answers() {
        let trust = EdgeTrust::parse(b" MS-Source-Type = \"edgeproxygenerated\" ; ms-ep-fqdn=edge01");
        assert!(trust.is_edge_generated());
        assert_eq!(trust.remote_fqdn, None);
        assert!(!EdgeTrust::parse(b"").is_edge_generated());
    }
}
