//! Secrets that are given for the same thing and contradict each other: all of them are kept, until one proves right.

use super::secret::Secret;

/// The most secrets of one kind that are kept for one connection. Eight: each may cost a try, and a wrong line comes of a
/// key log of another run or host beside the right one. Of more the latest are kept.
pub(crate) const MAX_RIVALS: usize = 8;

/// The most secrets that are kept beside a later one in all connections together. 65,536 (about 10 MB): beyond it the
/// latest one counts alone.
pub(crate) const MAX_OLDER: usize = 1 << 16;

/// What is given for one thing: mostly one secret, and then no larger than that.
#[derive(Debug, Default)]
pub(crate) struct Rivals {
    latest: Option<Secret>,
    /// The latest first, without a hole.
    older: Option<Box<[Option<Secret>; MAX_RIVALS - 1]>>,
}

impl Rivals {
    /// Adds a secret, which is the first to be tried from now on. One that is there already is not there twice. `room` is
    /// how many more may be kept beside later ones.
    pub(crate) fn push(&mut self, secret: Secret, room: &mut usize) {
        if self.latest.as_ref() == Some(&secret) {
            return;
        }
        let Some(before) = self.latest.replace(secret) else { return };
        if self.older.is_none() && *room == 0 {
            return;
        }
        let older = self.older.get_or_insert_default();
        let last = older.len() - 1;
        let again = older.iter().position(|known| known.is_some() && *known == self.latest);
        let free = older.iter().position(Option::is_none);
        let place = match (again, free) {
            (Some(place), _) => place,
            (None, Some(place)) if *room > 0 => {
                *room -= 1;
                place
            }
            (None, Some(place)) => place.saturating_sub(1),
            (None, None) => last,
        };
        if let Some(moved) = older.get_mut(..=place) {
            moved.rotate_right(1);
        }
        if let Some(first) = older.first_mut() {
            *first = Some(before);
        }
    }

    /// The secret with this number, the latest first.
    pub(crate) fn get(&self, number: usize) -> Option<&Secret> {
        match number.checked_sub(1) {
            None => self.latest.as_ref(),
            Some(place) => self.older.as_ref()?.get(place)?.as_ref(),
        }
    }

    /// Whether none was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.latest.is_none()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        usize::from(!self.is_empty()) + self.older()
    }

    /// How many are kept beside the latest one.
    pub(crate) fn older(&self) -> usize {
        self.older.iter().flat_map(|older| older.iter()).flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rivals: &Rivals) -> Vec<u8> {
        (0..).map_while(|number| rivals.get(number)).map(|secret| secret.octets()[0]).collect()
    }

    #[test]
    fn the_latest_comes_first_and_none_is_there_twice() {
        let (mut rivals, mut room) = (Rivals::default(), 100);
        let rows: &[(u8, &[u8])] =
            &[(1, &[1]), (1, &[1]), (2, &[2, 1]), (3, &[3, 2, 1]), (1, &[1, 3, 2]), (3, &[3, 1, 2]), (3, &[3, 1, 2])];
        for (octet, expected) in rows {
            rivals.push(Secret::new(&[*octet]), &mut room);
            assert_eq!(kept(&rivals), *expected);
            assert_eq!(rivals.older() + room, 100);
        }
    }

    #[test]
    fn how_many_are_kept_is_bounded_for_each_and_for_all() {
        let (mut rivals, mut room) = (Rivals::default(), 100);
        (0..20).for_each(|octet| rivals.push(Secret::new(&[octet]), &mut room));
        assert_eq!(kept(&rivals), (12..20).rev().collect::<Vec<u8>>());
        assert_eq!((rivals.older(), room), (MAX_RIVALS - 1, 100 - (MAX_RIVALS - 1)));

        let (mut rivals, mut room) = (Rivals::default(), 2);
        (0..20).for_each(|octet| rivals.push(Secret::new(&[octet]), &mut room));
        assert_eq!((kept(&rivals), room), (vec![19, 18, 17], 0));
        let mut other = Rivals::default();
        (0..20).for_each(|octet| other.push(Secret::new(&[octet]), &mut room));
        assert_eq!((kept(&other), other.older(), room), (vec![19], 0, 0));
    }

    #[test]
    fn one_secret_takes_no_more_room_than_it_did() {
        assert_eq!(size_of::<Rivals>(), size_of::<Option<Secret>>() + size_of::<usize>());
    }
}
