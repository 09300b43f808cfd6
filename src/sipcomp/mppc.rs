//! MPPC with a history of 8 KiB, which Microsoft's SIP compression calls `LZ77-8K`.
//!
//! In: the payload of one compressed packet after the other, of one direction. Out: its text. It refuses to know
//! how packets are framed and what their flags are. Limits: [`HISTORY`] bounds a packet's text, so that nothing else needs to.
//! Source: RFC 2118 §4; \[MS-RDPBCGR\] §3.1.8.4.1, which is the same code.

mod bits;
mod encoder;

use self::bits::{Bits, Token};
pub use self::encoder::{Encoder, Packed};

/// Octets of text either end remembers, and the most that one packet can hold.
pub const HISTORY: usize = 8192;
/// Brings a sum or difference of places back into the history.
const MASK: usize = HISTORY - 1;

/// Why a payload is no MPPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The text runs past the end of the history.
    Overflow,
    /// A copy from nowhere: offset 0, or more than the history holds.
    Offset,
    /// The code of a length longer than any.
    Length,
    /// The payload ends inside a code.
    Exhausted,
}

/// What a payload holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Text, every octet of which is certain.
    Text(&'a [u8]),
    /// So many octets of text, at least one of which is a copy of something that was lost.
    Doubtful(usize),
}

/// The receiving end of one direction.
///
/// After a loss it knows which octets of its history are certain, and gives no text that depends on others.
#[derive(Clone, Debug)]
pub struct Decoder {
    history: Box<[u8; HISTORY]>,
    /// Which octets of the history are not certain; absent while all are, which is nearly always.
    doubt: Option<Box<[bool; HISTORY]>>,
    /// Where the next octet goes, from 0 to [`HISTORY`]; unknown after a loss.
    place: Option<usize>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { history: Box::new([0; HISTORY]), doubt: None, place: Some(0) }
    }
}

impl Decoder {
    /// Empties the history: PACKET_FLUSHED.
    pub fn flush(&mut self) {
        self.history.fill(0);
        self.doubt = None;
        self.place = Some(0);
    }

    /// Goes back to the front of the history, whose octets stay: PACKET_AT_FRONT.
    pub fn to_front(&mut self) {
        self.place = Some(0);
        if self.doubt.as_ref().is_some_and(|doubt| !doubt.contains(&true)) {
            self.doubt = None;
        }
    }

    /// Decodes the next payload: PACKET_COMPRESSED.
    ///
    /// # Errors
    /// When it breaks the code. What it would have held counts as lost then, as after [`lose`](Self::lose).
    pub fn decode(&mut self, packed: &[u8]) -> Result<Decoded<'_>, Defect> {
        let Some(start) = self.place else { return survey(packed).map(|survey| Decoded::Doubtful(survey.text)) };
        match self.run(start, packed) {
            Ok(end) => {
                self.place = Some(end);
                let is_doubtful =
                    |doubt: &[bool; HISTORY]| doubt.get(start..end).is_some_and(|own| own.contains(&true));
                if self.doubt.as_deref().is_some_and(is_doubtful) {
                    return Ok(Decoded::Doubtful(end - start));
                }
                Ok(Decoded::Text(self.history.get(start..end).unwrap_or_default()))
            }
            Err(defect) => {
                self.lose(None);
                Err(defect)
            }
        }
    }

    /// Learns that the payload of one packet is not whole; its flags were obeyed already. `length` is that of
    /// its text, in octets, when it is known.
    ///
    /// What lies before it in the history stays certain: writing only ever goes on behind it, up to the next
    /// packet at the front.
    pub fn lose(&mut self, length: Option<usize>) {
        let Some(start) = self.place else { return };
        let end = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= HISTORY);
        let doubt = self.doubt.get_or_insert_with(|| Box::new([false; HISTORY]));
        if let Some(lost) = doubt.get_mut(start..end.unwrap_or(HISTORY)) {
            lost.fill(true);
        }
        self.place = end;
    }

    /// Learns that whole packets are lost: nothing in the history is certain any more.
    pub fn forget(&mut self) {
        self.doubt = Some(Box::new([true; HISTORY]));
        self.place = None;
    }

    /// Writes the text of `packed` from `start` on; gives where it ends.
    fn run(&mut self, start: usize, packed: &[u8]) -> Result<usize, Defect> {
        let mut place = start;
        for token in Bits::new(packed) {
            match token? {
                Token::Literal(octet) => {
                    *self.history.get_mut(place).ok_or(Defect::Overflow)? = octet;
                    if let Some(cell) = self.doubt.as_mut().and_then(|doubt| doubt.get_mut(place)) {
                        *cell = false;
                    }
                    place += 1;
                }
                Token::Copy { offset, length } => {
                    if HISTORY - place < length {
                        return Err(Defect::Overflow);
                    }
                    let from = (place + HISTORY - offset) & MASK;
                    copy(&mut self.history, from, place, length);
                    if let Some(doubt) = &mut self.doubt {
                        copy(doubt, from, place, length);
                    }
                    place += length;
                }
            }
        }
        Ok(place)
    }
}

/// Copies octet by octet, so that a copy may run into what it has just written; the source may run around the end.
fn copy<T: Copy>(cells: &mut [T; HISTORY], from: usize, to: usize, length: usize) {
    let is_apart = from + length <= to || (to + length <= from && from + length <= HISTORY);
    if is_apart {
        cells.copy_within(from..from + length, to);
        return;
    }
    for at in 0..length {
        let Some(cell) = cells.get((from + at) & MASK).copied() else { return };
        if let Some(place) = cells.get_mut(to + at) {
            *place = cell;
        }
    }
}

/// What can be said of a payload without the history it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Octets of its text.
    pub text: usize,
    /// How many of them it holds itself, instead of copying them from the history.
    pub literals: usize,
    /// How many of those are printable ASCII or white space.
    pub printable: usize,
}

/// Surveys a payload.
///
/// # Errors
/// When it breaks the code.
pub fn survey(packed: &[u8]) -> Result<Survey, Defect> {
    let mut survey = Survey::default();
    for token in Bits::new(packed) {
        match token? {
            Token::Literal(octet) => {
                survey.text += 1;
                survey.literals += 1;
                survey.printable += usize::from(matches!(octet, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
            }
            Token::Copy { length, .. } => survey.text += length,
        }
        if survey.text > HISTORY {
            return Err(Defect::Overflow);
        }
    }
    Ok(survey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn known_answers() {
        check(
            "666f722e77686f6d2e7468652e62656c6c2e746f6c6c732cf4372e66fa1f199484",
            b"for.whom.the.bell.tolls,.the.bell.tolls.for.thee!",
        );
        check("41f07ffbffc0", &[b'A'; HISTORY]);
        check("a1ca6c5008e3c58a011d", "\u{e9}\u{201c}x\u{201d}".as_bytes());
        check(
            "5245474953544552207369703a636f6e746f736f2e636f6d205349502f322e300d0a5669613af3b02f544c53203139f285c645c6474646c6\
             26c1a1487fb195b9d0b53195b99dd1a0e883f4068500",
            b"REGISTER sip:contoso.com SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.2:2616\r\nContent-Length: 0\r\n\r\n",
        );
        check("", b"");
    }

    fn check(hex: &str, expected: &[u8]) {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(&octets(hex)), Ok(Decoded::Text(expected)), "{hex}");
        assert_eq!(survey(&octets(hex)).map(|survey| survey.text), Ok(expected.len()), "{hex}");
    }

    #[test]
    fn broken_codes() {
        // `A`, then a copy of 8191 from offset 1 fills the history; one literal more is too much.
        breaks("41f07ffbffc0", 0, Ok(HISTORY));
        breaks("41f07ffbffd040", 0, Err(Defect::Overflow));
        // A copy from offset 0, and from 320 + 8191.
        breaks("41f000", 0, Err(Defect::Offset));
        breaks("41dfff00", 0, Err(Defect::Offset));
        // Twelve ones are no length.
        breaks("41f07ffffc", 0, Err(Defect::Length));
        // The first nine bits of a literal of nine bits, but for the last; half a copy.
        breaks("80", 0, Err(Defect::Exhausted));
        breaks("41f0", 0, Err(Defect::Exhausted));
        // A copy in the middle of the history can be too long, too.
        breaks("41f07ffbffc0", 1, Err(Defect::Overflow));
    }

    fn breaks(hex: &str, before: usize, expected: Result<usize, Defect>) {
        let mut decoder = Decoder::default();
        decoder.decode(&vec![b'x'; before]).unwrap();
        let decoded = decoder.decode(&octets(hex)).map(|decoded| match decoded {
            Decoded::Text(text) => text.len(),
            Decoded::Doubtful(length) => panic!("{length} doubtful octets"),
        });
        assert_eq!(decoded, expected, "{hex}");
        if expected.is_err() {
            assert_eq!(decoder.decode(b"text"), Ok(Decoded::Doubtful(4)), "{hex}: no place after a defect");
            decoder.to_front();
            assert_eq!(decoder.decode(b"text"), Ok(Decoded::Text(b"text")), "{hex}");
        }
    }

    /// A copy of three octets from `offset` 1 to 63.
    fn three(offset: u8) -> [u8; 2] {
        let bits = 0b1111_0000_0000_0000 | u16::from(offset) << 6;
        bits.to_be_bytes()
    }

    #[test]
    fn old_octets_stay_at_the_front() {
        let mut decoder = Decoder::default();
        decoder.decode(&octets("41f07ffbffc0")).unwrap();
        decoder.to_front();
        // The end of the history is what lies before its front.
        assert_eq!(decoder.decode(&[b"bc", &three(5)[..]].concat()), Ok(Decoded::Text(b"bcAAA")));
        decoder.flush();
        assert_eq!(decoder.decode(&[b"bc", &three(5)[..]].concat()), Ok(Decoded::Text(b"bc\0\0\0")));
    }

    #[test]
    fn what_is_copied_from_lost_octets_is_doubtful() {
        let mut decoder = Decoder::default();
        decoder.decode(b"abc").unwrap();
        decoder.lose(Some(3));
        assert_eq!(decoder.decode(&three(6)), Ok(Decoded::Text(b"abc")), "from before the loss");
        assert_eq!(decoder.decode(&three(6)), Ok(Decoded::Doubtful(3)), "from the lost packet");
        assert_eq!(decoder.decode(&three(3)), Ok(Decoded::Doubtful(3)), "from a doubtful copy");
        assert_eq!(decoder.decode(b"xyz"), Ok(Decoded::Text(b"xyz")), "its own octets");
        decoder.lose(None);
        assert_eq!(decoder.decode(b"xyz"), Ok(Decoded::Doubtful(3)), "no place");
        decoder.to_front();
        assert_eq!(decoder.decode(&[b"def", &three(3)[..]].concat()), Ok(Decoded::Text(b"defdef")));
        decoder.to_front();
        assert_eq!(decoder.decode(&three(1)), Ok(Decoded::Doubtful(3)), "from the lost end of the history");
        decoder.flush();
        assert_eq!(decoder.decode(&three(1)), Ok(Decoded::Text(b"\0\0\0")));
        decoder.forget();
        decoder.to_front();
        assert_eq!(decoder.decode(&[b"a", &three(1)[..]].concat()), Ok(Decoded::Text(b"aaaa")));
        assert_eq!(decoder.decode(&three(6)), Ok(Decoded::Doubtful(3)));
    }
}
