//! That a terminal is left as it was found when the program panics.

use std::io::{PipeReader, pipe};
use std::process::{Command, Stdio};

use super::*;

/// Set where the test is the program that panics.
const PANICS: &str = "LYNCPUSH_TEST_PANICS";

/// The view stands until somebody says something on standard input.
fn panics() {
    let sources = Sources {
        interfaces: "eth0".to_owned(),
        meters: Arc::default(),
        tally: metrics::Shared::default(),
        limit: 512 << 20,
        stop: Arc::default(),
        options: Options::default(),
        width: None,
    };
    let _view = View::start(sources, &Signals::default()).unwrap();
    io::stdin().read_exact(&mut [0]).unwrap();
    panic!("as it was asked to");
}

/// Reads until `words` have come; everything so far.
fn read_until(from: &mut PipeReader, read: &mut String, words: &str) {
    let mut octets = [0; 4096];
    while !read.contains(words) {
        let count = from.read(&mut octets).unwrap();
        assert!(count > 0, "{words:?} never came: {read:?}");
        read.push_str(&String::from_utf8_lossy(&octets[..count]));
    }
}

/// What is said on a panic is said on the usual page: it could not be read on the other one.
#[test]
fn a_panic_turns_the_page_back_before_it_is_told() {
    if std::env::var_os(PANICS).is_some() {
        panics();
    }
    let (mut from, to) = pipe().unwrap();
    let this = "cli::live::view::tests::a_panic_turns_the_page_back_before_it_is_told";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([this, "--exact", "--nocapture"]).env(PANICS, "1");
    command.stdin(Stdio::piped()).stdout(to.try_clone().unwrap()).stderr(to);
    let mut child = command.spawn().unwrap();
    // It holds ends of the pipe.
    drop(command);
    let mut read = String::new();
    read_until(&mut from, &mut read, "No ladder broke so far");
    let (before, page) = read.split_once(ENTER).unwrap();
    assert!(!before.contains(LEAVE) && !page.contains(LEAVE), "{read:?}");
    child.stdin.take().unwrap().write_all(b"!").unwrap();
    from.read_to_string(&mut read).unwrap();
    child.wait().unwrap();
    let (_, after) = read.split_once(LEAVE).unwrap();
    assert!(after.contains("as it was asked to") && !after.contains(ENTER), "{read:?}");
    assert_eq!(read.matches("as it was asked to").count(), 1, "{read:?}");
}
