//! Plays what connections carried to [`Session`]s and keeps what comes out.

use lyncpush::flow::Side;
use lyncpush::frame::{FrameRef, Timestamp};
use lyncpush::stream::Event;
use lyncpush::tls::{Facts, Secrets, Session};

use crate::fixture::{Connection, text};

/// What came out of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    pub plain: [Vec<u8>; 2],
    /// The pieces the plain text came in, by side.
    pub pieces: [Vec<Vec<u8>>; 2],
    /// Lengths of the gaps, by side.
    pub gaps: [Vec<u64>; 2],
    pub ended: [bool; 2],
    next: [u64; 2],
    pub facts: Facts,
}

impl Read {
    /// Takes an event of the plain text; offsets have no hole, and nothing follows an end.
    pub fn take(&mut self, side: Side, event: Event<'_>) {
        let at = side.index();
        assert!(!self.ended[at], "{event:?} after the end");
        match event {
            Event::Bytes { offset, bytes, .. } => {
                assert_eq!(offset, self.next[at]);
                assert!(!bytes.is_empty());
                self.next[at] += bytes.len() as u64;
                self.plain[at].extend_from_slice(bytes);
                self.pieces[at].push(bytes.to_vec());
            }
            Event::Gap { offset, length, .. } => {
                assert_eq!(offset, self.next[at]);
                assert!(length > 0);
                self.next[at] += length;
                self.gaps[at].push(length);
            }
            Event::End { .. } => self.ended[at] = true,
            Event::Witness { .. } => {}
        }
    }
}

pub fn at(number: u64) -> FrameRef {
    FrameRef { input: 0, number, time: Timestamp::new(number as i64, 6) }
}

/// One thing that is played to a session.
#[derive(Clone, Debug)]
pub enum Step {
    Bytes(Side, Vec<u8>),
    Gap(Side, u64),
}

/// The steps of a connection whose segments have at most `size` octets.
pub fn steps(connection: &Connection, size: usize) -> Vec<Step> {
    let pieces = |(side, bytes): &(Side, Vec<u8>)| {
        let side = *side;
        bytes.chunks(size).map(move |piece| Step::Bytes(side, piece.to_vec())).collect::<Vec<_>>()
    };
    connection.sent.iter().flat_map(pieces).collect()
}

/// Plays steps and the two ends.
pub fn play_into(session: &mut Session, read: &mut Read, steps: &[Step], secrets: &mut Secrets) {
    let mut offsets = [0; 2];
    let mut play = |side: Side, event: Event<'_>| session.event(side, event, secrets, &mut |s, e| read.take(s, e));
    for (number, step) in steps.iter().enumerate() {
        let frame = at(number as u64 + 1);
        match step {
            Step::Bytes(side, bytes) => {
                play(*side, Event::Bytes { offset: offsets[side.index()], bytes, frame });
                offsets[side.index()] += bytes.len() as u64;
            }
            Step::Gap(side, length) => {
                let offset = offsets[side.index()];
                play(*side, Event::Gap { offset, length: *length, after: None, frame });
                offsets[side.index()] += length;
            }
        }
    }
    for side in [Side::Client, Side::Server] {
        play(side, Event::End { frame: at(steps.len() as u64 + 1), over: true });
    }
}

/// Plays one connection with the secrets that are there.
pub fn play(steps: &[Step], secrets: &mut Secrets) -> Read {
    let (mut session, mut read) = (Session::default(), Read::default());
    play_into(&mut session, &mut read, steps, secrets);
    read.facts = session.facts();
    read
}

/// Plays all connections one after the other, segments of at most `size` octets.
pub fn play_all(connections: &[Connection], size: usize, secrets: &mut Secrets) -> Vec<Read> {
    connections.iter().map(|connection| play(&steps(connection, size), secrets)).collect()
}

/// The plain text of a side over all connections.
pub fn plain(reads: &[Read], side: Side) -> Vec<u8> {
    reads.iter().flat_map(|read| read.plain[side.index()].clone()).collect()
}

/// Whether both sides of a fixture were read from the first octet to the last.
pub fn is_whole(reads: &[Read]) -> bool {
    let without_cr = |text: Vec<u8>| text.into_iter().filter(|octet| *octet != b'\r').collect::<Vec<_>>();
    plain(reads, Side::Client) == text() && without_cr(plain(reads, Side::Server)) == without_cr(text())
}
