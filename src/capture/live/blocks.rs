//! The blocks of the pcapng files that are written: whole ones, one behind the other.
//!
//! In: frames, and what is known of the time between them. Out: octets.
//!
//! Source: draft-ietf-opsawg-pcapng §4.

use crate::capture::stretch::{CUSTOM, Stretch};
use crate::frame::{Frame, LinkType};

/// Marks a section's order of octets.
const ORDER: u32 = 0x1a2b_3c4d;
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// The kind of a frame's block.
pub(super) const FRAME: u32 = 6;
// Options: the end of them, a comment, an interface's name, a section's program, the resolution of times.
const END: u16 = 0;
const COMMENT: u16 = 1;
const NAME: u16 = 2;
const PROGRAM: u16 = 4;
const RESOLUTION: u16 = 9;
/// The longest option written; its length has 16 bits.
const MAX_OPTION: usize = 60_000;

/// One file's blocks: they gather in [`octets`](Self::octets).
pub(super) struct Blocks {
    /// What was gathered and not taken yet.
    pub(super) octets: Vec<u8>,
    /// By number: what was described.
    interfaces: Vec<(u16, LinkType)>,
}

impl Blocks {
    /// The beginning of a file.
    pub(super) fn new(comment: Option<&str>) -> Self {
        let mut octets = Vec::new();
        block(&mut octets, SECTION, |out| {
            out.extend(ORDER.to_ne_bytes());
            for version in [1_u16, 0] {
                out.extend(version.to_ne_bytes());
            }
            // Of unknown length.
            out.extend(u64::MAX.to_ne_bytes());
            option(out, PROGRAM, concat!("lyncpush ", env!("CARGO_PKG_VERSION")).as_bytes());
            if let Some(comment) = comment {
                option(out, COMMENT, comment.as_bytes());
            }
            option(out, END, &[]);
        });
        Self { octets, interfaces: Vec::new() }
    }

    /// A frame of an interface of `names`.
    pub(super) fn frame(&mut self, frame: &Frame<'_>, names: &[String]) {
        let wanted = (frame.at.input, frame.link);
        let number = self.interfaces.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            self.interfaces.push(wanted);
            let name = names.get(usize::from(frame.at.input)).map_or("", String::as_str);
            self.describe(frame.link, name);
            self.interfaces.len() - 1
        });
        let nanos = frame.at.time.nanos().max(0).cast_unsigned();
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        block(&mut self.octets, FRAME, |out| {
            for word in [number, (nanos >> 32) as u32, nanos as u32, length, frame.wire_len] {
                out.extend(word.to_ne_bytes());
            }
            padded(out, frame.bytes);
        });
    }

    /// What is known of a stretch of time.
    pub(super) fn stretch(&mut self, stretch: Stretch) {
        block(&mut self.octets, CUSTOM, |out| out.extend(stretch.body()));
    }

    /// An interface: its link type, its name, and that times are nanoseconds.
    fn describe(&mut self, link: LinkType, name: &str) {
        block(&mut self.octets, INTERFACE, |out| {
            out.extend(u32::from(link.0).to_ne_bytes());
            out.extend(0_u32.to_ne_bytes());
            option(out, NAME, name.as_bytes());
            option(out, RESOLUTION, &[9]);
            option(out, END, &[]);
        });
    }
}

/// How many octets of `octets` are whole blocks, and how many frames those hold.
pub(super) fn whole_blocks(octets: &[u8]) -> (usize, u64) {
    let (mut whole, mut frames) = (0, 0);
    let word = |at: usize| octets.get(at..at + 4)?.first_chunk().map(|word| u32::from_ne_bytes(*word));
    while let (Some(kind), Some(length)) = (word(whole), word(whole + 4)) {
        let end = whole + length as usize;
        if end > octets.len() || end == whole {
            break;
        }
        whole = end;
        frames += u64::from(kind == FRAME);
    }
    (whole, frames)
}

/// A block, its length in front and behind.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let from = out.len();
    out.extend(kind.to_ne_bytes());
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - from + 4).unwrap_or(u32::MAX).to_ne_bytes();
    if let Some(place) = out.get_mut(from + 4..from + 8) {
        place.copy_from_slice(&length);
    }
    out.extend(length);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..value.len().min(MAX_OPTION)).unwrap_or_default();
    out.extend(code.to_ne_bytes());
    out.extend(u16::try_from(value.len()).unwrap_or(0).to_ne_bytes());
    padded(out, value);
}

fn padded(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend(octets);
    out.resize(out.len().next_multiple_of(4), 0);
}
