//! What a session tells of itself: how far it came, what is unreadable and why, who the two sides are.

use super::{BEGINS_LATER, Session};
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::tls::facts::{Alert, Facts, State};
use crate::tls::half::{Guard, Half};
use crate::tls::negotiation::{Unread, lost};
use crate::tls::plain::PlainText;
use crate::tls::suite::Suite;
use crate::tls::version::Version;
use crate::unreadable::UnreadableReason;

impl Session {
    /// Whether [`facts`](Self::facts) would say that something is unreadable.
    pub fn is_unreadable(&self) -> bool {
        self.unread.is_some()
            || self.is_junk()
            || self.is_blank()
            || self.in_vain().is_some()
            || self.has_lost_only_data()
    }

    /// How many keys of a side were tried up to the end and opened nothing, although the handshake is through.
    fn in_vain(&self) -> Option<usize> {
        if !self.halves.iter().any(|half| half.ended) || self.is_handshaking() {
            return None;
        }
        let is_alone = self.halves.iter().all(|half| !half.proven);
        self.halves.iter().find_map(|half| half.in_vain(is_alone))
    }

    /// Whether octets came, and none of them were a record.
    fn is_junk(&self) -> bool {
        !self.begun && self.halves.iter().any(|half| half.lost_octets > 0)
    }

    /// Whether octets are lost of a connection that was made before the capture, as far as can be told: nothing of a
    /// handshake was seen, and no alert that no keys protect. One that only closes, with an alert that they do or data
    /// that is as short, has lost nothing.
    fn has_lost_only_data(&self) -> bool {
        self.is_joined && !self.has_shown_handshake && self.alert.is_none() && self.lost_octets() > 0
    }

    /// The first alert other than `close_notify`; a fatal one before one that is not.
    pub fn alert(&self) -> Option<Alert> {
        self.alert
    }

    /// Octets that gave no plain text, of both sides.
    pub fn lost_octets(&self) -> u64 {
        self.halves.iter().map(|half| half.lost_octets).fold(0, u64::saturating_add)
    }

    /// Octets of records that came before their secret and were not kept until it did.
    fn late_octets(&self) -> u64 {
        self.halves.iter().map(|half| half.late_octets).fold(0, u64::saturating_add)
    }

    fn unverified(&self) -> u64 {
        self.halves.iter().map(|half| half.unverified).sum()
    }

    /// Whether keys opened something, and all it carried is lost.
    fn is_blank(&self) -> bool {
        self.plain_octets() == 0 && self.lost_octets() > 0 && self.halves.iter().any(|half| half.opened)
    }

    /// Octets of plain text given, of both sides.
    pub fn plain_octets(&self) -> u64 {
        self.halves.iter().map(|half| half.plain_octets).sum()
    }

    /// Whether a handshake has begun that is not through, so that nothing can have been said in it: the server has
    /// protected nothing yet, or, in TLS 1.3, the client cannot have finished. Unknown, and so false, where octets are lost.
    pub fn is_handshaking(&self) -> bool {
        let Some([client, server]) = self.roles() else { return false };
        if self.is_hiding() {
            // A server may speak before its client has finished.
            return client.is_unfinished() && !server.torn && self.plain_octets() == 0;
        }
        // A client that protects something although its server was never heard: the server's frames were not captured.
        let is_one_sided = self.negotiation.server.is_none() && !client.is_plain();
        !is_one_sided && !client.spoke && server.is_plain() && server.lost_octets == 0
    }

    /// Whether the capture shows the end of a handshake that is not through. In TLS 1.3 the client's own end is waited
    /// for: it may say more until then.
    pub fn is_broken_off(&self) -> bool {
        let Some([client, server]) = self.roles() else { return false };
        self.is_handshaking() && (client.over || server.over && !self.is_hiding())
    }

    /// The side that is the client, by what it says if it said anything.
    pub fn client(&self) -> Side {
        self.client.unwrap_or(Side::Client)
    }

    /// The plain text with which the client's hello was answered, if it was, and where that began.
    pub fn plain_answer(&self) -> Option<(PlainText, FrameRef)> {
        self.answer.plain_text()
    }

    /// Whether the handshake goes on in protected records: TLS 1.3 behind the server's hello.
    pub fn is_hiding(&self) -> bool {
        self.negotiation.server.as_ref().is_some_and(|hello| hello.version == 0x0304 && !hello.is_retry())
    }

    /// Whether the client sent a protected record.
    pub fn has_client_protected(&self) -> bool {
        self.roles().is_some_and(|[client, _]| client.protected_any())
    }

    /// Client and server by what they say, once the client's hello was seen.
    fn roles(&self) -> Option<[&Half; 2]> {
        let [one, other] = &self.halves;
        self.negotiation.client.as_ref()?;
        Some(match self.client? {
            Side::Client => [one, other],
            Side::Server => [other, one],
        })
    }

    /// What is known of the connection so far.
    pub fn facts(&self) -> Facts {
        let [client, server] = &self.halves;
        let hello = self.negotiation.server.as_ref();
        let version = hello.and_then(|hello| match hello.version {
            0x0300 => Some("SSL 3.0"),
            number => Version::of(number).map(Version::name),
        });
        let suite = hello.map(|hello| match Suite::of(hello.suite) {
            Some(suite) => suite.name.to_owned(),
            None => format!("{:#06x}", hello.suite),
        });
        let [(certificate, issuers), (client_certificate, client_issuers)] = match self.client {
            Some(Side::Server) => [Side::Client, Side::Server],
            _ => [Side::Server, Side::Client],
        }
        .map(|side| {
            let mut shown =
                self.certificates.get(side.index()).into_iter().flatten().map(|facts| facts.as_ref().clone());
            (shown.next(), shown.collect())
        });
        let is_keyed = |half: &Half| matches!(half.guard, Guard::Keyed(_) | Guard::Tried(_));
        let unreadable = |Unread { reason, detail, .. }: Unread| State::Unreadable { reason, detail };
        let torn = || unreadable(lost("part of its handshake"));
        let state = match &self.unread {
            // The capture began before the handshake did: an earlier one would not show more of it.
            Some(unread) if unread.reason == UnreadableReason::TlsNoHandshake && self.has_lost_handshake() => torn(),
            Some(unread) => unreadable(unread.clone()),
            None if self.late_octets() > 0 => {
                let detail = format!("its secret came too late for {} octets of it", self.late_octets());
                unreadable(Unread::new(UnreadableReason::TlsNoSecret, detail))
            }
            None if self.is_blank() => unreadable(match self.unverified() {
                0 => lost("what it carried"),
                records => {
                    let detail = format!("{records} records cannot be verified, and none of what it carried can");
                    Unread::new(UnreadableReason::TlsBadMac, detail)
                }
            }),
            None if is_keyed(client) || is_keyed(server) => match self.in_vain() {
                Some(keys) => unreadable(self.negotiation.unverified(keys)),
                None => State::Reading,
            },
            None if self.is_junk() => {
                unreadable(Unread::new(UnreadableReason::Damaged, "there is no TLS record in it that makes sense"))
            }
            None if self.has_lost_only_data() => {
                unreadable(Unread::new(UnreadableReason::TlsNoHandshake, BEGINS_LATER))
            }
            // One that was refused had nothing to say.
            None if self.alert.is_some_and(|alert| alert.fatal) || self.plain_answer().is_some() => State::Handshake,
            None if self.has_holes => torn(),
            None => State::Handshake,
        };
        Facts {
            version,
            suite,
            server_name: self.server_name.clone(),
            certificate,
            issuers,
            client_certificate,
            client_issuers,
            alert: self.alert,
            resumed: self.resumed,
            secrets_tried: self.negotiation.tried().to_vec(),
            plain_octets: [client.plain_octets, server.plain_octets],
            lost_octets: [client.lost_octets, server.lost_octets],
            hurdle: match &state {
                State::Unreadable { reason, .. } => {
                    self.unread.as_ref().filter(|unread| unread.reason == *reason).and_then(|unread| unread.hurdle)
                }
                State::Handshake | State::Reading => None,
            },
            state,
        }
    }

    /// Whether part of a handshake is missing that the capture could have shown, as far as can be told. What is lost of a
    /// connection that was joined later is held to be of its handshake only where another part of that is there: if all
    /// of it was lost, it looks as if it had been before.
    fn has_lost_handshake(&self) -> bool {
        let is_of_handshake = !self.is_joined || self.has_shown_handshake;
        self.negotiation.client.is_some() || self.lost_beginning && is_of_handshake
    }
}
