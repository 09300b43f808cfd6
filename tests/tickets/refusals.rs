//! What is not sent, or not to whom it should not be.

use std::path::Path;

use crate::command::ROOT;
use crate::endpoint::{Endpoint, Reply};
use crate::{BROKEN, COMPLETE, Place, files};

fn data(name: &str) -> String {
    Path::new(ROOT).join("tests/tickets/data").join(name).to_str().unwrap().to_owned()
}

#[test]
fn what_is_refused_is_not_tried_again() {
    for status in [400, 401, 404, 409, 413, 422] {
        let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(status)]));
        let left = place.post(BROKEN, &endpoint.url("/"), &[]).with_code(2);
        assert!(left.err.contains(&format!("the answer was {status}; it waits in")), "{}", left.err);
        assert_eq!((endpoint.requests().len(), place.waiting().len()), (1, 1), "{status}");
        // It may be the fault of a header or a template: the next run tries once more.
        place.post(COMPLETE, &endpoint.url("/"), &[]).with_code(2);
        assert_eq!(endpoint.requests().len(), 2, "{status}");
    }
}

#[test]
fn credentials_follow_no_redirection() {
    for status in [301, 302, 307, 308] {
        let other = Endpoint::start(&[Reply::Status(200)]);
        let place = Place::empty();
        let headers = place.file("headers", "Authorization: Bearer s3cr3t\n");
        let there: &'static str = other.url("/").leak();
        let endpoint = Endpoint::start(&[Reply::With(status, "Location", there)]);
        let left = place.post(BROKEN, &endpoint.url("/"), &["--post-header-file", &headers]).with_code(2);
        assert!(left.err.contains("redirections are not followed"), "{}", left.err);
        assert_eq!((endpoint.requests().len(), other.requests().len()), (1, 0), "{status}");
    }
}

#[test]
fn headers_come_out_of_a_file_and_go_nowhere_else() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(403), Reply::Status(200)]));
    let headers = place.file("headers", "# for the ticket system\nAuthorization: Bearer s3cr3t\nX-Room: 7\n");
    let options = ["--post-header-file", &headers, "-v"];
    let left = place.post(BROKEN, &endpoint.url("/"), &options).with_code(2);
    let sent = place.post(COMPLETE, &endpoint.url("/"), &options).with_code(0);
    for request in endpoint.requests() {
        assert_eq!((request.header("authorization"), request.header("x-room")), ("Bearer s3cr3t", "7"));
        assert!(!request.body.contains("s3cr3t"));
    }
    for ran in [left, sent] {
        assert!(!ran.err.contains("s3cr3t") && !ran.text().contains("s3cr3t"));
    }
    for path in files(Path::new(&place.path("spool"))) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("s3cr3t"), "{}", path.display());
    }
}

#[test]
fn what_cannot_be_used_is_said_before_anything_is_analysed_or_sent() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(200)]));
    let headers = place.file("headers", "Bearer s3cr3t\n");
    let (template, typo) = (place.file("bad.json", "{{ title }"), place.file("typo.json", "{{ titel }}"));
    let text = place.file("text.json", "A ticket: {{ title }}");
    let empty = place.file("empty.pem", "");
    let file = place.file("file", "");
    for (options, expected) in [
        (&["--post-header-file", &headers][..], "line 1 is not 'Name: value'"),
        (&["--post-header-file", "/none/headers"], "cannot use header file \"/none/headers\": no such file"),
        (&["--post-template", &template], "line 1: syntax error"),
        (&["--post-template", &typo], "line 1: undefined value"),
        (&["--post-template", &text], "what it gives is not JSON"),
        (&["--post-template", "/none/t"], "cannot use template \"/none/t\": no such file"),
        (&["--post-ca", &empty], "--post-ca: there is no certificate in the file"),
        (&["--post-ca", "/none/ca"], "cannot use certificates \"/none/ca\": no such file"),
        (&["--spool", &file], "cannot use spool"),
        (&["--dedup-window", "1 day"], "expected a number and a unit"),
        (&["--post", "https://me:s3cr3t@example.com/"], "credentials belong into a file"),
        (&["--post", "example.com"], "expected http://HOST/"),
    ] {
        let url = endpoint.url("/");
        let ran = place.post(BROKEN, &url, options).with_code(2);
        assert!(ran.text().is_empty() && ran.err.lines().count() == 1, "{options:?}: {}", ran.err);
        assert!(ran.err.starts_with("lyncpush: ") && ran.err.contains(expected), "{options:?}: {}", ran.err);
        assert!(!ran.err.contains("Bearer s3cr3t"), "{options:?}: {}", ran.err);
    }
    assert_eq!((endpoint.requests().len(), place.waiting().len()), (0, 0));
    let alone = crate::command::run(["analyze", BROKEN, "--post-template", &text]).with_code(2);
    assert!(alone.err.contains("--post <URL>"), "{}", alone.err);
}

#[test]
fn a_private_ca_is_trusted_when_it_is_given() {
    let (certificate, key) = (data("server.pem"), data("server.key"));
    let (place, endpoint) = (Place::empty(), Endpoint::start_tls(&[Reply::Status(200)], &certificate, &key));
    for options in [&[][..], &["--post-ca", &certificate]] {
        let left = place.post(BROKEN, &endpoint.url("/"), options).with_code(2);
        assert!(left.err.contains("its certificate is not trusted"), "{options:?}: {}", left.err);
        assert_eq!(endpoint.requests().len(), 0, "{options:?}");
    }
    let sent = place.post(BROKEN, &endpoint.url("/"), &["--post-ca", &data("ca.pem")]).with_code(1);
    assert!(sent.err.contains("1 ticket sent to https://127.0.0.1:"), "{}", sent.err);
    assert_eq!(endpoint.requests().len(), 1);
}
