//! What a capture is made of: instants, link types and frames.
//!
//! In: nothing. Out: the words every stage uses to say *where* and *when* something was seen.
//! It refuses to know which file format a frame came from.

use std::cmp::Ordering;

/// An instant as a capture states it: nanoseconds since 1970-01-01T00:00:00 UTC, with the number of
/// fractional digits the capture's own clock had (6 for microseconds, 9 for nanoseconds).
///
/// Two instants compare by their nanoseconds alone; the digits only matter when one is printed.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    nanos: i64,
    digits: u8,
}

impl Timestamp {
    /// The instant `nanos` nanoseconds after 1970 UTC, known to `digits` fractional digits (at most 9).
    pub const fn new(nanos: i64, digits: u8) -> Self {
        let digits = if digits > 9 { 9 } else { digits };
        Self { nanos, digits }
    }

    /// Nanoseconds since 1970-01-01T00:00:00 UTC.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// Fractional digits the capture's clock had, 0 to 9.
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// The same instant moved by `delta` nanoseconds; stays at the ends of the range instead of wrapping.
    pub const fn shifted(self, delta: i64) -> Self {
        Self { nanos: self.nanos.saturating_add(delta), digits: self.digits }
    }

    /// Nanoseconds from `earlier` to `self`, negative when `self` is the earlier one.
    pub const fn since(self, earlier: Self) -> i64 {
        self.nanos.saturating_sub(earlier.nanos)
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// A link-layer header type, the low 16 bits of a capture's link field.
///
/// Source: IETF draft-ietf-opsawg-pcaplinktype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a four-octet address family in the capturing host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP as some BSDs number it.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP as OpenBSD numbers it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// Raw IP, version by the first nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: the address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Wireshark's exported PDUs.
    pub const WIRESHARK_UPPER_PDU: Self = Self(252);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Where a frame stands: which input, which number in it, and when it was captured.
///
/// `number` starts at 1 and counts every frame of its input, as Wireshark shows it.
/// `time` already contains the input's clock offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef {
    /// 0-based index of the input on the command line.
    pub input: u16,
    /// 1-based frame number within that input.
    pub number: u64,
    /// When the frame was captured.
    pub time: Timestamp,
}

impl FrameRef {
    /// The later of two frames in time; of two at the same time, the one with the higher number.
    pub fn later(self, other: Self) -> Self {
        if (other.time, other.input, other.number) > (self.time, self.input, self.number) { other } else { self }
    }

    /// What people call it, as [`name`] says.
    pub fn name(self, several: bool) -> String {
        name(several, self.input, self.number)
    }
}

/// What people call a frame: `21`, or `2:21` for frame 21 of the second of `several` inputs.
pub fn name(several: bool, input: u16, number: u64) -> String {
    if several { format!("{}:{number}", u32::from(input) + 1) } else { number.to_string() }
}

/// A frame that is kept beyond the reader's buffer.
#[derive(Clone, Debug)]
pub struct FrameBuf {
    at: FrameRef,
    link: LinkType,
    wire_len: u32,
    bytes: Box<[u8]>,
}

impl FrameBuf {
    /// A copy of `frame`.
    pub fn of(frame: &Frame<'_>) -> Self {
        Self { at: frame.at, link: frame.link, wire_len: frame.wire_len, bytes: frame.bytes.into() }
    }

    /// The frame.
    pub fn frame(&self) -> Frame<'_> {
        Frame { at: self.at, link: self.link, wire_len: self.wire_len, bytes: &self.bytes }
    }
}

/// One captured link-layer unit, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Which frame, and when.
    pub at: FrameRef,
    /// How `bytes` begin.
    pub link: LinkType,
    /// Octets the frame had on the wire; more than `bytes.len()` when the capture cut it.
    pub wire_len: u32,
    /// The captured octets.
    pub bytes: &'a [u8],
}
