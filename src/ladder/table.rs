//! Records in reusable places, found by key.

use std::sync::Arc;

use foldhash::HashMap;

/// What a record is found by; shared by all tables that know it.
pub type Key = Arc<[u8]>;

/// Places for records, found by key; a place is used again after its record is gone. A record knows its
/// generation, so that a place remembered from before is not mistaken for its new tenant.
pub struct Table<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
    by_key: HashMap<Key, usize>,
    generation: u32,
}

impl<T> Table<T> {
    pub fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), by_key: HashMap::default(), generation: 0 }
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn find(&self, key: &[u8]) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    pub fn get(&self, place: usize) -> Option<&T> {
        self.places.get(place).and_then(Option::as_ref)
    }

    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.places.get_mut(place).and_then(Option::as_mut)
    }

    pub fn insert(&mut self, key: Key, make: impl FnOnce(u32) -> T) -> usize {
        self.generation = self.generation.wrapping_add(1);
        let record = Some(make(self.generation));
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.places.push(None);
                self.places.len() - 1
            }
        };
        if let Some(slot) = self.places.get_mut(place) {
            *slot = record;
        }
        self.by_key.insert(key, place);
        place
    }

    pub fn remove(&mut self, place: usize, key: &[u8]) -> Option<T> {
        let record = self.places.get_mut(place).and_then(Option::take)?;
        self.by_key.remove(key);
        self.free.push(place);
        Some(record)
    }

    pub fn occupied(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().enumerate().filter(|(_, record)| record.is_some()).map(|(place, _)| place)
    }
}
