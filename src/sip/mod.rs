//! SIP: framing, the grammar, header views, Microsoft's headers.

pub mod epid;
