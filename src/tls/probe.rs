//! Whether octets are TLS, by what its records begin with.
//!
//! It needs no cipher: without the feature `tls` this file is all there is of TLS, so that a stream that cannot be read
//! is still known for what it is.

/// The most octets a record may have behind its header. Source: RFC 5246 §6.2.3.
pub(crate) const MAX_BODY: usize = (1 << 14) + 2048;
/// Octets of a header.
pub(crate) const HEADER: usize = 5;

/// The most octets behind the header of an alert that TLS 1.3 protects: its two, its kind, and a tag of 16. What has a
/// shorter tag, or a version without a kind, says eleven octets in as many, and no message of SIP.
/// Source: RFC 8446 §5.2, §6.
pub(crate) const MAX_FAREWELL: usize = 19;

/// Kinds of record. Source: RFC 5246 §6.2.1; RFC 6520 §7.
pub(crate) mod kind {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION_DATA: u8 = 23;
    pub(crate) const HEARTBEAT: u8 = 24;
}

/// What the first octets of a stream say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It is TLS, or an SSL of old that begins the same way.
    Tls,
    /// It is something else.
    Other,
    /// There are too few octets to tell.
    TooShort,
}

/// Tells whether a stream whose first captured octets are `bytes` is TLS; for either side, at any port, also for a
/// stream joined between two records. Never more than [`PROBE`] octets are needed.
pub fn probe(bytes: &[u8]) -> Probe {
    if old_hello(bytes).is_some() {
        return Probe::Tls;
    }
    let wanted: [&dyn Fn(u8) -> bool; 3] =
        [&|kind| (kind::CHANGE_CIPHER_SPEC..=kind::HEARTBEAT).contains(&kind), &|major| major == 3, &|minor| {
            minor <= 4
        }];
    let fits = bytes.iter().zip(wanted).all(|(octet, wanted)| wanted(*octet));
    let may_be_old = bytes.iter().zip([0x80, 0, 1, 3]).enumerate().all(|(place, (octet, wanted))| match place {
        0 => octet & 0x80 != 0,
        1 => true,
        _ => *octet == wanted,
    });
    match bytes.first_chunk::<HEADER>() {
        Some(header) if length(*header, None).is_some() => Probe::Tls,
        Some(_) => Probe::Other,
        None if fits || may_be_old => Probe::TooShort,
        None => Probe::Other,
    }
}

/// Octets after which [`probe`] always knows.
pub const PROBE: usize = HEADER;

/// The length in a header, if it is one: a known kind, a known version (`version`, if that is given), no more octets
/// than a record may have.
pub(crate) fn length([kind, major, minor, high, low]: [u8; HEADER], version: Option<u16>) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([high, low]));
    let known = match version {
        Some(version) => u16::from_be_bytes([major, minor]) == version,
        None => major == 3 && minor <= 4,
    };
    let kind_fits = match kind {
        kind::CHANGE_CIPHER_SPEC => length >= 1,
        kind::ALERT => length >= 2,
        kind::HANDSHAKE => length >= 1,
        kind::APPLICATION_DATA | kind::HEARTBEAT => true,
        _ => false,
    };
    (known && kind_fits && length <= MAX_BODY).then_some(length)
}

/// The octets of a record, header included, that can only be an alert, or is as short as one that TLS 1.3 protects.
#[cfg(not(feature = "tls"))]
pub(crate) fn farewell(header: [u8; HEADER]) -> Option<usize> {
    let octets = length(header, None)?;
    let [kind, ..] = header;
    (kind == kind::ALERT || kind == kind::APPLICATION_DATA && octets <= MAX_FAREWELL).then_some(HEADER + octets)
}

/// The length behind the two octets of length, if a ClientHello in the format of SSL 2.0 begins here.
///
/// Source: RFC 5246 §E.2.
pub(crate) fn old_hello(bytes: &[u8]) -> Option<usize> {
    let [high, low, 1, 3, _] = *bytes.first_chunk::<5>()? else { return None };
    let length = usize::from(u16::from_be_bytes([high & 0x7f, low]));
    // Version, three lengths, one cipher and the challenge are the least there is.
    (high & 0x80 != 0 && (28..=MAX_BODY).contains(&length)).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tls_is_told_at_once_and_what_may_be_is_waited_for() {
        for other in [&b"REGISTER sip:a SIP/2.0\r\n"[..], b"SIP/2.0 200 OK", b"\x16\x02\x01\0\0", b"\r\n\r\n", b"G"] {
            assert_eq!(probe(other), Probe::Other, "{other:?}");
        }
        for short in [&b""[..], b"\x16", b"\x16\x03\x01\0", b"\x80", b"\x80\x2e\x01\x03"] {
            assert_eq!(probe(short), Probe::TooShort, "{short:?}");
        }
        for tls in [&b"\x16\x03\x01\0\x05"[..], b"\x17\x03\x03\0\0", b"\x15\x03\x00\0\x02\x01\0"] {
            assert_eq!(probe(tls), Probe::Tls, "{tls:?}");
        }
        assert_eq!(probe(b"\x17\x03\x03\xff\xff"), Probe::Other, "no record is that long");
    }
}
