//! One direction of a compressed connection: its octets, its history and what was lost of them.

use super::chain::{self, Fit, Step, continues, step};
use super::held::Held;
use super::mppc::{Decoded, Decoder};
use super::packet::{Flags, Header, Layout, open, prepare};
use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::frame::FrameRef;
use crate::stream::{Event, UNKNOWN_LENGTH};

/// What the next octet is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The first one of a packet.
    Reading,
    /// Part of a packet that is not whole, of which so many octets are to come.
    Skipping(usize),
    /// Unknown: a chain of packets is looked for. What came up to `told` octets is known to be lost.
    Searching { told: u64 },
}

/// The receiving end of one direction.
#[derive(Debug)]
pub(super) struct Half {
    /// Stream offset of its first compressed octet.
    pub(super) begin: u64,
    /// Whether that is a guess, and its packets may begin elsewhere.
    pub(super) is_guess: bool,
    /// Its end, once that has come: as [`Event::End`] has it.
    pub(super) end: Option<(FrameRef, bool)>,
    /// Whether its end was given on.
    pub(super) is_over: bool,
    /// Packets opened.
    pub(super) packets: u64,
    /// Octets that came.
    pub(super) seen: u64,
    held: Held,
    state: State,
    decoder: Decoder,
    /// Octets of text so far, which is the offset of the next one.
    text: u64,
    /// The frame that completed the latest packet whose text was given.
    last: Option<FrameRef>,
}

impl Half {
    /// A direction that is compressed from the stream offset `begin` on.
    pub(super) fn new(begin: u64) -> Self {
        Self {
            begin,
            is_guess: false,
            end: None,
            is_over: false,
            packets: 0,
            seen: 0,
            held: Held::default(),
            state: State::Reading,
            decoder: Decoder::default(),
            text: 0,
            last: None,
        }
    }

    /// Takes octets in; [`read`](Self::read) gives their text.
    pub(super) fn push(&mut self, octets: &[u8], frame: FrameRef) {
        self.seen += octets.len() as u64;
        self.held.push(octets, frame);
    }

    /// Whether octets wait.
    pub(super) fn is_waiting(&self) -> bool {
        !self.held.octets().is_empty()
    }

    /// Whether, before any layout was known, octets were lost with which its packets begin.
    pub(super) fn has_lost_its_beginning(&self) -> bool {
        self.is_guess || !matches!(self.state, State::Reading)
    }

    /// The layout in which its first octets can be read. After a loss only the other direction can tell.
    pub(super) fn choose(&self) -> Result<&'static Layout, Fit> {
        match self.state {
            State::Reading => {
                chain::choose(self.held.octets()).map_err(|fit| if self.is_guess { Fit::More } else { fit })
            }
            State::Skipping(_) | State::Searching { .. } => Err(Fit::More),
        }
    }

    /// Lets go of all octets.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    /// Gives the text of every packet that is whole. Gives whether all octets were packets, as far as it can be told.
    pub(super) fn read(
        &mut self,
        layout: &Layout,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(Event<'_>),
    ) -> bool {
        if self.is_guess && matches!(self.state, State::Reading) {
            match chain::begins(layout, self.held.octets()) {
                Fit::Yes => {}
                Fit::More => return true,
                Fit::No => {
                    self.decoder.forget();
                    self.state = State::Searching { told: 0 };
                }
            }
            self.is_guess = false;
        }
        let mut is_sound = true;
        loop {
            match self.state {
                State::Skipping(left) => {
                    let own = left.min(self.held.octets().len());
                    self.held.drop(own);
                    if own < left {
                        self.state = State::Skipping(left - own);
                        return is_sound;
                    }
                    self.state = State::Reading;
                }
                State::Searching { told } => {
                    if told < self.seen
                        && let Some(frame) = self.held.frame(usize::MAX)
                    {
                        self.state = State::Searching { told: self.seen };
                        self.tell(UNKNOWN_LENGTH, frame, out);
                    }
                    if !self.search(layout, false) {
                        return is_sound;
                    }
                }
                State::Reading => match step(layout, self.held.octets(), None) {
                    Step::Packet { skipped, header, .. } => {
                        is_sound &= self.packet(layout, skipped, &header, anomalies, out);
                    }
                    Step::Part { .. } | Step::More => return is_sound,
                    Step::Nothing { skipped } => {
                        self.held.drop(skipped);
                        return is_sound;
                    }
                    Step::Broken => {
                        is_sound = false;
                        if let Some(frame) = self.held.frame(1) {
                            anomalies.push(anomaly(frame, "octets that begin no packet"));
                        }
                        self.decoder.forget();
                        self.state = State::Searching { told: 0 };
                    }
                },
            }
        }
    }

    /// Opens the packet behind `skipped` octets. Gives whether its payload keeps to the rules.
    fn packet(
        &mut self,
        layout: &Layout,
        skipped: usize,
        header: &Header,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(Event<'_>),
    ) -> bool {
        let begin = skipped + layout.header;
        let end = begin + header.payload;
        let (Some(payload), Some(frame)) = (self.held.octets().get(begin..end), self.held.frame(end)) else {
            return false;
        };
        if header.flags.is_inconsistent() {
            anomalies.push(anomaly(frame, "PACKET_FLUSHED together with PACKET_COMPRESSED; read nevertheless"));
        }
        let opened = open(&mut self.decoder, header, payload);
        let is_sound = opened.is_some();
        match opened {
            Some(Decoded::Text(text)) => {
                if !text.is_empty() {
                    out(Event::Bytes { offset: self.text, bytes: text, frame });
                }
                self.text = self.text.saturating_add(text.len() as u64);
                self.last = Some(frame);
            }
            Some(Decoded::Doubtful(length)) => self.tell(length as u64, frame, out),
            None => {
                anomalies.push(anomaly(frame, "a payload that contradicts its header or the code"));
                self.decoder.forget();
                self.tell(UNKNOWN_LENGTH, frame, out);
            }
        }
        self.packets += 1;
        self.held.drop(end);
        is_sound
    }

    /// Looks for the next packet, dropping what is before it. `is_final` when no more octets will come.
    fn search(&mut self, layout: &Layout, is_final: bool) -> bool {
        let octets = self.held.octets();
        // An empty line before a packet is dropped like anything else before it.
        let fit = |at: &usize| match octets.get(*at..) {
            Some([b'\r', ..]) | None => Fit::No,
            Some(rest) => continues(layout, rest, is_final),
        };
        let found = (0..octets.len()).map(|at| (at, fit(&at))).find(|(_, fit)| *fit != Fit::No);
        let is_found = matches!(found, Some((_, Fit::Yes)));
        self.held.drop(found.map_or(usize::MAX, |(at, _)| at));
        if is_found {
            self.state = State::Reading;
        }
        is_found
    }

    /// Learns that `length` octets are lost, which `frame` proved.
    pub(super) fn gap(
        &mut self,
        layout: Option<&Layout>,
        length: u64,
        frame: FrameRef,
        out: &mut impl FnMut(Event<'_>),
    ) {
        match self.state {
            State::Reading => {
                if let Some(layout) = layout
                    && let Step::Part { skipped, header } = step(layout, self.held.octets(), None)
                    && let Some(left) =
                        less(skipped + layout.header + header.payload - self.held.octets().len(), length)
                {
                    return self.damage(&header, left, frame, out);
                }
            }
            State::Skipping(left) => {
                if let Some(left) = less(left, length) {
                    self.state = State::Skipping(left);
                    return self.tell(UNKNOWN_LENGTH, frame, out);
                }
            }
            State::Searching { .. } => {}
        }
        self.decoder.forget();
        self.held.clear();
        self.state = State::Searching { told: self.seen };
        self.tell(UNKNOWN_LENGTH, frame, out);
    }

    /// One packet is not whole, and `left` octets of it are to come: where the next one begins is known.
    fn damage(&mut self, header: &Header, left: usize, frame: FrameRef, out: &mut impl FnMut(Event<'_>)) {
        prepare(&mut self.decoder, header.flags);
        let text = if header.flags.has(Flags::COMPRESSED) {
            self.decoder.lose(header.text);
            header.text
        } else {
            Some(header.payload)
        };
        self.held.clear();
        self.state = State::Skipping(left);
        self.tell(text.map_or(UNKNOWN_LENGTH, |text| text as u64), frame, out);
    }

    /// Gives what can still be had now that no more octets will come.
    pub(super) fn finish(
        &mut self,
        layout: &Layout,
        frame: FrameRef,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(Event<'_>),
    ) {
        while matches!(self.state, State::Searching { .. }) && self.search(layout, true) {
            self.read(layout, anomalies, out);
        }
        if self.held.octets().iter().any(|octet| !b"\r\n".contains(octet)) {
            anomalies.push(anomaly(frame, "a packet is cut by the end of its stream"));
            self.tell(UNKNOWN_LENGTH, frame, out);
        }
        self.held.clear();
    }

    /// Gives a gap in the text.
    fn tell(&mut self, length: u64, frame: FrameRef, out: &mut impl FnMut(Event<'_>)) {
        out(Event::Gap { offset: self.text, length, after: self.last, frame });
        if length != UNKNOWN_LENGTH {
            self.text = self.text.saturating_add(length);
        }
    }
}

/// `whole` less `part`, when it is no less.
fn less(whole: usize, part: u64) -> Option<usize> {
    whole.checked_sub(usize::try_from(part).ok()?)
}

const fn anomaly(frame: FrameRef, detail: &'static str) -> Anomaly {
    Anomaly { kind: AnomalyKind::BadCompression, frame, detail }
}
