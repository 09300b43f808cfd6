//! How two hosts agree to compress what they say.
//!
//! What follows the agreement is packed by the same code in which `sipcomp` states how packets are laid out; that it
//! can be read again is no proof that a real server would read it.

use std::net::SocketAddr;

use super::message::Text;
use super::random::Random;
use crate::sipcomp::{Compressor, Layout};

/// The only algorithm a Lync server is known to name.
const ALGORITHM: &str = "LZ77-8K";

/// What a new connection begins with, before anything is compressed.
pub(super) struct Negotiation {
    /// The client's request.
    pub(super) request: Vec<u8>,
    /// The server's consent.
    pub(super) response: Vec<u8>,
    /// What packs the text of the client and of the server from then on.
    pub(super) compressors: [Compressor; 2],
}

impl Negotiation {
    /// The negotiation of a connection between two ends.
    ///
    /// Source: \[MS-SIPCOMP\] §4.
    pub(super) fn new(layout: &'static Layout, client: SocketAddr, server: SocketAddr, random: &mut Random) -> Self {
        let from = format!("<sip:{}>;tag={}", client.ip(), random.hex(10));
        let to = format!("<sip:{server}>");
        let call_id = random.hex(32);
        let lines = |mut text: Text, via: String, to: String| {
            text.header("Via", via).header("From", &from).header("To", to).header("Call-ID", &call_id);
            text.header("CSeq", "1 NEGOTIATE").header("Max-Forwards", 0).header("Compression", ALGORITHM);
            text.end(b"")
        };
        let via = format!("SIP/2.0/TLS {client}");
        let received = format!("{via};ms-received-port={};ms-received-cid={}", client.port(), random.upper_hex(4));
        let tagged = format!("{to};tag={}", random.upper_hex(32));
        Self {
            request: lines(Text::request("NEGOTIATE", format_args!("sip:{server}")), via, to),
            response: lines(Text::response(200, "OK"), received, tagged),
            compressors: [Compressor::new(layout), Compressor::new(layout)],
        }
    }
}
