//! Packets: the header before each payload, in every layout that is thought possible.
//!
//! No public text known to us shows the header's layout. What is known: it begins with four bits of flags, and a real
//! device put six octets before the first text. The rest is a table of candidates, and a connection shows by its own
//! octets which of them it uses. Another candidate is another row.
//! Source: \[MS-SIPCOMP\] §2.2, of which only the flags could be read.

use super::mppc::{Decoded, Decoder, HISTORY};

/// What is to be done with a packet, before and after its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The payload is text as it is, and the history is emptied. Bit A of RFC 2118.
    pub const FLUSHED: Self = Self(0x8);
    /// The text goes to the front of the history. Bit B of RFC 2118.
    pub const AT_FRONT: Self = Self(0x4);
    /// The payload is compressed. Bit C of RFC 2118.
    pub const COMPRESSED: Self = Self(0x2);

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a sender can mean them: the fourth bit is reserved, and only compressed text goes to the front.
    const fn is_plausible(self) -> bool {
        self.0 & !0xe == 0 && (!self.has(Self::AT_FRONT) || self.has(Self::COMPRESSED))
    }

    /// Whether the specification forbids the combination although its meaning is plain.
    pub const fn is_inconsistent(self) -> bool {
        self.has(Self::FLUSHED.with(Self::COMPRESSED))
    }
}

/// What a layout does with the twelve bits behind the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spare {
    /// They are zero.
    Zero,
    /// They are the same in every packet of a direction.
    Constant,
    /// They count packets, modulo 4096. Source: RFC 2118 §3.1 (coherency count).
    Count,
}

/// A big-endian number in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    at: usize,
    octets: usize,
}

impl Field {
    fn read(self, header: &[u8]) -> Option<usize> {
        let octets = header.get(self.at..self.at + self.octets)?;
        let number = octets.iter().fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
        usize::try_from(number).ok()
    }

    fn write(self, header: &mut [u8], number: usize) {
        let octets = (number as u64).to_be_bytes();
        let own = octets.get(octets.len() - self.octets..).unwrap_or_default();
        if let Some(place) = header.get_mut(self.at..self.at + self.octets) {
            place.copy_from_slice(own);
        }
    }
}

/// One way to write the header.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// A short stable name.
    pub name: &'static str,
    /// Octets of the header.
    pub header: usize,
    /// Octets of the payload.
    payload: Field,
    /// Octets of the text.
    text: Option<Field>,
    spare: Spare,
}

/// Every candidate. Of several that fit, the first one is taken; the first two cut a stream alike.
pub const LAYOUTS: &[Layout] = &[
    Layout { name: "length32", header: 6, payload: Field { at: 2, octets: 4 }, text: None, spare: Spare::Constant },
    Layout {
        name: "count12-length32",
        header: 6,
        payload: Field { at: 2, octets: 4 },
        text: None,
        spare: Spare::Count,
    },
    Layout {
        name: "text16-length16",
        header: 6,
        payload: Field { at: 4, octets: 2 },
        text: Some(Field { at: 2, octets: 2 }),
        spare: Spare::Zero,
    },
];

/// A header, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its flags.
    pub flags: Flags,
    /// Octets of the payload, 1 to [`HISTORY`].
    pub payload: usize,
    /// Octets of the text, where the layout says so.
    pub text: Option<usize>,
    /// The twelve bits behind the flags.
    spare: u16,
}

/// What octets are, seen as the beginning of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A header that can be one.
    Header(Header),
    /// Too few octets to tell.
    More,
    /// No header.
    Broken,
}

impl Layout {
    /// Reads the header that `octets` begin with. `previous` is the header before it, where that is to be a witness.
    pub fn parse(&self, octets: &[u8], previous: Option<&Header>) -> Begin {
        let Some(first) = octets.first() else { return Begin::More };
        let flags = Flags(first >> 4);
        if !flags.is_plausible() {
            return Begin::Broken;
        }
        let (Some([first, second]), Some(head)) = (octets.first_chunk::<2>(), octets.get(..self.header)) else {
            return Begin::More;
        };
        let spare = u16::from_be_bytes([first & 0x0f, *second]);
        let Some(payload) = self.payload.read(head) else { return Begin::Broken };
        let header = Header { flags, payload, text: self.text.and_then(|field| field.read(head)), spare };
        if self.is_plausible(&header) && previous.is_none_or(|previous| self.follows(&header, previous)) {
            Begin::Header(header)
        } else {
            Begin::Broken
        }
    }

    /// A compressed payload is never longer than its text, and no text longer than the history.
    fn is_plausible(&self, header: &Header) -> bool {
        let fits = header.text.is_none_or(|text| match header.flags.has(Flags::COMPRESSED) {
            true => (header.payload..=HISTORY).contains(&text),
            false => header.payload == text,
        });
        fits && (1..=HISTORY).contains(&header.payload) && (self.spare != Spare::Zero || header.spare == 0)
    }

    fn follows(&self, header: &Header, previous: &Header) -> bool {
        match self.spare {
            Spare::Zero => true,
            Spare::Constant => header.spare == previous.spare,
            Spare::Count => header.spare == (previous.spare + 1) & 0xfff,
        }
    }

    /// Appends a packet, the `number`th of its direction from 0 on.
    pub(super) fn write(&self, flags: Flags, number: u64, text: usize, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.header, 0);
        let spare = if self.spare == Spare::Count { (number & 0xfff) as u16 } else { 0 };
        if let Some(header) = out.get_mut(start..) {
            Field { at: 0, octets: 2 }.write(header, usize::from(u16::from(flags.0) << 12 | spare));
            self.payload.write(header, payload.len());
            if let Some(field) = self.text {
                field.write(header, text);
            }
        }
        out.extend_from_slice(payload);
    }
}

/// Obeys the flags that change the history, in the order the specification gives.
pub(super) fn prepare(decoder: &mut Decoder, flags: Flags) {
    if flags.has(Flags::FLUSHED) {
        decoder.flush();
    }
    if flags.has(Flags::AT_FRONT) {
        decoder.to_front();
    }
}

/// Opens one packet; `None` when its payload contradicts its header or the code.
///
/// The payload of a packet that is not compressed is text as it stands, and leaves the history alone.
pub(super) fn open<'a>(decoder: &'a mut Decoder, header: &Header, payload: &'a [u8]) -> Option<Decoded<'a>> {
    prepare(decoder, header.flags);
    if !header.flags.has(Flags::COMPRESSED) {
        return Some(Decoded::Text(payload));
    }
    let decoded = decoder.decode(payload).ok()?;
    let length = match decoded {
        Decoded::Text(text) => text.len(),
        Decoded::Doubtful(length) => length,
    };
    header.text.is_none_or(|text| text == length).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(name: &str) -> &'static Layout {
        LAYOUTS.iter().find(|layout| layout.name == name).expect("a layout")
    }

    /// Flags, text and payload of a header in which no previous one matters.
    fn check(name: &str, octets: &[u8], expected: Option<(u8, Option<usize>, usize)>) {
        let found = match layout(name).parse(octets, None) {
            Begin::Header(header) => Some((header.flags.0, header.text, header.payload)),
            Begin::More => panic!("{octets:?} are enough"),
            Begin::Broken => None,
        };
        assert_eq!(found, expected, "{name} {octets:?}");
    }

    #[test]
    fn headers() {
        let (a, b, c) = ("length32", "count12-length32", "text16-length16");
        for name in [a, b] {
            check(name, &[0x60, 0, 0, 0, 0, 0x5d], Some((6, None, 0x5d)));
            check(name, &[0x2f, 0xff, 0, 0, 0x20, 0], Some((2, None, 8192)));
            check(name, &[0x80, 0, 0, 0, 0, 1, b'x'], Some((8, None, 1)));
            check(name, &[0x60, 0, 0, 0, 0, 0], None);
            check(name, &[0x60, 0, 0, 0, 0x20, 1], None);
            check(name, &[0x60, 0, 1, 0, 0, 1], None);
        }
        check(c, &[0x60, 0, 0, 0x7e, 0, 0x5d], Some((6, Some(0x7e), 0x5d)));
        check(c, &[0x80, 0, 0, 2, 0, 2], Some((8, Some(2), 2)));
        check(c, &[0x80, 0, 0, 3, 0, 2], None);
        check(c, &[0x60, 0, 0, 0x5c, 0, 0x5d], None);
        check(c, &[0x60, 0, 0x20, 1, 0, 0x5d], None);
        check(c, &[0x60, 1, 0, 0x7e, 0, 0x5d], None);
    }

    #[test]
    fn flags() {
        let plausible: Vec<u8> = (0..=255).filter(|flags| Flags(*flags).is_plausible()).collect();
        assert_eq!(plausible, [0x0, 0x2, 0x6, 0x8, 0xa, 0xe]);
        for start in ["INVITE sip:", "SIP/2.0 200", "ACK", "REGISTER", "MESSAGE", "NEGOTIATE", "BENOTIFY", "\x16\x03"] {
            for layout in LAYOUTS {
                assert_eq!(layout.parse(start.as_bytes(), None), Begin::Broken, "{start}");
            }
        }
    }

    #[test]
    fn the_bits_behind_the_flags() {
        let check = |name: &str, first: u16, second: u16, expected: bool| {
            let octets = |spare: u16| [&(0x2000 | spare).to_be_bytes()[..], &[0, 0, 0, 9]].concat();
            let Begin::Header(previous) = layout(name).parse(&octets(first), None) else { panic!("a header") };
            let follows = layout(name).parse(&octets(second), Some(&previous)) != Begin::Broken;
            assert_eq!(follows, expected, "{name} {first} {second}");
        };
        check("length32", 7, 7, true);
        check("length32", 7, 8, false);
        check("count12-length32", 7, 8, true);
        check("count12-length32", 0xfff, 0, true);
        check("count12-length32", 7, 7, false);
    }

    #[test]
    fn every_cut_of_a_header_wants_more() {
        for layout in LAYOUTS {
            let mut packet = Vec::new();
            layout.write(Flags::COMPRESSED, 4097, 300, &[0; 200], &mut packet);
            for length in 0..layout.header {
                assert_eq!(layout.parse(&packet[..length], None), Begin::More, "{}", layout.name);
            }
            let Begin::Header(header) = layout.parse(&packet, None) else { panic!("a header") };
            assert_eq!((header.flags, header.payload), (Flags::COMPRESSED, 200));
            assert_eq!(header.text, layout.text.map(|_| 300));
        }
    }
}
