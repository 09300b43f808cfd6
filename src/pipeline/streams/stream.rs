//! One connection: what is around its text, and what became of it.

use crate::flow::{Connection, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::pipeline::carrier::Fate;
use crate::pipeline::hidden::Doubt;
use crate::pipeline::keys::Keys;
use crate::pipeline::ledger::{Ledger, Speaker};
use crate::pipeline::packing::Packing;
use crate::pipeline::reading::Seen;
use crate::pipeline::secured::Secured;
use crate::pipeline::text::Content;
use crate::report::view::Unread;
use crate::sip::framer;
use crate::stream::{Event, UNKNOWN_LENGTH};
use crate::tls::{Probe, probe};

/// The first octets of a side, too few to tell what they are.
type Few = Option<(u64, Vec<u8>, FrameRef)>;

/// What is around the text.
enum Around {
    /// Nothing, as far as it is known.
    Nothing { few: [Few; 2] },
    /// TLS.
    Tls(Box<Secured>),
}

/// A connection that has carried data.
pub(super) struct Stream {
    pub(super) connection: Connection,
    around: Around,
    pub(super) packing: Packing,
    pub(super) last: Option<FrameRef>,
    frames: u64,
    /// Whether the capture cut any of its frames.
    pub(super) is_cut: bool,
    pub(super) ended: u8,
}

impl Stream {
    pub(super) fn new(connection: Connection, limits: framer::Limits) -> Self {
        let around = Around::Nothing { few: [None, None] };
        Self { connection, around, packing: Packing::new(limits), last: None, frames: 0, is_cut: false, ended: 0 }
    }

    /// Takes one event in.
    pub(super) fn event(
        &mut self,
        side: Side,
        event: Event<'_>,
        keys: &mut Keys,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let connection = self.connection;
        let speaker = Speaker { connection: &connection, side };
        let few = match &mut self.around {
            Around::Tls(secured) => return secured.event(speaker, event, &mut self.packing, keys, ledger, out),
            // Plain text that is known for what it is stays what it is.
            Around::Nothing { .. } if self.packing.content() != Content::Unknown => {
                return self.packing.event(speaker, event, ledger, out);
            }
            Around::Nothing { few } => side.of(few).take(),
        };
        let Event::Bytes { offset, bytes, frame } = event else {
            if let Some((offset, bytes, frame)) = few {
                self.packing.event(speaker, Event::Bytes { offset, bytes: &bytes, frame }, ledger, out);
            }
            return self.packing.event(speaker, event, ledger, out);
        };
        let begin: Vec<u8> = few.iter().flat_map(|(_, few, _)| few).chain(bytes.iter().take(8)).copied().collect();
        match probe(&begin) {
            Probe::TooShort => {
                let (offset, frame) = few.map_or((offset, frame), |(offset, _, frame)| (offset, frame));
                if let Around::Nothing { few } = &mut self.around {
                    *side.of(few) = Some((offset, begin, frame));
                }
            }
            Probe::Tls => {
                ledger.account.tls += 1;
                ledger.protected(&connection);
                let secured = Secured::new(&connection, self.packing.has_passed());
                let others = match std::mem::replace(&mut self.around, Around::Tls(Box::new(secured))) {
                    Around::Nothing { few } => few,
                    Around::Tls(_) => [None, None],
                };
                let Around::Tls(secured) = &mut self.around else { return };
                let [client, server] = others;
                let waiting = [(Side::Client, client), (Side::Server, server), (side, few)];
                for (side, few) in waiting {
                    let Some((offset, bytes, frame)) = few else { continue };
                    let event = Event::Bytes { offset, bytes: &bytes, frame };
                    secured.event(Speaker { side, ..speaker }, event, &mut self.packing, keys, ledger, out);
                }
                secured.event(speaker, event, &mut self.packing, keys, ledger, out);
            }
            Probe::Other => {
                if let Some((offset, bytes, frame)) = few {
                    self.packing.event(speaker, Event::Bytes { offset, bytes: &bytes, frame }, ledger, out);
                }
                self.packing.event(speaker, event, ledger, out);
            }
        }
    }

    pub(super) fn touch(&mut self, frame: FrameRef) {
        if self.last != Some(frame) {
            self.frames += 1;
        }
        self.last = Some(frame);
    }

    /// Whether a side may yet say something.
    pub(super) fn is_open(&self) -> bool {
        self.ended < 2
    }

    /// Octets held of what is not whole.
    pub(super) fn held(&self) -> usize {
        let tls = match &self.around {
            Around::Tls(secured) => secured.held(),
            Around::Nothing { .. } => 0,
        };
        self.packing.held(Side::Client) + self.packing.held(Side::Server) + tls
    }

    /// Gives up what is held.
    pub(super) fn shed(&mut self, frame: FrameRef, ledger: &mut Ledger, out: &mut impl FnMut(Seen<'_>)) {
        if let Around::Tls(secured) = &mut self.around {
            secured.shed(frame);
        }
        let connection = self.connection;
        for side in [Side::Client, Side::Server] {
            if self.packing.held(side) > 0 {
                let gap = Event::Gap { offset: 0, length: UNKNOWN_LENGTH, after: self.last, frame };
                self.packing.event(Speaker { connection: &connection, side }, gap, ledger, out);
            }
        }
    }

    pub(super) fn abandon(&mut self, keys: &mut Keys) {
        if let Around::Tls(secured) = &mut self.around {
            secured.abandon(keys);
        }
    }

    pub(super) fn may_open(&self, keys: &Keys) -> bool {
        matches!(&self.around, Around::Tls(secured) if secured.is_waiting() && secured.may_open(keys))
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(&self.around, Around::Tls(secured) if secured.is_waiting())
    }

    pub(super) fn waiting_since(&self) -> Option<Timestamp> {
        match &self.around {
            Around::Tls(secured) => secured.waiting_since(),
            Around::Nothing { .. } => None,
        }
    }

    /// Whether nothing is around its text, as far as it is known.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.around, Around::Nothing { .. }) && self.packing.is_plain()
    }

    /// Whether it is inside TLS, and neither what it carries nor what its port is for is known.
    fn is_foreign(&self, ledger: &Ledger) -> bool {
        matches!(self.around, Around::Tls(_)) && self.packing.doubt(&self.connection, ledger) == Some(Doubt::Foreign)
    }

    /// Whether it may be SIP, as far as that is known: on a port of which nothing is known, if one of its hosts speaks it.
    pub(super) fn may_be_sip(&self, ledger: &Ledger) -> bool {
        match self.packing.doubt(&self.connection, ledger) {
            Some(Doubt::Expected) => true,
            Some(Doubt::Foreign) => self.is_foreign(ledger) && ledger.speakers.is_one_of(&self.connection.flow),
            None => false,
        }
    }

    /// Tries to read what waits once more, or gives up what has waited since before `before`.
    pub(super) fn retry(
        &mut self,
        before: Option<Timestamp>,
        keys: &mut Keys,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let (Around::Tls(secured), Some(frame)) = (&mut self.around, self.last) else { return };
        let (connection, packing) = (self.connection, &mut self.packing);
        match before {
            None => secured.retry(&connection, frame, packing, keys, ledger, out),
            Some(before) => secured.give_up(&connection, (frame, before), packing, keys, ledger, out),
        }
    }

    /// Whether it is SIP. What may be and cannot be read is kept: no step is missing that may be in there.
    pub(super) fn fate(&self, ledger: &Ledger) -> Fate {
        match self.packing.content() {
            Content::Sip => Fate::Keep,
            Content::Other => Fate::Drop,
            // Of strangers nobody knows yet.
            Content::Unknown if self.is_foreign(ledger) => match ledger.speakers.is_one_of(&self.connection.flow) {
                true => Fate::Keep,
                false => Fate::Wait,
            },
            Content::Unknown if self.packing.is_searched() => Fate::Drop,
            Content::Unknown => Fate::Wait,
        }
    }

    /// It is over: lists it if it could not be read.
    pub(super) fn close(&self, ledger: &mut Ledger) {
        let (unread, hurdle, tls) = match &self.around {
            Around::Nothing { .. } => (None, None, None),
            Around::Tls(secured) => {
                if let Some(refused) = secured.refused(&self.connection) {
                    ledger.refused(refused);
                }
                let unread = secured.close(ledger);
                let hurdle = unread.as_ref().and_then(|_| secured.hurdle());
                (unread, hurdle, secured.shown())
            }
        };
        let unread = unread.or_else(|| self.packing.unread());
        if let Some((reason, detail)) = unread {
            let (flow, frames, is_cut) = (self.connection.flow, self.frames, self.is_cut);
            let foreign = self.is_foreign(ledger);
            let unread = Unread { flow, reason, detail, frames, is_cut, hurdle, tls, foreign };
            match self.packing.may_be_sip(&self.connection, ledger) {
                true => ledger.unread(unread),
                false => ledger.unread_elsewhere(unread),
            }
        }
    }
}
