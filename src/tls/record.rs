//! Records: one side's octets, in whatever pieces they come, divided into the units TLS sends.
//!
//! It knows headers and nothing of what stands behind them. Where octets were lost or make no sense, it looks for the
//! next header that another one confirms.

use std::ops::Range;

use super::handshake;
pub(crate) use super::probe::{HEADER, kind};
use super::probe::{length, old_hello};

/// The most octets of text a record may protect. Source: RFC 5246 §6.2.1.
pub(crate) const MAX_TEXT: usize = 1 << 14;
/// What a record begins with before its length: kind and version.
pub(crate) const fn front(kind: u8, version: u16) -> [u8; 3] {
    let [major, minor] = version.to_be_bytes();
    [kind, major, minor]
}

/// Adds a record to `out`; `body` is no longer than a record may be.
pub(crate) fn write(front: [u8; 3], body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&front);
    out.extend_from_slice(&(body.len() as u16).to_be_bytes());
    out.extend_from_slice(body);
}

/// One unit out of a side's octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A record; `body` is where its octets stand in [`Records::buffer`].
    Record { header: [u8; HEADER], body: Range<usize> },
    /// A ClientHello in the format of SSL 2.0, without its length.
    OldHello { body: Range<usize> },
    /// So many octets fit no record and were passed over.
    Junk { octets: usize },
}

/// Divides the octets of one side.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// What is not divided yet, from `taken` on.
    pub(crate) buffer: Vec<u8>,
    taken: usize,
    /// Whether a record was met before, or a loss.
    pub(crate) begun: bool,
    /// The next header has to be looked for.
    seeking: bool,
    /// The version every header has, once that is settled: makes looking for one surer.
    pub(crate) version: Option<u16>,
}

impl Records {
    /// Adds octets of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next unit; `None` until there are more octets.
    pub(crate) fn take(&mut self) -> Option<Unit> {
        if self.seeking {
            let octets = self.seek();
            self.taken += octets;
            if octets > 0 {
                return Some(Unit::Junk { octets });
            }
            if self.seeking {
                return None;
            }
        }
        let rest = self.buffer.get(self.taken..)?;
        if !self.begun
            && let Some(length) = old_hello(rest)
        {
            rest.get(..2 + length)?;
            self.begun = true;
            let body = self.taken + 2..self.taken + 2 + length;
            self.taken = body.end;
            return Some(Unit::OldHello { body });
        }
        let header = *rest.first_chunk::<HEADER>()?;
        let Some(length) = length(header, None) else {
            self.seeking = true;
            // The octet that does not fit is passed over at least, so this ends.
            return self.take();
        };
        rest.get(..HEADER + length)?;
        self.begun = true;
        let body = self.taken + HEADER..self.taken + HEADER + length;
        self.taken = body.end;
        Some(Unit::Record { header, body })
    }

    /// Forgets the octets of the units taken.
    pub(crate) fn settle(&mut self) {
        if self.taken == self.buffer.len() {
            // Idle connections are many: they hold no room.
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..self.taken);
        }
        self.taken = 0;
    }

    /// Whether nothing came but the beginning of a ClientHello.
    pub(crate) fn is_opening(&self) -> bool {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let is_record = rest.first() == Some(&kind::HANDSHAKE)
            && rest.first_chunk().is_none_or(|header| length(*header, None).is_some())
            && handshake::may_be_client_hello(rest.get(HEADER..).unwrap_or_default());
        !self.begun && (is_record || old_hello(rest).is_some())
    }

    /// Whether a record of a handshake that no keys protect has begun, as it looks, and is not whole.
    pub(crate) fn is_in_handshake(&self) -> bool {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let is_handshake = !self.seeking && rest.first() == Some(&kind::HANDSHAKE);
        is_handshake && handshake::may_be_plain(rest.get(HEADER..).unwrap_or_default())
    }

    /// Octets of the stream were lost here. Gives how many of an unfinished record went with them.
    pub(crate) fn lose(&mut self) -> usize {
        let left = self.buffer.len() - self.taken;
        self.buffer = Vec::new();
        self.taken = 0;
        self.seeking = true;
        self.begun = true;
        left
    }

    /// Passes over octets up to a header that can be believed, or may be one: then the next octets will tell.
    ///
    /// A header is believed when the next one stands where it says, or when its record ends with the octets there
    /// are: waiting for more would give that record the time of another. A wrong guess costs a record, no more.
    fn seek(&mut self) -> usize {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let version = self.version;
        for place in 0..rest.len().saturating_sub(HEADER - 1) {
            let Some(behind) = next_header(rest, place, version) else { continue };
            let confirmed = match rest.get(behind..) {
                // The record is not whole: it may be one.
                None => return place,
                Some([]) => true,
                Some(next) => match next.first_chunk() {
                    None => return place,
                    Some(next) => length(*next, version).is_some(),
                },
            };
            if confirmed {
                self.seeking = false;
                return place;
            }
        }
        rest.len().saturating_sub(HEADER - 1)
    }
}

/// Where the next header has to stand if there is one at `place`.
fn next_header(rest: &[u8], place: usize, version: Option<u16>) -> Option<usize> {
    let header = *rest.get(place..)?.first_chunk::<HEADER>()?;
    Some(place + HEADER + length(header, version)?)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{Probe, probe};
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 3, 3];
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    /// What comes out when `stream` comes in pieces of `size`: kind and body of each record, or the octets of junk.
    fn divided(records: &mut Records, stream: &[u8], size: usize) -> Vec<(u8, Vec<u8>)> {
        let mut out = Vec::new();
        for piece in stream.chunks(size) {
            records.push(piece);
            while let Some(unit) = records.take() {
                out.push(match unit {
                    Unit::Record { header, body } => (header[0], records.buffer[body].to_vec()),
                    Unit::OldHello { body } => (0, records.buffer[body].to_vec()),
                    Unit::Junk { octets } => (255, vec![0; octets]),
                });
            }
            records.settle();
        }
        out
    }

    #[test]
    fn pieces_of_any_size_give_the_same_records_also_empty_ones() {
        let stream = [record(22, &[1, 2, 3]), record(23, &[]), record(23, &[9; 300]), record(21, &[1, 0])].concat();
        let whole = divided(&mut Records::default(), &stream, stream.len());
        assert_eq!(
            whole.iter().map(|(kind, body)| (*kind, body.len())).collect::<Vec<_>>(),
            [(22, 3), (23, 0), (23, 300), (21, 2)]
        );
        for size in 1..20 {
            let mut records = Records::default();
            assert_eq!(divided(&mut records, &stream, size), whole, "{size}");
            assert_eq!(records.buffer.capacity(), 0, "nothing is held when nothing waits");
        }
    }

    #[test]
    fn a_hello_of_old_is_taken_only_as_the_first() {
        let mut hello = vec![0x80, 28, 1, 3, 1, 0, 3, 0, 0, 0, 16];
        hello.resize(30, 7);
        let stream = [hello.clone(), record(22, &[5])].concat();
        for size in [1, 4, 100] {
            let out = divided(&mut Records::default(), &stream, size);
            assert_eq!(out, [(0, hello[2..].to_vec()), (22, vec![5])]);
        }
        assert_eq!(probe(&hello), Probe::Tls);
        let late = [record(22, &[5]), hello].concat();
        assert_eq!(divided(&mut Records::default(), &late, 100)[0], (22, vec![5]));
        assert!(divided(&mut Records::default(), &late, 100).iter().all(|(kind, _)| *kind != 0));
    }

    #[test]
    fn after_a_loss_the_next_confirmed_header_is_found_in_pieces_of_any_size() {
        // The rest of a record that looks like a header at one place, then two records.
        let rest = [&[7; 40][..], &[23, 3, 3, 0, 4], &[1; 9]].concat();
        let stream = [rest.clone(), record(23, &[9; 50]), record(23, &[8; 20])].concat();
        for size in [2, 3, 8, 30, 54, 200] {
            let mut records = Records::default();
            records.push(&record(23, &[1; 100])[..60]);
            assert_eq!(records.take(), None);
            assert_eq!(records.lose(), 60);
            let out = divided(&mut records, &stream, size);
            let junk: usize = out.iter().filter(|(kind, _)| *kind == 255).map(|(_, octets)| octets.len()).sum();
            assert_eq!(junk, rest.len(), "{size}");
            let read: Vec<_> = out.iter().filter(|(kind, _)| *kind != 255).map(|(_, body)| body.len()).collect();
            assert_eq!(read, [50, 20], "{size}");
        }
    }
}
