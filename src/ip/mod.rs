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
//! A packet that only carries another one (IP in IP, GRE, ERSPAN) is opened: what comes out is the inner packet.
//!
//! Limits: the pool of fragments, see [`FragmentLimits`]; four tunnels within each other.

mod fragments;
mod transport;
mod tunnel;

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
    /// Their numbers; of frames repeated without end not all.
    pub earlier: Vec<u64>,
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

    /// Decodes the IP packet `ip` that `frame` carries; of a tunnel, the packet inside.
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
        let packet = self.outermost(frame.at, ip, cut, anomalies)?;
        if tunnel::may_be(packet.protocol) { self.innermost(packet, anomalies) } else { Ok(packet) }
    }

    /// The packet `ip` itself; `cut` octets behind it are not in the capture.
    #[inline(always)]
    fn outermost<'a>(
        &mut self,
        at: FrameRef,
        ip: &'a [u8],
        cut: usize,
        anomalies: &mut AnomalyLog,
    ) -> Result<Packet<'a>, SetAside> {
        match LaxIpSlice::from_slice(ip) {
            Ok((slice, None)) if !slice.is_fragmenting_payload() => whole(at, &slice, cut),
            Ok((LaxIpSlice::Ipv4(slice), _)) if slice.is_payload_fragmented() => {
                let fragment = fragment_v4(ip, &slice)?;
                self.push_fragment(at, fragment, anomalies)
            }
            Ok((LaxIpSlice::Ipv6(slice), _)) if slice.is_payload_fragmented() => {
                let fragment = fragment_v6(ip, &slice)?;
                self.push_fragment(at, fragment, anomalies)
            }
            Ok(_) | Err(_) if cut > 0 => Err(SetAside::CutShort),
            Ok(_) | Err(_) => Err(SetAside::Malformed),
        }
    }

    /// The packet inside a tunnel, and inside that one's; `packet` itself where it carries none that can be read.
    #[cold]
    fn innermost<'a>(&mut self, mut packet: Packet<'a>, anomalies: &mut AnomalyLog) -> Result<Packet<'a>, SetAside> {
        for _ in 0..tunnel::DEPTH {
            let (at, missing) = (packet.at, packet.missing);
            // What does not fit may only have been cut off.
            let cut = |reason| if missing > 0 && reason == SetAside::Malformed { SetAside::CutShort } else { reason };
            let inner = match &packet.payload {
                Cow::Borrowed(payload) => match tunnel::inside(packet.protocol, payload).map_err(cut)? {
                    Some(inner) => self.outermost(at, inner, missing, anomalies)?,
                    None => break,
                },
                Cow::Owned(payload) => match tunnel::inside(packet.protocol, payload).map_err(cut)? {
                    Some(inner) => {
                        let inner = self.outermost(at, inner, missing, anomalies)?;
                        Packet { payload: Cow::Owned(inner.payload.into_owned()), ..inner }
                    }
                    None => break,
                },
            };
            let waited = packet.waited.saturating_add(inner.waited);
            let mut earlier = packet.earlier;
            earlier.extend(&inner.earlier);
            packet = Packet { waited, earlier, ..inner };
        }
        Ok(packet)
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
        let (mut payload, missing, waited, earlier) = (whole.payload, whole.missing, whole.waited, whole.earlier);
        // Extension headers may stand inside the fragmented part, too.
        let (protocol, headers) = behind_extensions(key.source, whole.protocol, &payload);
        payload.drain(..headers);
        let payload = Cow::Owned(payload);
        Ok(Packet { at, source, destination, identification, protocol, payload, missing, waited, earlier })
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
    let earlier = Vec::new();
    Ok(Packet { at, source, destination, identification, protocol, payload, missing, waited: 0, earlier })
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
mod tests;
