//! A page of text for a terminal: headings, labelled lines and tables that never pass its width; a command passes it
//! where it could not be pasted otherwise.
//!
//! In: words and [`Options`]. Out: lines. Every string that came from outside goes through [`Page::safe`].

use std::borrow::Cow;

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};

use super::format::Options;
use super::text;

/// The widest a page gets: longer lines are hard to read, and every machine gives the same page.
const WIDEST: usize = 200;
/// The narrowest a page gets; below it words would be cut to pieces.
const NARROWEST: usize = 40;
/// Columns of a page from which tables of many columns can be read.
const TABULAR: usize = 60;
/// Columns a single foreign string may take before it is cut off: a few lines of the page.
const FOREIGN_COLUMNS: usize = 400;

/// What a piece of text means to the eye. The words say the same: colour is never alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// As it comes.
    Plain,
    /// A heading.
    Strong,
    /// In order.
    Good,
    /// Works, but look at it.
    Warn,
    /// Broken.
    Bad,
    /// Of less interest.
    Dim,
}

impl Tint {
    /// The ANSI escape sequence that begins it; none for plain text.
    const fn sequence(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("\u{1b}[1m"),
            Self::Good => Some("\u{1b}[32m"),
            Self::Warn => Some("\u{1b}[33m"),
            Self::Bad => Some("\u{1b}[1;31m"),
            Self::Dim => Some("\u{1b}[2m"),
        }
    }

    /// `cell` in this tint.
    fn on(self, cell: Cell) -> Cell {
        match self {
            Self::Plain => cell,
            Self::Strong => cell.add_attribute(Attribute::Bold),
            Self::Good => cell.fg(Color::DarkGreen),
            Self::Warn => cell.fg(Color::DarkYellow),
            Self::Bad => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
            Self::Dim => cell.add_attribute(Attribute::Dim),
        }
    }
}

/// How a column of a table takes its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// As wide as its content.
    Content,
    /// As wide as its content, numbers to the right.
    Number,
    /// So many columns, and a fair share of what the others leave; its content is wrapped.
    Share(usize),
}

/// Columns between the columns of a table.
const BETWEEN: usize = 2;

/// A cell of a table: words and what they mean to the eye.
pub type Words = (String, Tint);

/// Lines for a terminal, growing.
#[derive(Debug)]
pub struct Page {
    options: Options,
    width: usize,
    lines: String,
}

impl Page {
    /// An empty page.
    pub fn new(options: &Options) -> Self {
        Self { options: *options, width: options.width.clamp(NARROWEST, WIDEST), lines: String::new() }
    }

    /// Its width in columns.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Whether tables of many columns would be cut to pieces: what they say has to be told in lines.
    pub const fn is_narrow(&self) -> bool {
        self.width < TABULAR
    }

    /// The text so far, every line ended.
    pub fn into_text(self) -> String {
        self.lines
    }

    /// `utf8`, or `ascii` where the terminal wants that.
    pub const fn sign(&self, utf8: &'static str, ascii: &'static str) -> &'static str {
        if self.options.ascii { ascii } else { utf8 }
    }

    /// A foreign string made harmless and cut to a bearable length.
    pub fn safe(&self, foreign: &str) -> String {
        self.short(foreign, FOREIGN_COLUMNS)
    }

    /// A foreign string made harmless and cut to `limit` columns.
    pub fn short(&self, foreign: &str, limit: usize) -> String {
        // Cut once roughly before: a name of megabytes is not worth escaping to its end.
        let most = limit.saturating_mul(8);
        let rough = foreign.char_indices().nth(most).and_then(|(end, _)| foreign.get(..end)).unwrap_or(foreign);
        text::clip(&text::sanitize(rough, self.options.ascii), limit, self.sign("…", "...")).into_owned()
    }

    /// An empty line, unless there is one already or the page is empty.
    pub fn gap(&mut self) {
        if !self.lines.is_empty() && !self.lines.ends_with("\n\n") {
            self.lines.push('\n');
        }
    }

    /// `words` wrapped, each line `indent` columns in.
    pub fn prose(&mut self, indent: usize, tint: Tint, words: &str) {
        self.labelled(indent, "", 0, tint, words);
    }

    /// A line as it stands: made harmless already, and no wider than the page.
    pub fn line(&mut self, tint: Tint, line: &str) {
        self.lines.push_str(&self.tinted(tint, line));
        self.lines.push('\n');
    }

    /// A label of `label_columns` columns with `words` wrapped beside it; nothing when there are no words.
    pub fn labelled(&mut self, indent: usize, label: &str, label_columns: usize, tint: Tint, words: &str) {
        let room = self.width.saturating_sub(indent + label_columns);
        for (at, line) in text::wrap(words, room).iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            let fill = label_columns.saturating_sub(text::columns(label));
            let start = format!("{}{label}{}", " ".repeat(indent), " ".repeat(fill));
            self.lines.push_str(&start);
            self.lines.push_str(&self.tinted(tint, line));
            self.lines.push('\n');
        }
    }

    /// A command for PowerShell, made harmless; on several lines where it is long, so that it can be pasted as it
    /// stands: the last character of all but the last is the backtick that continues a line.
    pub fn command(&mut self, indent: usize, command: &str) {
        let command = text::sanitize(command, self.options.ascii);
        for (at, line) in text::wrap_command(&command, self.width.saturating_sub(indent)).iter().enumerate() {
            let further = if at == 0 { 0 } else { text::CONTINUED };
            self.lines.push_str(&format!("{}{line}\n", " ".repeat(indent + further)));
        }
    }

    /// A table with a rule under its head; cells are safe already and may have several lines.
    pub fn table(&mut self, indent: usize, head: &[(&str, Fit)], rows: &[Vec<Words>]) {
        let widths = widths(head, rows, self.width.saturating_sub(indent));
        let mut table = Table::new();
        // Widths are known: nothing is left to arrange, and no terminal is asked.
        table.force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
        if self.options.colour {
            table.enforce_styling().style_text_only();
        }
        let rule = if self.options.ascii { '-' } else { '─' };
        table.load_style(TableStyle::new().header_separator(LineStyle::none().fill(rule)));
        let cell = |words: &str, tint: Tint, width: usize| {
            let lines: Vec<String> = words.lines().flat_map(|line| text::wrap(line, width)).collect();
            tint.on(Cell::new_owned(lines.join("\n")))
        };
        table.set_header(head.iter().zip(&widths).map(|((name, _), width)| cell(name, Tint::Strong, *width)));
        for row in rows {
            table.add_row(row.iter().zip(&widths).map(|((words, tint), width)| cell(words, *tint, *width)));
        }
        for (at, ((_, fit), width)) in head.iter().zip(&widths).enumerate() {
            let Some(column) = table.column_mut(at) else { continue };
            let after = if at + 1 == head.len() { 0 } else { BETWEEN };
            let fixed = |columns: usize| u16::try_from(columns).unwrap_or(u16::MAX);
            column.set_padding((0, fixed(after)));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(fixed(width + after))));
            if *fit == Fit::Number {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.lines() {
            self.lines.push_str(&" ".repeat(indent));
            self.lines.push_str(line.trim_end());
            self.lines.push('\n');
        }
    }

    /// `words` between the sequences of `tint`, when colours are wanted.
    pub fn tinted<'a>(&self, tint: Tint, words: &'a str) -> Cow<'a, str> {
        match tint.sequence() {
            Some(sequence) if self.options.colour => Cow::Owned(format!("{sequence}{words}\u{1b}[0m")),
            _ => Cow::Borrowed(words),
        }
    }
}

/// The width of each column of a table in `room` columns.
fn widths(head: &[(&str, Fit)], rows: &[Vec<Words>], room: usize) -> Vec<usize> {
    let mut natural: Vec<usize> = head.iter().map(|(name, _)| text::columns(name)).collect();
    for row in rows {
        for (natural, (words, _)) in natural.iter_mut().zip(row) {
            *natural = words.lines().map(text::columns).fold(*natural, usize::max);
        }
    }
    let mut widths: Vec<usize> = head
        .iter()
        .zip(&natural)
        .map(|((_, fit), natural)| match fit {
            Fit::Content | Fit::Number => *natural,
            Fit::Share(least) => (*natural).min(*least),
        })
        .collect();
    let between = BETWEEN * head.len().saturating_sub(1);
    let mut spare = room.saturating_sub(between + widths.iter().sum::<usize>());
    while spare > 0 && widths != natural {
        for (width, natural) in widths.iter_mut().zip(&natural) {
            if spare > 0 && *width < *natural {
                *width += 1;
                spare -= 1;
            }
        }
    }
    // What cannot fit is taken from the widest, down to one wide character.
    while between + widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max_by_key(|width| **width) {
            Some(widest) if *widest > 2 => *widest -= 1,
            _ => break,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_share_what_is_left() {
        let row =
            |cells: &[&str]| -> Vec<Words> { cells.iter().map(|words| ((*words).to_owned(), Tint::Plain)).collect() };
        for (fits, cells, room, expected) in [
            (&[Fit::Content, Fit::Share(4)][..], &["abcdef", "xy"][..], 40, &[6, 2][..]),
            (&[Fit::Content, Fit::Share(4)], &["abcdef", "abcdefghij"], 14, &[6, 6]),
            (&[Fit::Share(4), Fit::Share(4)], &["abcdefgh", "abcdefghijklmnop"], 20, &[8, 10]),
            (&[Fit::Share(4), Fit::Share(4)], &["abcdefgh", "a\nbc"], 20, &[8, 2]),
            (&[Fit::Number, Fit::Content], &["1234567890", "abcdefghijklmnop"], 12, &[5, 5]),
            (&[Fit::Number, Fit::Content], &["1234567890", "abcdefghijklmnop"], 1, &[2, 2]),
        ] {
            let head: Vec<(&str, Fit)> = fits.iter().map(|fit| ("", *fit)).collect();
            assert_eq!(widths(&head, &[row(cells)], room), expected, "{cells:?} in {room}");
        }
    }
}
