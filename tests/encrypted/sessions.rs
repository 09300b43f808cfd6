//! The sessions of real TLS libraries, in a capture, through the whole program.

use std::fs;

use crate::command::report;
use crate::fixture::{names, session};
use crate::pcapng::capture;

/// The texts of a session file: twelve OPTIONS from the client and the same from the server, on its last connection.
const MESSAGES: u64 = 24;

#[test]
fn every_version_suite_and_way_to_resume_reads_in_segments_of_any_size() {
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("a.pcap"), directory.path().join("a.log"));
    let names = names();
    assert!(names.len() > 25);
    for name in names {
        let fixture = session(&name);
        fs::write(&log, &fixture.keylog).unwrap();
        for size in [1_400, 3] {
            fs::write(&path, capture(&fixture.connections, size)).unwrap();
            let report = report([path.to_str().unwrap(), "--keylog", log.to_str().unwrap()]);
            let coverage = &report["coverage"];
            let connections = fixture.connections.len() as u64;
            let what = format!("{name} in pieces of {size}: {coverage:#}");
            assert_eq!(coverage["streams"]["tls"], connections, "{what}");
            assert_eq!(coverage["streams"]["tls_decrypted"], connections, "{what}");
            assert_eq!(coverage["sip_messages"], MESSAGES, "{what}");
            assert_eq!(coverage["unreadable"], serde_json::json!([]), "{what}");
        }
    }
}
