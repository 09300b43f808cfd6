//! The sending end of one direction: text in, packets out.

use super::mppc::{Encoder, Packed};
use super::packet::{Flags, Layout};

/// Compresses one direction of a connection.
#[derive(Clone, Debug)]
pub struct Compressor {
    layout: &'static Layout,
    encoder: Encoder,
    packets: u64,
}

impl Compressor {
    /// The beginning of a direction whose packets are laid out as `layout` says, which is an assumption.
    pub fn new(layout: &'static Layout) -> Self {
        Self { layout, encoder: Encoder::default(), packets: 0 }
    }

    /// Appends `text` to `out`, in as many packets as it needs.
    pub fn push(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for part in text.chunks(Encoder::LIMIT) {
            match self.encoder.encode(part) {
                Packed::Compressed { at_front, payload } => {
                    let flags = Flags::COMPRESSED.with(if at_front { Flags::AT_FRONT } else { Flags(0) });
                    self.layout.write(flags, self.packets, part.len(), &payload, out);
                }
                Packed::Flushed => self.layout.write(Flags::FLUSHED, self.packets, part.len(), part, out),
            }
            self.packets += 1;
        }
    }
}
