//! Slips of the pen: which known names somebody may have meant.

/// Letters that may be wrong in what is still a slip.
const MOST: usize = 3;
/// Longer input than any name cannot be a slip, and comparing takes time by length.
const LONGEST: usize = 64;

/// Those of `names` that differ from `wrong` in few enough letters to be meant, nearest first, and of those as near
/// the ones that begin alike.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if wrong.len() > LONGEST {
        return Vec::new();
    }
    let mut near: Vec<(usize, usize, &str)> = names
        .map(|name| (distance(wrong, name), MOST.saturating_sub(alike(wrong, name)), name))
        .filter(|(slips, ..)| *slips <= MOST)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().map(|(.., name)| name).collect()
}

/// How many letters two words begin with in common.
fn alike(left: &str, right: &str) -> usize {
    left.bytes().zip(right.bytes()).take_while(|(a, b)| a == b).count()
}

/// How many letters must be put in, taken out or replaced to make `left` into `right`.
pub fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        for (b, cell) in right.bytes().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(a != b)).min(previous + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            previous = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("hapy", "happy", 1), ("abc", "acb", 2)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn the_nearest_comes_first_and_what_is_far_off_not_at_all() {
        let names = ["1009", "1008", "firewall", "1009"];
        assert_eq!(nearest("1009x", names.into_iter()), ["1009", "1008"]);
        assert_eq!(nearest("firewal", names.into_iter()), ["firewall"]);
        assert_eq!(nearest("1029", ["2019", "1039", "1019"].into_iter()), ["1019", "1039", "2019"]);
        assert!(nearest("something else", names.into_iter()).is_empty());
        assert!(nearest(&"f".repeat(65), names.into_iter()).is_empty());
    }
}
