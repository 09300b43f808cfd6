//! The inputs that show one direction of a connection.

/// The inputs met so far.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    first: Option<u16>,
    more: Vec<u16>,
}

impl Witnesses {
    /// Takes note of `input`; says whether it is another than the first, and new.
    pub(super) fn is_further(&mut self, input: u16) -> bool {
        let first = *self.first.get_or_insert(input);
        let is_new = input != first && !self.more.contains(&input);
        if is_new {
            self.more.push(input);
        }
        is_new
    }
}
