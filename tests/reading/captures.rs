//! Messages in the captures of others, counted as the index beside them says.

use std::collections::BTreeSet;

use crate::messages::{Row, read};
use crate::others::{captures, index};

/// Requests, responses and different Call-IDs.
type Counts = (usize, usize, usize);

/// Files in which tshark counts something else, with what lyncpush gives and why.
const EXCEPTIONS: &[(&str, Counts, &str)] =
    &[("CESNET__ipfixprobe/inputs/sip.pcap", (24, 16, 15), "five ICMP errors quote an INVITE: it is not sent again")];

fn counts(rows: &[Row]) -> Counts {
    let requests = rows.iter().filter(|row| row.is_request()).count();
    let ids: BTreeSet<_> = rows.iter().map(|row| &row.call_id).filter(|id| !id.is_empty()).collect();
    (requests, rows.len() - requests, ids.len())
}

#[test]
fn captures_of_others_give_the_messages_the_index_says() {
    let Some(root) = captures("captures_of_others_give_the_messages_the_index_says") else { return };
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for row in index(&root).iter().filter(|row| row["category"] == "sip") {
        let file = &row["file"];
        let said = |column: &str| row[column].parse().expect(column);
        let said = (said("sip_requests"), said("sip_responses"), said("call_ids"));
        let exception = EXCEPTIONS.iter().find(|(name, ..)| file.ends_with(name));
        let expected = exception.map_or(said, |(_, counts, _)| *counts);
        let (rows, _) = read(root.join(file).to_str().unwrap()).unwrap_or_else(|error| panic!("{file}: {error}"));
        checked += 1;
        if counts(&rows) != expected {
            wrong.push(format!("{file}: {expected:?} expected, {:?} found", counts(&rows)));
        }
    }
    assert_eq!((checked, wrong), (20, vec![]));
}

/// tshark finds no SIP in any of them, nor is there any.
#[test]
fn captures_of_other_things_give_no_message() {
    let Some(root) = captures("captures_of_other_things_give_no_message") else { return };
    let mut checked = 0;
    for row in index(&root).iter().filter(|row| ["containers", "fuzz", "tcp", "tls"].contains(&&*row["category"])) {
        // What cannot be opened is the business of `containers.rs`.
        let Ok((rows, account)) = read(root.join(&row["file"]).to_str().unwrap()) else { continue };
        checked += 1;
        assert_eq!((rows, account.malformed), (vec![], 0), "{}", row["file"]);
    }
    assert!(checked > 400, "{checked}");
}
