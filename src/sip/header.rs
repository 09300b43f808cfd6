//! Header fields: names in any case and short form, values as they stand on the wire.

use std::borrow::Cow;

use super::view::text;

/// Declares the known names once: variant, canonical spelling, compact form.
macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $(/ $compact:literal)?,)*) => {
        /// The name of a header field, whatever its letter case, compact forms included.
        ///
        /// Names this program has no use for are [`HeaderName::Other`]; the spelling is kept in [`Header::spelled`].
        /// Source: RFC 3261 §7.3.1 (case) and §7.3.3 (compact forms).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum HeaderName {
            $($(#[$doc])* #[doc = concat!("`", $name, "`.")] $variant,)*
            /// Any other name.
            Other,
        }

        /// Every known name with its variant, in the order of the enumeration.
        const NAMES: &[(&str, HeaderName)] = &[$(($name, HeaderName::$variant),)*];

        /// The variant a compact form stands for; the octet must be lower case.
        const fn compact(letter: u8) -> HeaderName {
            match letter {
                $($($compact => HeaderName::$variant,)?)*
                _ => HeaderName::Other,
            }
        }
    };
}

names! {
    Accept = "Accept",
    AcceptContact = "Accept-Contact" / b'a',
    AcceptLanguage = "Accept-Language",
    Allow = "Allow",
    AllowEvents = "Allow-Events" / b'u',
    AuthenticationInfo = "Authentication-Info",
    Authorization = "Authorization",
    CSeq = "CSeq",
    CallId = "Call-ID" / b'i',
    Compression = "Compression",
    Contact = "Contact" / b'm',
    ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding" / b'e',
    ContentLength = "Content-Length" / b'l',
    ContentType = "Content-Type" / b'c',
    Date = "Date",
    EndPoints = "EndPoints",
    Event = "Event" / b'o',
    Expires = "Expires",
    From = "From" / b'f',
    HistoryInfo = "History-Info",
    MaxForwards = "Max-Forwards",
    MimeVersion = "MIME-Version",
    MinExpires = "Min-Expires",
    MsClientDiagnostics = "ms-client-diagnostics",
    MsConversationId = "Ms-Conversation-ID",
    MsDiagnostics = "ms-diagnostics",
    MsDiagnosticsPublic = "ms-diagnostics-public",
    MsEdgeProxyMessageTrust = "ms-edge-proxy-message-trust",
    MsKeepAlive = "ms-keep-alive",
    MsSplitDomainInfo = "ms-split-domain-info",
    MsTextFormat = "ms-text-format",
    MsUserData = "ms-user-data",
    PAssertedIdentity = "P-Asserted-Identity",
    PPreferredIdentity = "P-Preferred-Identity",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyRequire = "Proxy-Require",
    RAck = "RAck",
    RSeq = "RSeq",
    Reason = "Reason",
    RecordRoute = "Record-Route",
    ReferTo = "Refer-To" / b'r',
    ReferredBy = "Referred-By" / b'b',
    RejectContact = "Reject-Contact" / b'j',
    Replaces = "Replaces",
    RequestDisposition = "Request-Disposition" / b'd',
    Require = "Require",
    RetryAfter = "Retry-After",
    RosterManager = "Roster-Manager",
    Route = "Route",
    Server = "Server",
    SessionExpires = "Session-Expires" / b'x',
    Subject = "Subject" / b's',
    SubscriptionState = "Subscription-State",
    Supported = "Supported" / b'k',
    To = "To" / b't',
    Unsupported = "Unsupported",
    UserAgent = "User-Agent",
    Via = "Via" / b'v',
    Warning = "Warning",
    WwwAuthenticate = "WWW-Authenticate",
}

/// Slots of the name table; a power of two with room enough that no two known names share a slot.
const SLOTS: usize = 512;

/// One slot per hash value: index into [`NAMES`] plus one, 0 when empty.
static TABLE: [u8; SLOTS] = build_table();

/// Where a name belongs in [`TABLE`]; `None` for an empty name.
const fn slot(name: &[u8]) -> Option<usize> {
    let length = name.len();
    if length == 0 {
        return None;
    }
    // Setting bit 5 folds ASCII letters and leaves the hyphen alone.
    let first = (name[0] | 0x20) as usize;
    let middle = (name[length / 2] | 0x20) as usize;
    let last = (name[length - 1] | 0x20) as usize;
    Some((length + first * 3 + middle * 11 + last * 61) % SLOTS)
}

/// Fills the table while compiling; two names in one slot stop the build.
const fn build_table() -> [u8; SLOTS] {
    let mut table = [0; SLOTS];
    let mut index = 0;
    while index < NAMES.len() {
        let mut at = 0;
        while at < NAMES[index].0.len() {
            let octet = NAMES[index].0.as_bytes()[at];
            assert!(octet.is_ascii_alphabetic() || octet == b'-', "`is_spelled` is right for letters and hyphens only");
            at += 1;
        }
        if let Some(slot) = slot(NAMES[index].0.as_bytes()) {
            assert!(table[slot] == 0, "two header names share a slot: change the factors in `slot`");
            table[slot] = index as u8 + 1;
        }
        index += 1;
    }
    table
}

/// Whether `spelled` is the known name `name` in any letter case, without a branch for each octet: known names are made
/// of letters, which have bit 6 and may differ in bit 5, and of hyphens, which may not differ.
fn is_spelled(name: &[u8], spelled: &[u8]) -> bool {
    let unlike = |(known, met): (&u8, &u8)| (known ^ met) & !((known >> 1) & 0x20);
    name.len() == spelled.len() && name.iter().zip(spelled).map(unlike).fold(0, |all, one| all | one) == 0
}

impl HeaderName {
    /// The name spelled `spelled`, without white space around it.
    pub fn new(spelled: &[u8]) -> Self {
        if let [letter] = spelled {
            return compact(letter.to_ascii_lowercase());
        }
        let entry = slot(spelled).and_then(|slot| TABLE.get(slot)).and_then(|index| {
            let index = usize::from(*index).checked_sub(1)?;
            NAMES.get(index)
        });
        match entry {
            Some((name, variant)) if is_spelled(name.as_bytes(), spelled) => *variant,
            _ => Self::Other,
        }
    }

    /// The long form as specifications spell it; empty for [`HeaderName::Other`].
    pub fn as_str(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(name, _)| name)
    }
}

/// One header field of a message, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Which header it is.
    pub name: HeaderName,
    /// The name as the sender wrote it.
    pub spelled: &'a [u8],
    /// The value without white space at its ends. May hold line folds (line end and white space),
    /// which every view treats as white space, and octets that are not UTF-8.
    pub value: &'a [u8],
}

impl<'a> Header<'a> {
    /// The value with every fold made one space; borrowed when there is none.
    ///
    /// Source: RFC 3261 §7.3.1.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        text::unfold(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_any_case() {
        for (name, variant) in NAMES {
            for spelled in [name.to_string(), name.to_ascii_uppercase(), name.to_ascii_lowercase()] {
                assert_eq!(HeaderName::new(spelled.as_bytes()), *variant, "{spelled}");
            }
            assert_eq!(variant.as_str(), *name);
        }
        assert_eq!(HeaderName::Other.as_str(), "");
    }

    #[test]
    fn one_octet_makes_another_name() {
        for (name, variant) in NAMES.iter().filter(|(name, _)| name.len() > 1) {
            for at in 0..name.len() {
                for octet in 0..=u8::MAX {
                    let mut spelled = name.as_bytes().to_vec();
                    spelled[at] = octet;
                    let is_same = name.as_bytes().eq_ignore_ascii_case(&spelled);
                    assert_eq!(HeaderName::new(&spelled) == *variant, is_same, "{name} with {octet:#x} at {at}");
                }
            }
        }
    }

    #[test]
    fn compact_forms() {
        for (letter, name) in [
            ("a", HeaderName::AcceptContact),
            ("b", HeaderName::ReferredBy),
            ("c", HeaderName::ContentType),
            ("d", HeaderName::RequestDisposition),
            ("e", HeaderName::ContentEncoding),
            ("f", HeaderName::From),
            ("i", HeaderName::CallId),
            ("j", HeaderName::RejectContact),
            ("k", HeaderName::Supported),
            ("l", HeaderName::ContentLength),
            ("m", HeaderName::Contact),
            ("o", HeaderName::Event),
            ("r", HeaderName::ReferTo),
            ("s", HeaderName::Subject),
            ("t", HeaderName::To),
            ("u", HeaderName::AllowEvents),
            ("v", HeaderName::Via),
            ("x", HeaderName::SessionExpires),
            ("z", HeaderName::Other),
        ] {
            assert_eq!(HeaderName::new(letter.as_bytes()), name, "{letter}");
            assert_eq!(HeaderName::new(letter.to_ascii_uppercase().as_bytes()), name, "{letter}");
        }
    }

    #[test]
    fn strangers_are_other() {
        for name in ["", "-", "X-Foo", "Froms", "Fro", "ms-diagnostic", "Call_ID", "C\u{2011}Seq", "\0\0\0"] {
            assert_eq!(HeaderName::new(name.as_bytes()), HeaderName::Other, "{name}");
        }
    }
}
