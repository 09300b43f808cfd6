//! TLS captures that others made: lyncpush opens what tshark opens with the same secrets, octet for octet as many,
//! and says of every other connection why it does not.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use lyncpush::anomaly::AnomalyLog;
use lyncpush::capture::{self, Options};
use lyncpush::flow::{Connection, ConnectionId, Side};
use lyncpush::ip::Ip;
use lyncpush::link::{self, LinkPayload};
use lyncpush::segment::Segment;
use lyncpush::stream::Event;
use lyncpush::tcp::{Limits, Tcp};
use lyncpush::tls::{self, Facts, Probe, Secrets, Session, State, read_rsa_keys};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures");

/// The captures of others, or nothing and a line that says so.
fn captures(test: &str) -> Option<&'static Path> {
    let path = Path::new(CAPTURES);
    if path.join("index.tsv").is_file() {
        return Some(path);
    }
    println!("skipped: {test}: the shared captures are not here");
    None
}

/// A connection while it is read: what it is by its first octets, its session, its plain text.
struct Open {
    probe: Option<Probe>,
    first: [Vec<u8>; 2],
    session: Session,
    read: Read,
}

/// What came of a connection.
#[derive(Clone, Debug, Default)]
struct Read {
    plain: [Vec<u8>; 2],
    gaps: u64,
    ended: [bool; 2],
    facts: Facts,
}

impl Read {
    /// Takes an event of the plain text; offsets have no hole and nothing follows an end.
    fn take(&mut self, next: &mut [u64; 2], side: Side, event: Event<'_>) {
        let place = side.index();
        assert!(!self.ended[place] || matches!(event, Event::Witness { .. }));
        match event {
            Event::Bytes { offset, bytes, .. } => {
                assert_eq!(offset, next[place]);
                next[place] += bytes.len() as u64;
                self.plain[place].extend_from_slice(bytes);
            }
            Event::Gap { offset, length, .. } => {
                assert_eq!(offset, next[place]);
                assert!(length > 0);
                next[place] += length;
                self.gaps += 1;
            }
            Event::End { .. } => self.ended[place] = true,
            Event::Witness { .. } => {}
        }
    }
}

/// Reads every TLS connection of a capture, in the order first seen; secrets inside the file count, too.
fn read(path: &Path, secrets: &mut Secrets) -> Vec<Read> {
    let mut source = capture::open(path.to_str().unwrap(), 0, &Options::default()).unwrap();
    let (mut ip, mut log, mut tcp) = (Ip::default(), AnomalyLog::default(), Tcp::new(Limits::default()));
    let mut open: BTreeMap<ConnectionId, (Open, [u64; 2])> = BTreeMap::new();
    let mut given = 0;
    let mut on_event = |secrets: &mut Secrets, connection: &Connection, side: Side, event: Event<'_>| {
        let (open, next) = open.entry(connection.id).or_insert_with(|| {
            let session = Session::default();
            (Open { probe: None, first: Default::default(), session, read: Read::default() }, [0; 2])
        });
        if let (Event::Bytes { bytes, .. }, None | Some(Probe::TooShort)) = (&event, open.probe) {
            open.first[side.index()].extend(*bytes);
            open.probe = Some(tls::probe(&open.first[side.index()]));
        }
        let Open { session, read, .. } = open;
        session.event(side, event, secrets, &mut |side, event| read.take(next, side, event));
    };
    while source.advance() {
        let frame = source.frame().unwrap();
        let Ok(LinkPayload::Ip(bytes)) = link::decode(&frame) else { continue };
        let Ok(packet) = ip.push(&frame, bytes, &mut log) else { continue };
        let Ok(Segment::Tcp(segment)) = packet.segment() else { continue };
        for text in source.summary().secrets.iter().skip(given) {
            secrets.push_keylog(text.octets());
            given += 1;
        }
        tcp.push(&segment, &mut log, &mut |connection, side, event| on_event(secrets, connection, side, event));
    }
    tcp.finish(&mut log, &mut |connection, side, event| on_event(secrets, connection, side, event));
    for text in source.summary().secrets.iter().skip(given) {
        secrets.push_keylog(text.octets());
    }
    secrets.seal();
    let finish = |(open, mut next): (Open, [u64; 2])| {
        let Open { probe, mut session, mut read, .. } = open;
        session.retry(secrets, &mut |side, event| read.take(&mut next, side, event));
        assert!(!session.is_waiting());
        read.facts = session.facts();
        assert_eq!(read.facts.plain_octets, [0, 1].map(|side| read.plain[side].len() as u64));
        (probe == Some(Probe::Tls)).then_some(read)
    };
    open.into_values().filter_map(finish).collect()
}

/// All key logs and RSA keys of a folder and those below it.
fn secrets_beside(folder: &Path) -> Secrets {
    let mut secrets = Secrets::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.to_str().unwrap().to_owned();
            let octets = fs::read(&path).unwrap();
            if octets.len() < 1 << 20 && !name.ends_with("pcap") && !name.ends_with("pcapng") {
                secrets.push_keylog(&octets);
                if octets.starts_with(b"-----BEGIN")
                    && let Ok(keys) = read_rsa_keys(&name, &octets, None)
                {
                    keys.into_iter().for_each(|key| secrets.push_rsa_key(key));
                }
            }
        }
    }
    secrets
}

/// Connections, connections opened, octets of plain text.
type Counts = (u64, u64, u64);

const DATAGRAMS: &str = "DTLS over UDP, which is not read";
const CAMELLIA: &str =
    "Camellia, which no Lync server offers and lyncpush does not read: it says tls-unsupported-suite";

/// Files of which the index (that is tshark) says something else, with what lyncpush gives and why.
const EXCEPTIONS: &[(&str, Counts, &str)] = &[
    ("CAMELLIA", (1, 0, 0), CAMELLIA),
    ("dtls_fragmented_client_hello.pcap", (0, 0, 0), DATAGRAMS),
    ("dtls_fragmented_client_hello_partial.pcap", (0, 0, 0), DATAGRAMS),
    ("dtls_interleaved_client_hello.pcap", (0, 0, 0), DATAGRAMS),
    ("tls_sgt.pcap", (65, 0, 0), "what the clients send has a link header of Cisco that is not decoded"),
    ("smtp-starttls.pcap", (0, 0, 0), "TLS that begins in the middle of a connection is not looked for"),
    ("ssl-to-http-server.pcap", (1, 0, 0), "the client's hello is TLS; the server, which tshark goes by, speaks HTTP"),
    ("ssl-v2.pcap", (0, 0, 0), "SSL 2.0, to its end, is not TLS"),
];

#[test]
fn every_capture_gives_what_tshark_gives() {
    let Some(root) = captures("every_capture_gives_what_tshark_gives") else { return };
    let index = fs::read_to_string(root.join("index.tsv")).unwrap();
    let names: Vec<&str> = index.lines().next().unwrap().split('\t').collect();
    let (mut checked, mut opened_all, mut excepted) = (0, 0, 0);
    for line in index.lines().skip(1) {
        let row: HashMap<&str, &str> = names.iter().copied().zip(line.split('\t')).collect();
        if (row["category"], row["role"]) != ("tls", "data") {
            continue;
        }
        let path = root.join(row["file"]);
        let reads = read(&path, &mut secrets_beside(path.parent().unwrap()));
        let plain: u64 = reads.iter().flat_map(|read| read.facts.plain_octets).sum();
        let opened = reads.iter().filter(|read| read.facts.plain_octets != [0, 0]).count() as u64;
        let count = |name: &str| row[name].parse::<u64>().unwrap_or_default();
        let indexed = (count("tls_connections"), count("tls_decrypted"), count("tls_plain_bytes"));
        let exception = EXCEPTIONS.iter().find(|(name, ..)| row["file"].contains(name));
        let expected = exception.map_or(indexed, |(_, counts, _)| *counts);
        assert_eq!((reads.len() as u64, opened, plain), expected, "{}", row["file"]);
        for read in &reads {
            consistent(row["file"], read);
        }
        checked += 1;
        opened_all += opened;
        excepted += u64::from(exception.is_some());
    }
    assert!(checked >= 150 && opened_all >= 120, "{checked} files, {opened_all} connections opened");
    println!("{checked} captures, {opened_all} connections opened, {excepted} exceptions");
}

/// A connection is read to its end, or says why not.
fn consistent(file: &str, read: &Read) {
    assert_eq!(read.ended, [true, true], "{file}");
    match &read.facts.state {
        State::Reading => assert_eq!(read.gaps, 0, "{file}: {:?}", read.facts),
        State::Handshake => assert_eq!(read.facts.plain_octets, [0, 0], "{file}"),
        State::Unreadable { detail, .. } => assert!(!detail.is_empty() && !detail.contains('\n'), "{file}"),
    }
}
