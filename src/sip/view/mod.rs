//! Header values read into their parts, on demand.
//!
//! In: one header value as it stands, folds and all. Out: borrowed parts. Views are lax on purpose: what
//! a sender got wrong is read as well as it can be, and nothing fails that has a sensible reading.

mod address;
mod cseq;
mod diagnostic;
mod media;
mod params;
mod product;
pub(super) mod text;
mod trust;
mod uri;
mod via;
mod warning;

pub use address::Address;
pub use cseq::CSeq;
pub use diagnostic::Diagnostic;
pub use media::MediaType;
pub use params::{Param, Params};
pub use product::{Product, Products};
pub use text::lossy;
pub use trust::EdgeTrust;
pub use uri::Uri;
pub use via::Via;
pub use warning::Warning;
