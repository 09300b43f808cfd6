//! Sentences, commands and summaries: names are found in them by their shape, or because they are known.

use super::SHORTEST;
use super::names::{Names, address, is_scheme};

/// Names of one ladder that have no shape of their own, and their stand-ins.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Vec<(String, String)>);

impl Known {
    /// Remembers a name; the longest is looked for first.
    pub(super) fn add(&mut self, name: &str, stand_in: &str) {
        if name.len() < SHORTEST || name == stand_in || self.0.iter().any(|(known, _)| known == name) {
            return;
        }
        let at = self.0.partition_point(|(known, _)| known.len() >= name.len());
        self.0.insert(at, (name.to_owned(), stand_in.to_owned()));
    }

    /// Remembers a name and puts its stand-in in its place.
    pub(super) fn replace(&mut self, name: &mut String, stand_in: String) {
        self.add(name, &stand_in);
        *name = stand_in;
    }

    /// The known name that `text` begins with, and its stand-in.
    fn at_start_of(&self, text: &str) -> Option<&(String, String)> {
        self.0.iter().find(|(name, _)| {
            let whole = || !text.get(name.len()..).is_some_and(|rest| rest.starts_with(continues));
            text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) && whole()
        })
    }
}

/// Whether a name goes on with this character.
fn continues(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A summary of a message: what follows a method is an address, whatever it looks like; what follows a status is
/// a reason in anybody's words.
pub(super) fn summary(summary: &str, known: &Known, names: &mut Names) -> String {
    match summary.split_once(' ') {
        Some((method, target)) if !method.starts_with(|c: char| c.is_ascii_digit()) => {
            let (target, rest) = target.split_at(target.find(' ').unwrap_or(target.len()));
            let has_scheme = target.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme));
            let target = if has_scheme || target.contains(['@', '.']) || address(target).is_some() {
                names.uri(target)
            } else {
                "…".to_owned()
            };
            format!("{} {target}{}", text(method, known, names), text(rest, known, names))
        }
        _ => text(summary, known, names),
    }
}

/// A text with its names replaced.
pub(super) fn text(text: &str, known: &Known, names: &mut Names) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        // A name begins where a word does.
        if out.ends_with(continues) || divides(first) {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (word, after) = rest.split_at(end_of_word(rest));
        // A name is a whole word, or several: part of one is another name.
        match known.at_start_of(rest).filter(|(name, _)| name.len() >= without_stops(word).len()) {
            Some((name, stand_in)) => {
                out.push_str(stand_in);
                rest = rest.get(name.len()..).unwrap_or_default();
            }
            None => {
                self::word(word, known, names, &mut out);
                rest = after;
            }
        }
    }
    out
}

/// A command, or lines of them: what is left open in it, such as `<edge>`, is no name.
pub(super) fn command(command: &str, known: &Known, names: &mut Names) -> String {
    let mut out = String::with_capacity(command.len());
    let mut rest = command;
    while let Some((before, from)) = rest.split_once('<') {
        let Some((gap, after)) = from.split_once('>') else { break };
        out.push_str(&text(before, known, names));
        out.push_str(&format!("<{gap}>"));
        rest = after;
    }
    out.push_str(&text(rest, known, names));
    out
}

/// Whether a character stands between words.
fn divides(c: char) -> bool {
    c.is_whitespace() || "'\"`<>(){}|,“”‘’„«»".contains(c)
}

/// Where the word at the start of `text` ends: an address goes on up to a blank or a quote, whatever it holds.
fn end_of_word(text: &str) -> usize {
    let is_address = text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme));
    let ends = |c: char| if is_address { c.is_whitespace() || "'\"<>`“”’".contains(c) } else { divides(c) };
    text.find(ends).unwrap_or(text.len())
}

/// A word without what ends a sentence.
fn without_stops(word: &str) -> &str {
    let bare = word.trim_end_matches(['.', ',', ';', ':', '!', '?', '…']);
    if bare.is_empty() { word } else { bare }
}

/// Words of our own commands that look like names of hosts.
const OWN: &[&str] = &["Net.Sockets.TcpClient"];

/// One word, which may be an address or hold several parts.
fn word(word: &str, known: &Known, names: &mut Names, out: &mut String) {
    if OWN.contains(&word) {
        return out.push_str(word);
    }
    let (bare, tail) = word.split_at(without_stops(word).len());
    let has_scheme = bare.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme));
    let has_user = bare.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if has_scheme || has_user {
        out.push_str(&names.uri(bare));
    } else if address(bare).is_some() || bare.parse::<std::net::SocketAddr>().is_ok() {
        out.push_str(&names.endpoint(bare));
    } else {
        parts(bare, known, names, out);
    }
    out.push_str(tail);
}

/// The parts of a word such as `name/1.2;host=a.b`.
fn parts(word: &str, known: &Known, names: &mut Names, out: &mut String) {
    const BETWEEN: [char; 7] = ['/', '=', ';', ':', '&', '\\', '…'];
    let mut rest = word;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.find(BETWEEN).unwrap_or(rest.len()));
        if let Some((_, stand_in)) = known.at_start_of(part).filter(|(name, _)| name.len() == part.len()) {
            out.push_str(stand_in);
        } else if is_version(out) && address(part).is_some() {
            out.push_str(part);
        } else if is_host_name(part) || address(part).is_some() || names.is_host(part) {
            out.push_str(&names.host(part));
        } else {
            out.push_str(part);
        }
        let next = after.chars().next().map_or(0, char::len_utf8);
        let (between, after) = after.split_at(next);
        out.push_str(between);
        rest = after;
    }
}

/// Whether what follows `before` is a version: a product and a stroke stand there, as in `RTCC/4.0.0.0`.
fn is_version(before: &str) -> bool {
    before.strip_suffix('/').is_some_and(|product| product.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Whether a word has the shape of a name in the DNS: several labels, and the last one is no number.
fn is_host_name(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
    };
    let Some((_, last)) = word.rsplit_once('.') else { return false };
    word.split('.').all(is_label) && last.chars().count() > 1 && last.starts_with(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(vec!["sip:push@push.lync.com".into()], vec!["sipfed.online.lync.com".into()])
    }

    #[test]
    fn names_in_sentences_and_commands() {
        let mut known = Known::default();
        known.add("Bob Example", "User 2");
        known.add("0263c3e4509e", "call-1");
        known.add("bob", "user2");
        for (real, expected) in [
            ("No answer from edge01.example.com.", "No answer from host1.domain1.example."),
            ("fe01.example.com: 504; see 10.0.0.7:5061", "host1.domain1.example: 504; see 192.0.2.1:5061"),
            (
                "Test-NetConnection 'edge01.example.com' -Port 5061",
                "Test-NetConnection 'host1.domain1.example' -Port 5061",
            ),
            ("Resolve-DnsName '_sip._tls.example.com'", "Resolve-DnsName '_sip._tls.domain1.example'"),
            ("-Identity 'sip:bob@example.com' x", "-Identity 'sip:user1@domain1.example' x"),
            ("-Identity 'push.lync.com'", "-Identity 'push.lync.com'"),
            ("Bob Example, bob, Bobby (0263c3e4509e)", "User 2, user2, Bobby (call-1)"),
            (
                "RTCC/4.0.0.0 McxService/4.0.0.0 (SGH-i937 2103.11.10.1)",
                "RTCC/4.0.0.0 McxService/4.0.0.0 (SGH-i937 2103.11.10.1)",
            ),
            ("http://10.0.0.1/a?host=fe01.example.com", "http://192.0.2.1/a?host=host1.domain1.example"),
            ("10.0.0.1:50 > [fd00::1]:5061", "192.0.2.1:50 > [2001:db8:6::1]:5061"),
            ("within 1.5 s, i.e. late; e.g. this", "within 1.5 s, i.e. late; e.g. this"),
            ("<sip:bob@example.com;gruu>, …", "<sip:user1@domain1.example;…>, …"),
            ("größe ist 5 …", "größe ist 5 …"),
            ("", ""),
        ] {
            assert_eq!(text(real, &known, &mut names()), expected);
        }
    }

    /// Commands of our own name nobody, and are the same afterwards.
    #[test]
    fn commands_without_names_stay_as_they_are() {
        use crate::diagnosis::causes;
        use crate::diagnosis::names::Names as Filled;
        use crate::diagnosis::{Certainty, remedy::Remedy};
        use crate::ladder::profile::Profile;
        let profile = Profile::built_in().unwrap();
        for cause in causes::all() {
            let text = Remedy::new(cause, &Filled::documented(&profile), Certainty::Possible).text();
            assert_eq!(command(&text, &Known::default(), &mut names()), text, "{}", cause.name);
        }
    }

    #[test]
    fn summaries() {
        for (real, expected) in [
            ("INVITE sip:bob@example.com", "INVITE sip:user1@domain1.example"),
            (
                "INVITE sip:fe01.example.com:5087;transport=tls;ms-opaque=75,66",
                "INVITE sip:host1.domain1.example:5087;…",
            ),
            ("MESSAGE sip:push@push.lync.com", "MESSAGE sip:push@push.lync.com"),
            ("INVITE bob", "INVITE …"),
            ("ACK 10.0.0.1", "ACK 192.0.2.1"),
            ("504 Server time-out", "504 Server time-out"),
            ("404 bob@example.com not at fe01.example.com", "404 user1@domain1.example not at host1.domain1.example"),
            ("BYE", "BYE"),
        ] {
            assert_eq!(summary(real, &Known::default(), &mut names()), expected);
        }
    }
}
