//! Packets of both versions, cut, padded, in fragments and in tunnels.

use super::*;
use crate::frame::{LinkType, Timestamp};
use proptest::prelude::*;

fn frame(bytes: &[u8], wire_len: usize) -> Frame<'_> {
    let at = FrameRef { input: 0, number: 1, time: Timestamp::new(0, 6) };
    Frame { at, link: LinkType::RAW, wire_len: wire_len as u32, bytes }
}

/// An IPv4 packet whose header claims `total` octets; `flags` are the fragment field.
fn v4(total: u16, flags: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [t0, t1] = total.to_be_bytes();
    let [f0, f1] = flags.to_be_bytes();
    let header = [0x45, 0, t0, t1, 0, 7, f0, f1, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&header[..], payload].concat()
}

/// An IPv6 packet whose header claims `length` octets behind it.
fn v6(length: u16, next: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = length.to_be_bytes();
    [&[0x60, 0, 0, 0, l0, l1, next, 64][..], &[1; 16], &[2; 16], payload].concat()
}

type Row = Result<(u8, Vec<u8>, usize, u32), SetAside>;

/// Pushes one packet of which the capture cut `cut` octets.
fn push(ip: &mut Ip, bytes: &[u8], cut: usize) -> Row {
    let frame = frame(bytes, bytes.len() + cut);
    let packet = ip.push(&frame, bytes, &mut AnomalyLog::default())?;
    Ok((packet.protocol, packet.payload.to_vec(), packet.missing, packet.identification))
}

fn check(bytes: &[u8], cut: usize, expected: Row) {
    assert_eq!(push(&mut Ip::default(), bytes, cut), expected, "{bytes:02x?}");
}

#[test]
fn version_4() {
    let data = b"data".to_vec();
    check(&v4(24, 0, 17, b"data"), 0, Ok((17, data.clone(), 0, 7)));
    check(&v4(24, 0x4000, 6, b"data"), 0, Ok((6, data.clone(), 0, 7)));
    // Padding, offloading (with and without a cut), a cut packet.
    check(&v4(24, 0, 17, b"data\0\0\0"), 0, Ok((17, data.clone(), 0, 7)));
    check(&v4(0, 0, 17, b"data"), 0, Ok((17, data.clone(), 0, 7)));
    check(&v4(0, 0, 17, b"data"), 9, Ok((17, data.clone(), 9, 7)));
    check(&v4(30, 0, 17, b"data"), 6, Ok((17, data.clone(), 6, 7)));
    check(&v4(19, 0, 17, b"data"), 0, Err(SetAside::Malformed));
    check(&[0x44; 40], 0, Err(SetAside::Malformed));
    check(&v4(24, 0, 17, b"data")[..19], 5, Err(SetAside::CutShort));
    check(&v4(24, 0, 17, b"data")[..19], 0, Err(SetAside::Malformed));
    check(&[], 0, Err(SetAside::Malformed));
    check(&[0x75; 40], 0, Err(SetAside::Malformed));
    // Behind an authentication header of 12 octets.
    let authenticated = [&[17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2][..], b"data"].concat();
    check(&v4(36, 0, 51, &authenticated), 0, Ok((17, data, 0, 7)));
}

#[test]
fn version_6() {
    let data = b"data".to_vec();
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    check(&v6(4, 17, b"data"), 0, Ok((17, data.clone(), 0, 0)));
    check(&v6(4, 17, b"data\0\0"), 0, Ok((17, data.clone(), 0, 0)));
    check(&v6(0, 17, b"data"), 3, Ok((17, data.clone(), 3, 0)));
    check(&v6(9, 17, b"data"), 5, Ok((17, data.clone(), 5, 0)));
    check(&v6(20, 0, &[&options(60)[..], &options(17), b"data"].concat()), 0, Ok((17, data.clone(), 0, 0)));
    check(&v6(30, 0, &[&options(60)[..], &options(17), b"data"].concat()), 10, Ok((17, data.clone(), 10, 0)));
    check(&v6(12, 43, &[&options(17)[..], b"data"].concat()), 0, Ok((17, data.clone(), 0, 0)));
    // An atomic fragment.
    check(&v6(12, 44, &[&[17, 0, 0, 0, 0, 0, 0, 9][..], b"data"].concat()), 0, Ok((17, data, 0, 0)));
    check(&v6(12, 0, &[17, 9, 0, 0]), 8, Err(SetAside::CutShort));
    check(&v6(4, 0, &[17, 9, 0, 0]), 0, Err(SetAside::Malformed));
    check(&v6(4, 59, b"data"), 0, Ok((59, b"data".to_vec(), 0, 0)));
    check(&v6(4, 17, b"data")[..39], 9, Err(SetAside::CutShort));
}

#[test]
fn fragments_of_version_4() {
    let mut ip = Ip::default();
    // The last one comes first, with padding behind it.
    assert_eq!(push(&mut ip, &v4(23, 2, 17, b"end\0\0\0"), 0), Err(SetAside::Fragment));
    assert_eq!(push(&mut ip, &v4(28, 0x2000, 17, b"12345678"), 0), Err(SetAside::Fragment));
    let found = push(&mut ip, &v4(28, 0x2001, 17, b"abcdefgh"), 0);
    assert_eq!(found, Ok((17, b"12345678abcdefghend".to_vec(), 0, 7)));
    assert_eq!(push(&mut ip, &v4(19, 0x2001, 17, b"abcdefgh"), 0), Err(SetAside::Malformed));
    // Extension headers in the fragmented part.
    let authenticated = [17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, b'd', b'a', b't', b'a'];
    assert_eq!(push(&mut ip, &v4(28, 0x2000, 51, &authenticated[..8]), 0), Err(SetAside::Fragment));
    assert_eq!(push(&mut ip, &v4(28, 1, 51, &authenticated[8..]), 0), Ok((17, b"data".to_vec(), 0, 7)));
}

#[test]
fn fragments_of_version_6() {
    let fragment = |next: u8, field: u16, payload: &[u8]| {
        let [f0, f1] = field.to_be_bytes();
        let body = [&[44, 0, 1, 4, 0, 0, 0, 0][..], &[next, 0, f0, f1, 0, 0, 0, 9], payload].concat();
        v6(body.len() as u16, 60, &body)
    };
    let mut ip = Ip::default();
    assert_eq!(push(&mut ip, &fragment(17, 1, b"12345678"), 0), Err(SetAside::Fragment));
    assert_eq!(push(&mut ip, &fragment(99, 8, b"end"), 0), Ok((17, b"12345678end".to_vec(), 0, 9)));
    // Destination options in the fragmented part.
    assert_eq!(push(&mut ip, &fragment(60, 8, b"end"), 0), Err(SetAside::Fragment));
    let found = push(&mut ip, &fragment(60, 1, &[17, 0, 1, 4, 0, 0, 0, 0]), 0);
    assert_eq!(found, Ok((17, b"end".to_vec(), 0, 9)));
    // Fragments within fragments are left alone.
    assert_eq!(push(&mut ip, &fragment(44, 1, &[17, 0, 0, 1, 0, 0, 0, 1]), 0), Err(SetAside::Fragment));
    assert!(matches!(push(&mut ip, &fragment(44, 8, b"end"), 0), Ok((44, _, 0, 9))));
}

/// GRE around a packet of IPv4.
fn gre(packet: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 0], packet].concat()
}

fn v4_around(protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4(20 + payload.len() as u16, 0, protocol, payload)
}

#[test]
fn the_packet_inside_a_tunnel_is_what_counts() {
    let (four, six) = (v4_around(17, b"data"), v6(4, 17, b"data"));
    for (outer, identification) in [
        (v4_around(4, &four), 7),
        (v4_around(41, &six), 0),
        (v6(24, 4, &four), 7),
        (v6(44, 41, &six), 0),
        (v4_around(47, &gre(&four)), 7),
        (v6(28, 47, &gre(&four)), 7),
        (v4_around(47, &gre(&v4_around(4, &v4_around(41, &six)))), 0),
        // Padding behind the outer packet and behind the inner one.
        (v4_around(4, &[&four[..], b"\0\0"].concat()), 7),
        ([v4_around(4, &four), vec![0; 6]].concat(), 7),
    ] {
        check(&outer, 0, Ok((17, b"data".to_vec(), 0, identification)));
    }
    let packet = v6(24, 4, &v4(24, 0, 17, b"data"));
    let found = Ip::default().push(&frame(&packet, packet.len()), &packet, &mut AnomalyLog::default()).unwrap();
    assert_eq!((found.source, found.destination), ([192, 0, 2, 1].into(), [192, 0, 2, 2].into()));
    assert!(matches!(found.payload, Cow::Borrowed(_)), "nothing is copied");
}

#[test]
fn a_tunnel_cut_short_says_what_is_missing() {
    let whole = v4_around(47, &gre(&v4_around(17, b"data")));
    for cut in 1..=4 {
        let kept = b"data"[..4 - cut].to_vec();
        check(&whole[..whole.len() - cut], cut, Ok((17, kept, cut, 7)));
    }
    // Inside the inner header, and inside that of GRE.
    for length in 21..whole.len() - 4 {
        check(&whole[..length], whole.len() - length, Err(SetAside::CutShort));
        check(&v4_around(47, &whole[20..length]), 0, Err(SetAside::Malformed));
    }
}

#[test]
fn tunnels_within_tunnels_are_opened_so_far() {
    let mut packet = v4_around(17, b"data");
    for _ in 0..tunnel::DEPTH {
        packet = v4_around(4, &packet);
        check(&packet, 0, Ok((17, b"data".to_vec(), 0, 7)));
    }
    let inside = v4_around(17, b"data");
    check(&v4_around(4, &packet), 0, Ok((4, inside, 0, 7)));
    // What carries no packet is left as it is.
    check(&v4_around(47, &[0x30, 1, 0x88, 0x0b, 0, 0]), 0, Ok((47, vec![0x30, 1, 0x88, 0x0b, 0, 0], 0, 7)));
}

#[test]
fn fragments_of_a_tunnel_and_fragments_inside_one() {
    // The outer packet is cut into fragments: its frames are all part of the inner packet.
    let carried = gre(&v4_around(17, b"data"));
    let mut ip = Ip::default();
    assert_eq!(push(&mut ip, &v4(36, 0x2000, 47, &carried[..16]), 0), Err(SetAside::Fragment));
    let last = v4(32, 2, 47, &carried[16..]);
    let found = ip.push(&frame(&last, last.len()), &last, &mut AnomalyLog::default()).unwrap();
    assert_eq!((found.protocol, &*found.payload, found.waited), (17, &b"data"[..], 1));
    // The inner packet is cut into fragments, each in a tunnel of its own.
    let mut ip = Ip::default();
    let first = v4_around(4, &v4(28, 0x2000, 17, b"12345678"));
    assert_eq!(push(&mut ip, &first, 0), Err(SetAside::Fragment));
    let last = v4_around(4, &v4(23, 1, 17, b"end"));
    let found = ip.push(&frame(&last, last.len()), &last, &mut AnomalyLog::default()).unwrap();
    assert_eq!((found.protocol, &*found.payload, found.waited), (17, &b"12345678end"[..], 1));
}

proptest! {
    #[test]
    fn any_cut_into_fragments_gives_the_same_packet(
        payload in proptest::collection::vec(any::<u8>(), 1..400),
        cuts in proptest::collection::btree_set(1_usize..50, 0..6),
        order in proptest::collection::vec(any::<u16>(), 8),
    ) {
        let cuts = cuts.into_iter().map(|unit| unit * 8).filter(|cut| *cut < payload.len());
        let edges: Vec<usize> = [0].into_iter().chain(cuts).chain([payload.len()]).collect();
        let mut fragments: Vec<Vec<u8>> = edges.windows(2).map(|edge| {
            let more = if edge[1] < payload.len() { 0x2000 } else { 0 };
            v4((20 + edge[1] - edge[0]) as u16, more | (edge[0] / 8) as u16, 17, &payload[edge[0]..edge[1]])
        }).collect();
        for (at, to) in order.iter().enumerate().take(fragments.len()) {
            let to = usize::from(*to) % fragments.len();
            fragments.swap(at, to);
        }
        let (mut ip, mut log) = (Ip::default(), AnomalyLog::default());
        let count = fragments.len();
        for (number, bytes) in fragments.iter().enumerate() {
            match ip.push(&frame(bytes, bytes.len()), bytes, &mut log) {
                Ok(packet) => {
                    prop_assert_eq!(number + 1, count);
                    prop_assert_eq!(packet.waited as usize, count - 1);
                    prop_assert_eq!(&*packet.payload, &payload[..]);
                }
                Err(reason) => prop_assert!(number + 1 < count && reason == SetAside::Fragment),
            }
        }
        prop_assert_eq!(log.iter().count(), 0);
    }

    #[test]
    fn any_octets_are_accounted_for(
        packets in proptest::collection::vec((0_usize..8, proptest::collection::vec(any::<u8>(), 0..80)), 0..60),
    ) {
        let (mut ip, mut log) = (Ip::default(), AnomalyLog::default());
        let mut tally = crate::tally::FrameTally::default();
        for (shape, noise) in &packets {
            let field = noise.first().map_or(0, |octet| u16::from(octet & 0x21) << 8 | u16::from(octet & 3));
            let bytes = match shape {
                0 => noise.clone(),
                1 => v4(20 + noise.len() as u16, field, 17, noise),
                2 => v4(noise.len() as u16, 0, 6, noise),
                3 => v6(noise.len() as u16, 44, noise),
                4 => v4(20 + noise.len() as u16, field, 47, noise),
                5 => v4_around(4, &v4(20 + noise.len() as u16, field, 17, noise)),
                6 => v4(48 + noise.len() as u16, field, 47, &gre(&v4(24 + noise.len() as u16, 0x2000, 17, noise))),
                _ => v6(noise.len() as u16, 0, noise),
            };
            let frame = frame(&bytes, bytes.len() + shape);
            match ip.push(&frame, &bytes, &mut log) {
                Ok(packet) => match packet.segment() {
                    Ok(_) => tally.push_used(packet.waited),
                    Err(reason) => tally.push_set_aside(reason, packet.at, packet.waited, &mut log),
                },
                Err(reason) => tally.push_set_aside(reason, frame.at, 0, &mut log),
            }
        }
        ip.finish(&mut log);
        prop_assert_eq!(tally.read(), packets.len() as u64);
    }
}
