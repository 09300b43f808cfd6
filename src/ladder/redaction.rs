//! Messages as anybody may read them: the head without what people wrote, without credentials, and without what names
//! a device to the clearing house.
//!
//! Only what is known to be harmless is shown; of everything else stands the name.

use std::sync::Arc;

use super::Correlator;
use super::kept::Kept;
use super::rung::{PushSeen, Rung};
use crate::ladder::Ladder;
use crate::sip::header::HeaderName;
use crate::sip::message::{Message, StartLine};
use crate::sip::method::Method;
use crate::sip::view::lossy;

/// Octets of one value that are shown.
const LONGEST_VALUE: usize = 400;
/// Octets of a head that are shown.
const LONGEST_HEAD: usize = 8 * 1024;
/// What stands for what is not shown.
const LEFT_OUT: &str = "[left out]";

/// How much of messages is kept for a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Texts {
    /// Nothing but the first line.
    #[default]
    None,
    /// The head, as anybody may read it.
    Redacted,
    /// Everything.
    Whole,
}

impl Texts {
    /// What is kept where a whole message is asked for, or an outline of it.
    pub const fn of(whole: bool, outline: bool) -> Self {
        match (whole, outline) {
            (true, _) => Self::Whole,
            (false, true) => Self::Redacted,
            (false, false) => Self::None,
        }
    }
}

impl Correlator {
    /// What is kept of a message of which `summary` tells.
    pub(super) fn kept(&self, message: &Message<'_>, summary: &str) -> Option<Arc<Kept>> {
        let text = match self.texts {
            Texts::None => return None,
            Texts::Redacted => self.redacted(message, summary).into_bytes(),
            Texts::Whole => message.raw.to_vec(),
        };
        Some(self.room.keep(text))
    }

    /// The head of a message as anybody may read it.
    fn redacted(&self, message: &Message<'_>, summary: &str) -> String {
        // What the summary says of the first line is harmless already.
        let mut text = match message.start {
            StartLine::Request { .. } => format!("{summary} SIP/2.0\r\n"),
            StartLine::Response { .. } => format!("SIP/2.0 {summary}\r\n"),
        };
        let may_be_push = message.cseq().is_some_and(|cseq| cseq.method == Method::Message);
        for header in message.iter() {
            let value = match header.name {
                HeaderName::To if may_be_push => self.addressee(message),
                HeaderName::ContentType => lossy(header.value).split(';').next().unwrap_or_default().trim().to_owned(),
                name if is_harmless(name) && !(may_be_push && is_of_way(name)) => clipped(&lossy(header.value)),
                _ => LEFT_OUT.to_owned(),
            };
            if text.len() + header.spelled.len() + value.len() > LONGEST_HEAD {
                text.push_str("[further headers left out]\r\n");
                break;
            }
            text.push_str(&format!("{}: {value}\r\n", lossy(header.spelled)));
        }
        if !message.body.is_empty() {
            text.push_str(&format!("\r\n[body of {} octets left out]\r\n", message.body.len()));
        }
        text
    }

    /// To whom a message is that may be a push, whose address may hold what names the device.
    fn addressee(&self, message: &Message<'_>) -> String {
        let Some(to) = message.to() else { return LEFT_OUT.to_owned() };
        let is_of_house = message.from().is_some_and(|from| from.uri().host.eq_ignore_ascii_case(to.uri().host));
        let whom = if is_of_house { to.uri().aor() } else { Some(self.push_target(&to.uri(), message)) };
        let tag = to.tag().map_or_else(String::new, |tag| format!(";tag={}", clipped(&lossy(tag))));
        whom.map_or_else(|| LEFT_OUT.to_owned(), |whom| format!("<{}>{tag}", clipped(&whom)))
    }
}

fn clipped(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE).and_then(|(end, _)| value.get(..end)) {
        Some(short) => format!("{short}…"),
        None => value.to_owned(),
    }
}

/// Whether a value tells nothing but who talks to whom, on which way, and how it went.
const fn is_harmless(name: HeaderName) -> bool {
    use HeaderName as H;
    matches!(
        name,
        H::Allow
            | H::AllowEvents
            | H::CSeq
            | H::CallId
            | H::ContentLength
            | H::Date
            | H::Event
            | H::Expires
            | H::From
            | H::MaxForwards
            | H::MsClientDiagnostics
            | H::MsConversationId
            | H::MsDiagnostics
            | H::MsDiagnosticsPublic
            | H::MsEdgeProxyMessageTrust
            | H::MsKeepAlive
            | H::MsSplitDomainInfo
            | H::PAssertedIdentity
            | H::ProxyRequire
            | H::RSeq
            | H::Reason
            | H::Require
            | H::RetryAfter
            | H::Server
            | H::SessionExpires
            | H::Supported
            | H::To
            | H::Unsupported
            | H::UserAgent
            | H::Via
            | H::Warning
    ) || is_of_way(name)
}

/// Whether a value holds addresses that may have been copied from the message's own.
const fn is_of_way(name: HeaderName) -> bool {
    matches!(name, HeaderName::Contact | HeaderName::RecordRoute | HeaderName::Route)
}

impl Ladder {
    /// Every place where something of it was seen.
    fn rungs(&mut self) -> impl Iterator<Item = &mut Rung> {
        let pushes = self.pushes.iter_mut().flat_map(|PushSeen { requests, answers, .. }| {
            let requests = requests.iter_mut().map(|(rung, _)| rung);
            requests.chain(answers.iter_mut().map(|answer| &mut answer.rung))
        });
        let plain = [
            &mut self.invite,
            &mut self.lookup,
            &mut self.ringing,
            &mut self.cancels,
            &mut self.active,
            &mut self.strays,
        ];
        let answers = self.answers.iter_mut().map(|answer| &mut answer.rung);
        plain.into_iter().flatten().chain(pushes).chain(answers)
    }

    /// Lets the texts of its messages go where they are longer than `room` octets in all; how long they are that stay.
    pub fn keep_texts(&mut self, room: usize) -> usize {
        let length = self.rungs().filter_map(|rung| rung.raw.as_deref()).map(|kept| kept.len()).sum();
        if length <= room {
            return length;
        }
        self.rungs().for_each(|rung| rung.raw = None);
        0
    }
}
