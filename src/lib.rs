//! lyncpush reads captures of Lync Server and Skype for Business Server, rebuilds every
//! push-notification ladder in them and says which of its ten steps is missing, failed or out of order.
//!
//! # The shape
//!
//! Two halves. The *reading half* is a stream: frames go in, SIP messages come out; it keeps bounded
//! state and never looks back. The *judging half* takes messages and gives closed ladders; it reads
//! no clock and does no I/O: time is the capture's own, so the same file gives the same report byte for byte.
//! [`pipeline`] is the only place that joins stages. No stage knows another stage.
//!
//! ```text
//! capture ─Frame→ link ─→ ip ─Packet→ tcp ─Event→ sip::framer ─→ sip::grammar ─Message→ ladder ─→ judge ─→ report
//!                              └ udp ────────────────────┘
//! └────────────────────────── reading ──────────────────────────┘└────── parsing ──────┘└──── judging ────┘└ reporting ┘
//! ```
//!
//! The four parts under the line run on threads of their own, a bounded number of batches apart and in
//! order, so what comes out does not depend on how fast each of them is. The last of them asks [`diagnosis`] for the
//! cause of what the judge found.
//!
//! # The rooms
//!
//! | Room | What it does |
//! |---|---|
//! | [`frame`], [`segment`], [`flow`], [`stream`], [`tally`], [`anomaly`], [`error`], [`spelling`] | the words all others share |
//! | [`capture`] | frames out of files, one file per container, and off interfaces |
//! | [`link`], [`ip`], [`tcp`] | to ordered bytes |
//! | `tls` | plain text out of TLS, with secrets that were given |
//! | [`sipcomp`] | Microsoft's SIP compression: packets to text |
//! | [`sip`] | framing, the grammar, header views, Microsoft headers |
//! | [`ladder`] | correlation: call, push, leg, join; the profile |
//! | [`judge`] | step statuses, verdicts, findings |
//! | [`knowledge`] | what numbers and words on the wire mean, as tables |
//! | [`diagnosis`] | causes, what rules them out, remedies, fingerprints |
//! | [`report`] | one file per format over one model |
//! | `post` | tickets over HTTP, one for each fault |
//! | [`simulate`] | synthetic captures of known ladders |
//! | [`cli`] | arguments → checked configuration → one call → exit code |
//!
//! An interface that is watched has a first stage of its own; what comes after it is the same. Where no frames come the
//! host's clock moves time on, and what the interface lost goes with the messages to the verdict.
//!
//! Three words for bad news, never mixed: an [`error::Error`] means lyncpush cannot do its job, an
//! [`anomaly::Anomaly`] means bytes are defective, a finding means the push exchange is wrong.

pub mod anomaly;
pub mod capture;
pub mod cli;
pub mod diagnosis;
pub mod error;
pub mod flow;
pub mod frame;
pub mod ip;
pub mod judge;
pub mod knowledge;
pub mod ladder;
pub mod link;
pub mod pipeline;
#[cfg(feature = "post")]
pub mod post;
pub mod report;
pub mod segment;
pub mod simulate;
pub mod sip;
pub mod sipcomp;
pub mod spelling;
pub mod stream;
pub mod tally;
pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls/probe.rs"]
pub mod tls;
pub mod unreadable;
