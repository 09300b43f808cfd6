//! The registry of report formats: it feeds `--format`, its help and its error text.

use std::io::{self, Write};

use super::model::Report;
use super::{html, mermaid, sketch, table};

/// One way to write a report.
#[derive(Debug)]
pub struct Format {
    /// The value of `--format`.
    pub name: &'static str,
    /// What it is for, in one line.
    pub help: &'static str,
    /// When and how it is written.
    pub shape: Shape,
}

/// When and how a format is written.
#[derive(Debug)]
pub enum Shape {
    /// At the end, from the whole report.
    Whole(fn(&Report, &Options, &mut dyn Write) -> io::Result<()>),
    /// A line for each ladder as it closes, by [`ndjson::Writer`](super::ndjson::Writer); ladders are not kept.
    Lines,
}

/// How a report for people shall look; formats for programs ignore it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Columns of the terminal.
    pub width: usize,
    /// Plain ASCII, since the terminal does not take UTF-8.
    pub ascii: bool,
    /// Colours, as ANSI escape sequences.
    pub colour: bool,
    /// Everything in detail, complete ladders too.
    pub verbose: bool,
    /// Only ladders of one user were asked for.
    pub filtered: bool,
    /// Messages are whole, where the report has them.
    pub whole_texts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 80, ascii: false, colour: false, verbose: false, filtered: false, whole_texts: false }
    }
}

/// Every format, the default first.
pub static FORMATS: &[Format] = &[
    Format {
        name: "table",
        help: "for a terminal: summary, ladders, steps, findings",
        shape: Shape::Whole(table::write),
    },
    Format {
        name: "json",
        help: "one object, as `lyncpush schema` describes it",
        shape: Shape::Whole(|report, _, out| super::json::write(report, out)),
    },
    Format { name: "ndjson", help: "one ladder a line as it closes, then one line with the rest", shape: Shape::Lines },
    Format {
        name: "html",
        help: "for a browser: one page with everything in it, to read, filter and print",
        shape: Shape::Whole(html::write),
    },
    Format {
        name: "text",
        help: "for chat and tickets: each ladder drawn in plain text, with its cause",
        shape: Shape::Whole(sketch::write),
    },
    Format {
        name: "mermaid",
        help: "for Markdown: each ladder as a sequence diagram, with its cause",
        shape: Shape::Whole(|report, options, out| mermaid::write(report, options, out)),
    },
];

/// The format called `name`.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::causes;
    use crate::report::{sample, text};

    fn written(name: &str, report: &Report, width: usize) -> String {
        let Shape::Whole(write) = find(name).unwrap().shape else { panic!("{name} is written in lines") };
        let mut out = Vec::new();
        write(report, &Options { width, verbose: true, ..Options::default() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn commands_can_be_pasted_at_any_width() {
        for report in sample::all() {
            for (name, width) in ["table", "text"].iter().flat_map(|name| (40..130).map(move |width| (name, width))) {
                let page = written(name, &report, width);
                let mut pasted = String::new();
                for line in page.lines() {
                    // PowerShell goes on where a line ends in a backtick.
                    let goes_on = pasted.ends_with('`') && pasted.pop().is_some();
                    pasted.push_str(if goes_on { line.trim_start() } else { "\n" });
                    pasted.push_str(if goes_on { "" } else { line });
                }
                for command in sample::commands(&report) {
                    assert!(
                        pasted.contains(&*text::sanitize(command, false)),
                        "{command} of {name} in {width}:\n{page}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_about_the_whole_capture_is_in_every_format_for_people() {
        let report = sample::distrusted();
        let cause = causes::find("certificate-not-trusted").unwrap();
        for name in ["table", "text", "mermaid", "html"] {
            let page = written(name, &report, 200).replace("&#39;", "'").replace('\\', "").replace("&gt;", ">");
            let stream = &report.coverage.unreadable[0].stream;
            for needle in ["LP001", "LP601", "tls-no-secret", stream, cause.title, "explain certificate-not-trusted"] {
                assert!(page.contains(needle), "{needle:?} in {name}:\n{page}");
            }
            for command in
                ["-Object Subject | Format-Table Subject, NotAfter", "'LS:WEB - Mobile Communication Service'"]
            {
                assert!(page.contains(command), "{command:?} in {name}:\n{page}");
            }
        }
    }

    #[test]
    fn names_are_unique_and_table_is_the_default() {
        assert_eq!(FORMATS[0].name, "table");
        for format in FORMATS {
            assert!(std::ptr::eq(find(format.name).unwrap(), format), "{}", format.name);
        }
        assert!(find("xml").is_none());
    }
}
