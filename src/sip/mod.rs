//! SIP: framing, the grammar, header views, Microsoft's headers.
//!
//! In: the ordered bytes of one stream side, or a datagram. Out: [`message::Message`]s whose parts
//! borrow those bytes. [`framer`] cuts the bytes into messages by Content-Length and finds its way
//! back after lost bytes; [`grammar`] reads one whole message into a start line and an ordered header
//! list; [`view`] reads a header value into its parts when somebody asks for them.
//!
//! The room refuses to know transactions, dialogs, ladders, and what the headers mean to them. Lengths
//! belong to the framer alone and grammar to the parser alone, so that no defect is counted twice.
//! Limits: [`framer::Limits`] for what is buffered, [`grammar::HEADER_LIMIT`] for the header list.

pub mod epid;
#[cfg(test)]
mod facts;
pub mod framer;
pub mod grammar;
pub mod header;
pub mod message;
pub mod method;
pub mod outline;
pub mod status;
pub mod view;
