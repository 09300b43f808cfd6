//! One frame's octets: link, IP and TCP headers with their checksums.

use std::net::{IpAddr, SocketAddr};

use super::options::Link;

/// The TCP flags a simulated host sets.
pub(super) mod flag {
    /// No more data.
    pub(in super::super) const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub(in super::super) const SYN: u8 = 0x02;
    /// Reset.
    pub(in super::super) const RST: u8 = 0x04;
    /// Push: the end of what was written at once.
    pub(in super::super) const PSH: u8 = 0x08;
    /// The acknowledgement number counts.
    pub(in super::super) const ACK: u8 = 0x10;
}

/// One TCP segment on its way.
///
/// Source: RFC 9293 §3.1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    /// Who sends it.
    pub(super) from: SocketAddr,
    /// Who gets it.
    pub(super) to: SocketAddr,
    /// Sequence number of the first octet.
    pub(super) sequence: u32,
    /// The next octet expected from the other side; 0 without ACK.
    pub(super) acknowledged: u32,
    /// Flags of [`flag`].
    pub(super) flags: u8,
    /// The sender's count of IP packets.
    pub(super) identification: u16,
    /// Data.
    pub(super) payload: &'a [u8],
}

/// Options of a SYN: maximum segment size 1460, window scale 8, selective acknowledgement permitted.
const SYN_OPTIONS: [u8; 12] = [2, 4, 0x05, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
/// Octets of a TCP header without options.
const TCP_HEADER: usize = 20;
/// Ethernet sends no fewer octets than these, the check sequence aside.
const ETHERNET_MINIMUM: usize = 60;

/// How the frames of one file begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framing {
    /// The link type.
    pub(super) link: Link,
    /// Whether the capturing host is big-endian; BSD loopback frames show it.
    pub(super) big_endian: bool,
}

impl Framing {
    /// Replaces what is in `frame` by the octets of `segment`.
    pub(super) fn write(self, segment: &Segment<'_>, frame: &mut Vec<u8>) {
        frame.clear();
        self.write_link(segment, frame);
        let options: &[u8] = if segment.flags & flag::SYN == 0 { &[] } else { &SYN_OPTIONS };
        let length = TCP_HEADER + options.len() + segment.payload.len();
        let pseudo = match (segment.from.ip(), segment.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                write_ipv4(from.octets(), to.octets(), segment.identification, length, frame)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => write_ipv6(from.octets(), to.octets(), length, frame),
            // The topology gives all hosts addresses of one family.
            _ => 0,
        };
        write_tcp(segment, options, pseudo, frame);
        let is_ethernet = matches!(self.link, Link::Ethernet | Link::EthernetVlan | Link::Qinq);
        if is_ethernet && segment.from.ip() != segment.to.ip() && frame.len() < ETHERNET_MINIMUM {
            frame.resize(ETHERNET_MINIMUM, 0);
        }
    }

    fn write_link(self, segment: &Segment<'_>, frame: &mut Vec<u8>) {
        let is_v4 = segment.from.is_ipv4();
        let kind: [u8; 2] = if is_v4 { [0x08, 0x00] } else { [0x86, 0xdd] };
        let (from, to) = if segment.from.ip() == segment.to.ip() {
            ([0; 6], [0; 6])
        } else {
            (hardware_address(segment.from.ip()), hardware_address(segment.to.ip()))
        };
        match self.link {
            Link::Ethernet | Link::EthernetVlan | Link::Qinq => {
                frame.extend_from_slice(&to);
                frame.extend_from_slice(&from);
                if self.link == Link::Qinq {
                    frame.extend_from_slice(&[0x88, 0xa8, 0x00, 0xc8]);
                }
                if self.link != Link::Ethernet {
                    frame.extend_from_slice(&[0x81, 0x00, 0x00, 0x64]);
                }
                frame.extend_from_slice(&kind);
            }
            Link::Sll => {
                frame.extend_from_slice(&[0, 0, 0, 1, 0, 6]);
                frame.extend_from_slice(&from);
                frame.extend_from_slice(&[0, 0]);
                frame.extend_from_slice(&kind);
            }
            Link::Sll2 => {
                frame.extend_from_slice(&kind);
                frame.extend_from_slice(&[0, 0, 0, 0, 0, 2, 0, 1, 0, 6]);
                frame.extend_from_slice(&from);
                frame.extend_from_slice(&[0, 0]);
            }
            Link::Null => {
                let family: u32 = if is_v4 { 2 } else { 30 };
                frame.extend_from_slice(&if self.big_endian { family.to_be_bytes() } else { family.to_le_bytes() });
            }
            Link::Loop => frame.extend_from_slice(&[0, 0, 0, if is_v4 { 2 } else { 24 }]),
            Link::Raw => {}
        }
    }
}

/// A locally administered address made of the last octets of the IP address.
fn hardware_address(address: IpAddr) -> [u8; 6] {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [0x02, 0x00, a, b, c, d]
        }
        IpAddr::V6(v6) => {
            let octets = v6.octets();
            [0x02, 0x06, octets[4], octets[5], octets[14], octets[15]]
        }
    }
}

/// Writes the IPv4 header and gives the sum of TCP's pseudo header.
///
/// Source: RFC 791 §3.1, RFC 9293 §3.1.
fn write_ipv4(from: [u8; 4], to: [u8; 4], identification: u16, length: usize, frame: &mut Vec<u8>) -> u64 {
    let begin = frame.len();
    let [high, low] = ((20 + length) as u16).to_be_bytes();
    let [id_high, id_low] = identification.to_be_bytes();
    frame.extend_from_slice(&[0x45, 0, high, low, id_high, id_low, 0x40, 0, 128, 6, 0, 0]);
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&to);
    let checksum = fold(sum(frame.get(begin..).unwrap_or_default()));
    put(frame, begin + 10, checksum);
    sum(&from) + sum(&to) + 6 + length as u64
}

/// Writes the IPv6 header and gives the sum of TCP's pseudo header.
///
/// Source: RFC 8200 §3, §8.1.
fn write_ipv6(from: [u8; 16], to: [u8; 16], length: usize, frame: &mut Vec<u8>) -> u64 {
    let [high, low] = (length as u16).to_be_bytes();
    frame.extend_from_slice(&[0x60, 0, 0, 0, high, low, 6, 128]);
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&to);
    sum(&from) + sum(&to) + 6 + length as u64
}

fn write_tcp(segment: &Segment<'_>, options: &[u8], pseudo: u64, frame: &mut Vec<u8>) {
    let begin = frame.len();
    frame.extend_from_slice(&segment.from.port().to_be_bytes());
    frame.extend_from_slice(&segment.to.port().to_be_bytes());
    frame.extend_from_slice(&segment.sequence.to_be_bytes());
    frame.extend_from_slice(&segment.acknowledged.to_be_bytes());
    let words = (TCP_HEADER + options.len()) / 4;
    frame.extend_from_slice(&[(words as u8) << 4, segment.flags, 0x20, 0x14, 0, 0, 0, 0]);
    frame.extend_from_slice(options);
    frame.extend_from_slice(segment.payload);
    let checksum = fold(pseudo + sum(frame.get(begin..).unwrap_or_default()));
    put(frame, begin + 16, checksum);
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    if let Some(place) = frame.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// The sum of big-endian 16-bit words, an odd last octet being a high one.
///
/// Source: RFC 1071 §1.
pub(super) fn sum(octets: &[u8]) -> u64 {
    // Words of 32 bits have the same sum modulo 65535, and are half as many.
    let (words, rest) = octets.as_chunks::<4>();
    let mut total: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    for (index, octet) in rest.iter().enumerate() {
        total += u64::from(*octet) << (if index % 2 == 0 { 8 } else { 0 });
    }
    total
}

/// The one's complement of a sum, folded to 16 bits.
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(v6: bool, payload: &[u8]) -> Segment<'_> {
        let (from, to) =
            if v6 { ("[2001:db8::1]:1", "[2001:db8::2]:5061") } else { ("192.0.2.20:51000", "192.0.2.7:5061") };
        Segment {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            sequence: 1,
            acknowledged: 2,
            flags: flag::ACK,
            identification: 9,
            payload,
        }
    }

    fn frame(link: Link, v6: bool, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![1, 2, 3];
        Framing { link, big_endian: false }.write(&segment(v6, payload), &mut frame);
        frame
    }

    #[test]
    fn sums_as_the_standard_shows_them() {
        // The example of RFC 1071 §3.
        assert_eq!(fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), !0xddf2);
        for (octets, expected) in
            [(&[][..], 0xffff), (&[0x12], !0x1200), (&[1, 2, 3], !0x0402), (&[0, 0, 0, 0, 1, 2, 3], !0x0402)]
        {
            assert_eq!(fold(sum(octets)), expected, "{octets:?}");
        }
    }

    #[test]
    fn a_receiver_finds_the_checksums_right() {
        for payload in [&b""[..], b"x", b"SIP/2.0", b"SIP/2.0 200 OK\r\n"] {
            let v4 = frame(Link::Raw, false, payload);
            assert_eq!(fold(sum(&v4[..20])), 0, "IPv4 header");
            assert_eq!(fold(sum(&v4[12..]) + 6 + (v4.len() as u64 - 20)), 0, "TCP over IPv4");
            let v6 = frame(Link::Raw, true, payload);
            assert_eq!(fold(sum(&v6[8..]) + 6 + (v6.len() as u64 - 40)), 0, "TCP over IPv6");
        }
    }

    #[test]
    fn link_headers() {
        let check = |link, v6, expected: &[u8]| {
            let bare = frame(Link::Raw, v6, b"some payload, long enough");
            let all = frame(link, v6, b"some payload, long enough");
            assert_eq!(all, [expected, &bare].concat(), "{link}");
        };
        let hosts = [2, 0, 192, 0, 2, 7, 2, 0, 192, 0, 2, 20];
        check(Link::Ethernet, false, &[&hosts[..], &[8, 0]].concat());
        check(Link::EthernetVlan, false, &[&hosts[..], &[0x81, 0, 0, 100, 8, 0]].concat());
        check(Link::Qinq, false, &[&hosts[..], &[0x88, 0xa8, 0, 200, 0x81, 0, 0, 100, 8, 0]].concat());
        check(Link::Sll, false, &[0, 0, 0, 1, 0, 6, 2, 0, 192, 0, 2, 20, 0, 0, 8, 0]);
        check(Link::Sll2, false, &[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 192, 0, 2, 20, 0, 0]);
        check(Link::Null, false, &[2, 0, 0, 0]);
        check(Link::Null, true, &[30, 0, 0, 0]);
        check(Link::Loop, true, &[0, 0, 0, 24]);
    }

    #[test]
    fn short_ethernet_frames_are_padded() {
        assert_eq!(frame(Link::Ethernet, false, b"").len(), 60);
        assert_eq!(frame(Link::Ethernet, true, b"").len(), 74);
    }
}
