//! Captures made by others, reassembled: how many octets each side sent, what was lost, what differed.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lyncpush::anomaly::AnomalyLog;
use lyncpush::capture::{self, Options};
use lyncpush::flow::Side;
use lyncpush::ip::Ip;
use lyncpush::link::{self, LinkPayload};
use lyncpush::segment::Segment;
use lyncpush::stream::Event;
use lyncpush::tcp::{Counters, Limits, Tcp};

/// What came out of one capture.
#[derive(Default)]
struct Streams {
    /// By connection number and side: octets, and octets in gaps.
    sides: BTreeMap<(u64, bool), (Vec<u8>, u64)>,
    counters: Counters,
}

impl Streams {
    fn of(path: &Path) -> Self {
        let mut streams = Self::default();
        let mut source = capture::open(path.to_str().expect("a path in UTF-8"), 0, &Options::default())
            .unwrap_or_else(|error| panic!("{error}"));
        let (mut ip, mut tcp, mut anomalies) = (Ip::default(), Tcp::new(Limits::default()), AnomalyLog::default());
        let sides = &mut streams.sides;
        let mut take = |connection: &lyncpush::flow::Connection, side: Side, event: Event<'_>| {
            let (octets, lost) = sides.entry((connection.id.0, side == Side::Server)).or_default();
            match event {
                Event::Bytes { offset, bytes, .. } => {
                    assert_eq!(offset, octets.len() as u64 + *lost);
                    octets.extend_from_slice(bytes);
                }
                Event::Gap { offset, length, .. } => {
                    assert_eq!(offset, octets.len() as u64 + *lost);
                    *lost += length;
                }
                Event::Witness { .. } | Event::End { .. } => (),
            }
        };
        while source.advance() {
            let Some(frame) = source.frame() else { break };
            let Ok(LinkPayload::Ip(bytes)) = link::decode(&frame) else { continue };
            let Ok(packet) = ip.push(&frame, bytes, &mut AnomalyLog::default()) else { continue };
            if let Ok(Segment::Tcp(segment)) = packet.segment() {
                tcp.push(&segment, &mut anomalies, &mut take);
            }
        }
        tcp.finish(&mut anomalies, &mut take);
        streams.counters = tcp.counters();
        streams
    }

    /// For each connection with data: octets (and gaps) of client and server.
    fn picture(&self) -> String {
        let mut text = Vec::new();
        let mut ids: Vec<u64> = self.sides.keys().map(|(id, _)| *id).collect();
        ids.dedup();
        for id in ids {
            let side = |server| match self.sides.get(&(id, server)) {
                Some((octets, 0)) => octets.len().to_string(),
                Some((octets, lost)) => format!("{}~{lost}", octets.len()),
                None => "0".to_owned(),
            };
            text.push(format!("{}/{}", side(false), side(true)));
        }
        text.join(" ")
    }
}

/// The captures under `tcp/` with data in them: octets of client and server of each connection, `~` octets lost.
/// As tshark's stream following has it, except that octets of a RST are no part of a stream, and that what
/// is known to be lost is told by its length. Then how many segments contradict an earlier copy.
#[rustfmt::skip]
const CAPTURES: &[(&str, &str, u64)] = &[
    ("OISF__suricata-verify/alert-testmyids-midstream/input.pcap", "0/259", 0),
    ("OISF__suricata-verify/bug-2430/backwards.pcap", "1681/4267", 0),
    ("OISF__suricata-verify/bug-2491-01/simple_http_download.onesided.pcap", "1193/0~12580", 0),
    ("OISF__suricata-verify/bug-3286-03-windows-evasion/with_evasion_windows.pcap", "343/79", 0),
    ("OISF__suricata-verify/bug-4376/syn_retransmit_with_ts.pcap", "135/182525", 0),
    ("OISF__suricata-verify/bug-6244-tcp-rst-with-data-02/tcp-rst-with-data.pcap", "0/17", 0),
    ("OISF__suricata-verify/bug-6244-tcp-rst-with-data/tcp-rst-with-data.pcap", "0/17", 0),
    ("OISF__suricata-verify/dns-tcp-ts-gap/input.pcap", "68~34/678", 0),
    ("OISF__suricata-verify/eve-overlap-payload-04-partial-overlap/tcp-overlap2.pcap", "4/0", 1),
    ("OISF__suricata-verify/eve-payload-06-tcp-data-leading-gap/tcp-leading-gap.pcap", "8~4/0", 0),
    ("OISF__suricata-verify/firewall/tcp-session-decode-malformed-ipv4/input.pcap", "35/8", 0),
    ("OISF__suricata-verify/firewall/tcp-session-ipv6-decode-malformed/input.pcap", "18/0", 0),
    ("OISF__suricata-verify/firewall/tcp-session-midstream-policy/input.pcap", "47/40", 0),
    ("OISF__suricata-verify/smb-eicar-overlap/input.pcap", "1046/1130", 0),
    ("OISF__suricata-verify/stream-async/http/stream-async-6063-cli-01/http-request-header-async-cli.pcap", "396/0~236", 0),
    ("OISF__suricata-verify/stream-async/http/stream-async-6063-srv-01/http-request-header-async-srv.pcap", "0~397/235", 0),
    ("OISF__suricata-verify/tcp-async-01/input.pcap", "0~484/181278", 0),
    ("OISF__suricata-verify/tcp-fastopen-01/tfo.pcap", "65/200 86/1307", 0),
    ("OISF__suricata-verify/tcp-fastopen-06/tfo-s1.pcap", "86/1307", 0),
    ("OISF__suricata-verify/tcp-fastopen-07/tcp_fastopen_segmentation.pcap", "65/309 173/308", 0),
    ("OISF__suricata-verify/tcp-rst-unacked-stream-01-raw/input.pcap", "0/17", 0),
    ("OISF__suricata-verify/tcp-rst-unacked-stream-03-gap/input.pcap", "0/13~4", 0),
    ("OISF__suricata-verify/tcp-rst-unacked-stream-04-gap-ips/input.pcap", "0/13~4", 0),
    ("OISF__suricata-verify/tcp-rst-unacked-stream-05-http-nogap/input.pcap", "55/0", 0),
    ("OISF__suricata-verify/tcp-rst-unacked-stream-07-http/input.pcap", "39~16/0", 0),
    ("OISF__suricata-verify/tcp-split-handshake-01-4whs/split-handshake-4whs.pcap", "4/0", 0),
    ("OISF__suricata-verify/tcp-split-handshake-02-5whs/split-handshake-5whs.pcap", "0/4", 0),
    ("OISF__suricata-verify/tcp-stream-after-swap/http-start-from-response.pcap", "344/773", 0),
    ("OISF__suricata-verify/tcp-urgp-01-oob/tcp-urgent1.pcap", "167/202", 0),
    ("OISF__suricata-verify/tcp-urgp-04-2byte-XY/tcp-urgent-2byte-XY.pcap", "168/210", 0),
    ("arkime__arkime/pcap/http-syn-ack.pcap", "427/12252", 0),
    ("arkime__arkime/pcap/http-tcp-seq-issue.pcap", "785/1444", 0),
    ("arkime__arkime/pcap/long-session.pcap", "5/0", 0),
    ("arkime__arkime/pcap/no-syn-ack.pcap", "82/82 413/1460", 0),
    ("arkime__arkime/pcap/tcp-reassembly-synthetic.pcap", "40/32 45/32 49/32 44/32 37/24~8 49/32 47/32 39/23 39/0 39/23 31/0", 0),
    ("arkime__arkime/pcap/tcp_handshake_synthetic.pcap", "0/21 33/0", 0),
    ("arkime__arkime/pcap/tcpseq_synthetic.pcap", "8/0 8/0 8/0 4/0 40/0 24/0", 0),
    ("arkime__arkime/pcap/tls-split-client-hello.pcap", "2521/10151", 0),
    ("seladb__PcapPlusPlus/PcapExamples/one_http_stream_fin.pcap", "367/3549", 0),
    ("seladb__PcapPlusPlus/PcapExamples/one_http_stream_fin2.pcap", "406/7071", 0),
    ("seladb__PcapPlusPlus/PcapExamples/one_ipv6_http_stream.pcap", "1106/5737", 0),
    ("seladb__PcapPlusPlus/PcapExamples/one_tcp_stream.pcap", "9948/12444", 0),
    ("seladb__PcapPlusPlus/PcapExamples/one_tcp_stream_fin_rst_close_packet.pcap", "235/78", 0),
    ("seladb__PcapPlusPlus/PcapExamples/one_tcp_stream_max_seq.pcap", "9948/12444", 0),
    ("seladb__PcapPlusPlus/PcapExamples/unidirectional_tcp_stream_with_missing_packet.pcap", "8528~1420/0~12444", 0),
    ("seladb__PcapPlusPlus/pcap_examples/tcp-reassembly.pcap", "9997/29480", 0),
    ("zeek__zeek/Traces/tcp/ctu-64702-888.pcap", "0/13", 0),
    ("zeek__zeek/Traces/tcp/handshake-reorder.pcap", "136/5007", 0),
    ("zeek__zeek/Traces/tcp/http-on-irc-port-missing-syn.pcapng", "136/5007", 0),
    ("zeek__zeek/Traces/tcp/miss_end_data.pcap", "538/0~2902", 0),
    ("zeek__zeek/Traces/tcp/missing-syn.pcap", "98/9417", 0),
    ("zeek__zeek/Traces/tcp/no-handshake.pcap", "136/0", 0),
    ("zeek__zeek/Traces/tcp/one-sided-2745.pcap", "0~52/0 0~67/0", 0),
    ("zeek__zeek/Traces/tcp/payload-synack.pcap", "0/110", 0),
    ("zeek__zeek/Traces/tcp/qi_internet_SYNACK_curl_jsonip.pcap", "153/348", 1),
    ("zeek__zeek/Traces/tcp/reassembly.pcap", "28832~4376/0", 5),
    ("zeek__zeek/Traces/tcp/retransmit-fast009.pcap", "0~474/0~23783", 0),
    ("zeek__zeek/Traces/tcp/retransmit-timeout.pcapng", "18/0", 0),
    ("zeek__zeek/Traces/tcp/ssh-dups.pcap", "3705/4273", 0),
    ("zeek__zeek/Traces/tcp/timestamp.pcap", "0/20730~979270", 0),
    ("zeek__zeek/Traces/tcp/truncated-header.pcap", "0~128/0~477", 0),
    ("zeek__zeek/Traces/tcp/window-scale-range.pcap", "5/0", 0),
];

#[test]
fn captures_of_others_give_the_octets_that_were_sent() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures/tcp"));
    if !root.is_dir() {
        let _ = writeln!(
            io::stderr(),
            "skipped: captures_of_others_give_the_octets_that_were_sent: the shared captures are not here"
        );
        return;
    }
    for (name, picture, conflicts) in CAPTURES {
        let streams = Streams::of(&root.join(name));
        assert_eq!((streams.picture().as_str(), streams.counters.conflicts), (*picture, *conflicts), "{name}");
        let Counters { octets, delivered, gap_octets, left_over, .. } = streams.counters;
        assert_eq!((delivered + gap_octets, left_over), (octets, 0), "{name}");
    }
}
