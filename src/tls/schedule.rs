//! Keys of one direction, out of the secret that a handshake ends with: the same for who reads and who writes.

use zeroize::Zeroizing;

use super::secret::Secret;
use super::suite::{Keys, Suite};
use super::version::Version;
use crate::flow::Side;

/// Gives `make` the keys with which `side` protects what it sends, made of a master secret and the randoms of client
/// and server: TLS 1.0 to 1.2.
///
/// Source: RFC 5246 §6.3.
pub(crate) fn expanded<T>(
    suite: &Suite,
    version: Version,
    master: &Secret,
    [client, server]: [&[u8; 32]; 2],
    side: Side,
    make: impl FnOnce(Keys<'_>) -> T,
) -> T {
    let lengths = [suite.mac.length(), suite.cipher.key_length(), suite.cipher.iv_length(version)];
    let mut block = Zeroizing::new(vec![0; 2 * lengths.iter().sum::<usize>()]);
    suite.prf(version).fill(master.octets(), b"key expansion", [server, client], &mut block);
    // Of each kind first the client's, then the server's.
    let mut rest = block.as_slice();
    let [mac, key, iv] = lengths.map(|length| {
        let both = rest.get(..2 * length).unwrap_or_default();
        rest = rest.get(2 * length..).unwrap_or_default();
        both.get(side.index() * length..).and_then(|from| from.get(..length)).unwrap_or_default()
    });
    make(Keys { mac, key, iv })
}

/// Gives `make` the keys that a traffic secret stands for: TLS 1.3.
///
/// Source: RFC 8446 §7.3.
pub(crate) fn of_traffic<T>(suite: &Suite, secret: &Secret, make: impl FnOnce(Keys<'_>) -> T) -> T {
    let mut key = Zeroizing::new(vec![0; suite.cipher.key_length()]);
    let mut iv = Zeroizing::new([0; 12]);
    suite.prf.expand_label(secret.octets(), b"key", &mut key);
    suite.prf.expand_label(secret.octets(), b"iv", iv.as_mut());
    make(Keys { mac: &[], key: &key, iv: iv.as_ref() })
}
