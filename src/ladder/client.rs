//! Mobile clients: who an endpoint is, by its product tokens.

use std::sync::Arc;

use super::profile::{Expectation, Profile};
use crate::frame::FrameRef;
use crate::sip::header::HeaderName;
use crate::sip::message::Message;
use crate::sip::view::{Product, lossy};

/// What an endpoint's Server or User-Agent says of its client; shared by all who remember the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileClient {
    /// The whole header value.
    pub server: Box<str>,
    /// The mobility service's product token, as spelled.
    pub service: Box<str>,
    /// Its version.
    pub service_version: Option<Box<str>>,
    /// The client's product token, as spelled.
    pub client: Option<Box<str>>,
    /// Its version.
    pub client_version: Option<Box<str>>,
    /// The family's platform, from the profile.
    pub platform: Option<Box<str>>,
    /// The phone's make and model, from the comment.
    pub device: Option<Box<str>>,
    /// Whether this client gets a push.
    pub expects: Expectation,
}

/// A mobile endpoint of the callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Its endpoint id, where one was seen.
    pub epid: Option<Box<str>>,
    /// The `opaque` parameter of its GRUU, where one was seen.
    pub gruu: Option<Box<str>>,
    /// The To tag it answers with.
    pub tag: Option<Box<[u8]>>,
    /// Who it is; `None` when only the way to it shows that it is a phone.
    pub client: Option<Arc<MobileClient>>,
    /// Its first 180.
    pub rang: Option<FrameRef>,
}

impl Phone {
    /// Whether this phone gets a push; unknown until its client is known.
    pub fn expects(&self) -> Expectation {
        self.client.as_ref().map_or(Expectation::Unknown, |client| client.expects)
    }
}

/// Reads a mobile client out of a message's Server or User-Agent; `None` when neither names a mobility service.
///
/// Source: `RTCC/<version> <service>/<version> <client>/<version> (comment)`, RFC 3261 §20.35 and §20.41.
pub fn mobile_client(message: &Message<'_>, profile: &Profile) -> Option<Arc<MobileClient>> {
    [HeaderName::Server, HeaderName::UserAgent].into_iter().find_map(|name| {
        let value = message.header(name)?;
        read(value, profile).map(Arc::new)
    })
}

/// Whether a message's Server or User-Agent names a mobility service.
pub fn is_mobile(message: &Message<'_>, profile: &Profile) -> bool {
    let names = |value| Product::all(value).any(|product| is_service(product.name, profile));
    [HeaderName::Server, HeaderName::UserAgent].into_iter().any(|name| message.header(name).is_some_and(names))
}

fn is_service(name: &[u8], profile: &Profile) -> bool {
    profile.mobile.products.iter().any(|product| product.as_bytes().eq_ignore_ascii_case(name))
}

fn read(value: &[u8], profile: &Profile) -> Option<MobileClient> {
    let mut products = Product::all(value);
    let service = products.find(|product| is_service(product.name, profile))?;
    let client = products.find(|product| !product.name.is_empty());
    let comment = Product::all(value).find_map(|product| product.comment);
    let name = client.as_ref().map(|product| text(product.name));
    let version = client.as_ref().and_then(|product| product.version).map(text);
    let family = name.as_deref().and_then(|name| profile.family(name, version.as_deref()));
    Some(MobileClient {
        server: text(value),
        service: text(service.name),
        service_version: service.version.map(text),
        platform: family.map(|(_, family, _)| family.platform.as_str().into()),
        expects: family.map_or(Expectation::Unknown, |(_, _, expectation)| expectation),
        client: name,
        client_version: version,
        device: comment.and_then(device),
    })
}

/// The make and model out of `Microsoft Windows CE 7.10.7720; SAMSUNG SGH-i937 2103.11.10.1`: what
/// follows the last `;`, without a trailing firmware version.
fn device(comment: &[u8]) -> Option<Box<str>> {
    let (_, model) = comment.iter().rposition(|octet| *octet == b';').map(|at| comment.split_at(at + 1))?;
    let model = text(model);
    let model = match model.trim().rsplit_once(' ') {
        Some((name, version)) if is_version(version) => name.trim(),
        _ => model.trim(),
    };
    (!model.is_empty()).then(|| model.into())
}

fn is_version(text: &str) -> bool {
    text.contains('.') && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Wire octets as text: what is not UTF-8 becomes U+FFFD.
pub fn text(octets: &[u8]) -> Box<str> {
    lossy(octets).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(value: &str) -> Option<MobileClient> {
        read(value.as_bytes(), &Profile::built_in().unwrap())
    }

    #[test]
    fn the_windows_phone_of_the_book() {
        let client = client("RTCC/4.0.0.0 McxService/4.0.0.0 WPLync/4.1.7947.0 (Microsoft Windows CE 7.10.7720; SAMSUNG SGH-i937 2103.11.10.1)").unwrap();
        assert_eq!(&*client.service, "McxService");
        assert_eq!(client.service_version.as_deref(), Some("4.0.0.0"));
        assert_eq!(client.client.as_deref(), Some("WPLync"));
        assert_eq!(client.client_version.as_deref(), Some("4.1.7947.0"));
        assert_eq!(client.platform.as_deref(), Some("Windows Phone"));
        assert_eq!(client.device.as_deref(), Some("SAMSUNG SGH-i937"));
        assert_eq!(client.expects, Expectation::Yes);
    }

    #[test]
    fn other_clients() {
        for (value, name, expects) in [
            (
                "RTCC/3.5.0.0 MCXService/3.5.0.0 communicator.NOKIAS60R2.JVP.EN_US/1.0.6875.0",
                "communicator.NOKIAS60R2.JVP.EN_US",
                Expectation::No,
            ),
            ("RTCC/5.0.0.0 UCWA/5.0.0.0 iPhoneLync/5.4.10", "iPhoneLync", Expectation::No),
            ("RTCC/4.0.0.0 mcxservice/4.0.0.0 iphonelync/4.0", "iphonelync", Expectation::Yes),
            ("RTCC/6.0.0.0 UCWA/6.0.0.0 iPhoneLync/6.2", "iPhoneLync", Expectation::Unknown),
            ("RTCC/6.0.0.0 UCWA/6.0.0.0 SomethingNew/1.0", "SomethingNew", Expectation::Unknown),
        ] {
            let client = client(value).unwrap();
            assert_eq!((client.client.as_deref(), client.expects), (Some(name), expects), "{value}");
        }
        assert_eq!(client("UCCAPI/15.0.4569.1503 OC/15.0.4569.1503 (Microsoft Lync)"), None);
        assert_eq!(client("RTC/5.0"), None);
        assert_eq!(client("RTCC/4.0.0.0 McxService/4.0.0.0").unwrap().client, None);
    }
}
