//! `lyncpush schema`: the JSON Schema of the report.

use std::io::Write;

use super::CLEAN;
use super::output::Output;
use crate::error::Result;
use crate::report::schema;

/// Prints it.
pub fn run() -> Result<u8> {
    let mut output = Output::open(None, &[])?;
    let written = output.write_all(schema::text().as_bytes());
    output.outcome(written)?;
    output.finish()?;
    Ok(CLEAN)
}
