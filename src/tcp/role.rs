//! Who is the client of a connection.

use crate::segment::TcpSegment;

/// Ports on which Lync and Skype for Business servers, and SIP servers elsewhere, listen: the other end of a
/// connection whose beginning was not captured is the client.
///
/// Source: Skype for Business Server 2015, port requirements; RFC 3261 §19.1.2.
pub const SERVER_PORTS: [u16; 9] = [5060, 5061, 5062, 5086, 5087, 5088, 5089, 443, 444];

/// Whether the segment's source is the client: the sender of the SYN; without a SYN, who talks to a port of
/// [`SERVER_PORTS`]; else who has the higher port; else the source.
pub(super) fn source_is_client(segment: &TcpSegment<'_>) -> bool {
    if segment.syn {
        return segment.acknowledgment.is_none();
    }
    let (source, destination) = (segment.source.port(), segment.destination.port());
    match (SERVER_PORTS.contains(&source), SERVER_PORTS.contains(&destination)) {
        (true, false) => false,
        (false, true) => true,
        _ => source >= destination,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameRef, Timestamp};
    use std::net::{Ipv4Addr, SocketAddr};

    #[test]
    fn the_client_is_found() {
        for (flags, source, destination, client) in [
            ("S", 5060, 40000, true),
            ("SA", 5060, 40000, false),
            ("SA", 40000, 5060, false),
            ("A", 40000, 5061, true),
            ("A", 5061, 40000, false),
            ("A", 443, 444, false),
            ("A", 444, 443, true),
            ("A", 1024, 5086, true),
            ("A", 40000, 8080, true),
            ("A", 8080, 40000, false),
            ("A", 7000, 7000, true),
        ] {
            let end = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let segment = TcpSegment {
                at: FrameRef { input: 0, number: 1, time: Timestamp::new(0, 6) },
                source: end(source),
                destination: end(destination),
                sequence: 0,
                acknowledgment: flags.contains('A').then_some(0),
                syn: flags.contains('S'),
                fin: false,
                rst: false,
                window: 0,
                window_shift: None,
                payload: &[],
                missing: 0,
            };
            assert_eq!(source_is_client(&segment), client, "{flags} {source} > {destination}");
        }
    }
}
