//! The filter of an interface: which frames the kernel hands on.
//!
//! A filter that names ports drops two kinds of frame that belong to them: fragments behind the first, which have no
//! ports, and frames with a VLAN tag, which shifts everything a filter looks at.
//!
//! Source: pcap-filter(7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pcap::{Capture, Linktype};

use crate::frame::LinkType;

/// Fragments behind the first, of IPv4 and IPv6; those of IPv6 whose fragment header comes first, as hosts send them.
const FRAGMENTS: &str = "ip[6:2] & 0x1fff != 0 or ip6[6] == 44";
/// What a filter may drop.
const PIECES: &str = "fragments of packets";
const TAGGED: &str = "frames with a VLAN tag";
/// Hosts and ports tried of an expression.
const TRIED: usize = 8;

/// The filter that lets through what uses `ports`, with fragments and, where the link type knows them, up to two VLAN
/// tags. Cooked frames, as of `any`, have no tags: the kernel has taken them off before.
pub fn for_ports(ports: &[u16], link: LinkType) -> String {
    let ports: Vec<String> = ports.iter().map(|port| format!("port {port}")).collect();
    let plain = match ports.is_empty() {
        true => FRAGMENTS.to_owned(),
        false => format!("{} or {FRAGMENTS}", ports.join(" or ")),
    };
    match link {
        // What stands behind the word `vlan` is looked for behind a tag, what stands behind the second one behind two.
        LinkType::ETHERNET => format!("({plain}) or (vlan and ({plain})) or (vlan and ({plain}))"),
        _ => plain,
    }
}

/// What an expression drops of conversations it lets through otherwise: fragments, frames with a VLAN tag.
///
/// Found by trying: frames between the hosts and ports that it names, or any, are run through it, whole, in fragments and
/// tagged. An expression that lets none of them through is not known to drop anything.
pub fn dropped_by(expression: &str, ports: &[u16]) -> Vec<&'static str> {
    let Ok(program) = Capture::dead(Linktype::ETHERNET).and_then(|dead| dead.compile(expression, true)) else {
        return Vec::new();
    };
    let mut dropped = [false, false];
    for (whole, fragment, tagged) in tried(expression, ports) {
        if program.filter(&whole) {
            dropped[0] |= !program.filter(&fragment);
            dropped[1] |= !program.filter(&tagged);
        }
    }
    [PIECES, TAGGED].into_iter().zip(dropped).filter_map(|(name, dropped)| dropped.then_some(name)).collect()
}

/// The expression that lets through what [`dropped_by`] says that `expression` drops.
pub fn widened(expression: &str, dropped: &[&str]) -> String {
    let has = |name: &str| dropped.contains(&name);
    // Fragments first: what stands behind the word `vlan` is looked for behind a tag.
    let plain = if has(PIECES) { format!("{FRAGMENTS} or ({expression})") } else { expression.to_owned() };
    if has(TAGGED) { format!("({plain}) or (vlan and ({plain}))") } else { plain }
}

/// Frames to try: whole, a fragment, tagged.
fn tried(expression: &str, ports: &[u16]) -> Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let words = || expression.split(|c: char| !(c.is_ascii_alphanumeric() || ".:".contains(c)));
    let mut hosts: Vec<IpAddr> = words().filter_map(|word| word.parse().ok()).take(TRIED).collect();
    hosts.extend([IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))]);
    let mut wanted: Vec<u16> = words().filter_map(|word| word.parse().ok()).take(TRIED).collect();
    wanted.extend(ports);
    let mut frames = Vec::new();
    for source in &hosts {
        for destination in hosts.iter().filter(|other| other.is_ipv4() == source.is_ipv4()) {
            for port in &wanted {
                for protocol in [6, 17] {
                    let frame = |fragment, tag| frame(*source, *destination, *port, protocol, fragment, tag);
                    frames.push((frame(false, false), frame(true, false), frame(false, true)));
                }
            }
        }
    }
    frames
}

/// An Ethernet frame of a packet to `port`; or of its second fragment, which has no ports.
fn frame(source: IpAddr, destination: IpAddr, port: u16, protocol: u8, fragment: bool, tag: bool) -> Vec<u8> {
    let mut frame = vec![2; 12];
    if tag {
        frame.extend([0x81, 0, 0, 5]);
    }
    let mut segment = vec![0; 40];
    if !fragment {
        segment.splice(..4, port.to_be_bytes().into_iter().chain(port.to_be_bytes()));
    }
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let offset = if fragment { 100 } else { 0 };
            frame.extend([8, 0, 0x45, 0, 0, 60, 0, 1, 0, offset, 64, protocol, 0, 0]);
            frame.extend(source.octets().into_iter().chain(destination.octets()));
        }
        (source, destination) => {
            let next = if fragment { 44 } else { protocol };
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, next, 64]);
            for address in [source, destination] {
                if let IpAddr::V6(address) = address {
                    frame.extend(address.octets());
                }
            }
            if fragment {
                frame.extend([protocol, 0, 3, 0x20, 0, 0, 0, 1]);
            }
        }
    }
    frame.extend(segment);
    frame
}

#[cfg(test)]
mod tests {
    use pcap::BpfProgram;

    use super::*;

    fn compiled(expression: &str, link: LinkType) -> BpfProgram {
        Capture::dead(Linktype(i32::from(link.0))).unwrap().compile(expression, true).unwrap()
    }

    #[test]
    fn the_filter_for_ports_lets_through_what_belongs_to_them() {
        let filter = compiled(&for_ports(&[5060, 5061], LinkType::ETHERNET), LinkType::ETHERNET);
        for (source, destination) in [("192.0.2.7", "192.0.2.9"), ("2001:db8::7", "2001:db8::9")] {
            let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
            for protocol in [6, 17] {
                for tag in [false, true] {
                    assert!(filter.filter(&frame(source, destination, 5061, protocol, false, tag)), "{source} {tag}");
                    assert!(filter.filter(&frame(source, destination, 5061, protocol, true, tag)), "{source} {tag}");
                    assert!(!filter.filter(&frame(source, destination, 80, protocol, false, tag)), "{source} {tag}");
                }
            }
        }
        let mut twice = frame("192.0.2.7".parse().unwrap(), "192.0.2.9".parse().unwrap(), 5061, 6, false, true);
        twice.splice(12..12, [0x88, 0xa8, 0, 7]);
        assert!(filter.filter(&twice));
        let arp = [&[2; 12][..], &[8, 6], &[0; 28]].concat();
        assert!(!filter.filter(&arp));
    }

    #[test]
    fn there_is_a_filter_for_every_link_type_of_interfaces() {
        for link in [LinkType::ETHERNET, LinkType::LINUX_SLL, LinkType::LINUX_SLL2, LinkType(12), LinkType::NULL] {
            compiled(&for_ports(&[5061, 443], link), link);
        }
        compiled(&for_ports(&[], LinkType::ETHERNET), LinkType::ETHERNET);
    }

    #[test]
    fn what_an_expression_drops_is_found_by_trying() {
        let (fragments, tags) = (PIECES, TAGGED);
        for (expression, expected) in [
            ("", &[][..]),
            ("port 5061", &[fragments, tags]),
            ("tcp and port 9999", &[fragments, tags]),
            ("host 192.0.2.7 and port 5061", &[fragments, tags]),
            ("host 192.0.2.7", &[tags]),
            ("host 2001:db8::7 and port 5061", &[fragments, tags]),
            ("net 10.0.0.0/8", &[tags]),
            ("port 5061 or (vlan and port 5061)", &[fragments]),
            ("not port 22", &[]),
            ("vlan and port 5061", &[]),
            ("ether host 02:00:00:00:00:01", &[]),
        ] {
            let dropped = dropped_by(expression, &[5060, 5061]);
            assert_eq!(dropped, expected, "{expression}");
            let widened = widened(expression, &dropped);
            compiled(&widened, LinkType::ETHERNET);
            assert_eq!(dropped_by(&widened, &[5060, 5061]), [""; 0], "{widened}");
        }
        assert!(dropped_by(&for_ports(&[5060, 5061], LinkType::ETHERNET), &[5060, 5061]).is_empty());
    }
}
