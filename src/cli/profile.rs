//! `lyncpush profile`: the ladder profile in force, as TOML. Also reads `--profile` for `analyze`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::output::Output;
use super::{CLEAN, args};
use crate::error::{Error, Result, reason};
use crate::pipeline::{LYNC_MCX, Profile};

/// A profile is a page of text; what is larger is a wrong file, and reading it whole would be waste.
const LARGEST: u64 = 1024 * 1024;

/// Prints the profile: the built-in one with its comments, another as its values.
pub fn run(args: &args::Profile) -> Result<u8> {
    let text = match &args.profile {
        None => LYNC_MCX.to_owned(),
        Some(path) => read(Some(path))?.to_toml()?,
    };
    let mut output = Output::open(None, &[])?;
    let written = output.write_all(text.as_bytes());
    output.outcome(written)?;
    output.finish()?;
    Ok(CLEAN)
}

/// The built-in profile with what the file at `path` says put over it.
///
/// Fails when the file cannot be read or does not fit, in one line that names it.
pub fn read(path: Option<&Path>) -> Result<Profile> {
    let Some(path) = path else { return Profile::built_in() };
    let fail = |why: &str| Error::new(format!("cannot use profile {:?}: {why}", path.display().to_string()));
    let file = File::open(path).map_err(|error| fail(&reason(&error)))?;
    let mut text = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut text).map_err(|error| fail(&reason(&error)))?;
    if text.len() as u64 > LARGEST {
        return Err(fail("larger than 1 MiB"));
    }
    let text = String::from_utf8(text).map_err(|_| fail("not UTF-8 text"))?;
    Profile::with_overrides(&text).map_err(|error| fail(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, large) = (directory.path().join("binary"), directory.path().join("large"));
        std::fs::write(&binary, [0xff, 0xfe]).unwrap();
        std::fs::write(&large, vec![b'#'; LARGEST as usize + 1]).unwrap();
        for (path, why) in [
            (directory.path().join("none"), "no such file or directory"),
            (directory.path().to_owned(), "is a directory"),
            (binary, "not UTF-8 text"),
            (large, "larger than 1 MiB"),
        ] {
            let error = read(Some(&path)).unwrap_err().to_string();
            assert!(error.starts_with("cannot use profile \"") && error.ends_with(why), "{error}");
        }
    }
}
