//! Why a stream is listed as not read, and what would help, for who reads a report's coverage.

use super::sources::{KEY_LOG, MS_SIPCOMP, RFC_5246, RFC_8446};
use crate::unreadable::UnreadableReason;

/// One reason.
#[derive(Debug)]
pub struct Unread {
    /// The reason, as the coverage names it.
    pub reason: UnreadableReason,
    /// What it is, in one line.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What is seen on the wire.
    pub wire: &'static str,
    /// What would help, the best first.
    pub help: &'static [&'static str],
    /// Where that is written.
    pub sources: &'static [&'static str],
}

/// Every reason.
pub const REASONS: &[Unread] = &[
    Unread {
        reason: UnreadableReason::TlsNoSecret,
        title: "Encrypted, and nothing that was given opens it",
        meaning: "The handshake is in the capture, and no secret that was given opens this connection, or one direction of it: none was given, or the key log is of another time or host, or lacks lines (in TLS 1.3 each side has its own, and the one that is missing is named), or the session was resumed from one that was not read. Or its secret came too late, while interfaces were watched or standard input was read: part of the connection had been given up by then.",
        wire: "A whole TLS handshake, then encrypted records.",
        help: &[
            "--keylog FILE with a key log that was written while this connection was made.",
            "--rsa-key FILE with the server's RSA key, if the suite's name begins with TLS_RSA_. It opens a resumed session only if the capture holds the full handshake that it goes back to: begin the capture before that, or restart the service while capturing.",
            "Connections made anew while key log and capture run: restart the Front End service or that of the Edge.",
        ],
        sources: &[KEY_LOG, RFC_5246],
    },
    Unread {
        reason: UnreadableReason::TlsForwardSecret,
        title: "Encrypted with forward secrecy: no RSA key opens it",
        meaning: "Both sides agreed on keys that the server's private key does not give away: ECDHE, DHE or TLS 1.3. An RSA key was given, and the right one would not help either.",
        wire: "A suite named TLS_ECDHE_ or TLS_DHE_, or TLS 1.3.",
        help: &[
            "--keylog FILE with a key log that was written while this connection was made.",
            "For the time of a trace, TLS_RSA_ suites first in the order of Schannel (group policy SSL Cipher Suite Order, then a restart); then --rsa-key FILE opens new connections. TLS 1.3 has no such suites.",
        ],
        sources: &[RFC_5246, RFC_8446],
    },
    Unread {
        reason: UnreadableReason::TlsNoHandshake,
        title: "Encrypted, and its handshake is not in the capture",
        meaning: "The connection was made before the capture began. Servers keep connections open for days.",
        wire: "Encrypted records without the hellos before them.",
        help: &[
            "A capture that begins before the connection is made: start it, then restart the Front End service or that of the Edge. No secret helps without the handshake.",
        ],
        sources: &[RFC_5246, RFC_8446],
    },
    Unread {
        reason: UnreadableReason::TlsKeyMismatch,
        title: "Encrypted, and the RSA key given is not the server's",
        meaning: "The suite is one that the server's RSA key opens, and no key that was given is the one of the certificate in this handshake; where that was not seen, none opens what the client encrypted with it. If a key log was given as well, it does not hold this connection, or not its right secret: it is of another time or host, or lines are missing.",
        wire: "A certificate whose key is none of those given; where it is the same, or was not seen, a client's secret that no key given opens.",
        help: &[
            "--rsa-key FILE with the key of the certificate that the coverage names; several may be given.",
            "--keylog FILE with the whole key log of the host that made this connection, from before the connection on.",
        ],
        sources: &[RFC_5246],
    },
    Unread {
        reason: UnreadableReason::TlsUnsupportedSuite,
        title: "Encrypted with a cipher suite or version that is not read",
        meaning: "The version or the suite agreed on is not among those that are read: SSL 2.0 and 3.0, TLS compression, or a rare cipher.",
        wire: "A server's hello with that version or suite.",
        help: &[
            "Another suite for the time of the trace (group policy SSL Cipher Suite Order, then a restart); lyncpush simulate --list-suites names those that are read.",
            "A capture where the traffic is in the clear: the loopback hop to the mobility service may be, or an export of what Wireshark decrypted.",
        ],
        sources: &[RFC_5246, RFC_8446],
    },
    Unread {
        reason: UnreadableReason::TlsBadMac,
        title: "Encrypted, and what was given does not verify",
        meaning: "Secrets were found for this connection, each was tried, and no record, or not one in a long run, can be verified with any: they are of another session, or the octets in the capture are not those that were sent.",
        wire: "Records whose authentication fails.",
        help: &[
            "Key log and capture made anew, together, on the same host.",
            "A capture closer to the server, without loss and without devices that rewrite packets.",
        ],
        sources: &[RFC_5246, RFC_8446],
    },
    Unread {
        reason: UnreadableReason::CompressedNoNegotiate,
        title: "Compressed, and the NEGOTIATE before it is not in the capture",
        meaning: "Compressed SIP can be read only from its beginning on: each packet refers to those before it.",
        wire: "Compressed packets without a NEGOTIATE and its 200 before them.",
        help: &[
            "A capture that begins before the connection is made: start it, then restart the service or the client.",
        ],
        sources: &[MS_SIPCOMP],
    },
    Unread {
        reason: UnreadableReason::CompressedUnrecognised,
        title: "Compressed in a way that is not known",
        meaning: "NEGOTIATE was agreed to, and what follows is in a layout that is not known: how compressed packets begin is not published. Or NEGOTIATE was refused, or answered with a compression that is not known, and what follows looks compressed all the same. Or the file is what Wireshark exported: of compressed packets it repeats some and leaves others out, so none of them can be trusted.",
        wire: "NEGOTIATE, 200, then packets of another layout, or an answer without LZ77-8K and then packets; the coverage gives their first octets. In an export: NEGOTIATE, 200, then packets.",
        help: &[
            "Compression off for the time of the capture.",
            "The capture itself with its key log, in place of what Wireshark exported of it.",
            "The first octets, sent to the makers of lyncpush.",
        ],
        sources: &[MS_SIPCOMP],
    },
    Unread {
        reason: UnreadableReason::Damaged,
        title: "Octets are missing, or make no sense",
        meaning: "The stream is on a port where SIP is expected and holds nothing that could be followed, mostly because octets are missing, lost or cut off by the capture's snapshot length: of a TLS handshake without which no secret helps, of the first packets behind a NEGOTIATE, or of all that was said. Or the capture shows one direction only.",
        wire: "Gaps in the stream; records, packets or messages without a beginning.",
        help: &[
            "A capture closer to the server, without loss: a larger buffer, a narrower filter.",
            "Whole frames, where the coverage says that the snapshot length cut them: tcpdump -s 0; dumpcap and Wireshark without a limit.",
            "--keylog FILE in place of --rsa-key FILE: a key log needs the two hellos only, an RSA key mostly all of the handshake.",
        ],
        sources: &[RFC_5246],
    },
];

/// What is known of a reason, by its name.
pub fn find(name: &str) -> Option<&'static Unread> {
    REASONS.iter().find(|known| known.reason.name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_row() {
        let rows: Vec<UnreadableReason> = REASONS.iter().map(|row| row.reason).collect();
        assert_eq!(rows, UnreadableReason::ALL);
        for row in REASONS {
            assert!(!row.help.is_empty() && !row.sources.is_empty() && !row.title.ends_with('.'), "{row:?}");
            assert!(row.meaning.ends_with('.') && row.wire.ends_with('.'), "{row:?}");
            assert!(row.help.iter().all(|help| help.ends_with('.')), "{row:?}");
        }
    }
}
