//! What is kept by name: all of it, or the latest alone.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of which the latest names may be kept alone: for what is given without an end.
#[derive(Debug)]
pub(crate) struct Latest<K, V> {
    known: HashMap<K, V>,
    /// The names that are known, the oldest first, and the most of them; none where all are kept.
    bounded: Option<(VecDeque<K>, usize)>,
}

impl<K, V> Default for Latest<K, V> {
    fn default() -> Self {
        Self { known: HashMap::new(), bounded: None }
    }
}

impl<K: Clone + Eq + Hash, V: Default> Latest<K, V> {
    /// Keeps the latest `most` names only, from the next new one on.
    pub(crate) fn bound(&mut self, most: usize) {
        self.bounded = Some((self.known.keys().cloned().collect(), most));
    }

    /// What is kept under a name, which may be new. What has to go for that is given to `forget`.
    pub(crate) fn entry(&mut self, name: K, mut forget: impl FnMut(V)) -> &mut V {
        if let Some((order, most)) = &mut self.bounded
            && !self.known.contains_key(&name)
        {
            order.push_back(name.clone());
            while order.len() > *most {
                let Some(oldest) = order.pop_front() else { break };
                self.known.remove(&oldest).into_iter().for_each(&mut forget);
            }
        }
        self.known.entry(name).or_default()
    }

    /// What is kept under a name.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.known.get(name)
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_names_go_first_and_known_ones_take_no_room() {
        let (mut latest, mut gone) = (Latest::<u8, Vec<u8>>::default(), Vec::new());
        latest.entry(1, |_| panic!("all are kept")).push(1);
        latest.bound(2);
        for name in [1, 2, 1, 2, 3, 3, 4] {
            latest.entry(name, |octets| gone.extend(octets)).push(name);
        }
        assert_eq!(gone, [1, 1, 1, 2, 2]);
        let known: Vec<bool> = (1..=4).map(|name: u8| latest.get(&name).is_some()).collect();
        assert_eq!((known, latest.is_empty()), (vec![false, false, true, true], false));
    }
}
