//! Frames out of captures: one file per container format.
//!
//! In: a path, or `-` for standard input. Out: a [`Source`] that gives [`Frame`]s in file order and
//! knows at its end how it ended. [`Merged`] makes several sources one, by time.
//!
//! A format is recognised by content, never by name: pcap and pcapng, either one also inside gzip or zstd.
//! Damage never loses what stood before it: reading stops there and [`Summary::ended`] says where and why.
//! It refuses to know what a link type means; only the capture filter, which is libpcap's, looks inside.
//!
//! The containers are read by hand rather than with a crate: a frame is a range of one buffer, so nothing
//! is copied or allocated for it, and the exact octet where a file goes wrong is known.
//!
//! Limits: a record of more than [`MAX_RECORD`] octets counts as damage, so does a section with more than
//! [`MAX_INTERFACES`] interfaces; of embedded secrets at most [`MAX_SECRETS`] octets are kept, of stretches of time
//! [`MAX_STRETCHES`].

mod compression;
mod file;
mod filter;
mod interface;
#[cfg(feature = "live")]
mod live;
mod merged;
mod news;
mod pcap;
mod pcapng;
mod reader;
#[cfg(test)]
mod specimen;
mod stretch;

pub use file::open;
#[cfg(feature = "live")]
pub use live::{
    Excerpt, Excerpts, Feed, Interface, KeepOptions, Keeper, Live, LiveOptions, Loss, LossKind, check_directory,
    dropped_by, interfaces, widened,
};
pub use merged::Merged;
pub use news::{Fact, Level, News};
pub use pcapng::{MAX_INTERFACES, MAX_SECRETS, MAX_STRETCHES};
pub use reader::MAX_RECORD;
pub use stretch::Stretch;

use std::fmt;

use zeroize::Zeroizing;

use crate::frame::{Frame, LinkType, Timestamp};

/// What a caller may choose about reading.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A filter in libpcap's language; frames that do not match are counted but not given.
    pub bpf: Option<String>,
}

/// How an input ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// At the end of a record, or not yet.
    Complete,
    /// In the middle of a record, as when the capturing program was killed; the text says where.
    Truncated(String),
    /// At octets that make no sense; the text says where and why.
    Damaged(String),
}

/// What is known of one input; grows while it is read.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The path as given; `-` for standard input.
    pub path: String,
    /// `pcap` or `pcapng`; `live` for an interface.
    pub format: &'static str,
    /// `gzip` or `zstd`, if the capture is inside one.
    pub compression: Option<&'static str>,
    /// Frames read, filtered ones included.
    pub frames: u64,
    /// Octets of the file itself: its size, or what has been read of a pipe. Compressed if the file is.
    pub bytes: u64,
    /// The earliest time of a frame, by the file's own clock.
    pub first_frame_at: Option<Timestamp>,
    /// The latest time of a frame, by the file's own clock.
    pub last_frame_at: Option<Timestamp>,
    /// Link types of frames and of declared interfaces, each once, in the order met.
    pub link_types: Vec<LinkType>,
    /// How it ended; [`Ended::Complete`] while it is read.
    pub ended: Ended,
    /// TLS key-log texts embedded in a pcapng, wherever they stand in it.
    pub secrets: Vec<KeylogText>,
    /// What a capture that this program wrote tells of the time between its frames, in the order met; at most
    /// [`MAX_STRETCHES`].
    pub stretches: Vec<Stretch>,
    /// Octets of TLS key-log text that were not kept because of [`MAX_SECRETS`].
    pub secrets_dropped: u64,
    /// Frames the capture filter kept back.
    pub filtered: u64,
    /// What an interface lost; none for a file, which does not say.
    pub drops: Option<Drops>,
}

/// What was lost while an interface was watched. Counts of frames are lower bounds: not every system and driver counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Frames for which the kernel's ring had no room.
    pub kernel: u64,
    /// Frames that the interface or its driver dropped.
    pub interface: u64,
    /// How often the interface was down or away.
    pub interruptions: u64,
    /// Whether it is so now.
    pub is_down: bool,
}

/// A key log text: it does not print, and is wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct KeylogText(Zeroizing<Vec<u8>>);

impl KeylogText {
    /// Keeps a copy of `octets`.
    pub fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.to_vec()))
    }

    /// The text itself.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for KeylogText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeylogText({} octets)", self.0.len())
    }
}

impl Summary {
    /// Nothing read yet.
    pub fn new(path: &str, format: &'static str, compression: Option<&'static str>) -> Self {
        Self {
            path: path.to_owned(),
            format,
            compression,
            frames: 0,
            bytes: 0,
            first_frame_at: None,
            last_frame_at: None,
            link_types: Vec::new(),
            ended: Ended::Complete,
            secrets: Vec::new(),
            stretches: Vec::new(),
            secrets_dropped: 0,
            filtered: 0,
            drops: None,
        }
    }

    fn push_link_type(&mut self, link: LinkType) {
        // The common case costs one comparison: most inputs have one link type.
        if self.link_types.first() != Some(&link) && !self.link_types.contains(&link) {
            self.link_types.push(link);
        }
    }

    /// Takes note of a stretch of time. Of too many, those in which frames may be missing are made one.
    fn push_stretch(&mut self, stretch: Stretch) {
        if self.stretches.len() < MAX_STRETCHES {
            return self.stretches.push(stretch);
        }
        let last = self.stretches.iter_mut().rev().find_map(|known| match known {
            Stretch::Lossy(from, to) => Some((from, to)),
            Stretch::Watched(..) => None,
        });
        if let (Some((from, to)), Stretch::Lossy(new_from, new_to)) = (last, stretch) {
            *from = new_from.min(*from);
            *to = new_to.max(*to);
        }
    }

    fn push_time(&mut self, time: Timestamp) {
        self.first_frame_at = Some(self.first_frame_at.map_or(time, |first| first.min(time)));
        self.last_frame_at = Some(self.last_frame_at.map_or(time, |last| last.max(time)));
    }
}

/// Something that gives frames, one after the other.
pub trait Source: Send {
    /// Moves to the next frame; false at the end, and from then on.
    fn advance(&mut self) -> bool;

    /// The frame moved to; `None` before the first and after the last.
    fn frame(&self) -> Option<Frame<'_>>;

    /// What is known of the input so far.
    fn summary(&self) -> &Summary;

    /// Octets of the file consumed, for progress; compressed if the file is.
    fn position(&self) -> u64;

    /// Octets of the file, where they are known.
    fn size(&self) -> Option<u64>;
}
