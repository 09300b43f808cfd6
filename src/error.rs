//! Errors: lyncpush cannot do its job. Each is one line that says what failed, on what, and why.

use std::fmt;

/// Why lyncpush cannot do what was asked; ends the program with exit code 2.
#[derive(Debug)]
pub struct Error {
    text: String,
}

impl Error {
    /// An error with its one-line text, without the program's name in front.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// What can fail with an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
