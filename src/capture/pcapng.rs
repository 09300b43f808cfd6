//! The block container: sections, each with its own byte order and interfaces.
//!
//! Packet blocks become frames, decryption secrets are kept, every other block is skipped by its length,
//! also one of an unknown kind.
//!
//! Source: draft-ietf-opsawg-pcapng.

use super::interface::Interface;
use super::pcap::{Order, Record, Step, ended};
use super::reader::{MAX_RECORD, Reader, Short};
use super::stretch::{CUSTOM, Stretch};
use super::{Ended, KeylogText, Summary};

/// Interfaces one section may declare; more is damage. Wireshark's own test files have some dozens.
pub const MAX_INTERFACES: usize = 65_536;

/// Octets of TLS key-log text kept from one input: some hundred thousand sessions.
pub const MAX_SECRETS: usize = 64 << 20;

/// Stretches of time kept from one input.
pub const MAX_STRETCHES: usize = 4_096;

/// Octets of the longest custom block that is looked at.
const MAX_CUSTOM: u32 = 64;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// `TLSK`, the kind of secrets that is a TLS key log.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// What is said of a block that lacks what every block of its kind has.
const TOO_SHORT: &str = "too short for its kind";

/// Octets around the body of every block: type and length before it, the length again behind.
const FRAMING: usize = 12;
/// Octets before the body.
const HEAD: usize = 8;

/// Whether a file that begins so is a pcapng.
pub(super) fn probe(octets: [u8; 4]) -> bool {
    u32::from_be_bytes(octets) == SECTION
}

/// A pcapng in the middle of being read.
#[derive(Debug)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Octets of secrets kept so far.
    secrets: usize,
}

/// Why a block cannot be read.
enum Stop {
    Short(Short),
    Damage(String),
}

impl From<Short> for Stop {
    fn from(short: Short) -> Self {
        Self::Short(short)
    }
}

impl From<&str> for Stop {
    fn from(why: &str) -> Self {
        Self::Damage(why.to_owned())
    }
}

/// A block that was understood.
enum Block {
    Frame(Record),
    Other,
}

impl Pcapng {
    /// Reads the first section header. `Err` says how the file ended inside it, or why it cannot be used.
    pub(super) fn open(reader: &mut Reader, summary: &mut Summary) -> Result<Self, Ended> {
        let mut pcapng = Self { order: Order::Little, interfaces: Vec::new(), secrets: 0 };
        let offset = reader.offset();
        match pcapng.block(reader, summary) {
            Ok(_) => Ok(pcapng),
            Err(Stop::Short(short)) => Err(ended(short, "the section header", offset)),
            Err(Stop::Damage(why)) => Err(Ended::Damaged(why)),
        }
    }

    /// Reads on to the frame that would be number `number`.
    pub(super) fn next(&mut self, reader: &mut Reader, summary: &mut Summary, number: u64) -> Step {
        loop {
            let offset = reader.offset();
            match self.block(reader, summary) {
                Ok(Block::Frame(record)) => return Step::Frame(record),
                Ok(Block::Other) => {}
                Err(Stop::Short(Short::End(0))) if reader.offset() == offset => return Step::End(Ended::Complete),
                Err(Stop::Short(short)) => {
                    return Step::End(ended(short, &format!("a block {}", place(number)), offset));
                }
                Err(Stop::Damage(why)) => {
                    return Step::End(Ended::Damaged(format!("the block at octet {offset}, {}: {why}", place(number))));
                }
            }
        }
    }

    /// Reads one block.
    #[inline]
    fn block(&mut self, reader: &mut Reader, summary: &mut Summary) -> Result<Block, Stop> {
        let [k0, k1, k2, k3, l0, l1, l2, l3] = reader.peek()?;
        // The same in both orders, since the order is not known before it.
        let is_section = probe([k0, k1, k2, k3]);
        if is_section {
            self.order = section_order(reader)?;
        }
        let kind = if is_section { SECTION } else { self.order.u32([k0, k1, k2, k3]) };
        let total = self.order.u32([l0, l1, l2, l3]);
        if !total.is_multiple_of(4) || (total as usize) < FRAMING {
            return Err(Stop::Damage(format!("a block cannot be {total} octets long")));
        }
        if !matches!(kind, SECTION | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET | SECRETS | CUSTOM) {
            return skip(reader, self.order, total);
        }
        // Ours is short; another's may be as long as it likes.
        if kind == CUSTOM && total > MAX_CUSTOM {
            return skip(reader, self.order, total);
        }
        if kind == SECRETS {
            reader.secrecy.begin();
        }
        let length = total as usize;
        if length > MAX_RECORD {
            return Err(Stop::Damage(format!("a length of {total} octets is not credible")));
        }
        let window = reader.need(length)?;
        let (block, _) = window.split_at_checked(length).unwrap_or_default();
        let body = block.get(HEAD..length - 4).unwrap_or_default();
        if block.last_chunk().map(|octets| self.order.u32(*octets)) != Some(total) {
            return Err("its length differs at its two ends".into());
        }
        let found = match kind {
            ENHANCED_PACKET => Some(self.enhanced(body)?),
            SIMPLE_PACKET => Some(self.simple(body)?),
            OBSOLETE_PACKET => Some(self.obsolete(body)?),
            INTERFACE => {
                let interface = self.interface(body)?;
                summary.push_link_type(interface.link);
                self.interfaces.push(interface);
                None
            }
            SECRETS => {
                self.keep_secrets(body, summary)?;
                None
            }
            CUSTOM => {
                if let Some(stretch) = Stretch::parse(body, |octets| self.order.u32(octets)) {
                    summary.push_stretch(stretch);
                }
                None
            }
            _ => {
                self.begin_section(body)?;
                None
            }
        };
        match found {
            Some(mut record) => {
                let part = HEAD + record.range.start..HEAD + record.range.end;
                record.range = reader.consume(length, part);
                Ok(Block::Frame(record))
            }
            None => {
                match kind {
                    SECRETS => _ = reader.wipe(length),
                    _ => _ = reader.consume(length, 0..0),
                }
                Ok(Block::Other)
            }
        }
    }

    fn begin_section(&mut self, body: &[u8]) -> Result<(), Stop> {
        let [_, _, _, _, v0, v1] = first(body)?;
        let version = self.order.u16([v0, v1]);
        if version != 1 {
            return Err(Stop::Damage(format!("pcapng version {version} is not known")));
        }
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&self, body: &[u8]) -> Result<Interface, Stop> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err("more interfaces than any section has".into());
        }
        Interface::parse(self.order, body).ok_or_else(|| TOO_SHORT.into())
    }

    #[inline]
    fn enhanced(&self, body: &[u8]) -> Result<Record, Stop> {
        let [i0, i1, i2, i3, h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, w0, w1, w2, w3] = first(body)?;
        let units = (self.order.u32([h0, h1, h2, h3]), self.order.u32([l0, l1, l2, l3]));
        let lengths = (self.order.u32([c0, c1, c2, c3]), self.order.u32([w0, w1, w2, w3]));
        self.record(body, 20, self.order.u32([i0, i1, i2, i3]), units, lengths)
    }

    fn obsolete(&self, body: &[u8]) -> Result<Record, Stop> {
        let [i0, i1, _, _, h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, w0, w1, w2, w3] = first(body)?;
        let units = (self.order.u32([h0, h1, h2, h3]), self.order.u32([l0, l1, l2, l3]));
        let lengths = (self.order.u32([c0, c1, c2, c3]), self.order.u32([w0, w1, w2, w3]));
        self.record(body, 20, u32::from(self.order.u16([i0, i1])), units, lengths)
    }

    fn simple(&self, body: &[u8]) -> Result<Record, Stop> {
        let wire_len = self.order.u32(first(body)?);
        let interface = self.interfaces.first().ok_or("a packet before any interface")?;
        let limit = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        let captured = wire_len.min(limit) as usize;
        if captured > body.len() - 4 {
            return Err(Stop::Damage(format!("a packet of {captured} octets does not fit")));
        }
        Ok(Record { time: None, link: interface.link, wire_len, range: 4..4 + captured })
    }

    #[inline]
    fn record(
        &self,
        body: &[u8],
        start: usize,
        interface: u32,
        (high, low): (u32, u32),
        (captured, wire_len): (u32, u32),
    ) -> Result<Record, Stop> {
        let Some(interface) = self.interfaces.get(interface as usize) else {
            return Err(Stop::Damage(format!("interface {interface} was not declared")));
        };
        let length = captured as usize;
        if length > body.len() - start {
            return Err(Stop::Damage(format!("a packet of {captured} octets does not fit")));
        }
        let time = interface.time(u64::from(high) << 32 | u64::from(low));
        let wire_len = wire_len.max(captured);
        Ok(Record { time: Some(time), link: interface.link, wire_len, range: start..start + length })
    }

    fn keep_secrets(&mut self, body: &[u8], summary: &mut Summary) -> Result<(), Stop> {
        let [t0, t1, t2, t3, n0, n1, n2, n3] = first(body)?;
        let length = self.order.u32([n0, n1, n2, n3]) as usize;
        let text = body.get(8..).and_then(|rest| rest.get(..length));
        let text = text.ok_or_else(|| Stop::Damage(format!("secrets of {length} octets do not fit")))?;
        if self.order.u32([t0, t1, t2, t3]) == TLS_KEY_LOG {
            if self.secrets + length <= MAX_SECRETS {
                self.secrets += length;
                summary.secrets.push(KeylogText::new(text));
            } else {
                summary.secrets_dropped += length as u64;
            }
        }
        Ok(())
    }
}

/// Where in the file the frame that would be number `number` is looked for.
fn place(number: u64) -> String {
    if number <= 1 { "before the first frame".to_owned() } else { format!("after frame {}", number - 1) }
}

/// The first octets of a block's body, which every block of its kind must have.
#[inline]
fn first<const N: usize>(body: &[u8]) -> Result<[u8; N], Stop> {
    body.first_chunk().copied().ok_or_else(|| TOO_SHORT.into())
}

/// The byte order of the section that begins here.
fn section_order(reader: &mut Reader) -> Result<Order, Stop> {
    let [_, _, _, _, _, _, _, _, octets @ ..]: [u8; 12] = reader.peek()?;
    match u32::from_be_bytes(octets) {
        0x1a2b_3c4d => Ok(Order::Big),
        0x4d3c_2b1a => Ok(Order::Little),
        _ => Err("its byte-order mark is not one".into()),
    }
}

/// Goes past a block that is of no interest.
fn skip(reader: &mut Reader, order: Order, total: u32) -> Result<Block, Stop> {
    reader.skip(u64::from(total) - 4)?;
    if order.u32(reader.peek()?) != total {
        return Err("its length differs at its two ends".into());
    }
    reader.consume(4, 0..0);
    Ok(Block::Other)
}

#[cfg(test)]
mod tests {
    use super::super::reader::Secrecy;
    use super::*;
    use crate::capture::specimen;
    use crate::frame::LinkType;

    const ORDERS: [Order; 2] = [Order::Little, Order::Big];

    type Row = (Option<(i64, u8)>, u16, u32, Vec<u8>);

    fn read(file: &[u8]) -> (Vec<Row>, Ended, Summary) {
        let mut reader = Reader::new(Box::new(std::io::Cursor::new(file.to_vec())));
        let mut summary = Summary::new("test", "pcapng", None);
        let mut frames = Vec::new();
        let mut pcapng = match Pcapng::open(&mut reader, &mut summary) {
            Ok(pcapng) => pcapng,
            Err(ended) => return (frames, ended, summary),
        };
        loop {
            match pcapng.next(&mut reader, &mut summary, frames.len() as u64 + 1) {
                Step::Frame(record) => {
                    let time = record.time.map(|time| (time.nanos(), time.digits()));
                    frames.push((time, record.link.0, record.wire_len, reader.window(&record.range).to_vec()));
                }
                Step::End(ended) => return (frames, ended, summary),
            }
        }
    }

    #[test]
    fn packet_blocks_of_all_three_kinds() {
        for order in ORDERS {
            let file = [
                specimen::section(order),
                specimen::interface(order, 1, 6, &[]),
                specimen::enhanced(order, 0, 1_000_001, 99, b"hello"),
                specimen::block(order, 0x0bad, b"custom!!"),
                specimen::obsolete(order, 0, 1_000_002, 4, b"older"),
                specimen::simple(order, 3, b"abc"),
                specimen::simple(order, 12, b"snaple"),
            ];
            let (frames, ended, summary) = read(&file.concat());
            assert_eq!(ended, Ended::Complete);
            let expected: [Row; 4] = [
                (Some((1_000_001_000, 6)), 1, 99, b"hello".to_vec()),
                (Some((1_000_002_000, 6)), 1, 5, b"older".to_vec()),
                (None, 1, 3, b"abc".to_vec()),
                (None, 1, 12, b"snaple".to_vec()),
            ];
            assert_eq!(frames, expected, "{order:?}");
            assert_eq!(summary.link_types, [LinkType::ETHERNET]);
        }
    }

    #[test]
    fn sections_have_their_own_order_and_interfaces() {
        let file = [
            specimen::section(Order::Little),
            specimen::interface(Order::Little, 1, 0, &[]),
            specimen::interface(Order::Little, 113, 0, &[(9, &[9])]),
            specimen::enhanced(Order::Little, 1, 5, 1, b"a"),
            specimen::enhanced(Order::Little, 0, 5, 1, b"b"),
            specimen::section(Order::Big),
            specimen::interface(Order::Big, 276, 0, &[]),
            specimen::enhanced(Order::Big, 0, 5, 1, b"c"),
        ];
        let (frames, ended, summary) = read(&file.concat());
        assert_eq!(ended, Ended::Complete);
        let links: Vec<_> = frames.iter().map(|(time, link, _, _)| (time.unwrap().0, *link)).collect();
        assert_eq!(links, [(5, 113), (5000, 1), (5000, 276)]);
        assert_eq!(summary.link_types.iter().map(|link| link.0).collect::<Vec<_>>(), [1, 113, 276]);

        let reused = [file[..5].concat(), specimen::section(Order::Big), file[7].clone()].concat();
        let (frames, ended, _) = read(&reused);
        assert_eq!(frames.len(), 2);
        assert!(matches!(ended, Ended::Damaged(detail) if detail.ends_with("interface 0 was not declared")));
    }

    #[test]
    fn secrets_are_kept_wherever_they_stand() {
        for order in ORDERS {
            let file = [
                specimen::section(order),
                specimen::secrets(order, b"TLSK", b"CLIENT_RANDOM 1"),
                specimen::secrets(order, b"WGKL", b"wireguard"),
                specimen::interface(order, 1, 0, &[]),
                specimen::enhanced(order, 0, 5, 1, b"a"),
                specimen::secrets(order, b"TLSK", b"CLIENT_RANDOM 2\r\n"),
            ];
            let (frames, ended, summary) = read(&file.concat());
            assert_eq!((frames.len(), ended), (1, Ended::Complete));
            assert_eq!(summary.secrets, [&b"CLIENT_RANDOM 1"[..], b"CLIENT_RANDOM 2\r\n"].map(KeylogText::new));
            assert!(!format!("{summary:?}").contains("RANDOM"), "secrets do not print");
        }
    }

    /// Gives an octet at a time, and what has been told of secrets before each is asked for.
    struct Octets(std::io::Cursor<Vec<u8>>, Secrecy, std::sync::mpsc::Sender<bool>);

    impl std::io::Read for Octets {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.2.send(self.1.has_begun()).unwrap();
            self.0.read(into.get_mut(..1).unwrap_or_default())
        }
    }

    #[test]
    fn that_secrets_come_is_told_before_they_are_asked_for_and_only_then() {
        let order = Order::Little;
        let text = b"CLIENT_RANDOM 1";
        let before = [specimen::section(order), specimen::interface(order, 1, 0, &[])].concat();
        for block in [specimen::secrets(order, b"TLSK", text), specimen::enhanced(order, 0, 5, 1, text)] {
            let (told, asked) = std::sync::mpsc::channel();
            let secrecy = Secrecy::default();
            let file = std::io::Cursor::new([&before[..], &block].concat());
            let mut reader = Reader::new(Box::new(Octets(file, secrecy.clone(), told)));
            reader.secrecy = secrecy;
            let mut summary = Summary::new("test", "pcapng", None);
            let mut pcapng = Pcapng::open(&mut reader, &mut summary).unwrap();
            while let Step::Frame(_) = pcapng.next(&mut reader, &mut summary, 1) {}
            let asked: Vec<bool> = asked.try_iter().collect();
            // The head of the block tells what it is.
            let plain = asked.iter().position(|told| *told).unwrap_or(asked.len());
            let expected =
                if summary.secrets.is_empty() { before.len() + block.len() + 1 } else { before.len() + HEAD };
            assert_eq!(plain, expected);
        }
    }

    #[test]
    fn nonsense_ends_the_reading_and_says_where() {
        let order = Order::Little;
        let start = [specimen::section(order), specimen::interface(order, 1, 0, &[])].concat();
        let packet = specimen::enhanced(order, 0, 5, 4, b"abcd");
        let edited = |at: usize, octet: u8| {
            let mut block = packet.clone();
            block[at] = octet;
            block
        };
        let last = packet.len() - 4;
        let rows = [
            (edited(4, 11), "a block cannot be 11 octets long"),
            (edited(4, 8), "a block cannot be 8 octets long"),
            (edited(7, 0x7f), "a length of 2130706468 octets is not credible"),
            (edited(last, 40), "its length differs at its two ends"),
            (edited(8, 3), "interface 3 was not declared"),
            (edited(20, 5), "a packet of 5 octets does not fit"),
            (specimen::block(order, 6, b"tiny"), "too short for its kind"),
            (specimen::block(order, 0x0a0d_0d0a, b"tiny"), "its byte-order mark is not one"),
        ];
        for (block, why) in rows {
            let file = [start.clone(), packet.clone(), block].concat();
            let (frames, ended, _) = read(&file);
            assert_eq!(frames.len(), 1, "{why}");
            let offset = start.len() + packet.len();
            assert_eq!(ended, Ended::Damaged(format!("the block at octet {offset}, after frame 1: {why}")));
        }
    }

    #[test]
    fn every_cut_keeps_the_frames_before_it() {
        let order = Order::Big;
        let blocks = [
            specimen::section(order),
            specimen::interface(order, 1, 0, &[]),
            specimen::enhanced(order, 0, 5, 4, b"abcd"),
            specimen::block(order, 5, &[0; 40]),
            specimen::simple(order, 4, b"abcd"),
        ];
        let file = blocks.concat();
        let ends: Vec<usize> = (1..=blocks.len()).map(|count| blocks[..count].concat().len()).collect();
        for length in 0..=file.len() {
            let (frames, ended, _) = read(&file[..length]);
            let expected = usize::from(length >= ends[2]) + usize::from(length >= ends[4]);
            assert_eq!(frames.len(), expected, "{length}");
            let whole = ends.contains(&length);
            assert!(
                matches!((whole, &ended), (true, Ended::Complete) | (false, Ended::Truncated(_))),
                "{length} {ended:?}"
            );
        }
    }
}
