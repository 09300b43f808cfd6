//! What is known of the numbers and words on the wire, as data: one entry is one row.
//!
//! In: a number or a word as a message carries it. Out: what it means, what it means in a push ladder, how sure
//! that is, and where it comes from. Matched by number, never by reason text: servers word their reasons
//! differently from the specification. It refuses to know messages, ladders and reports.
//! Which clients get a push is no part of it: that is a setting, in the ladder profile.

pub mod diagnostics;
pub mod findings;
pub mod os_errors;
pub mod sources;
pub mod statuses;
pub mod trust;
pub mod unread;

/// How sure an entry's reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The vendor, an RFC or a specification says so.
    Documented,
    /// Seen in a published trace.
    Traced,
    /// Concluded from what is documented or traced.
    Inferred,
    /// Handed down among administrators; no source was found.
    Unverified,
}

impl Basis {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Traced => "seen in a published trace",
            Self::Inferred => "inferred",
            Self::Unverified => "unverified",
        }
    }
}
