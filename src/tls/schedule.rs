//! Keys of one direction, out of the secret that a handshake ends with: the same for who reads and who writes.

use zeroize::Zeroizing;

use super::secret::Secret;
use super::suite::{Keys, Suite};
use super::version::Version;
use crate::flow::Side;

/// The key block of a connection, made of a master secret and the randoms of client and server: TLS 1.0 to 1.2.
///
/// Source: RFC 5246 §6.3.
pub(crate) fn block(suite: &Suite, version: Version, master: &Secret, [client, server]: [&[u8; 32]; 2]) -> Secret {
    Secret::made(2 * lengths(suite, version).iter().sum::<usize>(), |block| {
        suite.prf(version).fill(master.octets(), b"key expansion", [server, client], block);
    })
}

/// The keys in a key block with which `side` protects what it sends.
pub(crate) fn of_block<'b>(suite: &Suite, version: Version, block: &'b Secret, side: Side) -> Keys<'b> {
    // Of each kind first the client's, then the server's.
    let mut rest = block.octets();
    let [mac, key, iv] = lengths(suite, version).map(|length| {
        let both = rest.get(..2 * length).unwrap_or_default();
        rest = rest.get(2 * length..).unwrap_or_default();
        both.get(side.index() * length..).and_then(|from| from.get(..length)).unwrap_or_default()
    });
    Keys { mac, key, iv }
}

/// Octets of each kind of key.
fn lengths(suite: &Suite, version: Version) -> [usize; 3] {
    [suite.mac.length(), suite.cipher.key_length(), suite.cipher.iv_length(version)]
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
