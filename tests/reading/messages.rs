//! A capture read down to its SIP messages.

use lyncpush::capture::{self, Options};
use lyncpush::error::Result;
use lyncpush::pipeline::Profile;
use lyncpush::pipeline::reading::{Reading, Seen};
use lyncpush::report::view::Account;
use lyncpush::sip::grammar::parse;
use lyncpush::sip::message::StartLine;

/// One message, as tshark would list it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The frame that completed it.
    pub frame: u64,
    /// Method or status code.
    pub what: String,
    /// Empty when there is none.
    pub call_id: String,
}

impl Row {
    pub fn is_request(&self) -> bool {
        self.what.parse::<u16>().is_err()
    }
}

/// The messages of the capture at `path` in the order they come out, and what became of its frames.
pub fn read(path: &str) -> Result<(Vec<Row>, Account)> {
    let mut source = capture::open(path, 0, &Options::default())?;
    let mut reading = Reading::new(&Profile::built_in()?.ports);
    let mut rows = Vec::new();
    let mut note = |seen: Seen<'_>| {
        if let Seen::Message { at, raw, .. } = seen {
            let message = parse(raw).expect("what is framed can be parsed");
            let what = match message.start {
                StartLine::Request { method, .. } => method.to_string(),
                StartLine::Response { status, .. } => status.0.to_string(),
            };
            let call_id = String::from_utf8_lossy(message.call_id().unwrap_or_default()).into_owned();
            rows.push(Row { frame: at.number, what, call_id });
        }
    };
    while source.advance() {
        let Some(frame) = source.frame() else { break };
        reading.push(&frame, &mut note);
    }
    reading.finish(&mut note);
    let account = reading.account(source.summary().filtered);
    assert_eq!(account.tally.read(), source.summary().frames, "{path}");
    Ok((rows, account))
}
