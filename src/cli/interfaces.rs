//! `lyncpush interfaces`: what can be watched.

use std::io::{self, Write};

use super::CLEAN;
use super::output::Output;
use crate::error::Result;
use crate::pipeline::{self, Interface};
use crate::report::text::sanitize;

/// Lists interfaces: name, state, addresses, what it is.
pub fn run() -> Result<u8> {
    let interfaces = pipeline::interfaces()?;
    let mut output = Output::open(None, &[])?;
    let written = write(&interfaces, &mut output);
    output.outcome(written)?;
    output.finish()?;
    Ok(CLEAN)
}

fn write(interfaces: &[Interface], out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<[String; 4]> = interfaces.iter().map(row).collect();
    let widths: Vec<usize> =
        (0..3).map(|column| rows.iter().filter_map(|row| Some(row.get(column)?.len())).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths.iter().chain([&0])) {
            line.push_str(&format!("{cell:width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// One line of the list, as cells.
fn row(interface: &Interface) -> [String; 4] {
    let state = match (interface.up, interface.connected) {
        (false, _) => "down",
        (true, Some(false)) => "up, not connected",
        (true, _) => "up",
    };
    let addresses: Vec<String> = interface
        .addresses
        .iter()
        .map(|(address, prefix)| prefix.map_or_else(|| address.to_string(), |prefix| format!("{address}/{prefix}")))
        .collect();
    let kind = if interface.loopback { "loopback" } else { "" };
    let what = interface.description.as_deref().unwrap_or(kind);
    let addresses = if addresses.is_empty() { "-".to_owned() } else { addresses.join(", ") };
    [sanitize(&interface.name, false).into_owned(), state.to_owned(), addresses, sanitize(what, false).into_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_name_state_and_addresses() {
        let interface = |name: &str, up, connected, addresses: &[(&str, u32)]| Interface {
            name: name.to_owned(),
            description: None,
            addresses: addresses.iter().map(|(one, prefix)| (one.parse().unwrap(), Some(*prefix))).collect(),
            up,
            connected,
            loopback: name == "lo",
        };
        let all = [
            interface("eth0", true, Some(true), &[("192.0.2.7", 24), ("2001:db8::7", 64)]),
            interface("ens192", true, Some(false), &[]),
            interface("lo", true, None, &[("127.0.0.1", 8)]),
            interface("bad\u{1b}[2J", false, None, &[]),
        ];
        let mut out = Vec::new();
        write(&all, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect())
            .collect();
        assert_eq!(lines[0], ["eth0", "up", "192.0.2.7/24, 2001:db8::7/64"]);
        assert_eq!(lines[1], ["ens192", "up, not connected", "-"]);
        assert_eq!(lines[2], ["lo", "up", "127.0.0.1/8", "loopback"]);
        assert!(lines[3][1] == "down" && !text.contains('\u{1b}'), "{text}");
    }
}
