//! What to do: the commands of a cause, with the names of a capture in them.

use super::Certainty;
use super::causes::{self, Cause};
use super::names::Names;

/// A command as a cause's row has it, with gaps such as `{edge}` inside single quotes.
#[derive(Debug)]
pub struct Template {
    /// On which host, and behind a comma under which condition.
    pub place: &'static str,
    /// The command.
    pub command: &'static str,
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// On which host, by its name where that is known.
    pub place: String,
    /// The command, its names filled in.
    pub command: String,
}

/// What to do about a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What it comes down to.
    pub advice: &'static str,
    /// Commands that show whether it is so.
    pub check: Vec<Command>,
    /// Commands that change it.
    pub change: Vec<Command>,
    /// Where to capture next, where this capture cannot decide.
    pub capture_next: Option<&'static str>,
}

impl Remedy {
    /// The remedy of `cause` with `names`.
    pub fn new(cause: &Cause, names: &Names, certainty: Certainty) -> Self {
        let filled = |templates: &[Template]| {
            templates
                .iter()
                .map(|template| Command { place: place(template.place, names), command: fill(template.command, names) })
                .collect()
        };
        let decided = certainty == Certainty::Certain || cause.next.is_empty();
        Self {
            advice: cause.advice,
            check: filled(cause.check),
            change: filled(cause.change),
            capture_next: (!decided).then_some(cause.next),
        }
    }

    /// The same as lines of text: the advice, then the commands under the host they are for, two blanks in.
    pub fn text(&self) -> String {
        let mut text = self.advice.to_owned();
        for (word, commands) in [("Check", &self.check), ("Change", &self.change)] {
            let mut place = "";
            for command in commands {
                if command.place != place {
                    place = &command.place;
                    text.push_str(&format!("\n{word}, {place}:"));
                }
                text.push_str(&format!("\n  {}", command.command));
            }
        }
        if let Some(next) = self.capture_next {
            text.push_str(&format!("\nCapture next {next}"));
        }
        text
    }
}

/// A host as a row names it, with its own name where that is known. A condition may follow.
fn place(place: &str, names: &Names) -> String {
    let named = [(causes::EDGE, &names.edge), (causes::REPORTER, &names.reporter)];
    let mut named = named.into_iter().filter_map(|(host, name)| Some((place.strip_prefix(host)?, name.as_ref()?)));
    named.next().map_or_else(|| place.to_owned(), |(condition, name)| format!("on {name}{condition}"))
}

/// A template with its gaps filled. What stands in single quotes is left out of them, as a gap, where one of its
/// names is not known.
pub fn fill(template: &str, names: &Names) -> String {
    let mut command = String::with_capacity(template.len() + 32);
    for (at, part) in template.split('\'').enumerate() {
        // Every second part is inside quotes.
        if at % 2 == 0 {
            command.push_str(part);
            continue;
        }
        match filled(part, names) {
            Some(part) => command.push_str(&format!("'{part}'")),
            None => command.push_str(&format!("<{}>", part.replace(['{', '}'], ""))),
        }
    }
    command
}

/// One quoted part with its names; `None` when one is not known.
fn filled(part: &str, names: &Names) -> Option<String> {
    let mut text = String::new();
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('{') {
        let (gap, after) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(names.get(gap)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_quotes_and_gaps_do_not() {
        let names = Names { edge: Some("edge01.example.com".into()), ..Names::default() };
        for (template, expected) in [
            ("Get-CsAllowedDomain", "Get-CsAllowedDomain"),
            ("Test-NetConnection '{edge}' -Port 5061", "Test-NetConnection 'edge01.example.com' -Port 5061"),
            ("Resolve-DnsName '_sip._tls.{edge}'", "Resolve-DnsName '_sip._tls.edge01.example.com'"),
            ("Get-CsUser -Identity 'sip:{user}'", "Get-CsUser -Identity <sip:user>"),
            ("A 'plain' '{user}' 'x'", "A 'plain' <user> 'x'"),
            ("A '{nobody-knows}'", "A <nobody-knows>"),
        ] {
            assert_eq!(fill(template, &names), expected);
        }
    }
}
