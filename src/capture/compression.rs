//! Compressed captures: gzip and zstd, decompressed on a thread of their own.
//!
//! Decompression is the slowest step of reading, so it runs ahead of the analysis, by a bounded number of pieces.
//!
//! Of a capture that holds secrets these pieces are wiped ([`Secrecy`]). The decompressors' own memory cannot be reached:
//! what zlib-rs and zstd keep of the last octets they gave, 32 KiB and up to 128 MiB, goes as it is.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use zeroize::Zeroize;

use super::reader::Secrecy;

/// Octets of one piece of decompressed data.
const PIECE: usize = 256 << 10;
/// How many pieces may wait: enough to keep both threads busy, a megabyte in all.
const WAITING: usize = 4;

/// A compression that is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952, also several members one after the other.
    Gzip,
    /// RFC 8878, also several frames one after the other.
    Zstd,
}

impl Compression {
    /// Recognises compressed data by its first octets.
    pub(super) fn probe(octets: &[u8]) -> Option<Self> {
        match octets {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // A skippable frame, as parallel compressors put in front.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// As reports show it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Why not even the first octets of the data can be had.
    ///
    /// zstd gives nothing of a block that is not whole, and a block is up to 128 KiB of a capture; gzip gives
    /// nothing before the table of its codes is whole.
    pub(super) fn reason(self, error: &io::Error) -> String {
        let name = self.name();
        match error.kind() {
            ErrorKind::UnexpectedEof => {
                format!("it is a {name} file cut in its beginning: nothing in it can be decompressed; copy it again")
            }
            _ => format!("its {name} data is damaged: {error}"),
        }
    }

    /// What is compressed in `inner`; `secrecy` tells when there are secrets in it.
    pub(super) fn decompress(self, inner: Box<dyn Read + Send>, secrecy: &Secrecy) -> io::Result<Box<dyn Read + Send>> {
        let decoder: Box<dyn Read + Send> = match self {
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(inner)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(inner)?),
        };
        Ok(Box::new(Ahead::spawn(decoder, secrecy)?))
    }
}

/// A piece of decompressed data. What is left of one goes wiped once there were secrets.
struct Piece {
    octets: Vec<u8>,
    secrecy: Secrecy,
}

impl Piece {
    /// An empty one.
    fn new(secrecy: &Secrecy) -> Self {
        // A vector that grows leaves copies behind.
        Self { octets: Vec::with_capacity(PIECE), secrecy: secrecy.clone() }
    }

    /// It was read: wipes its octets if there were secrets up to its end.
    fn wipe(&mut self) {
        if self.secrecy.has_begun() {
            self.octets.as_mut_slice().zeroize();
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Reads what another thread has read ahead.
struct Ahead {
    pieces: Receiver<io::Result<Piece>>,
    /// Read pieces go back to be filled again.
    used: Sender<Piece>,
    piece: Piece,
    start: usize,
    ended: bool,
}

impl Ahead {
    fn spawn(inner: Box<dyn Read + Send>, secrecy: &Secrecy) -> io::Result<Self> {
        let (full, pieces) = sync_channel(WAITING);
        let (used, empty) = channel();
        let piece = Piece::new(secrecy);
        let secrecy = secrecy.clone();
        let read = move || read_ahead(inner, &secrecy, &full, &empty);
        thread::Builder::new().name("decompress".to_owned()).spawn(read)?;
        Ok(Self { pieces, used, piece, start: 0, ended: false })
    }
}

/// Reads to the end or to an error, and says which it was; stops early when no one listens any more.
fn read_ahead(
    mut inner: Box<dyn Read + Send>,
    secrecy: &Secrecy,
    full: &SyncSender<io::Result<Piece>>,
    empty: &Receiver<Piece>,
) {
    loop {
        let mut piece = empty.try_recv().unwrap_or_else(|_| Piece::new(secrecy));
        piece.octets.clear();
        let result = inner.by_ref().take(PIECE as u64).read_to_end(&mut piece.octets);
        // What came before an error is still good, and an empty piece says that the end was reached.
        let last = piece.octets.len() < PIECE;
        let good = piece.octets.is_empty() || full.send(Ok(piece)).is_ok();
        match result {
            Ok(_) if !last && good => {}
            Ok(_) => {
                let _ = full.send(Ok(Piece::new(secrecy)));
                return;
            }
            Err(error) => {
                let _ = full.send(Err(error));
                return;
            }
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.start == self.piece.octets.len() && !self.ended {
            let next = self.pieces.recv().unwrap_or_else(|_| Err(io::Error::other("the decompressor stopped")));
            self.start = 0;
            self.ended = !matches!(&next, Ok(piece) if !piece.octets.is_empty());
            let mut used = std::mem::replace(&mut self.piece, next?);
            used.wipe();
            // Only tells that the other side has ended.
            let _ = self.used.send(used);
        }
        let count = self.piece.octets.get(self.start..).unwrap_or_default().read(into)?;
        self.start += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(compression: Compression, bytes: Vec<u8>) -> (Vec<u8>, io::Result<usize>) {
        let mut reader = compression.decompress(Box::new(Cursor::new(bytes)), &Secrecy::default()).unwrap();
        let mut out = Vec::new();
        let result = reader.read_to_end(&mut out);
        (out, result)
    }

    /// Three pieces and a bit that do not compress to nothing.
    fn sample() -> Vec<u8> {
        (0..3 * PIECE as u32 + 77).map(|octet| (octet.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn several_members_are_one() {
        let sample = sample();
        let (first, second) = sample.split_at(100_000);
        let whole = [gzip(first), gzip(second)].concat();
        assert_eq!(Compression::probe(&[0x1f, 0x8b, 8, 0]), Some(Compression::Gzip));
        assert_eq!(read(Compression::Gzip, whole).0, sample);
        let encode = |bytes| zstd::stream::encode_all(Cursor::new(bytes), 1).unwrap();
        let whole = [encode(first), encode(second)].concat();
        assert_eq!(Compression::probe(&whole), Some(Compression::Zstd));
        assert_eq!(read(Compression::Zstd, whole).0, sample);
    }

    #[test]
    fn what_stands_before_damage_is_kept() {
        let sample = sample();
        let packed = gzip(&sample);
        let (out, result) = read(Compression::Gzip, packed[..packed.len() / 2].to_vec());
        assert!(!out.is_empty() && sample.starts_with(&out));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let packed = zstd::stream::encode_all(Cursor::new(&sample), 1).unwrap();
        let (out, result) = read(Compression::Zstd, packed[..packed.len() * 2 / 3].to_vec());
        assert!(!out.is_empty() && sample.starts_with(&out));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_reader_that_leaves_early_ends_the_thread() {
        let packed = Box::new(Cursor::new(gzip(&sample())));
        let mut reader = Compression::Gzip.decompress(packed, &Secrecy::default()).unwrap();
        assert_eq!(reader.read(&mut [0; 10]).unwrap(), 10);
        drop(reader);
    }

    #[test]
    fn pieces_are_wiped_from_the_one_on_that_secrets_begin_in() {
        let (full, pieces) = sync_channel(9);
        let (used, empty) = channel();
        let secrecy = Secrecy::default();
        for octet in 1..=4 {
            let mut piece = Piece::new(&secrecy);
            piece.octets.resize(100, octet);
            assert!(full.send(Ok(piece)).is_ok());
        }
        assert!(full.send(Ok(Piece::new(&secrecy))).is_ok());
        let mut ahead = Ahead { pieces, used, piece: Piece::new(&secrecy), start: 0, ended: false };
        ahead.read_exact(&mut [0; 150]).unwrap();
        // What begins here in the second piece ends in the third.
        secrecy.begin();
        assert_eq!(ahead.read_to_end(&mut Vec::new()).unwrap(), 250);
        let back: Vec<Vec<u8>> = empty.try_iter().map(|mut piece| std::mem::take(&mut piece.octets)).collect();
        assert_eq!(back, [vec![], vec![1; 100], vec![0; 100], vec![0; 100], vec![0; 100]]);
    }

    #[test]
    fn pieces_do_not_grow() {
        let secrecy = Secrecy::default();
        let mut ahead = Ahead::spawn(Box::new(Cursor::new(sample())), &secrecy).unwrap();
        for _ in 0..=sample().len() {
            ahead.read_exact(&mut [0]).unwrap_or_default();
            assert_eq!(ahead.piece.octets.capacity(), PIECE);
        }
    }
}
