//! Request methods: the known ones by name, every other token as it stands.

use std::fmt;

/// The method of a request or of a CSeq. Methods are case-sensitive.
///
/// Source: RFC 3261 §7.1; \[MS-SIP\] for BENOTIFY and SERVICE; \[MS-SIPCOMP\] for NEGOTIATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// INVITE.
    Invite,
    /// ACK.
    Ack,
    /// BYE.
    Bye,
    /// CANCEL.
    Cancel,
    /// OPTIONS.
    Options,
    /// MESSAGE, RFC 3428.
    Message,
    /// INFO, RFC 6086.
    Info,
    /// REGISTER.
    Register,
    /// SUBSCRIBE, RFC 6665.
    Subscribe,
    /// NOTIFY, RFC 6665.
    Notify,
    /// BENOTIFY: a NOTIFY that wants no response.
    Benotify,
    /// SERVICE.
    Service,
    /// NEGOTIATE: asks for compression.
    Negotiate,
    /// UPDATE, RFC 3311.
    Update,
    /// PRACK, RFC 3262.
    Prack,
    /// REFER, RFC 3515.
    Refer,
    /// PUBLISH, RFC 3903.
    Publish,
    /// Any other token, as spelled.
    Other(&'a [u8]),
}

impl<'a> Method<'a> {
    /// The method spelled `token`.
    pub fn new(token: &'a [u8]) -> Self {
        match token {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"MESSAGE" => Self::Message,
            b"INFO" => Self::Info,
            b"REGISTER" => Self::Register,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"BENOTIFY" => Self::Benotify,
            b"SERVICE" => Self::Service,
            b"NEGOTIATE" => Self::Negotiate,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"REFER" => Self::Refer,
            b"PUBLISH" => Self::Publish,
            other => Self::Other(other),
        }
    }

    /// The token as it stands on the wire.
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Bye => b"BYE",
            Self::Cancel => b"CANCEL",
            Self::Options => b"OPTIONS",
            Self::Message => b"MESSAGE",
            Self::Info => b"INFO",
            Self::Register => b"REGISTER",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Notify => b"NOTIFY",
            Self::Benotify => b"BENOTIFY",
            Self::Service => b"SERVICE",
            Self::Negotiate => b"NEGOTIATE",
            Self::Update => b"UPDATE",
            Self::Prack => b"PRACK",
            Self::Refer => b"REFER",
            Self::Publish => b"PUBLISH",
            Self::Other(token) => token,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_comes_back_as_spelled() {
        for token in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "MESSAGE", "INFO", "REGISTER", "SUBSCRIBE"] {
            check(token, true);
        }
        for token in ["NOTIFY", "BENOTIFY", "SERVICE", "NEGOTIATE", "UPDATE", "PRACK", "REFER", "PUBLISH"] {
            check(token, true);
        }
        for token in ["invite", "RE-INVITE", "", "!interesting-Method0123456789_*+`.%indeed'~"] {
            check(token, false);
        }
    }

    fn check(token: &str, known: bool) {
        let method = Method::new(token.as_bytes());
        assert_eq!(method.as_bytes(), token.as_bytes());
        assert_eq!(!matches!(method, Method::Other(_)), known, "{token}");
        assert_eq!(method.to_string(), token);
    }
}
