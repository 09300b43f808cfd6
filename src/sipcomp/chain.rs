//! Chains of packets: what tells a layout from another, and packets from other octets.

use super::mppc::{Decoded, Decoder, survey};
use super::packet::{Begin, Flags, Header, LAYOUTS, Layout, open};

/// Octets of text that decide whether it begins a SIP message.
const START: usize = 64;
/// Packets of a direction without a start line among them that make it compressed.
const ENOUGH: usize = 3;
/// Literals that must be printable, of a hundred.
const PRINTABLE: usize = 90;
/// Fewer literals prove nothing.
const MIN_LITERALS: usize = 32;
/// Octets behind a packet that are looked at for the next header.
const LOOK_AHEAD: usize = 64;
/// Packets of empty lines or less than a start line that may begin a direction.
const MAX_EMPTY: usize = 8;
/// Longest method, in octets.
const LONGEST_METHOD: usize = 16;
/// Longest scheme of a request URI, in octets.
const LONGEST_SCHEME: usize = 8;

/// A first guess at octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// They are what was asked for.
    Yes,
    /// More octets will tell.
    More,
    /// They are not.
    No,
}

/// What stands at a place where a packet may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A whole packet and what follows it.
    Packet {
        /// Octets of empty lines before it.
        skipped: usize,
        /// Its header.
        header: Header,
        /// Its payload.
        payload: &'a [u8],
        /// What follows.
        rest: &'a [u8],
    },
    /// A header whose payload is not whole.
    Part {
        /// Octets of empty lines before it.
        skipped: usize,
        /// The header.
        header: Header,
    },
    /// The beginning of what may be a header.
    More,
    /// Nothing, or empty lines only.
    Nothing {
        /// Their octets.
        skipped: usize,
    },
    /// No packet.
    Broken,
}

/// Takes the next packet off `octets`. Empty lines between packets are keep-alives that were not packed.
pub(super) fn step<'a>(layout: &Layout, octets: &'a [u8], previous: Option<&Header>) -> Step<'a> {
    let mut own = octets;
    while let Some(rest) = own.strip_prefix(b"\r\n") {
        own = rest;
    }
    let skipped = octets.len() - own.len();
    if own.is_empty() {
        return Step::Nothing { skipped };
    }
    if own == b"\r" {
        return Step::More;
    }
    match layout.parse(own, previous) {
        Begin::More => Step::More,
        Begin::Broken => Step::Broken,
        Begin::Header(header) => {
            let body = own.get(layout.header..).unwrap_or_default();
            match body.split_at_checked(header.payload) {
                Some((payload, rest)) => Step::Packet { skipped, header, payload, rest },
                None => Step::Part { skipped, header },
            }
        }
    }
}

/// The layout in which `octets` are the beginning of a compressed direction.
pub(super) fn choose(octets: &[u8]) -> Result<&'static Layout, Fit> {
    let mut fit = Fit::No;
    for layout in LAYOUTS {
        match begins(layout, octets) {
            Fit::Yes => return Ok(layout),
            Fit::More => fit = Fit::More,
            Fit::No => {}
        }
    }
    Err(fit)
}

/// Whether packets in `layout` give the beginning of a SIP message, and lead to another packet or to the end.
pub(super) fn begins(layout: &Layout, octets: &[u8]) -> Fit {
    let mut decoder = Decoder::default();
    let mut start = Vec::new();
    let (mut rest, mut previous, mut packets) = (octets, None, 0);
    loop {
        let is_sip = starts_message(&start);
        if packets > MAX_EMPTY {
            return Fit::No;
        }
        match step(layout, rest, previous.as_ref()) {
            Step::Broken => return Fit::No,
            _ if is_sip != Fit::More => return is_sip,
            Step::Packet { header, payload, rest: after, .. } => {
                let Some(Decoded::Text(text)) = open(&mut decoder, &header, payload) else { return Fit::No };
                let missing = START.saturating_sub(start.len());
                let text = if start.is_empty() { text.trim_ascii_start() } else { text };
                start.extend_from_slice(text.get(..missing).unwrap_or(text));
                (rest, previous) = (after, Some(header));
                packets += 1;
            }
            Step::Part { .. } | Step::More | Step::Nothing { .. } => return Fit::More,
        }
    }
}

/// Whether text begins with a SIP method and the scheme of a URI, or with the version of a response.
///
/// Source: RFC 3261 §7.1, §7.2.
fn starts_message(text: &[u8]) -> Fit {
    const VERSION: &[u8] = b"SIP/2.0 ";
    if text.starts_with(VERSION) {
        return Fit::Yes;
    }
    if VERSION.starts_with(text) {
        return Fit::More;
    }
    let (method, rest) = split(text, u8::is_ascii_uppercase);
    let Some((b' ', rest)) = rest.split_first() else {
        return if rest.is_empty() && method.len() <= LONGEST_METHOD { Fit::More } else { Fit::No };
    };
    let (scheme, rest) = split(rest, u8::is_ascii_lowercase);
    match rest.first() {
        _ if !(2..=LONGEST_METHOD).contains(&method.len()) || scheme.len() > LONGEST_SCHEME => Fit::No,
        None => Fit::More,
        Some(b':') if scheme.len() >= 2 => Fit::Yes,
        Some(_) => Fit::No,
    }
}

/// `text` up to the first octet that is not `is_part`, and from there on.
fn split(text: &[u8], is_part: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|octet| !is_part(octet)).unwrap_or(text.len()))
}

/// Whether a packet in `layout` begins at the first of `octets` and leads to another one.
///
/// That it leads to the end of the octets proves little: segments come in any size. It is enough when `is_final`,
/// because no more octets will come. A packet without flags is no beginning: the zeros of other headers look like one.
pub(super) fn continues(layout: &Layout, octets: &[u8], is_final: bool) -> Fit {
    let later = if is_final { Fit::No } else { Fit::More };
    match step(layout, octets, None) {
        Step::Packet { header, .. } | Step::Part { header, .. } if header.flags == Flags(0) => Fit::No,
        Step::Packet { header, payload, rest, .. } => {
            // What the bits behind the flags do is not settled by one packet, so they are no witness here.
            match step(layout, rest.get(..LOOK_AHEAD).unwrap_or(rest), None) {
                Step::Broken => Fit::No,
                _ if !is_sound(&header, payload) => Fit::No,
                Step::Packet { .. } | Step::Part { .. } => Fit::Yes,
                Step::Nothing { .. } if is_final => Fit::Yes,
                Step::Nothing { .. } | Step::More => later,
            }
        }
        Step::Part { .. } | Step::More => later,
        Step::Nothing { .. } | Step::Broken => Fit::No,
    }
}

/// Whether the payload keeps to the code and holds as much text as the header says.
fn is_sound(header: &Header, payload: &[u8]) -> bool {
    if !header.flags.has(Flags::COMPRESSED) {
        return true;
    }
    survey(payload).is_ok_and(|survey| header.text.is_none_or(|text| text == survey.text))
}

/// Whether these are the first octets seen of a compressed direction whose negotiation was not captured.
///
/// A guess, and a careful one: packets must follow each other without a fault in one of the layouts, and either the
/// text of one that needs no history begins a SIP message, or there are several whose own octets are text and
/// which save something. A few kilobytes are enough to try it on; a negative answer may change with more octets.
pub fn recognise(octets: &[u8]) -> bool {
    LAYOUTS.iter().any(|layout| is_compressed(layout, octets))
}

fn is_compressed(layout: &Layout, octets: &[u8]) -> bool {
    let mut decoder = Decoder::default();
    decoder.forget();
    let (mut rest, mut previous) = (octets, None);
    let (mut packets, mut literals, mut printable, mut saves, mut is_sip) = (0, 0, 0, false, false);
    loop {
        match step(layout, rest, previous.as_ref()) {
            Step::Broken => return false,
            Step::Part { .. } | Step::More | Step::Nothing { .. } => break,
            Step::Packet { header, payload, rest: after, .. } => {
                match open(&mut decoder, &header, payload) {
                    None => return false,
                    Some(Decoded::Text(text)) if header.flags.has(Flags::COMPRESSED) => {
                        is_sip |= starts_message(text.trim_ascii_start()) == Fit::Yes;
                    }
                    Some(_) => {}
                }
                if header.flags.has(Flags::COMPRESSED)
                    && let Ok(survey) = survey(payload)
                {
                    literals += survey.literals;
                    printable += survey.printable;
                    saves |= survey.text > payload.len();
                }
                packets += 1;
                (rest, previous) = (after, Some(header));
            }
        }
    }
    let is_text = literals >= MIN_LITERALS && printable * 100 >= literals * PRINTABLE;
    is_text && saves && (is_sip || packets >= ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::super::Compressor;
    use super::*;

    const REGISTER: &[u8] = b"REGISTER sip:contoso.com SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.2:2616\r\n\
        To: <sip:alice@contoso.com>\r\nFrom: <sip:alice@contoso.com>\r\nContent-Length: 0\r\n\r\n";
    const OK: &[u8] = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.2:2616\r\nContent-Length: 0\r\n\r\n";

    fn packed(layout: &'static Layout, texts: &[&[u8]]) -> Vec<u8> {
        let (mut compressor, mut out) = (Compressor::new(layout), Vec::new());
        texts.iter().for_each(|text| compressor.push(text, &mut out));
        out
    }

    #[test]
    fn message_starts() {
        let check = |text: &str, expected| assert_eq!(starts_message(text.as_bytes()), expected, "{text:?}");
        check("", Fit::More);
        check("SIP/2", Fit::More);
        check("SIP/2.0 ", Fit::Yes);
        check("SIP/3.0 ", Fit::No);
        check("INV", Fit::More);
        check("INVITE ", Fit::More);
        check("INVITE si", Fit::More);
        check("INVITE sip:bob", Fit::Yes);
        check("BENOTIFY tel:123", Fit::Yes);
        check("INVITE :", Fit::No);
        check("invite sip:bob", Fit::No);
        check("GET /index.html", Fit::No);
        check("GET http://www.example.com/", Fit::Yes);
        check("AAAAAAAAAAAAAAAAAAAAAA", Fit::No);
        check("X sip:", Fit::No);
        check("AB abcdefghi", Fit::No);
    }

    #[test]
    fn every_layout_is_chosen_by_its_octets() {
        for layout in LAYOUTS {
            let one = packed(layout, &[REGISTER]);
            let found = choose(&one).unwrap();
            assert_eq!(found.header, layout.header);
            for cut in 0..one.len() {
                assert_eq!(choose(&one[..cut]).err(), Some(Fit::More), "{} {cut}", layout.name);
            }
            // With a second header, the bits behind the flags tell the layouts apart.
            let several = packed(layout, &[REGISTER, REGISTER, OK]);
            assert_eq!(choose(&several).unwrap().name, layout.name);
        }
    }

    #[test]
    fn other_octets_choose_nothing() {
        let binary: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for octets in [REGISTER, OK, &binary, &[0; 100], &[0xff; 100], b"\x60\0\0\0\0\x05hello world"] {
            assert_eq!(choose(octets).err(), Some(Fit::No), "{octets:?}");
            assert!(!recognise(octets), "{octets:?}");
        }
        for layout in LAYOUTS {
            assert!(choose(&packed(layout, &[b"no message at all"])).is_err(), "{}", layout.name);
            let mut broken = packed(layout, &[REGISTER]);
            broken.extend_from_slice(b"SIP/2.0 200 OK\r\n");
            assert!(choose(&broken).is_err(), "{}", layout.name);
        }
    }

    #[test]
    fn compression_is_recognised_without_its_negotiation() {
        for layout in LAYOUTS {
            let first = packed(layout, &[REGISTER]);
            assert!(recognise(&first), "{}", layout.name);
            assert!(recognise(&[b"\r\n\r\n", &first[..]].concat()), "{}", layout.name);
            assert!(!recognise(&first[..first.len() - 1]), "{}", layout.name);
            // From the second packet on nothing can be read, but packet follows packet.
            let other =
                |n: u32| format!("OPTIONS sip:host{n}.contoso.com SIP/2.0\r\nCall-ID: {:08x}\r\n\r\n", n * 99_991);
            let (two, three, four) = (other(2), other(3), other(4));
            let texts = [REGISTER, two.as_bytes(), three.as_bytes(), four.as_bytes()];
            let later = packed(layout, &texts)[first.len()..].to_vec();
            assert!(recognise(&later), "{}", layout.name);
            assert!(!recognise(&later[1..]), "{}", layout.name);
        }
    }

    #[test]
    fn binary_lengths_before_plain_text_are_not_compression() {
        let frame = |text: &str| [&[0x20, 0, 0, 0, 0, text.len() as u8][..], text.as_bytes()].concat();
        let octets =
            [frame("{\"id\": 17, \"method\": \"hello\"}"), frame("{\"id\": 18}"), frame("{\"id\": 19}")].concat();
        assert!(!recognise(&octets));
    }
}
