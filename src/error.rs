//! Errors: lyncpush cannot do its job. Each is one line that says what failed, on what, and why.

use std::fmt;
use std::io;

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

/// Why an operation failed, in the words of this program: no capital, no number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    // tempfile appends the path it tried, which is not the one that was asked for.
    let text = text.split(" at path ").next().unwrap_or(text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_plain() {
        for (code, expected) in
            [(2, "no such file or directory"), (13, "permission denied"), (28, "no space left on device")]
        {
            if cfg!(target_os = "linux") {
                assert_eq!(reason(&io::Error::from_raw_os_error(code)), expected);
            }
        }
        assert_eq!(reason(&io::Error::other("Odd")), "odd");
    }
}
