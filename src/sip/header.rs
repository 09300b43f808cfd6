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

/// Octets that are compared at once: no known name is longer.
const WIDE: usize = 32;

/// A known name as one comparison takes it.
struct Known {
    length: usize,
    octets: [u8; WIDE],
    /// The bits that matter: of letters all but bit 5, which is their case; of what is behind the name none.
    matter: [u8; WIDE],
}

impl Known {
    const fn new(name: &[u8]) -> Self {
        assert!(name.len() <= WIDE, "a known name is longer than what is compared");
        let (mut octets, mut matter) = ([0; WIDE], [0; WIDE]);
        let mut at = 0;
        while at < name.len() {
            assert!(name[at].is_ascii_alphabetic() || name[at] == b'-', "known names are letters and hyphens");
            octets[at] = name[at];
            matter[at] = if name[at] == b'-' { 0xff } else { 0xdf };
            at += 1;
        }
        Self { length: name.len(), octets, matter }
    }

    /// Whether it is what the `length` first octets of `text` spell, in any letter case; without a branch for each octet.
    fn is_spelled(&self, text: &[u8; WIDE], length: usize) -> bool {
        let known = self.octets.iter().zip(&self.matter);
        let unlike = text.iter().zip(known).map(|(met, (known, matter))| (met ^ known) & matter);
        length == self.length && unlike.fold(0, |all, one| all | one) == 0
    }
}

/// [`NAMES`] again, in their order.
static KNOWN: [Known; NAMES.len()] = {
    let mut known = [const { Known::new(b"") }; NAMES.len()];
    let mut index = 0;
    while index < NAMES.len() {
        known[index] = Known::new(NAMES[index].0.as_bytes());
        index += 1;
    }
    known
};

/// Slots of the name table; a power of two with room enough that no two known names share a slot.
const SLOTS: usize = 512;

/// One slot per hash value: index into [`NAMES`] plus one, 0 when empty.
static TABLE: [u8; SLOTS] = build_table();

/// Where a name with these octets at its ends and in its middle belongs in [`TABLE`].
const fn slot(length: usize, first: u8, middle: u8, last: u8) -> usize {
    // Setting bit 5 folds ASCII letters and leaves the hyphen alone.
    let [first, middle, last] = [(first | 0x20) as usize, (middle | 0x20) as usize, (last | 0x20) as usize];
    (length + first * 3 + middle * 11 + last * 61) % SLOTS
}

/// Fills the table while compiling; two names in one slot stop the build.
const fn build_table() -> [u8; SLOTS] {
    let mut table = [0; SLOTS];
    let mut index = 0;
    while index < NAMES.len() {
        let name = NAMES[index].0.as_bytes();
        let slot = slot(name.len(), name[0], name[name.len() / 2], name[name.len() - 1]);
        assert!(table[slot] == 0, "two header names share a slot: change the factors in `slot`");
        table[slot] = index as u8 + 1;
        index += 1;
    }
    table
}

impl HeaderName {
    /// The name spelled `spelled`, without white space around it.
    pub fn new(spelled: &[u8]) -> Self {
        let mut wide = [0; WIDE];
        let Some(room) = wide.get_mut(..spelled.len()) else { return Self::Other };
        room.copy_from_slice(spelled);
        Self::of(&wide, spelled.len())
    }

    /// The name that the `length` first octets of `text` spell: at one look where some octets follow.
    pub fn beginning(text: &[u8], length: usize) -> Self {
        match text.first_chunk() {
            Some(wide) => Self::of(wide, length),
            None => Self::new(text.get(..length).unwrap_or_default()),
        }
    }

    fn of(wide: &[u8; WIDE], length: usize) -> Self {
        let ends = (wide.get(length / 2), wide.get(length.wrapping_sub(1)));
        let ([first, ..], (Some(middle), Some(last))) = (wide, ends) else { return Self::Other };
        if length == 1 {
            return compact(first.to_ascii_lowercase());
        }
        let index = TABLE.get(slot(length, *first, *middle, *last)).map_or(0, |index| usize::from(*index));
        let index = index.wrapping_sub(1);
        match (KNOWN.get(index), NAMES.get(index)) {
            (Some(known), Some((_, variant))) if known.is_spelled(wide, length) => *variant,
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
                    spelled.extend_from_slice(b": a value of some length\r\n");
                    let begun = HeaderName::beginning(&spelled, name.len());
                    assert_eq!(begun == *variant, is_same, "{name} with {octet:#x} at {at}");
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
        for name in [
            "",
            "-",
            "X-Foo",
            "X-Name-That-Is-Longer-Than-What-Is-Compared",
            "Froms",
            "Fro",
            "ms-diagnostic",
            "Call_ID",
            "C\u{2011}Seq",
            "\0\0\0",
        ] {
            assert_eq!(HeaderName::new(name.as_bytes()), HeaderName::Other, "{name}");
            let line = format!("{name}: another value of some length");
            assert_eq!(HeaderName::beginning(line.as_bytes(), name.len()), HeaderName::Other, "{name}");
        }
    }
}
