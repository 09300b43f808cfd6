//! One SIP message: its start line, its headers in order, its body, and typed views of the headers.

use super::header::{Header, HeaderName};
use super::method::Method;
use super::outline::Headers;
use super::status::Status;
use super::view::text::{self, Values};
use super::view::{Address, CSeq, Diagnostic, EdgeTrust, MediaType, Product, Uri, Via, Warning};

/// The first line of a message.
///
/// Source: RFC 3261 §7.1 and §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// What is asked, and of whom.
    Request {
        /// The method.
        method: Method<'a>,
        /// The Request-URI as it stands.
        uri: &'a [u8],
    },
    /// What was answered.
    Response {
        /// The code.
        status: Status,
        /// The free text after the code; may be empty.
        reason: &'a [u8],
    },
}

/// One message, borrowed from the bytes it was parsed from.
///
/// Views are made when asked for; a header that cannot be read as its view is left out of it, and
/// stays reachable through [`Message::header`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The first line.
    pub start: StartLine<'a>,
    /// What follows the empty line; shorter than Content-Length when the capture lost the rest.
    pub body: &'a [u8],
    /// The whole message as it stood in the stream.
    pub raw: &'a [u8],
    /// The first defect of the grammar, when there is one; the parts around it are as good as they could be read.
    pub malformed: Option<&'static str>,
    pub(super) cseq: Option<CSeq<'a>>,
    pub(super) headers: Headers<'a>,
}

impl<'a> Message<'a> {
    /// The value of the first header of this name.
    pub fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.headers.values(name).next()
    }

    /// The values of all headers of this name, one per header line, in order of appearance.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers.values(name)
    }

    /// Every header in order of appearance.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> {
        self.headers.iter()
    }

    /// The value of the first header spelled `name`, whatever the letter case.
    pub fn named(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers.iter().find(|header| header.spelled.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// The single values of all headers of this name, comma lists taken apart.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers(name).flat_map(Values::new)
    }

    /// The method of a request; `None` for a response.
    pub fn method(&self) -> Option<Method<'a>> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The Request-URI; `None` for a response.
    pub fn request_uri(&self) -> Option<Uri<'a>> {
        match self.start {
            StartLine::Request { uri, .. } => Some(Uri::parse(uri)),
            StartLine::Response { .. } => None,
        }
    }

    /// The status code of a response; `None` for a request.
    pub fn status(&self) -> Option<Status> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// The Call-ID, to be compared octet for octet.
    pub fn call_id(&self) -> Option<&'a [u8]> {
        self.header(HeaderName::CallId)
    }

    /// The CSeq.
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        self.cseq
    }

    /// Who the message says it is from.
    pub fn from(&self) -> Option<Address<'a>> {
        self.header(HeaderName::From).map(Address::parse)
    }

    /// Who the message says it is to.
    pub fn to(&self) -> Option<Address<'a>> {
        self.header(HeaderName::To).map(Address::parse)
    }

    /// Every Contact, `*` included.
    pub fn contacts(&self) -> impl Iterator<Item = Address<'a>> {
        self.values(HeaderName::Contact).map(Address::parse)
    }

    /// Every P-Asserted-Identity.
    ///
    /// Source: RFC 3325 §9.1.
    pub fn asserted_identities(&self) -> impl Iterator<Item = Address<'a>> {
        self.values(HeaderName::PAssertedIdentity).map(Address::parse)
    }

    /// Every Via, topmost first, wherever in the head they stand.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> {
        self.values(HeaderName::Via).map(Via::parse)
    }

    /// How many Vias there are, comma lists included: the hops the message has come.
    pub fn via_count(&self) -> usize {
        self.headers(HeaderName::Via).map(text::count_values).sum()
    }

    /// Every Record-Route, topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = Address<'a>> {
        self.values(HeaderName::RecordRoute).map(Address::parse)
    }

    /// Every Route, next hop first.
    pub fn routes(&self) -> impl Iterator<Item = Address<'a>> {
        self.values(HeaderName::Route).map(Address::parse)
    }

    /// The products the sender names, those of Server first, then those of User-Agent.
    pub fn products(&self) -> impl Iterator<Item = Product<'a>> {
        let server = self.headers(HeaderName::Server).flat_map(Product::all);
        server.chain(self.headers(HeaderName::UserAgent).flat_map(Product::all))
    }

    /// The Server value as it stands.
    pub fn server(&self) -> Option<&'a [u8]> {
        self.header(HeaderName::Server)
    }

    /// The User-Agent value as it stands.
    pub fn user_agent(&self) -> Option<&'a [u8]> {
        self.header(HeaderName::UserAgent)
    }

    /// Every ms-diagnostics, ms-diagnostics-public and ms-client-diagnostics with a readable number, in order.
    ///
    /// Source: \[MS-OCER\] §2.2.1.
    pub fn diagnostics(&self) -> impl Iterator<Item = Diagnostic<'a>> {
        self.headers.iter().filter_map(|header| Diagnostic::parse(&header))
    }

    /// What the Edge says of the source of the message.
    ///
    /// Source: \[MS-SIPRE\] §2.2.15.
    pub fn edge_trust(&self) -> Option<EdgeTrust<'a>> {
        self.header(HeaderName::MsEdgeProxyMessageTrust).map(EdgeTrust::new)
    }

    /// Every Warning with a readable code.
    pub fn warnings(&self) -> impl Iterator<Item = Warning<'a>> {
        self.values(HeaderName::Warning).filter_map(Warning::parse)
    }

    /// The Ms-Conversation-ID, an opaque string.
    pub fn conversation_id(&self) -> Option<&'a [u8]> {
        self.header(HeaderName::MsConversationId)
    }

    /// The Content-Type.
    pub fn content_type(&self) -> Option<MediaType<'a>> {
        self.header(HeaderName::ContentType).map(MediaType::parse)
    }
}
