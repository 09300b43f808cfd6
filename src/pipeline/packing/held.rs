//! What is held back of one side while the word of the other on compression has not come.

use crate::flow::Side;
use crate::frame::FrameRef;
use crate::pipeline::text::Word;
use crate::stream::Event;

/// What an event that is held back takes beside its octets.
const HELD: usize = 64;

/// A request that waits for its answer; or an answer that waits for the rest of its request, where segments came out of
/// their order.
pub struct Halfway {
    /// Who has said its word.
    pub side: Side,
    /// The word.
    pub word: Word,
    /// Stream offset behind the word.
    pub begin: u64,
    /// Whether octets of the other side are lost, and the word may be among them.
    pub is_lost: bool,
    held: Vec<Held>,
    octets: usize,
}

impl Halfway {
    /// `side` has said its word, which ends at the stream offset `begin`.
    pub fn new(side: Side, word: Word, begin: u64) -> Self {
        Self { side, word, begin, is_lost: false, held: Vec::new(), octets: 0 }
    }

    /// Holds back an event of that side; gives how much more room is taken.
    pub fn hold(&mut self, event: Event<'_>) -> usize {
        let octets = HELD + if let Event::Bytes { bytes, .. } = event { bytes.len() } else { 0 };
        self.octets += octets;
        self.held.extend(Held::of(event));
        octets
    }

    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The room that is taken, in octets.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// The first `most` octets of what is held back, up to the first that are lost.
    pub fn opening(&self, most: usize) -> Vec<u8> {
        let pieces =
            self.held.iter().map_while(|held| if let Held::Bytes { bytes, .. } = held { Some(bytes) } else { None });
        pieces.flatten().take(most).copied().collect()
    }

    /// What is held back, in its order.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.held.iter().map(Held::event)
    }
}

/// An event that is held back.
enum Held {
    Bytes { offset: u64, bytes: Vec<u8>, frame: FrameRef },
    Gap { offset: u64, length: u64, after: Option<FrameRef>, frame: FrameRef },
    End { frame: FrameRef, over: bool },
}

impl Held {
    fn event(&self) -> Event<'_> {
        match self {
            Self::Bytes { offset, bytes, frame } => Event::Bytes { offset: *offset, bytes, frame: *frame },
            &Self::Gap { offset, length, after, frame } => Event::Gap { offset, length, after, frame },
            &Self::End { frame, over } => Event::End { frame, over },
        }
    }

    fn of(event: Event<'_>) -> Option<Self> {
        Some(match event {
            Event::Bytes { offset, bytes, frame } => Self::Bytes { offset, bytes: bytes.to_vec(), frame },
            Event::Gap { offset, length, after, frame } => Self::Gap { offset, length, after, frame },
            Event::End { frame, over } => Self::End { frame, over },
            Event::Witness { .. } => return None,
        })
    }
}
