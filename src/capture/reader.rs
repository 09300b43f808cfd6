//! A buffer over any reader: whole records stand in it in one piece, read in large plain reads.

use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroize;

/// The largest record that is read, in octets. The largest known frames are USB transfers and offloaded
/// TCP of some megabytes; a length beyond this is damage, and must not cost memory.
pub const MAX_RECORD: usize = 64 << 20;

/// Size of one plain read: large enough that its call costs nothing, small enough to stay in the second-level cache.
const READ: usize = 256 << 10;

/// Why the octets asked for are not to be had.
#[derive(Debug)]
pub(super) enum Short {
    /// The input ends; so many octets are left of it.
    End(usize),
    /// A compressed input ends inside its compressed data.
    Cut(String),
    /// The input cannot be read, or decompressed, any further.
    Failed(String),
}

/// Whether secrets were met in an input, for whoever holds octets of it before they are read.
///
/// It is told when the head of a block says that they come: of what is behind it nothing was read but what came with it
/// in one read. It stays so: in a capture with secrets there may be more.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrecy(Arc<AtomicBool>);

impl Secrecy {
    /// Secrets come, here and perhaps later again.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether secrets came.
    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Reads ahead and gives windows of whole records.
pub(super) struct Reader {
    inner: Box<dyn Read + Send>,
    /// To be told when secrets come, before they are asked for.
    pub(super) secrecy: Secrecy,
    buffer: Vec<u8>,
    /// Where the unconsumed octets start in `buffer`.
    start: usize,
    /// Where they end.
    end: usize,
    /// From here on nothing stands in `buffer` that came from the input. Between `end` and here is what was left behind
    /// of octets that were moved.
    clean: usize,
    /// Octets of the input before `buffer`.
    before: u64,
}

impl Reader {
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Self {
        Self { inner, secrecy: Secrecy::default(), buffer: vec![0; READ], start: 0, end: 0, clean: 0, before: 0 }
    }

    /// The 0-based octet of the (decompressed) input that comes next.
    pub(super) fn offset(&self) -> u64 {
        self.before + self.start as u64
    }

    /// At least `count` octets, without consuming them. A record that fails this check can be asked for again.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> Result<&[u8], Short> {
        if self.end - self.start < count {
            self.fill(count)?;
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// The next `N` octets as an array, without consuming them.
    #[inline]
    pub(super) fn peek<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let window = self.need(N)?;
        window.first_chunk().copied().ok_or(Short::End(0))
    }

    /// Goes past `count` octets that [`need`](Self::need) has given, and says where in the buffer those at
    /// `part` (relative to the first of them) stand until the next `need`.
    #[inline]
    pub(super) fn consume(&mut self, count: usize, part: Range<usize>) -> Range<usize> {
        let base = self.start;
        self.start = (self.start + count).min(self.end);
        base + part.start..base + part.end
    }

    /// Goes past `count` octets that [`need`](Self::need) has given, and wipes them and what was left behind of them
    /// when octets were moved. Says how many octets that were: over a whole input no more than twice its length.
    pub(super) fn wipe(&mut self, count: usize) -> usize {
        let past = (self.start + count).min(self.end);
        let mut wiped = 0;
        for part in [self.start..past, self.end..self.clean] {
            let octets = self.buffer.get_mut(part).unwrap_or_default();
            octets.zeroize();
            wiped += octets.len();
        }
        self.start = past;
        self.clean = self.end;
        wiped
    }

    /// The octets of a range that [`consume`](Self::consume) gave.
    #[inline]
    pub(super) fn window(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    /// Goes past `count` octets without keeping them.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<(), Short> {
        while count > 0 {
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(READ);
            self.need(step)?;
            self.consume(step, 0..0);
            count -= step as u64;
        }
        Ok(())
    }

    #[cold]
    fn fill(&mut self, count: usize) -> Result<(), Short> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.before += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < count {
            if self.end == self.buffer.len() {
                // Doubling, so that a length that lies costs no more memory than the input has octets.
                let mut larger = vec![0; self.buffer.len() * 2];
                larger.get_mut(..self.end).unwrap_or_default().copy_from_slice(&self.buffer);
                // It may hold secrets.
                std::mem::replace(&mut self.buffer, larger).zeroize();
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.inner.read(room) {
                Ok(0) => return Err(Short::End(self.end)),
                Ok(read) => {
                    self.end += read.min(room.len());
                    self.clean = self.clean.max(self.end);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Err(Short::Cut("the compressed data ends too early".to_owned()));
                }
                Err(error) => return Err(Short::Failed(error.to_string())),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its octets in pieces of one size.
    struct Pieces(Vec<u8>, usize);

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn records_stand_in_one_piece_whatever_the_reads() {
        let input: Vec<u8> = (0..2000u32).map(|octet| octet as u8).collect();
        for piece in [1, 7, 2000] {
            let mut reader = Reader::new(Box::new(Pieces(input.clone(), piece)));
            for record in input.chunks(100) {
                assert_eq!(&reader.need(100).unwrap()[..100], record);
                let range = reader.consume(100, 10..20);
                assert_eq!(reader.window(&range), &record[10..20]);
            }
            assert_eq!(reader.offset(), 2000);
            assert!(matches!(reader.need(1), Err(Short::End(0))));
        }
    }

    #[test]
    fn the_buffer_grows_to_the_record_and_no_further_than_the_input() {
        let mut reader = Reader::new(Box::new(Pieces(vec![5; 3 * READ], READ)));
        assert_eq!(reader.need(2 * READ).unwrap().len(), 2 * READ);
        assert!(matches!(reader.need(MAX_RECORD), Err(Short::End(left)) if left == 3 * READ));
        assert!(reader.buffer.len() <= 4 * READ);
    }

    #[test]
    fn what_is_wiped_is_nowhere_in_the_buffer() {
        let secret = b"secret, and more of it, and more";
        for piece in [1, 11, 64, READ] {
            let input = [&[1; 40][..], secret, &[2; 7]].concat();
            let mut reader = Reader::new(Box::new(Pieces(input, piece)));
            reader.need(40).unwrap();
            reader.consume(40, 0..0);
            reader.need(secret.len()).unwrap();
            reader.wipe(secret.len());
            assert!(!reader.buffer.windows(4).any(|window| secret.windows(4).any(|part| part == window)), "{piece}");
            assert_eq!(reader.offset(), 40 + secret.len() as u64);
            assert_eq!(reader.need(7).unwrap(), [2; 7]);
        }
    }

    #[test]
    fn wiping_costs_no_more_than_the_input_is_long() {
        const SECRETS: usize = 500;
        let large = 2 * READ;
        for piece in [24, 100, READ] {
            let input = [vec![1; large], vec![2; SECRETS * 24]].concat();
            let length = input.len();
            let mut reader = Reader::new(Box::new(Pieces(input, piece)));
            reader.need(large).unwrap();
            reader.consume(large, 0..0);
            let mut wiped = 0;
            for _ in 0..SECRETS {
                reader.need(24).unwrap();
                wiped += reader.wipe(24);
                assert!(!reader.buffer[reader.end..].contains(&2), "{piece}");
            }
            assert!((SECRETS * 24..=2 * length).contains(&wiped), "{piece}: {wiped}");
        }
    }

    #[test]
    fn skipping_keeps_count() {
        let mut reader = Reader::new(Box::new(Pieces(vec![5; 3 * READ], 1000)));
        reader.skip(2 * READ as u64 + 5).unwrap();
        assert_eq!(reader.offset(), 2 * READ as u64 + 5);
        assert!(matches!(reader.skip(READ as u64), Err(Short::End(_))));
    }
}
