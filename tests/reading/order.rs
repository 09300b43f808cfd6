//! Any split, order and repetition of segments gives the same messages.

use proptest::prelude::*;

use crate::wire::{ACK, Wire};

/// A message with a body of so many octets, which look like the beginnings of others.
fn message(number: usize, body: usize) -> String {
    let words = ["MESSAGE sip:b@example.com SIP/2.0", "SIP/2.0 200 OK", "X-1 sip:b@example.com SIP/2.0"];
    let first = words[number % words.len()];
    let body: String = "BYE sip:a@b SIP/2.0\r\n\r\n".chars().cycle().take(body).collect();
    format!("{first}\r\nCall-ID: {number}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The words that begin the messages that come out, without the frames that completed them.
fn words(wire: &Wire) -> Vec<&str> {
    wire.seen.iter().map(|seen| seen.split(' ').next().unwrap_or_default()).collect()
}

proptest! {
    #[test]
    fn any_order_of_any_segments_gives_the_same_messages(
        bodies in prop::collection::vec(0_usize..200, 1..12),
        blanks in prop::collection::vec(prop::sample::select(vec!["", "\r\n\r\n", " \t\n"]), 1..5),
        widths in prop::collection::vec(1_usize..120, 1..12),
        late in prop::collection::vec(0_usize..8, 1..40),
        again in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let parts = bodies.iter().enumerate().zip(blanks.iter().cycle());
        let text: String = parts.map(|((number, body), blank)| message(number, *body) + blank).collect();
        let mut whole = Wire::new(5060);
        whole.push(1, true, ACK, [101, 501], &text);
        prop_assert_eq!(whole.seen.len(), bodies.len());

        let (mut at, mut segments) = (0, Vec::new());
        for (place, width) in widths.iter().cycle().enumerate() {
            if at == text.len() {
                break;
            }
            let end = text.len().min(at + width);
            let moved = place + late[place % late.len()];
            segments.push((moved, at, end));
            if again[place % again.len()] {
                segments.push((moved + 2, at.saturating_sub(9), end));
            }
            at = end;
        }
        segments.sort_by_key(|(place, ..)| *place);
        let mut wire = Wire::new(5060);
        for (_, from, to) in segments {
            wire.push(1, true, ACK, [101 + from as u32, 501], &text[from..to]);
        }
        prop_assert_eq!(words(&wire), words(&whole));
    }
}
