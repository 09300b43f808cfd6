//! Wireshark's exported PDUs: each conversation becomes a stream again, without what the export repeats.
//!
//! A decrypted TLS connection is exported twice, as the pieces TLS gave and as the messages SIP found in them; a message in
//! several pieces is exported as far as it has come, and once more when it is whole; and of several messages in one
//! piece each is exported with all of them. Only octets that are new go on; of packets of SIP compression that cannot be
//! told, and they are not read. Limits: [`MAX_FLOWS`]; beside it the
//! framers' own.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use super::reading::{Seen, flow_of};
use super::streams::Streams;
use crate::flow::{Connection, ConnectionIds, Side, Transport};
use crate::frame::FrameRef;
use crate::link::Pdu;
use crate::sip::grammar::{Probe, looks_like_start};
use crate::stream::{Event, UNKNOWN_LENGTH};

/// Conversations known at a time; when there are more, all of them end.
const MAX_FLOWS: usize = 65_536;

/// Every TCP conversation that PDUs were exported of.
pub struct Exported {
    ids: ConnectionIds,
    flows: HashMap<(SocketAddr, SocketAddr), Conversation>,
    latest: Option<Latest>,
    /// Conversations so far.
    pub connections: u64,
}

struct Conversation {
    connection: Connection,
    /// What each side has sent: octets in all, and those of a message that is not whole.
    sent: [(u64, Vec<u8>); 2],
    inputs: BTreeSet<u16>,
    last: FrameRef,
}

/// The latest piece of a stream, for messages exported once more from it.
struct Latest {
    ends: (SocketAddr, SocketAddr),
    original: u32,
    payload: Vec<u8>,
    /// Octets of messages exported one by one.
    repeated: usize,
}

impl Exported {
    /// No conversation yet.
    pub fn new(ids: ConnectionIds) -> Self {
        Self { ids, flows: HashMap::new(), latest: None, connections: 0 }
    }

    /// Takes the PDU of a frame in; `missing` octets behind it were cut off by the capture.
    pub fn push(
        &mut self,
        at: FrameRef,
        pdu: &Pdu<'_>,
        missing: u64,
        streams: &mut Streams,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        if self.is_repeated(pdu) {
            return;
        }
        let ends = (pdu.source.min(pdu.destination), pdu.source.max(pdu.destination));
        if self.flows.len() >= MAX_FLOWS && !self.flows.contains_key(&ends) {
            self.finish(streams, out);
        }
        let conversation = self.flows.entry(ends).or_insert_with(|| {
            self.connections += 1;
            let flow = flow_of(pdu.source, pdu.destination);
            Conversation {
                connection: Connection { id: self.ids.next_id(), flow, transport: Transport::Export, is_joined: true },
                sent: Default::default(),
                inputs: BTreeSet::new(),
                last: at,
            }
        });
        conversation.push(at, pdu, missing, streams, out);
    }

    /// Whether a message was given already, as part of the piece before it in the same frame.
    fn is_repeated(&mut self, pdu: &Pdu<'_>) -> bool {
        let Some(original) = pdu.original else { return false };
        let ends = (pdu.source, pdu.destination);
        if pdu.protocol == b"sip"
            && let Some(latest) = &mut self.latest
            && latest.ends == ends
            && latest.original == original
        {
            let rest = latest.payload.get(latest.repeated..).unwrap_or_default();
            let blank = rest.iter().take_while(|octet| b"\r\n".contains(octet)).count();
            if rest.get(blank..).is_some_and(|rest| rest.starts_with(pdu.payload)) {
                latest.repeated += blank + pdu.payload.len();
                return true;
            }
            if latest.payload == pdu.payload {
                return true;
            }
        }
        self.latest = Some(Latest { ends, original, payload: pdu.payload.to_vec(), repeated: 0 });
        false
    }

    /// The capture is over: every stream ends.
    pub fn finish(&mut self, streams: &mut Streams, out: &mut impl FnMut(Seen<'_>)) {
        let mut all: Vec<_> = self.flows.drain().map(|(_, conversation)| conversation).collect();
        all.sort_by_key(|conversation| conversation.connection.id);
        for Conversation { connection, last, .. } in all {
            for side in [Side::Client, Side::Server] {
                streams.event(&connection, side, Event::End { frame: last, over: false }, out);
            }
        }
    }
}

impl Conversation {
    fn push(
        &mut self,
        frame: FrameRef,
        pdu: &Pdu<'_>,
        missing: u64,
        streams: &mut Streams,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let connection = &self.connection;
        let side = if pdu.source == connection.flow.client { Side::Client } else { Side::Server };
        if self.inputs.insert(frame.input) && self.inputs.len() > 1 {
            streams.event(connection, side, Event::Witness { frame }, out);
        }
        let (offset, part) = side.of(&mut self.sent);
        let bytes = match pdu.payload.strip_prefix(part.as_slice()) {
            Some(new) => new,
            None => {
                // A message begins in the middle of another one: the rest of that was never exported.
                if pdu.protocol.starts_with(b"sip") && looks_like_start(pdu.payload) == Probe::Yes {
                    let gap = Event::Gap { offset: *offset, length: UNKNOWN_LENGTH, after: Some(self.last), frame };
                    streams.event(connection, side, gap, out);
                    part.clear();
                }
                pdu.payload
            }
        };
        self.last = frame;
        if !bytes.is_empty() {
            streams.event(connection, side, Event::Bytes { offset: *offset, bytes, frame }, out);
            *offset += bytes.len() as u64;
            part.extend_from_slice(bytes);
            let whole = part.len().saturating_sub(streams.held(connection.id, side));
            part.drain(..whole);
        }
        if missing > 0 {
            let gap = Event::Gap { offset: *offset, length: missing, after: Some(frame), frame };
            streams.event(connection, side, gap, out);
            *offset = offset.saturating_add(missing);
            part.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::{Notice, Reading};
    use super::*;
    use crate::frame::{Frame, LinkType, Timestamp};
    use crate::ladder::profile::Profile;
    use crate::report::view::Account;
    use crate::sipcomp::{Compressor, LAYOUTS};
    use crate::unreadable::UnreadableReason;

    /// One PDU from the client (true) or the server, as Wireshark writes it.
    fn pdu(is_client: bool, name: &str, original: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
        let tlv =
            |tag: u16, value: &[u8]| [&tag.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat();
        let (mut addresses, mut ports) = ([[192, 0, 2, 20], [192, 0, 2, 7]], [51_000_u32, 5061]);
        if !is_client {
            addresses.reverse();
            ports.reverse();
        }
        let tags = [
            tlv(12, name.as_bytes()),
            tlv(20, &addresses[0]),
            tlv(21, &addresses[1]),
            tlv(24, &2_u32.to_be_bytes()),
            tlv(25, &ports[0].to_be_bytes()),
            tlv(26, &ports[1].to_be_bytes()),
            tlv(30, &original.to_be_bytes()),
            tlv(0, b""),
        ];
        [&tags.concat()[..], payload.as_ref()].concat()
    }

    fn message(first: &str, sequence: &str, body: &str) -> String {
        let length = body.len();
        format!("{first}\r\nCall-ID: a\r\nCSeq: {sequence}\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    /// What is read from PDUs: who sent what, in which frame of the export, and `lost`.
    fn check(pdus: &[(Vec<u8>, u32)], expected: &[&str]) -> Account {
        let mut reading = Reading::new(&Profile::built_in().unwrap().ports);
        let mut seen = Vec::new();
        let mut note = |event: Seen<'_>| match event {
            Seen::Message { connection, side, at, raw } => {
                let first = raw.split(|octet| *octet == b'\r').next().unwrap_or_default();
                let text = String::from_utf8_lossy(first).into_owned();
                seen.push(format!("{} {} {text}", at.number, connection.flow.sender(side)));
            }
            Seen::Notice(_, Notice::Lost { .. }) => seen.push("lost".to_owned()),
            Seen::Notice(_, Notice::Unreadable { .. }) => seen.push("unreadable".to_owned()),
            Seen::Notice(..) | Seen::Refused(_) | Seen::Dialed(_) => seen.push("?".to_owned()),
        };
        for (number, (bytes, cut)) in (1..).zip(pdus) {
            let at = FrameRef { input: 0, number, time: Timestamp::new(number as i64, 6) };
            let wire_len = bytes.len() as u32 + cut;
            let link = LinkType::WIRESHARK_UPPER_PDU;
            reading.push(&Frame { at, link, wire_len, bytes }, &mut note);
        }
        reading.finish(&mut note);
        assert_eq!(seen, expected);
        let account = reading.account(0);
        assert_eq!((account.tally.used(), account.tcp), (pdus.len() as u64, 1));
        account
    }

    const INVITE: &str = "1 INVITE";
    const CLIENT: &str = "192.0.2.20:51000";
    const SERVER: &str = "192.0.2.7:5061";

    #[test]
    fn a_decrypted_connection_as_wireshark_exports_it() {
        let invite = message("INVITE sip:bob@example.com SIP/2.0", INVITE, &"v=0\r\n".repeat(100));
        let both = message("SIP/2.0 100 Trying", INVITE, "") + &message("SIP/2.0 180 Ringing", INVITE, "");
        let pdus = [
            // As far as it has come, then whole, then once more as what SIP found.
            pdu(true, "sip.tcp", 10, &invite[..200]),
            pdu(true, "sip.tcp", 12, &invite),
            pdu(true, "sip", 12, &invite),
            // Two messages of one piece: the piece, and twice the piece again.
            pdu(false, "sip.tcp", 13, &both),
            pdu(false, "sip", 13, &both),
            pdu(false, "sip", 13, &both),
            pdu(true, "sip.tcp", 15, "\r\n\r\n"),
        ];
        let expected = [
            &format!("2 {CLIENT} INVITE sip:bob@example.com SIP/2.0")[..],
            &format!("4 {SERVER} SIP/2.0 100 Trying"),
            &format!("4 {SERVER} SIP/2.0 180 Ringing"),
        ];
        check(&pdus.map(|pdu| (pdu, 0)), &expected);
    }

    #[test]
    fn messages_alone_and_one_by_one() {
        let (one, two) = (message("SIP/2.0 100 Trying", INVITE, ""), message("SIP/2.0 180 Ringing", INVITE, ""));
        let both = one.clone() + "\r\n" + &two;
        let again = pdu(false, "sip", 2, &one);
        let pdus = [pdu(false, "sip", 1, &both), pdu(false, "sip", 1, &one), pdu(false, "sip", 1, &two), again];
        let expected = [
            &format!("1 {SERVER} SIP/2.0 100 Trying")[..],
            &format!("1 {SERVER} SIP/2.0 180 Ringing"),
            // A frame of its own: a message sent again.
            &format!("4 {SERVER} SIP/2.0 100 Trying"),
        ];
        check(&pdus.map(|pdu| (pdu, 0)), &expected);
    }

    #[test]
    fn pieces_that_go_on() {
        let invite = message("INVITE sip:bob@example.com SIP/2.0", INVITE, &"v=0\r\n".repeat(100));
        let pdus = [
            pdu(true, "tls", 1, &invite[..90]),
            pdu(true, "tls", 2, &invite[90..300]),
            pdu(true, "tls", 3, &invite[300..]),
        ];
        check(&pdus.map(|pdu| (pdu, 0)), &[&format!("3 {CLIENT} INVITE sip:bob@example.com SIP/2.0")]);
    }

    #[test]
    fn what_was_not_exported_or_cut_is_lost() {
        let options = pdu(true, "sip", 9, message("OPTIONS sip:fe01.example.com SIP/2.0", "1 OPTIONS", ""));
        let invite = message("INVITE sip:bob@example.com SIP/2.0", INVITE, &"v=0\r\n".repeat(100));
        let cut = pdu(true, "sip", 10, &invite[..invite.len() - 50]);
        let ack = pdu(true, "sip", 11, message("ACK sip:bob@example.com SIP/2.0", "1 ACK", ""));
        let expected = [
            &format!("1 {CLIENT} OPTIONS sip:fe01.example.com SIP/2.0")[..],
            "lost",
            &format!("2 {CLIENT} INVITE sip:bob@example.com SIP/2.0"),
            &format!("3 {CLIENT} ACK sip:bob@example.com SIP/2.0"),
        ];
        // The rest was never exported, or the capture cut it off and says how much that was.
        check(&[(options.clone(), 0), (cut.clone(), 0), (ack.clone(), 0)], &expected);
        check(&[(options, 0), (cut, 50), (ack, 0)], &expected);
    }

    #[test]
    fn compressed_packets_that_the_export_repeats_are_not_read() {
        let negotiate =
            "Via: a\r\nCall-ID: a\r\nCSeq: 1 NEGOTIATE\r\nCompression: LZ77-8K\r\nContent-Length: 0\r\n\r\n";
        let ask = format!("NEGOTIATE sip:192.0.2.7:5061 SIP/2.0\r\n{negotiate}");
        let agree = format!("SIP/2.0 200 OK\r\n{negotiate}");
        let mut compressor = Compressor::new(&LAYOUTS[0]);
        let mut packets = Vec::new();
        let mut packed = Vec::new();
        for (sequence, original) in [("1 OPTIONS", 12), ("2 OPTIONS", 13), ("3 OPTIONS", 14)] {
            compressor.push(message("OPTIONS sip:a SIP/2.0", sequence, "").as_bytes(), &mut packed);
            // Each with all before it, as long as Wireshark asks for more.
            packets.push(pdu(true, "sip.tcp", original, &packed));
        }
        let words = [pdu(true, "sip.tcp", 10, &ask), pdu(true, "sip", 10, &ask), pdu(false, "sip.tcp", 11, &agree)];
        let pdus: Vec<_> = words.into_iter().chain(packets).map(|pdu| (pdu, 0)).collect();
        let expected = [
            &format!("1 {CLIENT} NEGOTIATE sip:192.0.2.7:5061 SIP/2.0")[..],
            &format!("3 {SERVER} SIP/2.0 200 OK"),
            // From the first packet to the end of each side.
            "unreadable",
            "unreadable",
            "unreadable",
        ];
        let unread = check(&pdus, &expected).unread;
        assert_eq!(unread.len(), 1);
        assert_eq!(unread[0].reason, UnreadableReason::CompressedUnrecognised);
        assert!(unread[0].detail.contains("what Wireshark exports"), "{}", unread[0].detail);
    }
}
