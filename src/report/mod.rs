//! Reports: one model, one file per format.
//!
//! In: the [`model`], filled by the pipeline. Out: bytes for a terminal or a script.
//! It refuses to judge: every number and word it shows is in the model already.
//! A new format is one file and one line in [`format::FORMATS`].

pub mod diagram;
pub mod format;
pub mod html;
pub mod json;
pub mod mermaid;
pub mod model;
pub mod ndjson;
pub mod page;
pub mod pseudonyms;
pub mod schema;
pub mod sketch;
pub mod table;
pub mod text;
pub mod ticket;
pub mod time;
pub mod view;
mod wide;
pub mod words;

#[cfg(test)]
pub(crate) mod sample;
