//! Keys that OpenSSL encrypts in its traditional way: the lines in front of a PEM's octets say how.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use des::TdesEde3;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// Octets of the initial block that are the salt, too.
const SALT: usize = 8;

/// Takes a cipher off in place: key, initial block, octets. Gives how many octets are left; nothing if the padding is
/// wrong.
type Decrypt = fn(&[u8], &[u8], &mut [u8]) -> Option<usize>;

/// A cipher that is read.
struct Cipher {
    /// The name that OpenSSL has for it.
    name: &'static str,
    /// Octets of its key.
    key: usize,
    /// Octets of its blocks.
    block: usize,
    decrypt: Decrypt,
}

/// All of them.
const CIPHERS: [Cipher; 4] = [
    Cipher { name: "AES-128-CBC", key: 16, block: 16, decrypt: decrypt::<Aes128> },
    Cipher { name: "AES-192-CBC", key: 24, block: 16, decrypt: decrypt::<Aes192> },
    Cipher { name: "AES-256-CBC", key: 32, block: 16, decrypt: decrypt::<Aes256> },
    Cipher { name: "DES-EDE3-CBC", key: 24, block: 8, decrypt: decrypt::<TdesEde3> },
];

/// Why octets are not decrypted.
pub(super) enum Failure {
    /// They cannot be what the cipher gives, or the lines do not fit it.
    Broken,
    /// The password is wrong.
    Password,
}

/// What the lines in front of an encrypted key say of how it is encrypted.
///
/// Source: RFC 1421 §4.6.1.1, §4.6.1.3 for their form.
pub(super) struct Envelope<'a> {
    cipher: &'a str,
    initial: Vec<u8>,
}

impl<'a> Envelope<'a> {
    /// What is said in `lines`; nothing if they do not say all of it.
    pub(super) fn of(lines: &'a str) -> Option<Self> {
        let said = lines.lines().find_map(|line| line.trim().strip_prefix("DEK-Info:"))?;
        let (cipher, initial) = said.split_once(',').unwrap_or((said, ""));
        let digits: Option<Vec<u8>> =
            initial.trim().chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
        let initial =
            digits?.chunks(2).map(|digits| digits.iter().fold(0, |octet, digit| octet << 4 | digit)).collect();
        Some(Self { cipher: cipher.trim(), initial })
    }

    /// The cipher's name, if it is one that is not read.
    pub(super) fn unknown(&self) -> Option<&str> {
        self.known().is_none().then_some(self.cipher)
    }

    fn known(&self) -> Option<&'static Cipher> {
        CIPHERS.iter().find(|known| known.name.eq_ignore_ascii_case(self.cipher))
    }

    /// Decrypts the octets of a key. A wrong password may also show as octets that are no key.
    pub(super) fn decrypt(&self, password: &str, octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let cipher = self.known().ok_or(Failure::Broken)?;
        let is_whole = !octets.is_empty() && octets.len().is_multiple_of(cipher.block);
        let salt = self.initial.get(..SALT).filter(|_| is_whole && self.initial.len() == cipher.block);
        let key = derive(password.as_bytes(), salt.ok_or(Failure::Broken)?, cipher.key);
        let mut octets = Zeroizing::new(octets.to_vec());
        let left = (cipher.decrypt)(&key, &self.initial, &mut octets).ok_or(Failure::Password)?;
        octets.truncate(left);
        Ok(octets)
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], initial: &[u8], octets: &mut [u8]) -> Option<usize> {
    let cipher = Decryptor::<C>::new_from_slices(key, initial).ok()?;
    Some(cipher.decrypt_padded::<Pkcs7>(octets).ok()?.len())
}

/// The two parts of a PEM's block: the lines that say how it is encrypted, and the octets in base 64. An empty line is
/// between them; where editors took it away, the lines are those with a colon.
pub(super) fn divide(block: &str) -> (&str, &str) {
    let (mut passed, mut said) = (0, 0);
    for line in block.split_inclusive('\n') {
        passed += line.len();
        if line.contains(':') {
            said = passed;
        }
    }
    block.split_at_checked(said).unwrap_or(("", block))
}

/// Derives a key of `length` octets: each part of it hashes the part before, the password and the salt.
///
/// Source: OpenSSL, EVP_BytesToKey with MD5 and one round.
fn derive(password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + Md5::output_size()));
    // The parts are the key's own octets.
    let mut part = Zeroizing::new([0; 16]);
    while key.len() < length {
        let mut hash = Md5::new();
        if !key.is_empty() {
            hash.update(part.as_slice());
        }
        hash.chain_update(password).chain_update(salt).finalize_into((&mut *part).into());
        key.extend_from_slice(part.as_slice());
    }
    key.truncate(length);
    key
}
