//! ms-edge-proxy-message-trust.

use super::params::Params;

/// What the Access Edge says of where a message came from. Only an Edge adds it, never a client.
///
/// Source: \[MS-SIPRE\] §2.2.15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeTrust<'a> {
    params: Params<'a>,
}

impl<'a> EdgeTrust<'a> {
    /// A view of the header's value.
    pub const fn new(value: &'a [u8]) -> Self {
        Self { params: Params::new(value) }
    }

    /// `AuthorizedServer`, `AutoFederation`, `DirectPartner`, `EdgeProxyGenerated` or `InternetUser`.
    pub fn source_type(&self) -> Option<&'a [u8]> {
        self.params.get(b"ms-source-type")
    }

    /// The Edge's own name.
    pub fn ep_fqdn(&self) -> Option<&'a [u8]> {
        self.params.get(b"ms-ep-fqdn")
    }

    /// `verified` or `unverified`.
    pub fn source_verified_user(&self) -> Option<&'a [u8]> {
        self.params.get(b"ms-source-verified-user")
    }

    /// `federation` or `publiccloud`.
    pub fn source_network(&self) -> Option<&'a [u8]> {
        self.params.get(b"ms-source-network")
    }

    /// The peer the message came from.
    pub fn remote_fqdn(&self) -> Option<&'a [u8]> {
        self.params.get(b"ms-remote-fqdn")
    }

    /// Whether the Edge made the message up itself: nothing came from outside.
    pub fn is_edge_generated(&self) -> bool {
        self.source_type().is_some_and(|kind| kind.eq_ignore_ascii_case(b"EdgeProxyGenerated"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_answers() {
        let trust = EdgeTrust::new(
            b"ms-source-type=AuthorizedServer;ms-ep-fqdn=edge01.example.com;ms-source-verified-user=verified;\
              ms-source-network=federation;ms-remote-fqdn=sipfed.online.lync.com",
        );
        assert_eq!(trust.source_type(), Some(&b"AuthorizedServer"[..]));
        assert_eq!(trust.ep_fqdn(), Some(&b"edge01.example.com"[..]));
        assert_eq!(trust.source_verified_user(), Some(&b"verified"[..]));
        assert_eq!(trust.source_network(), Some(&b"federation"[..]));
        assert_eq!(trust.remote_fqdn(), Some(&b"sipfed.online.lync.com"[..]));
        assert!(!trust.is_edge_generated());
    }

    #[test]
    fn the_edge_answers() {
        let trust = EdgeTrust::new(b" MS-Source-Type = \"edgeproxygenerated\" ; ms-ep-fqdn=edge01");
        assert!(trust.is_edge_generated());
        assert_eq!(trust.remote_fqdn(), None);
        assert!(!EdgeTrust::new(b"").is_edge_generated());
    }
}
