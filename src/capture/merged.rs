//! Several sources as one, by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::{Source, Summary};
use crate::frame::{Frame, Timestamp};

/// Gives the frames of several sources in the order of their times; of frames at the same time, the one of the
/// source that was named first. Each source's own frames stay in its order, also where its clock runs backwards.
pub struct Merged {
    sources: Vec<Entry>,
    /// The sources that have a frame, by its time and by their index; the first one's frame is the current one.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    state: State,
}

struct Entry {
    source: Box<dyn Source>,
    /// Nanoseconds added to every time of the source.
    offset: i64,
}

impl Entry {
    fn frame(&self) -> Option<Frame<'_>> {
        let mut frame = self.source.frame()?;
        frame.at.time = frame.at.time.shifted(self.offset);
        Some(frame)
    }

    /// Moves to the source's next frame and says when it was.
    fn advance(&mut self) -> Option<Timestamp> {
        self.source.advance().then(|| self.frame().map(|frame| frame.at.time)).flatten()
    }
}

#[derive(PartialEq, Eq)]
enum State {
    /// No source has been asked for a frame.
    New,
    /// The first of the heads is the current frame.
    Running,
}

impl Merged {
    /// Joins sources; with each comes its clock offset, the nanoseconds to add to its times.
    pub fn new(sources: Vec<(Box<dyn Source>, i64)>) -> Self {
        let sources: Vec<_> = sources.into_iter().map(|(source, offset)| Entry { source, offset }).collect();
        Self { heads: BinaryHeap::with_capacity(sources.len()), sources, state: State::New }
    }

    /// Moves to the next frame of all; false at the end, and from then on.
    pub fn advance(&mut self) -> bool {
        if self.state == State::New {
            self.state = State::Running;
            for (index, entry) in self.sources.iter_mut().enumerate() {
                if let Some(time) = entry.advance() {
                    self.heads.push(Reverse((time, index)));
                }
            }
            return !self.heads.is_empty();
        }
        let alone = self.heads.len() == 1;
        if let Some(mut head) = self.heads.peek_mut() {
            let Reverse((_, index)) = *head;
            let Some(entry) = self.sources.get_mut(index) else { return false };
            // With no other source left there is nothing to compare times with.
            if alone && entry.source.advance() {
                return true;
            }
            match entry.advance() {
                // The heap is put in order as `head` goes, which costs nothing while the same source is next.
                Some(time) => *head = Reverse((time, index)),
                None => drop(PeekMut::pop(head)),
            }
        }
        !self.heads.is_empty()
    }

    /// The frame moved to, its time already shifted by its source's clock offset.
    pub fn frame(&self) -> Option<Frame<'_>> {
        let Reverse((_, index)) = self.heads.peek()?;
        self.sources.get(*index)?.frame()
    }

    /// What is known of each source, and its clock offset in nanoseconds, in the order given.
    /// Times in a summary are not shifted.
    pub fn summaries(&self) -> impl Iterator<Item = (&Summary, i64)> {
        self.sources.iter().map(|entry| (entry.source.summary(), entry.offset))
    }

    /// Octets of all files consumed, for progress.
    pub fn position(&self) -> u64 {
        self.sources.iter().map(|entry| entry.source.position()).sum()
    }

    /// Octets of all files, if all are known.
    pub fn size(&self) -> Option<u64> {
        self.sources.iter().map(|entry| entry.source.size()).sum()
    }

    /// Frames read so far from all sources, filtered ones included.
    pub fn frames(&self) -> u64 {
        self.sources.iter().map(|entry| entry.source.summary().frames).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameRef, LinkType};

    /// Frames at given times.
    struct Times {
        input: u16,
        times: &'static [i64],
        summary: Summary,
    }

    impl Source for Times {
        fn advance(&mut self) -> bool {
            self.summary.frames += 1;
            self.frame().is_some()
        }

        fn frame(&self) -> Option<Frame<'_>> {
            let number = self.summary.frames;
            let nanos = *self.times.get((number as usize).checked_sub(1)?)?;
            let at = FrameRef { input: self.input, number, time: Timestamp::new(nanos, 9) };
            Some(Frame { at, link: LinkType::RAW, wire_len: 0, bytes: &[] })
        }

        fn summary(&self) -> &Summary {
            &self.summary
        }

        fn position(&self) -> u64 {
            self.summary.frames
        }

        fn size(&self) -> Option<u64> {
            Some(self.times.len() as u64)
        }
    }

    fn check(sources: &[(&'static [i64], i64)], expected: &str) {
        let source = |(input, (times, offset)): (usize, &(&'static [i64], i64))| {
            let summary = Summary::new("test", "pcap", None);
            (Box::new(Times { input: input as u16, times, summary }) as Box<dyn Source>, *offset)
        };
        let mut merged = Merged::new(sources.iter().enumerate().map(source).collect());
        let mut found = Vec::new();
        assert!(merged.frame().is_none());
        while merged.advance() {
            let at = merged.frame().unwrap().at;
            found.push(format!("{}.{}@{}", at.input, at.number, at.time.nanos()));
        }
        assert!(!merged.advance());
        assert!(merged.frame().is_none());
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn frames_come_by_time_then_by_input() {
        check(&[], "");
        check(&[(&[], 0)], "");
        check(&[(&[1, 2], 0), (&[], 0)], "0.1@1 0.2@2");
        check(&[(&[1, 5, 9], 0), (&[2, 5, 8], 0)], "0.1@1 1.1@2 0.2@5 1.2@5 1.3@8 0.3@9");
        check(&[(&[1, 5], 0), (&[101, 102], -100)], "0.1@1 1.1@1 1.2@2 0.2@5");
    }

    #[test]
    fn a_source_that_runs_backwards_keeps_its_own_order() {
        check(&[(&[9, 3, 10], 0), (&[5, 9, 11], 0)], "1.1@5 0.1@9 0.2@3 1.2@9 0.3@10 1.3@11");
    }
}
