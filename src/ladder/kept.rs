//! Messages that are kept for a report, within a limit.
//!
//! In: octets. Out: the same, counted as long as anybody has them. Beyond the limit a note stands for a message.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What stands for a message there was no room for.
const NO_ROOM: &[u8] = b"[left out: there is no room for more messages]";

/// How many octets may be kept at a time, and how many are.
#[derive(Clone, Debug)]
pub struct Room {
    limit: usize,
    taken: Arc<AtomicUsize>,
}

impl Room {
    /// Room for so many octets.
    pub fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    /// Keeps `text`, if there is room for it.
    pub fn keep(&self, text: Vec<u8>) -> Arc<Kept> {
        // Who keeps is one; who lets go may be another, which only makes room.
        let fits = self.taken.load(Relaxed).saturating_add(text.len()) <= self.limit;
        let text = if fits { text.into_boxed_slice() } else { NO_ROOM.into() };
        self.taken.fetch_add(text.len(), Relaxed);
        Arc::new(Kept { text, taken: Arc::clone(&self.taken) })
    }
}

/// A message that is kept.
#[derive(Debug)]
pub struct Kept {
    text: Box<[u8]>,
    taken: Arc<AtomicUsize>,
}

impl Deref for Kept {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Kept {}

impl Drop for Kept {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.text.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_let_go_makes_room() {
        let room = Room::new(10);
        let first = room.keep(vec![1; 6]);
        let copy = Arc::clone(&first);
        assert_eq!((&first[..], &room.keep(vec![2; 5])[..]), (&[1; 6][..], NO_ROOM));
        drop(first);
        assert_eq!(&room.keep(vec![2; 5])[..], NO_ROOM, "a copy is left");
        drop(copy);
        assert_eq!(&room.keep(vec![2; 10])[..], [2; 10]);
    }
}
