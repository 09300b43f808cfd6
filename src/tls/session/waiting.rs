//! What waits for a secret: records and what happened between them, in the order met.

use std::collections::VecDeque;

use super::Item;
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::tls::record::HEADER;
use crate::tls::secrets::Secrets;

/// The most octets that wait in one connection. 256 KiB: the handshake and some tens of SIP messages; key logs are
/// mostly there before the frames they open.
const MAX: usize = 256 << 10;
/// What an item takes beside the octets of its record.
const ITEM: usize = 96;

/// An item that is kept.
#[derive(Debug)]
pub(super) enum Kept {
    Record { header: [u8; HEADER], body: Box<[u8]> },
    Lost { octets: u64 },
    Witness,
    End { over: bool },
}

impl Kept {
    /// The item as it was.
    pub(super) fn borrow(&mut self) -> Item<'_> {
        match self {
            Self::Record { header, body } => Item::Record { header: *header, body },
            Self::Lost { octets } => Item::Lost { octets: *octets },
            Self::Witness => Item::Witness,
            Self::End { over } => Item::End { over: *over },
        }
    }
}

/// The items that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    items: VecDeque<(Side, FrameRef, Kept)>,
    octets: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Keeps an item; a record for which there is no room becomes a loss.
    pub(super) fn push(&mut self, side: Side, frame: FrameRef, item: Item<'_>, secrets: &mut Secrets) {
        let kept = match item {
            Item::Record { header, body } => {
                let size = body.len() + ITEM;
                if self.octets + size > MAX || !secrets.admit(size) {
                    return self.lose(side, frame, (HEADER + body.len()) as u64);
                }
                self.octets += size;
                Kept::Record { header, body: (&*body).into() }
            }
            Item::Lost { octets } => return self.lose(side, frame, octets),
            // There is one of each for a side and input.
            Item::Witness => Kept::Witness,
            Item::End { over } => Kept::End { over },
        };
        self.items.push_back((side, frame, kept));
    }

    /// Losses of a side in a row are one.
    fn lose(&mut self, side: Side, frame: FrameRef, octets: u64) {
        match self.items.iter_mut().rev().find(|(of, ..)| *of == side) {
            Some((_, last, Kept::Lost { octets: before })) => {
                *before = before.saturating_add(octets);
                *last = frame;
            }
            _ => self.items.push_back((side, frame, Kept::Lost { octets })),
        }
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self, secrets: &mut Secrets) -> VecDeque<(Side, FrameRef, Kept)> {
        secrets.release(std::mem::take(&mut self.octets));
        std::mem::take(&mut self.items)
    }
}
