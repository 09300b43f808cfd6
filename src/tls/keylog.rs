//! Key log text: one secret a line, as browsers, servers and tools that read lsass write it.
//!
//! Lines that say nothing are skipped, never an error: such files are written by many hands, and a placeholder in one
//! line (`???`) takes nothing from the others.

use super::secret::Secret;

/// What a line of a key log gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A secret of the connection whose ClientHello has this random.
    Random { label: Label, random: [u8; 32], secret: Secret },
    /// The premaster secret whose encrypted form begins with these octets.
    Exchange { begin: [u8; 8], premaster: Secret },
    /// The master secret of a session.
    Session { id: Box<[u8]>, master: Secret },
}

/// Which secret of a connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Master,
    Premaster,
    ClientHandshake,
    ServerHandshake,
    ClientTraffic,
    ServerTraffic,
}

/// What became of the lines of key log texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeylogCount {
    /// Lines that gave a secret.
    pub secrets: u64,
    /// Lines that are well formed but of no use for reading along, like those of exporter secrets.
    pub unused: u64,
    /// Lines that are neither blank nor a comment and say nothing that is understood.
    pub skipped: u64,
}

/// Reads a key log text and gives each secret in it; lines end with LF or CRLF, case of digits does not matter.
///
/// Source: draft-ietf-tls-keylogfile; the NSS Key Log Format for the labels `RSA` and `PMS_CLIENT_RANDOM`.
pub(crate) fn read(text: &[u8], mut out: impl FnMut(Entry)) -> KeylogCount {
    if let Some(wide @ [_, 0, ..]) = text.strip_prefix(&[0xff, 0xfe]) {
        // PowerShell writes UTF-16; all that is understood is ASCII.
        let narrow = Secret::made(wide.len() / 2, |narrow| {
            narrow.iter_mut().zip(wide.iter().step_by(2)).for_each(|(narrow, wide)| *narrow = *wide);
        });
        return read(narrow.octets(), out);
    }
    let mut count = KeylogCount::default();
    for line in text.split(|octet| *octet == b'\n') {
        // A line that is not UTF-8 is junk, and the one after it is not.
        let line = std::str::from_utf8(line).map(|line| line.trim_matches([' ', '\t', '\r', '\0', '\u{feff}']));
        match line {
            Err(_) => count.skipped += 1,
            Ok(line) => match session(line).or_else(|| entry(line)) {
                Some(entry) => {
                    count.secrets += 1;
                    out(entry);
                }
                None if line.is_empty() || line.starts_with('#') => {}
                None if is_unused(line) => count.unused += 1,
                None => count.skipped += 1,
            },
        }
    }
    count
}

/// `RSA Session-ID:… Master-Key:…`, wherever it stands in the line: load balancers put text before it.
fn session(line: &str) -> Option<Entry> {
    let (_, found) = line.split_once("RSA Session-ID:")?;
    let (id, master) = found.split_once(' ')?;
    let master = master.trim_start().strip_prefix("Master-Key:")?;
    let end = master.find(|digit: char| !digit.is_ascii_hexdigit()).unwrap_or(master.len());
    let master = Secret::from_hex(master.get(..end)?).filter(|master| master.octets().len() == MASTER)?;
    let id = Secret::from_hex(id).filter(|id| (1..=32).contains(&id.octets().len()))?;
    Some(Entry::Session { id: id.octets().into(), master })
}

/// Octets of a master secret.
pub(crate) const MASTER: usize = 48;

/// The line of a key log that gives `secret` for the connection with this random of its client.
pub(crate) fn line(label: &str, random: &[u8; 32], secret: &Secret) -> String {
    let mut line = format!("{label} ");
    let hex = |line: &mut String, octets: &[u8]| octets.iter().for_each(|octet| *line += &format!("{octet:02x}"));
    hex(&mut line, random);
    line.push(' ');
    hex(&mut line, secret.octets());
    line.push('\n');
    line
}

/// A line of three words.
fn entry(line: &str) -> Option<Entry> {
    let (label, index, secret) = words(line)?;
    if label == "RSA" {
        let begin = exactly(index)?;
        return Some(Entry::Exchange { begin, premaster: Secret::from_hex(secret).filter(is_premaster)? });
    }
    let label = match label {
        "CLIENT_RANDOM" => Label::Master,
        "PMS_CLIENT_RANDOM" => Label::Premaster,
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Label::ClientHandshake,
        "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Label::ServerHandshake,
        "CLIENT_TRAFFIC_SECRET_0" => Label::ClientTraffic,
        "SERVER_TRAFFIC_SECRET_0" => Label::ServerTraffic,
        _ => return None,
    };
    let random = exactly(index)?;
    let secret = Secret::from_hex(secret)?;
    let fits = match label {
        Label::Master => secret.octets().len() == MASTER,
        Label::Premaster => is_premaster(&secret),
        _ => matches!(secret.octets().len(), 32 | 48),
    };
    fits.then_some(Entry::Random { label, random, secret })
}

/// The octets of a word that has exactly `N`.
fn exactly<const N: usize>(word: &str) -> Option<[u8; N]> {
    Secret::from_hex(word)?.octets().try_into().ok()
}

/// A Diffie-Hellman secret is as long as its group; the largest in use has 8,192 bits.
fn is_premaster(secret: &Secret) -> bool {
    (1..=1024).contains(&secret.octets().len())
}

fn is_unused(line: &str) -> bool {
    const UNUSED: [&str; 5] =
        ["CLIENT_EARLY_TRAFFIC_SECRET", "EARLY_EXPORTER_SECRET", "EXPORTER_SECRET", "ECH_SECRET", "ECH_CONFIG"];
    words(line).is_some_and(|(label, ..)| UNUSED.contains(&label))
}

fn words(line: &str) -> Option<(&str, &str, &str)> {
    let mut words = line.split_ascii_whitespace();
    let found = (words.next()?, words.next()?, words.next()?);
    words.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(text: &str) -> (KeylogCount, Vec<Entry>) {
        let mut entries = Vec::new();
        (read(text.as_bytes(), |entry| entries.push(entry)), entries)
    }

    fn of_random(label: Label, random: u8, secret: (u8, usize)) -> Entry {
        Entry::Random { label, random: [random; 32], secret: Secret::new(&vec![secret.0; secret.1]) }
    }

    #[test]
    fn every_label_is_read_in_either_case_and_line_ending() {
        let (random, secret32, secret48) = ("aB".repeat(32), "0c".repeat(32), "0D".repeat(48));
        let text = format!(
            "# a comment\r\n\r\nCLIENT_RANDOM {random} {secret48}\r\nPMS_CLIENT_RANDOM {random} 0102\n\
             RSA 0011223344556677 {secret48}\n  SERVER_HANDSHAKE_TRAFFIC_SECRET {random} {secret32}\n\
             CLIENT_HANDSHAKE_TRAFFIC_SECRET {random} {secret48}\nCLIENT_TRAFFIC_SECRET_0 {random} {secret32}\n\
             SERVER_TRAFFIC_SECRET_0 {random} {secret32}\nEXPORTER_SECRET {random} {secret32}"
        );
        let (count, entries) = read_all(&text);
        assert_eq!(count, KeylogCount { secrets: 7, unused: 1, skipped: 0 });
        assert_eq!(
            entries,
            [
                of_random(Label::Master, 0xab, (13, 48)),
                Entry::Random { label: Label::Premaster, random: [0xab; 32], secret: Secret::new(&[1, 2]) },
                Entry::Exchange { begin: [0, 17, 34, 51, 68, 85, 102, 119], premaster: Secret::new(&[13; 48]) },
                of_random(Label::ServerHandshake, 0xab, (12, 32)),
                of_random(Label::ClientHandshake, 0xab, (13, 48)),
                of_random(Label::ClientTraffic, 0xab, (12, 32)),
                of_random(Label::ServerTraffic, 0xab, (12, 32)),
            ]
        );
    }

    #[test]
    fn a_session_line_is_found_behind_other_text_too() {
        let master = "0e".repeat(48);
        for before in ["", "# ", "Nov 24 10:00:00 lb1 tmm[123]: "] {
            let (count, entries) = read_all(&format!("{before}RSA Session-ID:0A0b Master-Key:{master}\r\n"));
            assert_eq!(count.secrets, 1);
            assert_eq!(entries, [Entry::Session { id: [10, 11].into(), master: Secret::new(&[14; 48]) }]);
        }
    }

    #[test]
    fn what_powershell_writes_is_understood() {
        let line = format!("CLIENT_RANDOM {} {}\r\n???\r\n", "0a".repeat(32), "0b".repeat(48));
        let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut found = 0;
        let count = read(&[&[0xff, 0xfe][..], &wide].concat(), |_| found += 1);
        assert_eq!((found, count), (1, KeylogCount { secrets: 1, unused: 0, skipped: 1 }));
    }

    #[test]
    fn junk_is_counted_and_takes_nothing_from_its_neighbours() {
        let (random, secret) = ("ab".repeat(32), "0d".repeat(48));
        let text = format!(
            "CLIENT_RANDOM ??? {secret}\nCLIENT_RANDOM {random} 0d\nhello\nRSA 00 {secret}\nCLIENT_RANDOM {random} \
             {secret} x\nRSA Session-ID: Master-Key:{secret}\n\nCLIENT_RANDOM {random} {secret}\n"
        );
        let (count, entries) = read_all(&text);
        assert_eq!(count, KeylogCount { secrets: 1, unused: 0, skipped: 6 });
        assert_eq!(entries, [of_random(Label::Master, 0xab, (13, 48))]);
        assert_eq!(read(b"\xff\xfe\xfd\n", |_| {}).skipped, 1);
    }

    #[test]
    fn a_line_that_is_written_is_read_again() {
        let text = line("CLIENT_RANDOM", &[0x0b; 32], &Secret::new(&[0xc0; MASTER]));
        assert_eq!(text, format!("CLIENT_RANDOM {} {}\n", "0b".repeat(32), "c0".repeat(MASTER)));
        assert_eq!(read_all(&text).1, [of_random(Label::Master, 11, (192, MASTER))]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(&text, |_| {});
            let text = [b"RSA Session-ID:", &text[..], b" Master-Key:"].concat();
            read(&text, |_| {});
        }
    }
}
