//! The sessions in `data/`, made by `data/make.py`.

use lyncpush::flow::Side;

/// What one connection carried, in the order it was sent.
#[derive(Clone, Default)]
pub struct Connection {
    pub sent: Vec<(Side, Vec<u8>)>,
}

/// A session file.
pub struct Fixture {
    pub keylog: String,
    pub connections: Vec<Connection>,
}

/// Where the files are.
pub const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/data");

/// The text that each client sends; each server sends it back, now and then without a CR: GnuTLS takes that off.
pub fn text() -> Vec<u8> {
    let message = |n| format!("OPTIONS sip:user{n}@example.test SIP/2.0\r\nCall-ID: {n}\r\nContent-Length: 0\r\n\r\n");
    (0..12).map(message).collect::<String>().into_bytes()
}

pub fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{DATA}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Reads a session file.
pub fn session(name: &str) -> Fixture {
    let mut fixture = Fixture { keylog: String::new(), connections: Vec::new() };
    for line in String::from_utf8(file(&format!("{name}.session"))).unwrap().lines() {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let side = match mark {
            "K" => {
                fixture.keylog += &format!("{rest}\n");
                continue;
            }
            "N" => {
                fixture.connections.push(Connection::default());
                continue;
            }
            "C" => Side::Client,
            "S" => Side::Server,
            _ => panic!("{name}: {line}"),
        };
        fixture.connections.last_mut().unwrap().sent.push((side, unhex(rest)));
    }
    fixture
}

pub fn unhex(digits: &str) -> Vec<u8> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(pair).collect()
}

pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The names of all session files.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(DATA).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter_map(|name| name.strip_suffix(".session").map(str::to_owned)).collect();
    names.sort();
    names
}
