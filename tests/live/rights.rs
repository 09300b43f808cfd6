//! Root is really gone before the first packet is read.

use std::collections::HashMap;
use std::fs;

use nix::unistd::{User, getuid};

use crate::command::{finish, lyncpush};
use crate::wire::{Wire, frames};

/// What the system says of every thread of a process.
fn status(process: u32) -> Vec<HashMap<String, String>> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let status = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
    let pairs = |text: String| {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    };
    status.map(pairs).collect()
}

#[test]
fn root_is_gone_in_every_thread_and_cannot_be_had_back() {
    let Some(wire) = Wire::new(1) else { return };
    for (arguments, user) in [(&["-i", "b0"][..], "nobody"), (&["-i", "b0", "--run-as", "daemon"], "daemon")] {
        let Some(user) = User::from_name(user).unwrap() else { continue };
        let mut watching = wire.watch(arguments);
        wire.send("a0", &frames("happy", &[]));
        watching.line();
        let threads = status(watching.id());
        assert!(threads.len() >= 2, "reading and judging run on threads of their own");
        for thread in threads {
            let ids = |id: u32| [id; 4].map(|id| id.to_string()).join("\t");
            assert_eq!(thread["Uid"], ids(user.uid.as_raw()));
            assert_eq!(thread["Gid"], ids(user.gid.as_raw()));
            assert_eq!(thread["Groups"], user.gid.as_raw().to_string());
            assert_eq!(thread["NoNewPrivs"], "1");
            // 2 is a filter of system calls.
            assert_eq!(thread["Seccomp"], "2");
            for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
                assert_eq!(thread[set].trim_start_matches('0'), "", "{set}");
            }
        }
        let limits = fs::read_to_string(format!("/proc/{}/limits", watching.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        watching.stop(0);
    }
}

#[test]
fn a_user_that_is_not_there_is_one_line() {
    let Some(wire) = Wire::new(1) else { return };
    let ran = wire.enter(|| finish(lyncpush().args(["live", "-i", "b0", "--run-as", "no-such-user"])));
    assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{}", ran.err);
    assert!(ran.err.contains("no-such-user") && ran.err.contains("--run-as"), "{}", ran.err);
}

/// Directories must be those of the user that root is given up for.
#[test]
fn a_directory_that_may_not_be_written_is_one_line() {
    let Some(wire) = Wire::new(1) else { return };
    let place = wire.place("roots");
    fs::create_dir(&place).unwrap();
    for option in ["--write", "--write-broken"] {
        let run = || finish(lyncpush().args(["live", "-i", "b0", option]).arg(&place));
        let ran = wire.enter(run);
        assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{}", ran.err);
        for words in [place.to_str().unwrap(), "ermission denied", "as user \"nobody\", see --run-as"] {
            assert!(ran.err.contains(words), "{words}: {}", ran.err);
        }
    }
}

/// Without the right to open an interface, what gives it is named to the letter.
#[test]
fn a_missing_right_names_the_line_that_gives_it() {
    if !getuid().is_root() {
        let ran = finish(lyncpush().args(["live", "-i", "lo"]));
        assert!(ran.err.contains("sudo setcap cap_net_raw=ep "), "{}", ran.err);
        return;
    }
    // As root the program has it, unless it is taken away first.
    let program = lyncpush().get_program().to_owned();
    let copy =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let path = copy.path().join("lyncpush");
    fs::copy(program, &path).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&path);
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        finish(command.args(arguments).current_dir("/"))
    };
    for (arguments, rights) in [
        (&["live", "-i", "lo"][..], "cap_net_raw=ep"),
        (&["live", "-i", "lo", "--promiscuous"], "cap_net_raw,cap_net_admin=ep"),
    ] {
        let ran = as_nobody(arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(&format!("sudo setcap {rights} '{}'", path.display())), "{}", ran.err);
    }
}
