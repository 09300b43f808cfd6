//! `lyncpush explain`: what a code, a number or a cause means.

use std::io::{self, IsTerminal, Write};

use super::output::Output;
use super::{CLEAN, args, terminal};
use crate::diagnosis::catalogue::{self, Body, Entry};
use crate::error::{Error, Result};
use crate::report::format::Options;
use crate::report::page::{Page, Tint};
use crate::report::text;

/// Columns of the labels.
const LABEL: usize = 10;

/// Prints what is known under a name, or everything that has one.
///
/// Fails, in one line that names the nearest, when nothing is known under it.
pub fn run(args: &args::Explain) -> Result<u8> {
    let mut page = page();
    match &args.code {
        Some(code) if !args.list => {
            let entries = catalogue::find(code);
            if entries.is_empty() {
                return Err(unknown(code));
            }
            for entry in &entries {
                page.gap();
                write(&mut page, entry);
            }
        }
        _ => list(&mut page),
    }
    let mut output = Output::open(None, &[])?;
    let written = output.write_all(page.into_text().as_bytes());
    output.outcome(written)?;
    output.finish()?;
    Ok(CLEAN)
}

fn unknown(code: &str) -> Error {
    let short = text::clip(code, 40, "…");
    let near = catalogue::suggestions(code);
    let hint = if near.is_empty() { ".".to_owned() } else { format!(", did you mean {}?", near.join(" or ")) };
    Error::new(format!("nothing is known under {short:?}{hint} 'lyncpush explain --list' shows all"))
}

/// A page as wide as the terminal, in its characters and colours.
fn page() -> Page {
    let width = terminal::width(None, &terminal::environment, terminal::columns());
    Page::new(&Options {
        width,
        ascii: terminal::ascii(&terminal::environment),
        colour: terminal::colour(clap::ColorChoice::Auto, &terminal::environment, io::stdout().is_terminal()),
        ..Options::default()
    })
}

fn list(page: &mut Page) {
    let lines = catalogue::list();
    let longest = lines.iter().map(|line| text::columns(&line.name)).max().unwrap_or(0);
    let mut kind = "";
    for line in &lines {
        if line.kind != kind {
            kind = line.kind;
            page.gap();
            page.prose(0, Tint::Strong, kind);
        }
        page.labelled(2, &line.name, longest + 2, Tint::Plain, &line.title);
    }
}

fn write(page: &mut Page, entry: &Entry) {
    page.prose(0, Tint::Strong, &format!("{}: {}", entry.name, entry.title));
    for fact in &entry.facts {
        match &fact.body {
            Body::Text(words) => page.labelled(2, fact.label, LABEL, Tint::Plain, words),
            Body::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    page.labelled(2, if at == 0 { fact.label } else { "" }, LABEL, Tint::Plain, item);
                }
            }
            Body::Commands(commands) => {
                let mut place = "";
                for (at, command) in commands.iter().enumerate() {
                    if command.place != place {
                        place = &command.place;
                        page.labelled(2, if at == 0 { fact.label } else { "" }, LABEL, Tint::Dim, place);
                    }
                    page.command(2 + LABEL + 2, &command.command);
                }
            }
        }
    }
}
