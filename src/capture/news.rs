//! What is worth telling whoever looks after the program: a line for people, and the same in names and values.

use std::fmt;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Info,
    /// Something is missing, or may be.
    Warning,
    /// It cannot go on, or not as it was asked to.
    Error,
}

impl Level {
    /// The name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A value that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Words.
    Text(String),
    /// Several of them.
    List(Vec<String>),
    /// A count.
    Number(u64),
    /// Seconds.
    Seconds(f64),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// How much it matters.
    pub level: Level,
    /// What it is: a name that stays the same.
    pub event: &'static str,
    /// One line.
    pub message: String,
    /// What a program would look for in that line.
    pub facts: Vec<(&'static str, Fact)>,
}

impl News {
    /// Something without facts.
    pub fn new(level: Level, event: &'static str, message: impl Into<String>) -> Self {
        Self { level, event, message: message.into(), facts: Vec::new() }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, fact: Fact) -> Self {
        self.facts.push((name, fact));
        self
    }

    /// Something that happened to an interface.
    pub fn of(level: Level, event: &'static str, interface: &str, message: String) -> Self {
        Self::new(level, event, message).with("interface", Fact::Text(interface.to_owned()))
    }

    /// Something about files of frames, in words alone.
    pub fn of_keeping(message: String) -> Self {
        Self::new(Level::Warning, "keeping", message)
    }
}

/// `1 frame`, `2 frames`.
#[cfg(feature = "live")]
pub(super) fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
