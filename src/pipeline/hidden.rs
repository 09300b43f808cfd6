//! What is told of streams that cannot be read.

use super::reading::{Notice, Seen};
use crate::flow::Connection;
use crate::frame::{FrameRef, Timestamp};

/// How long octets may wait for what tells how to read them until they are said to be unreadable, nanoseconds.
const PATIENCE: i64 = 1_000_000_000;
/// How often an unreadable stream that goes on is told of again, nanoseconds.
const RETELL: i64 = 1_000_000_000;

/// Why what cannot be read may be SIP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doubt {
    /// SIP was found there, or is expected on its port.
    #[default]
    Expected,
    /// It is not known what it carries, nor what its port is for.
    Foreign,
}

/// Since when octets wait for what tells how to read them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience(Option<Timestamp>);

impl Patience {
    /// With octets that wait since then, if any do.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn since_when(waiting: Option<Timestamp>) -> Self {
        Self(waiting)
    }

    /// Octets wait at `now`. Says whether they have done so for too long.
    pub fn wait(&mut self, now: Timestamp) -> bool {
        now.since(*self.0.get_or_insert(now)) >= PATIENCE
    }

    /// Since when; `now` where nothing waits.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        self.0.unwrap_or(now)
    }

    /// Nothing waits any more.
    pub fn end(&mut self) {
        self.0 = None;
    }
}

/// Since when a stream is not read, and when that was last told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hidden {
    from: Option<Timestamp>,
    told: Option<Timestamp>,
    /// Whether it was told of what waits for a secret.
    waits: bool,
    /// Why it may be SIP, as it was told last.
    doubt: Doubt,
}

impl Hidden {
    /// Tells that the stream is not read at `frame`, and was not before since `from`; and that it will not be for as long
    /// as it is not told again, for what comes until then.
    pub fn tell(
        &mut self,
        connection: &Connection,
        doubt: Doubt,
        from: Timestamp,
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        self.doubt = doubt;
        let from = *self.from.get_or_insert(from);
        if self.told.is_none_or(|told| frame.time.since(told) >= RETELL || frame.time < told) {
            self.told = Some(frame.time);
            let until = FrameRef { time: frame.time.shifted(RETELL), ..frame };
            self.say(connection, from.min(frame.time), until, self.waits, out);
        }
    }

    /// The same of what waits for a secret, so that it may be open one day.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn wait(
        &mut self,
        connection: &Connection,
        doubt: Doubt,
        from: Timestamp,
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        self.waits = true;
        self.tell(connection, doubt, from, frame, out);
    }

    /// What was not read up to `last`, since it was told or else since `first`, is given up for good; what waits since
    /// `from` goes on waiting.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn give_up(
        &mut self,
        connection: &Connection,
        doubt: Doubt,
        (first, last): (Timestamp, FrameRef),
        from: Timestamp,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        self.doubt = doubt;
        self.say(connection, self.from.unwrap_or(first).min(last.time), last, false, out);
        (self.from, self.told) = (Some(from), None);
    }

    /// Nothing waits any more. What is not read at `frame` all the same, since it waited or before, and may be SIP, stays
    /// so.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only secrets are waited for so long"))]
    pub fn settle(
        &mut self,
        connection: &Connection,
        hidden: Option<Doubt>,
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        if !std::mem::take(&mut self.waits) {
            return;
        }
        match hidden {
            Some(doubt) => {
                self.doubt = doubt;
                self.end(connection, frame, out);
            }
            None => *self = Self::default(),
        }
        out(Seen::Notice(connection, Notice::Settled));
    }

    /// Tells it once more at the stream's last frame, if it was told at all.
    pub fn end(&mut self, connection: &Connection, frame: FrameRef, out: &mut impl FnMut(Seen<'_>)) {
        if let Some(from) = self.from {
            self.told = Some(frame.time);
            self.say(connection, from.min(frame.time), frame, self.waits, out);
        }
    }

    fn say(
        &self,
        connection: &Connection,
        from: Timestamp,
        last: FrameRef,
        waits: bool,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let (input, to, foreign) = (last.input, last.time, self.doubt == Doubt::Foreign);
        out(Seen::Notice(connection, Notice::Unreadable { input, from, to, waits, foreign }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;

    #[test]
    fn what_is_told_of_a_stream_that_is_not_read_holds_until_it_is_told_again() {
        let [client, server] = [40_000, 5_061].map(|port| ([192, 0, 2, 7], port).into());
        let (id, transport) = (crate::flow::ConnectionId(1), crate::flow::Transport::Tcp);
        let connection = Connection { id, flow: Flow { client, server }, transport, is_joined: false };
        let mut hidden = Hidden::default();
        let mut told: Vec<(Timestamp, Timestamp)> = Vec::new();
        for tenth in 0..100 {
            let time = Timestamp::new(tenth * RETELL / 10, 9);
            hidden.tell(&connection, Doubt::Expected, time, FrameRef { input: 0, number: 1, time }, &mut |seen| {
                if let Seen::Notice(_, Notice::Unreadable { from, to, .. }) = seen {
                    told.push((from, to));
                }
            });
            assert!(told.iter().any(|(from, to)| (*from..=*to).contains(&time)), "{tenth}");
        }
        assert_eq!(told.len(), 10);
    }
}
