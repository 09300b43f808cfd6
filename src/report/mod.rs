//! Reports: one model, one file per format.
//!
//! In: the [`model`], filled by the pipeline. Out: bytes for a terminal or a script.
//! It refuses to judge: every number and word it shows is in the model already.

pub mod model;
pub mod time;
