//! The headers of one message in order, usually without memory of their own.

use super::header::{Header, HeaderName};

/// Headers of a usual message; Lync's INVITE has about 30. Further ones take memory.
const USUAL: usize = 32;

const NONE: Header<'static> = Header { name: HeaderName::Other, spelled: b"", value: b"" };

/// A list of headers that only grows. A parsed message lives for a moment, and its list would
/// otherwise be most of what parsing allocates.
#[derive(Clone, Debug)]
pub(super) struct Headers<'a> {
    usual: [Header<'a>; USUAL],
    length: usize,
    further: Vec<Header<'a>>,
}

impl<'a> Headers<'a> {
    pub fn new() -> Self {
        Self { usual: [NONE; USUAL], length: 0, further: Vec::new() }
    }

    pub fn push(&mut self, header: Header<'a>) {
        match self.usual.get_mut(self.length) {
            Some(free) => {
                *free = header;
                self.length += 1;
            }
            None => self.further.push(header),
        }
    }

    pub fn len(&self) -> usize {
        self.length + self.further.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Header<'a>> {
        self.usual.iter().take(self.length).chain(&self.further)
    }
}

impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_in_order() {
        for count in [0, 1, USUAL - 1, USUAL, USUAL + 1, 5 * USUAL] {
            let names: Vec<String> = (0..count).map(|at| format!("H{at}")).collect();
            let mut headers = Headers::new();
            names.iter().for_each(|name| headers.push(Header { spelled: name.as_bytes(), ..NONE }));
            assert_eq!(headers.len(), count);
            assert!(headers.iter().map(|header| header.spelled).eq(names.iter().map(String::as_bytes)));
        }
    }
}
