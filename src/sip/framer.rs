//! skeleton
use crate::anomaly::Anomaly;
use crate::frame::FrameRef;

/// How much one framer buffers and believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest head, in octets, empty line included.
    pub head: usize,
    /// Longest body kept, in octets.
    pub body: usize,
    /// Largest Content-Length believed, in octets.
    pub believed: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 64 * 1024, body: 20 * 1024 * 1024, believed: 1 << 30 }
    }
}

/// What a framer hands out.
#[derive(Debug)]
pub enum Framed<'f> {
    /// A message.
    Message {
        /// Its octets, head and body.
        raw: &'f [u8],
        /// The frame that carried its first octet.
        first: FrameRef,
        /// The latest frame that carried an octet of it.
        last: FrameRef,
    },
    /// A defect of the stream.
    Anomaly(Anomaly),
}

/// Cuts one stream side into messages.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
    /// The next octets of the stream.
    pub fn bytes(&mut self, bytes: &[u8], frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) {
        let _ = (bytes, frame, out, self.limits);
    }
    /// `length` octets were lost.
    pub fn gap(&mut self, length: u64, frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) {
        let _ = (length, frame, out);
    }
    /// No more octets will come.
    pub fn end(&mut self, frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) {
        let _ = (frame, out);
    }
    /// Octets held back at the moment.
    pub fn buffered(&self) -> usize {
        0
    }
}

/// One datagram: one message.
pub fn datagram(bytes: &[u8], frame: FrameRef, limits: Limits, out: &mut impl FnMut(Framed<'_>)) {
    let _ = (bytes, frame, limits, out);
}
