//! IP: from the octets behind a link header to whole packets, and from packets to their transport headers.
//!
//! In: the octets of an IP packet, with whatever padding stands behind them. Out: a [`Packet`], its payload
//! borrowed from the frame, or owned if it had to be put together from fragments; then its [`Segment`].
//! It refuses to know connections, and checksums: a capture on the sender sees them unfinished.
//!
//! Lengths are read with leniency, since captures are cut short and offloaded: octets that the header
//! promises but the frame lacks are counted as missing, a length of zero means all that was captured, and octets
//! behind the packet's own length are padding.
//!
//! Limits: the pool of fragments, see [`FragmentLimits`].

mod fragments;
mod transport;

use std::borrow::Cow;
use std::net::IpAddr;

use etherparse::{IpNumber, LaxIpSlice, LaxIpv4Slice, LaxIpv6Slice};

use crate::anomaly::AnomalyLog;
use crate::frame::{Frame, FrameRef};
use crate::segment::Segment;
use crate::tally::SetAside;

pub use fragments::FragmentLimits;
use fragments::{Fragment, Fragments, Key};

/// One whole IP packet, without its IP headers.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// The frame that carried it; of a fragmented packet, the frame that completed it.
    pub at: FrameRef,
    /// Who sent it.
    pub source: IpAddr,
    /// Who was to receive it.
    pub destination: IpAddr,
    /// IPv4 identification, or that of the IPv6 fragment header; 0 if there is none.
    pub identification: u32,
    /// The protocol of `payload`, behind all extension headers.
    pub protocol: u8,
    /// The captured octets behind the IP headers.
    pub payload: Cow<'a, [u8]>,
    /// Octets that followed `payload` on the wire but were cut off by the capture.
    pub missing: usize,
    /// Earlier frames, reported as [`SetAside::Fragment`] before, that are part of this packet.
    pub waited: u32,
}

impl Packet<'_> {
    /// Reads the transport header.
    ///
    /// Errors: [`SetAside::OtherProtocol`], [`SetAside::CutShort`] or [`SetAside::Malformed`].
    #[inline(always)]
    pub fn segment(&self) -> Result<Segment<'_>, SetAside> {
        transport::decode(self)
    }
}

/// Decodes IP packets, and holds fragments until their packet is whole.
#[derive(Debug, Default)]
pub struct Ip {
    fragments: Fragments,
}

impl Ip {
    /// With limits other than the usual ones.
    pub fn new(limits: FragmentLimits) -> Self {
        Self { fragments: Fragments::new(limits) }
    }

    /// Decodes the IP packet `ip` that `frame` carries.
    ///
    /// Anomalies: fragments that will never be whole, or that contradict each other.
    /// Errors: why the frame gives no packet; [`SetAside::Fragment`] if it may yet be part of one.
    #[inline(always)]
    pub fn push<'a>(
        &mut self,
        frame: &Frame<'_>,
        ip: &'a [u8],
        anomalies: &mut AnomalyLog,
    ) -> Result<Packet<'a>, SetAside> {
        // Octets of the frame itself that the capture cut off, for packets that do not state their length.
        let cut = (frame.wire_len as usize).saturating_sub(frame.bytes.len());
        match LaxIpSlice::from_slice(ip) {
            Ok((slice, None)) if !slice.is_fragmenting_payload() => whole(frame.at, &slice, cut),
            Ok((LaxIpSlice::Ipv4(slice), _)) if slice.is_payload_fragmented() => {
                let fragment = fragment_v4(ip, &slice)?;
                self.push_fragment(frame.at, fragment, anomalies)
            }
            Ok((LaxIpSlice::Ipv6(slice), _)) if slice.is_payload_fragmented() => {
                let fragment = fragment_v6(ip, &slice)?;
                self.push_fragment(frame.at, fragment, anomalies)
            }
            Ok(_) | Err(_) if cut > 0 => Err(SetAside::CutShort),
            Ok(_) | Err(_) => Err(SetAside::Malformed),
        }
    }

    /// Reports the packets that never became whole. Call it once, after the last frame.
    pub fn finish(&mut self, anomalies: &mut AnomalyLog) {
        self.fragments.finish(anomalies);
    }

    fn push_fragment<'a>(
        &mut self,
        at: FrameRef,
        (key, fragment): (Key, Fragment<'_>),
        anomalies: &mut AnomalyLog,
    ) -> Result<Packet<'a>, SetAside> {
        let whole = self.fragments.push(at, key, &fragment, anomalies)?.ok_or(SetAside::Fragment)?;
        let (source, destination, identification) = (key.source, key.destination, key.identification);
        let (mut payload, missing, waited) = (whole.payload, whole.missing, whole.waited);
        // Extension headers may stand inside the fragmented part, too.
        let (protocol, headers) = behind_extensions(key.source, whole.protocol, &payload);
        payload.drain(..headers);
        let payload = Cow::Owned(payload);
        Ok(Packet { at, source, destination, identification, protocol, payload, missing, waited })
    }
}

/// A packet in one piece.
#[inline(always)]
fn whole<'a>(at: FrameRef, slice: &LaxIpSlice<'a>, cut: usize) -> Result<Packet<'a>, SetAside> {
    let payload = slice.payload();
    let (source, destination, identification, missing) = match slice {
        LaxIpSlice::Ipv4(v4) => {
            let header = v4.header();
            let (total, own) = (usize::from(header.total_len()), header.slice().len());
            if total < own && total != 0 {
                return Err(SetAside::Malformed);
            }
            let there = own + v4.extensions().auth.map_or(0, |auth| auth.slice().len()) + payload.payload.len();
            let missing = if total == 0 { cut } else { total.saturating_sub(there) };
            let (source, destination) = (header.source_addr(), header.destination_addr());
            (source.into(), destination.into(), u32::from(header.identification()), missing)
        }
        LaxIpSlice::Ipv6(v6) => {
            let header = v6.header();
            let total = usize::from(header.payload_length());
            let there = v6.extensions().slice().len() + payload.payload.len();
            let missing = if total == 0 { cut } else { total.saturating_sub(there) };
            let (source, destination) = (header.source_addr(), header.destination_addr());
            (source.into(), destination.into(), 0, missing)
        }
    };
    let (protocol, payload) = (payload.ip_number.0, Cow::Borrowed(payload.payload));
    Ok(Packet { at, source, destination, identification, protocol, payload, missing, waited: 0 })
}

/// A fragment of an IPv4 packet: everything behind the header that `slice` describes.
///
/// Source: RFC 791 §3.2.
#[cold]
fn fragment_v4<'a>(ip: &'a [u8], slice: &LaxIpv4Slice<'_>) -> Result<(Key, Fragment<'a>), SetAside> {
    let header = slice.header();
    let own = header.slice().len();
    let captured = ip.get(own..).unwrap_or_default();
    let length = match usize::from(header.total_len()) {
        0 => captured.len(),
        total => total.checked_sub(own).ok_or(SetAside::Malformed)?,
    };
    let protocol = header.protocol().0;
    let key = Key {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        identification: u32::from(header.identification()),
        // The same number may be in use for two protocols.
        protocol: Some(protocol),
    };
    let captured = captured.get(..length).unwrap_or(captured);
    let offset = header.fragments_offset().byte_offset();
    Ok((key, Fragment { protocol, offset, length, captured, more: header.more_fragments() }))
}

/// A fragment of an IPv6 packet: everything behind its fragment header.
///
/// Source: RFC 8200 §4.5.
#[cold]
fn fragment_v6<'a>(ip: &'a [u8], slice: &LaxIpv6Slice<'_>) -> Result<(Key, Fragment<'a>), SetAside> {
    let header = slice.header();
    let own = header.slice().len();
    // What follows the header, as long as it says, padding removed.
    let promised = match usize::from(header.payload_length()) {
        0 => ip.len().saturating_sub(own),
        length => length,
    };
    let rest = ip.get(own..).unwrap_or_default();
    let rest = rest.get(..promised).unwrap_or(rest);
    let (mut next, mut at) = (header.next_header(), 0);
    while next != etherparse::ip_number::IPV6_FRAG {
        let octets: &[u8; 2] = rest.get(at..).and_then(|rest| rest.first_chunk()).ok_or(SetAside::CutShort)?;
        at += match next {
            etherparse::ip_number::AUTH => (usize::from(octets[1]) + 2) * 4,
            _ => (usize::from(octets[1]) + 1) * 8,
        };
        next = IpNumber(octets[0]);
    }
    let found = etherparse::Ipv6FragmentHeaderSlice::from_slice(rest.get(at..).unwrap_or_default());
    let found = found.map_err(|_| SetAside::CutShort)?;
    at += found.slice().len();
    let key = Key {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        identification: found.identification(),
        // Only the first fragment is bound to tell the protocol (RFC 8200 §4.5).
        protocol: None,
    };
    let fragment = Fragment {
        protocol: found.next_header().0,
        offset: found.fragment_offset().byte_offset(),
        length: promised.saturating_sub(at),
        captured: rest.get(at..).unwrap_or_default(),
        more: found.more_fragments(),
    };
    Ok((key, fragment))
}

/// The protocol behind the extension headers of a packet's fragmented part, and how long those headers are.
fn behind_extensions(source: IpAddr, protocol: u8, payload: &[u8]) -> (u8, usize) {
    let number = IpNumber(protocol);
    if source.is_ipv4() && number != etherparse::ip_number::AUTH {
        return (protocol, 0);
    }
    let (headers, protocol, rest, _) = etherparse::Ipv6ExtensionsSlice::from_slice_lax(number, payload);
    if headers.is_fragmenting_payload() {
        // Fragments of fragments: no sender makes them, so what they hold is left alone.
        return (etherparse::ip_number::IPV6_FRAG.0, 0);
    }
    (protocol.0, payload.len() - rest.len())
}

#[cfg(test)]
mod tests {
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
            packets in proptest::collection::vec((0_usize..5, proptest::collection::vec(any::<u8>(), 0..80)), 0..60),
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
}
