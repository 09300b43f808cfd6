//! Captures that others made, and damaged ones: each opens or is refused, never panics, and every frame
//! is accounted for from the file up to its transport header.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use lyncpush::anomaly::AnomalyLog;
use lyncpush::capture::{self, Ended, Options, Source};
use lyncpush::error::Result;
use lyncpush::ip::Ip;
use lyncpush::link::{self, LinkPayload};
use lyncpush::segment::Segment;
use lyncpush::tally::{FrameTally, SetAside};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures");

/// The captures of others, or nothing and a line that says so.
fn captures(test: &str) -> Option<&'static Path> {
    let path = Path::new(CAPTURES);
    if path.join("index.tsv").is_file() {
        return Some(path);
    }
    let _ = writeln!(io::stderr(), "skipped: {test}: the shared captures are not here");
    None
}

/// What reading a capture down to its transport headers gave.
#[derive(Debug, PartialEq)]
struct Reading {
    frames: u64,
    ended: Ended,
    tally: FrameTally,
    /// TCP segments and UDP datagrams, and the octets in them.
    segments: u64,
    octets: u64,
    anomalies: Vec<(&'static str, u64)>,
}

fn read(path: &Path) -> Result<Reading> {
    let source = capture::open(path.to_str().unwrap(), 0, &Options::default())?;
    Ok(read_source(source))
}

fn read_source(mut source: Box<dyn Source>) -> Reading {
    let (mut ip, mut log, mut tally) = (Ip::default(), AnomalyLog::default(), FrameTally::default());
    let (mut segments, mut octets) = (0, 0);
    while source.advance() {
        let frame = source.frame().unwrap();
        let packet = match link::decode(&frame) {
            Ok(LinkPayload::Ip(bytes)) => ip.push(&frame, bytes, &mut log),
            Ok(LinkPayload::Exported(_) | LinkPayload::Other { .. }) => Err(SetAside::NotIp),
            Err(reason) => Err(reason),
        };
        let packet = match packet {
            Ok(packet) => packet,
            Err(reason) => {
                tally.push_set_aside(reason, frame.at, 0, &mut log);
                continue;
            }
        };
        match packet.segment() {
            Ok(segment) => {
                tally.push_used(packet.waited);
                segments += 1;
                octets += match segment {
                    Segment::Tcp(segment) => segment.payload.len(),
                    Segment::Udp(datagram) => datagram.payload.len(),
                } as u64;
            }
            Err(reason) => tally.push_set_aside(reason, frame.at, packet.waited, &mut log),
        }
    }
    ip.finish(&mut log);
    let summary = source.summary();
    tally.push_filtered(summary.filtered);
    assert_eq!(tally.read(), summary.frames, "{}", summary.path);
    let anomalies = log.iter().map(|(kind, count)| (kind.name(), count.count)).collect();
    Reading { frames: summary.frames, ended: summary.ended.clone(), tally, segments, octets, anomalies }
}

/// A row of the index, by column name.
fn index(root: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(root.join("index.tsv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| names.iter().zip(line.split('\t')).map(|(n, v)| (n.to_string(), v.to_owned())).collect();
    lines.map(row).collect()
}

/// The beginning of a reason, in [`EXCEPTIONS`]: the frames before damage are kept, which the index does not count.
const BEFORE_DAMAGE: &str = "damaged behind these frames, which tshark shows too";
const LINK_UNKNOWN_TO_INDEX: &str = "a link type that the index's tool does not know";

/// Files of which the index says something else, with the frames lyncpush gives (tshark gives the same up to
/// the damage) and why.
const EXCEPTIONS: &[(&str, u64, &str)] = &[
    ("gopacket/pcapgo/tests/le/test901.pcapng", 1, "its second section is of an unknown version"),
    ("tcpdump/tests/brcm-tag.pcap", 23, LINK_UNKNOWN_TO_INDEX),
    ("libpcap/filter/brcm-tag.pcap", 15, LINK_UNKNOWN_TO_INDEX),
    ("tcpdump/tests/edsa.pcap", 10, LINK_UNKNOWN_TO_INDEX),
    ("tcpdump/tests/hoobr_juniper3.pcap", 1, LINK_UNKNOWN_TO_INDEX),
    ("tcpdump/tests/vtp_asan.pcap", 5, LINK_UNKNOWN_TO_INDEX),
    ("tcpdump/tests/vtp_asan-2.pcap", 1, LINK_UNKNOWN_TO_INDEX),
    ("tcpdump/tests/vtp_asan-3.pcap", 1, LINK_UNKNOWN_TO_INDEX),
    ("bug-1450-05/tls_DER-incomplete-content.pcap", 6, BEFORE_DAMAGE),
    ("clusterfuzz-testcase-FuzzTarget-5188876846235648", 1, BEFORE_DAMAGE),
    ("clusterfuzz-testcase-FuzzTarget-5781142119907328", 1, BEFORE_DAMAGE),
    ("clusterfuzz-testcase-minimized-FuzzTarget-5165538295939072", 1, BEFORE_DAMAGE),
    ("clusterfuzz-testcase-minimized-FuzzTarget-5204104585674752", 1, BEFORE_DAMAGE),
    ("clusterfuzz-testcase-minimized-FuzzTarget-5717750942269440", 2, BEFORE_DAMAGE),
    ("crash-eec28dafde1f1ac2299674a75a914ae16d4046fa", 1, BEFORE_DAMAGE),
    ("crash-pcapng-epb-unbounded-length", 0, BEFORE_DAMAGE),
    ("clusterfuzz-testcase-minimized-FuzzTarget-5631583764873216", 1, LINK_UNKNOWN_TO_INDEX),
    ("clusterfuzz-testcase-minimized-FuzzTarget-5685520970809344", 1, LINK_UNKNOWN_TO_INDEX),
    (
        "clusterfuzz-testcase-minimized-FuzzTarget-6604968558198784",
        0,
        "version 2.2, with its lengths the other way round",
    ),
    ("crash-exception-cast-constructed-record", 2, "the index's tool guesses a format of Red Hat 6.1"),
];

#[test]
fn captures_of_others_give_the_frames_the_index_says() {
    let Some(root) = captures("captures_of_others_give_the_frames_the_index_says") else { return };
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for row in index(root) {
        let file = &row["file"];
        if row["role"] != "data" || !(file.starts_with("containers/") || file.starts_with("fuzz/")) {
            continue;
        }
        let found = read(&root.join(file)).map(|reading| reading.frames);
        let exception = EXCEPTIONS.iter().find(|(name, _, _)| file.ends_with(name));
        let expected = match exception {
            Some((_, expected, _)) => Some(*expected),
            None => row["packets"].parse().ok(),
        };
        checked += 1;
        if found.as_ref().ok() != expected.as_ref() {
            wrong.push(format!("{file}: {expected:?} expected, {found:?}"));
        }
    }
    assert!(checked > 300, "{checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reads one shared capture.
fn read_shared(root: &Path, file: &str) -> Reading {
    read(&root.join("containers").join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn fragments_of_others_become_packets() {
    let Some(root) = captures("fragments_of_others_become_packets") else { return };
    // File, segments or datagrams, octets in them (as tshark says), frames that stay set aside as fragments.
    let rows = [
        ("OISF__suricata-verify/defrag/bug-6887-defrag-eth-vlan-ipv4-tcp-syn/frag-eth-vlan-ip-tcp-syn.pcap", 1, 0, 0),
        ("OISF__suricata-verify/defrag/bug-6887-defrag-ipv4-tcp-syn/frag-ip-tcp-syn.pcap", 1, 0, 0),
        ("OISF__suricata-verify/defrag/bug-6887-defrag-eth-vlan-ipv6-tcp/frag-eth-vlan-ipv6-tcp.pcap", 1, 1000, 0),
        ("seladb__PcapPlusPlus/PcapExamples/frag_http_req.pcap", 1, 1460, 0),
        ("seladb__PcapPlusPlus/PcapExamples/frag_with_padding.pcap", 1, 9401, 0),
        ("seladb__PcapPlusPlus/PacketExamples/ipv6_opt_fragments.pcap", 1, 5379, 0),
    ];
    for (file, segments, octets, left) in rows {
        let reading = read_shared(root, file);
        let fragments = reading.tally.set_aside().find(|(reason, _)| *reason == SetAside::Fragment);
        let found = (reading.segments, reading.octets, fragments.map_or(0, |(_, count)| count));
        assert_eq!(found, (segments, octets, left), "{file}: {reading:?}");
    }
}

/// All frames of a capture: time, link type, octets.
fn frames(path: &Path) -> Vec<(i64, u16, Vec<u8>)> {
    let mut source = capture::open(path.to_str().unwrap(), 0, &Options::default()).unwrap();
    let mut frames = Vec::new();
    while source.advance() {
        let frame = source.frame().unwrap();
        frames.push((frame.at.time.nanos(), frame.link.0, frame.bytes.to_vec()));
    }
    frames
}

#[test]
fn byte_orders_say_the_same() {
    let Some(root) = captures("byte_orders_say_the_same") else { return };
    let suite = root.join("containers/hadrielk__pcapng-test-generator");
    let mut compared = 0;
    for number in 1..=18 {
        let file = format!("basic/test{number:03}.pcapng");
        let [little, big] = ["output_le", "output_be"].map(|order| frames(&suite.join(order).join(&file)));
        assert_eq!(little, big, "{file}");
        compared += little.len();
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn embedded_secrets_are_found() {
    let Some(root) = captures("embedded_secrets_are_found") else { return };
    let path = root.join("containers/gopacket__gopacket/pcapgo/tests/le/test301.pcapng");
    let mut source = capture::open(path.to_str().unwrap(), 0, &Options::default()).unwrap();
    while source.advance() {}
    let text: Vec<&[u8]> = source.summary().secrets.iter().map(|text| text.octets()).collect();
    assert!(text.concat().starts_with(b"CLIENT_") || text.concat().starts_with(b"SERVER_"), "{text:?}");
}

/// Captures with the name of their link type and the segments and datagrams in them, as tshark counts them.
const LINKS: &[(&str, &str, u64)] = &[
    ("seladb__PcapPlusPlus/PcapExamples/sll.pcap", "linux-sll", 511),
    ("OISF__suricata-verify/decode-sll2-01/input.pcap", "linux-sll2", 5),
    ("seladb__PcapPlusPlus/PcapExamples/sll2.pcap", "linux-sll2", 3),
    ("seladb__PcapPlusPlus/PcapExamples/raw_ip.pcap", "raw", 100),
    ("seladb__PcapPlusPlus/PcapExamples/null_loopback.pcap", "null", 3),
    ("the-tcpdump-group__tcpdump/tests/LINKTYPE_IPV4.pcap", "ipv4", 1),
    ("the-tcpdump-group__tcpdump/tests/LINKTYPE_IPV6.pcap", "ipv6", 1),
    ("seladb__PcapPlusPlus/PcapExamples/frag_with_padding.pcap", "ethernet", 1),
];

#[test]
fn links_of_others_lead_to_segments() {
    let Some(root) = captures("links_of_others_lead_to_segments") else { return };
    for (file, link, segments) in LINKS {
        let path = root.join("containers").join(file);
        let mut source = capture::open(path.to_str().unwrap(), 0, &Options::default()).unwrap();
        source.advance();
        assert_eq!(link::name(source.frame().unwrap().link), *link, "{file}");
        assert_eq!(read(&path).unwrap().segments, *segments, "{file}");
    }
}

/// A UDP datagram to port 5060 in IPv4 in Ethernet.
fn datagram(data: &[u8]) -> Vec<u8> {
    let udp = [&[0x13, 0xc4, 0x13, 0xc4, 0, 8 + data.len() as u8, 0, 0][..], data].concat();
    let ip = [0x45, 0, 0, 20 + udp.len() as u8, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&[2; 12][..], &[8, 0], &ip, &udp].concat()
}

/// A pcap and a pcapng with three frames each.
fn specimens() -> [Vec<u8>; 2] {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut pcap = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
    let mut pcapng = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28, 1, 20, 1, 0, 20]);
    for data in [&b"one"[..], b"second", b"third one"] {
        let frame = datagram(data);
        let length = frame.len() as u32;
        pcap.extend(words(&[1_700_000_000, 5, length, length]));
        pcap.extend(&frame);
        let total = 32 + length.next_multiple_of(4);
        pcapng.extend(words(&[6, total, 0, 0, 5, length, length]));
        pcapng.extend(&frame);
        pcapng.resize(pcapng.len().next_multiple_of(4), 0);
        pcapng.extend(words(&[total]));
    }
    [pcap, pcapng]
}

#[test]
fn any_cut_and_any_flip_is_survived() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("specimen");
    let read_bytes = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read(&path)
    };
    for specimen in specimens() {
        let whole = read_bytes(&specimen).unwrap();
        assert_eq!((whole.frames, whole.segments, whole.octets, &whole.ended), (3, 3, 18, &Ended::Complete));
        let mut before = 0;
        for length in 4..specimen.len() {
            let reading = read_bytes(&specimen[..length]).unwrap();
            assert!(reading.frames >= before && reading.frames <= 3, "{length}: {reading:?}");
            assert!(!matches!(reading.ended, Ended::Damaged(_)), "{length}: {reading:?}");
            before = reading.frames;
        }
        for at in 0..specimen.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut flipped = specimen.clone();
                flipped[at] ^= flip;
                // Refused or read: what counts is that the frames add up, which `read` asserts.
                if let Ok(reading) = read_bytes(&flipped) {
                    assert!(reading.frames <= 3, "{at}: {reading:?}");
                }
            }
        }
    }
}

/// Frames with TCP or UDP in their innermost packet and those with ICMP, as tshark shows them; what remains is PPP.
#[test]
fn tunnels_in_captures_of_others_are_opened() {
    let Some(root) = captures("tunnels_in_captures_of_others_are_opened") else { return };
    for (file, frames, segments, icmp) in [
        ("zeek__zeek/Traces/tunnels/4in4.pcap", 1, 1, 0),
        ("zeek__zeek/Traces/tunnels/4in6.pcap", 1, 1, 0),
        ("zeek__zeek/Traces/tunnels/6in6.pcap", 1, 1, 0),
        ("zeek__zeek/Traces/tunnels/gre-sample.pcap", 40, 30, 10),
        ("zeek__zeek/Traces/tunnels/gre-within-gre.pcap", 628, 4, 624),
        ("zeek__zeek/Traces/tunnels/gre-erspan3-dot1q.pcap", 2, 0, 2),
        ("zeek__zeek/Traces/tunnels/gre-pptp.pcap", 2, 0, 0),
        ("zeek__zeek/Traces/erspanI.pcap", 10, 0, 10),
        ("zeek__zeek/Traces/erspanIII.pcap", 2, 0, 2),
        ("the-tcpdump-group__tcpdump/tests/erspan-type-iii-ft-0.pcap", 9, 0, 9),
        ("arkime__arkime/pcap/gre-erspan-vxlan.pcap", 7, 7, 0),
    ] {
        let reading = read(&root.join("containers").join(file)).unwrap();
        let aside = |wanted: u8| {
            let mut counts = reading.tally.set_aside();
            counts.find(|(reason, _)| *reason == SetAside::OtherProtocol(wanted)).map_or(0, |(_, count)| count)
        };
        assert_eq!((reading.frames, reading.segments, aside(1)), (frames, segments, icmp), "{file}");
        assert_eq!(aside(47), frames - segments - icmp, "{file}");
    }
}

#[test]
fn shared_captures_cut_anywhere_are_survived() {
    let Some(root) = captures("shared_captures_cut_anywhere_are_survived") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut");
    for file in
        ["seladb__PcapPlusPlus/PcapExamples/frag_http_req.pcap", "zeek__zeek/Traces/trunc/mpls-6in6-broken.pcap.gz"]
    {
        let bytes = fs::read(root.join("containers").join(file)).unwrap();
        // A prime step meets every kind of place without taking long.
        for length in (0..bytes.len()).step_by(13) {
            fs::write(&path, &bytes[..length]).unwrap();
            let _ = read(&path);
        }
    }
}
