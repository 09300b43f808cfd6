//! Secrets that come when part of what they open was given up.

#![cfg(feature = "tls")]

use super::*;
use crate::flow::{Flow, Transport};
use crate::ladder::profile::Profile;
use crate::report::view::Unread;
use crate::tls::{Choice, Draw, Handshake, Identity, Parties, Version, Writer};
use crate::unreadable::UnreadableReason;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;
/// How long what waits is waited for, seconds.
const WAIT: i64 = 60;

fn draw(mut seed: u64) -> Draw {
    Box::new(move |octets| {
        for octet in octets {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *octet = (seed >> 56) as u8;
        }
    })
}

/// A connection to port 5061, watched; whatever is said of it.
struct Watched {
    streams: Streams,
    connection: Connection,
    writer: Writer,
    keylog: String,
    offsets: [u64; 2],
    /// Seconds that have passed.
    now: i64,
    /// The seconds in which each message was sent that was read.
    messages: Vec<i64>,
    /// From when to when it was told that nothing can be read, in seconds: for good, or while something waits.
    unreadable: Vec<(i64, i64, bool)>,
    settled: usize,
    lost: Vec<(i64, i64)>,
}

fn seconds(time: Timestamp) -> i64 {
    time.nanos() / SECOND
}

impl Watched {
    fn new(version: Version) -> Self {
        Self::on(version, 5_061)
    }

    /// The same to another port.
    fn on(version: Version, port: u16) -> Self {
        let choice = Choice::of(version).find(|choice| choice.suite().contains("AES_128")).unwrap();
        let identity = Identity::new("fe01.example.com", &[], choice, [0, 2_000_000_000], draw(1)).unwrap();
        let parties = Parties { server_name: "fe01.example.com", server: &identity, client: None };
        let (writer, Handshake { flights, keylog }) = Writer::begin(choice, parties, draw(2)).unwrap();
        let ports = &Profile::built_in().unwrap().ports;
        let [client, server] = [([192, 0, 2, 1], 40_000), ([192, 0, 2, 2], port)].map(Into::into);
        let flow = Flow { client, server };
        let mut watched = Self {
            streams: Streams::new(ports, framer::Limits::default(), Keys::default()),
            connection: Connection { id: ConnectionId(1), flow, transport: Transport::Tcp, is_joined: false },
            writer,
            keylog,
            offsets: [0; 2],
            now: 0,
            messages: Vec::new(),
            unreadable: Vec::new(),
            settled: 0,
            lost: Vec::new(),
        };
        flights.iter().for_each(|(side, bytes)| watched.push(*side, bytes));
        watched
    }

    fn frame(&self) -> FrameRef {
        FrameRef { input: 0, number: 1, time: Timestamp::new(self.now * SECOND, 9) }
    }

    /// Lets the streams do something and takes down what they say.
    fn act(&mut self, act: impl FnOnce(&mut Streams, &mut dyn FnMut(Seen<'_>))) {
        let Self { streams, messages, unreadable, settled, lost, .. } = self;
        act(streams, &mut |seen| match seen {
            Seen::Message { at, .. } => messages.push(seconds(at.time)),
            Seen::Notice(_, Notice::Unreadable { from, to, waits, .. }) => {
                unreadable.push((seconds(from), seconds(to), waits));
            }
            Seen::Notice(_, Notice::Lost { from, to }) => lost.push((seconds(from), seconds(to))),
            Seen::Notice(_, Notice::Settled) => *settled += 1,
            _ => {}
        });
        let held: usize = streams.open.values().map(Stream::held).sum();
        assert_eq!(streams.held, held, "what is held is counted, whatever lets go of it");
    }

    fn push(&mut self, side: Side, bytes: &[u8]) {
        let (connection, frame) = (self.connection, self.frame());
        let offset = self.offsets[side.index()];
        self.offsets[side.index()] += bytes.len() as u64;
        let event = Event::Bytes { offset, bytes, frame };
        self.act(|streams, mut out| streams.event(&connection, side, event, &mut out));
    }

    /// A second passes; then both sides speak.
    fn pass(&mut self) {
        self.now += 1;
        let before = self.frame().time.shifted(-WAIT * SECOND);
        self.act(|streams, mut out| streams.give_up(before, &mut out));
        for side in [Side::Client, Side::Server] {
            let text = "OPTIONS sip:a SIP/2.0\r\nVia: a\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
            let bytes = self.writer.seal(side, text.as_bytes()).unwrap();
            self.push(side, &bytes);
        }
    }

    fn learn(&mut self) {
        let keylog = self.keylog.clone();
        self.streams.keys.push_keylog(keylog.as_bytes());
        self.act(|streams, mut out| streams.retry(&mut out));
    }

    /// Whether it was told for good that nothing can be read at that second.
    fn is_hidden(&self, second: i64) -> bool {
        self.unreadable.iter().any(|(from, to, waits)| !waits && (*from..=*to).contains(&second))
    }

    fn end(&mut self) -> Unread {
        let (connection, frame) = (self.connection, self.frame());
        for side in [Side::Client, Side::Server] {
            let event = Event::End { frame, over: true };
            self.act(|streams, mut out| streams.event(&connection, side, event, &mut out));
        }
        let account = self.streams.account();
        assert_eq!((account.decrypted, account.unread.len(), account.gaps), (1, 1, 2));
        account.unread.into_iter().next().unwrap()
    }
}

const VERSIONS: [Version; 3] = [Version::Tls10, Version::Tls12, Version::Tls13];

#[test]
fn what_came_in_the_last_minute_is_read_when_its_secret_comes() {
    for version in VERSIONS {
        let mut watched = Watched::new(version);
        (0..100).for_each(|_| watched.pass());
        let span = watched.streams.waits(Timestamp::new(0, 9)).unwrap();
        assert_eq!((seconds(span.from), seconds(span.to)), (40, 100), "{version:?}");
        assert_eq!((watched.messages.len(), watched.settled), (0, 0), "{version:?}");
        watched.learn();
        let expected: Vec<i64> = (40..=100).flat_map(|second| [second, second]).collect();
        assert_eq!((&watched.messages, watched.settled), (&expected, 1), "{version:?}");
        assert!((1..40).all(|second| watched.is_hidden(second)), "{version:?}: {:?}", watched.unreadable);
        assert!((40..=100).all(|second| !watched.is_hidden(second)), "{version:?}: {:?}", watched.unreadable);
        watched.pass();
        assert_eq!(watched.messages.len(), expected.len() + 2, "{version:?}");
        assert!(watched.streams.waits(Timestamp::new(0, 9)).is_none());
        let unread = watched.end();
        assert_eq!(unread.reason, UnreadableReason::TlsNoSecret);
        assert!(unread.detail.starts_with("its secret came too late for "), "{}", unread.detail);
    }
}

#[test]
fn what_comes_when_all_was_given_up_is_read_when_its_secret_comes() {
    for version in VERSIONS {
        let mut watched = Watched::new(version);
        (0..10).for_each(|_| watched.pass());
        watched.now = 100;
        let before = watched.frame().time.shifted(-WAIT * SECOND);
        watched.act(|streams, mut out| streams.give_up(before, &mut out));
        assert!(watched.streams.waits(Timestamp::new(0, 9)).is_none(), "{version:?}");
        assert!((1..=10).all(|second| watched.is_hidden(second)), "{version:?}: {:?}", watched.unreadable);
        watched.pass();
        assert_eq!(watched.messages.len(), 0);
        watched.learn();
        watched.pass();
        assert_eq!(watched.messages, [101, 101, 102, 102], "{version:?}");
        assert!(!watched.is_hidden(102), "{version:?}: {:?}", watched.unreadable);
        watched.end();
    }
}

/// Of a connection of which text was read, only what waited is said to be unreadable.
#[test]
fn what_is_given_up_does_not_hide_what_was_read_before() {
    let mut watched = Watched::new(Version::Tls13);
    let known = watched.keylog.lines().filter(|line| !line.starts_with("SERVER_TRAFFIC_SECRET"));
    watched.keylog = known.collect::<Vec<_>>().join("\n");
    watched.learn();
    let text = "OPTIONS sip:a SIP/2.0\r\nVia: a\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    for second in 1..=90 {
        watched.now = second;
        let bytes = watched.writer.seal(Side::Client, text.as_bytes()).unwrap();
        watched.push(Side::Client, &bytes);
    }
    assert_eq!(watched.messages, (1..=90).collect::<Vec<_>>());
    watched.unreadable.clear();
    // While a capture may hold the secret nothing is told.
    watched.streams.keys.look_in(vec!["secrets.pcapng".to_owned()], false);
    let connection = watched.connection;
    let mut offset = watched.offsets[Side::Server.index()];
    for half in [0, 1] {
        let bytes = watched.writer.seal(Side::Server, text.as_bytes()).unwrap();
        let frame = FrameRef { input: 0, number: 1, time: Timestamp::new(100 * SECOND + half * SECOND / 2, 9) };
        let event = Event::Bytes { offset, bytes: &bytes, frame };
        offset += bytes.len() as u64;
        watched.act(|streams, mut out| streams.event(&connection, Side::Server, event, &mut out));
    }
    assert_eq!(watched.unreadable, []);
    let before = Timestamp::new(100 * SECOND + SECOND / 4, 9);
    watched.act(|streams, mut out| streams.give_up(before, &mut out));
    assert!(watched.is_hidden(100) && !watched.is_hidden(99), "{:?}", watched.unreadable);
}

#[test]
fn nobody_waits_for_the_secrets_of_strangers() {
    let mut watched = Watched::on(Version::Tls12, 5_099);
    watched.pass();
    assert!(watched.streams.waits(Timestamp::new(0, 9)).is_none());
    // One of them speaks SIP after all.
    let [client, server] = [([192, 0, 2, 9], 40_000), ([192, 0, 2, 1], 5_061)].map(Into::into);
    let flow = Flow { client, server };
    let other = Connection { id: ConnectionId(2), flow, transport: Transport::Tcp, is_joined: false };
    let text = b"OPTIONS sip:a SIP/2.0\r\nVia: a\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let event = Event::Bytes { offset: 0, bytes: text, frame: watched.frame() };
    watched.act(|streams, mut out| streams.event(&other, Side::Client, event, &mut out));
    assert!(watched.streams.waits(Timestamp::new(0, 9)).is_some());
}
