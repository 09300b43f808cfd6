//! What octets look like that begin no message: text, packets, or something else.
//!
//! Limits: [`OPENING`], [`MAX_OPENING`].

use crate::flow::Side;
use crate::sipcomp;

/// Octets that are enough to tell text from packets.
const TELLING: usize = 8;
/// Octets of a side that are looked at together to tell whether they are compressed.
pub const OPENING: usize = 8 * 1024;
/// Octets of a connection looked at in all for that.
const MAX_OPENING: usize = 64 * 1024;

/// Whether octets are text: packets begin with flags and lengths, which hold zeros or high bits.
pub fn is_text(bytes: &[u8]) -> bool {
    let mut first = bytes.iter().take(TELLING);
    first.all(|octet| octet.is_ascii_graphic() || b" \t\r\n".contains(octet))
}

/// The first octets that are shown of what is not known.
const SHOWN: usize = 16;

/// Octets that begin no message, looked at to tell whether they are compressed.
#[derive(Default)]
pub struct Openings {
    /// Of each side.
    octets: [Vec<u8>; 2],
    /// Octets looked at of both.
    seen: usize,
}

impl Openings {
    /// The first octets of `side` that are looked at, in hexadecimal.
    pub fn first(&self, side: Side) -> String {
        let octets = self.octets.get(side.index()).into_iter().flatten().take(SHOWN);
        octets.map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
    }

    /// Whether what `side` has sent is compressed, as far as `bytes`.
    pub fn is_compressed(&mut self, side: Side, bytes: &[u8]) -> bool {
        let octets = side.of(&mut self.octets);
        if self.seen >= MAX_OPENING {
            *octets = Vec::new();
            return false;
        }
        let room = OPENING.saturating_sub(octets.len());
        octets.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.seen += octets.len();
        let found = sipcomp::recognise(octets);
        if octets.len() >= OPENING && !found {
            // They began in the middle of a packet, perhaps; the next ones may not.
            *octets = Vec::new();
        }
        found
    }
}
