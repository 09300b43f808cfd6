//! Interfaces that go down, come back, or are not there.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::command::{finish, lyncpush};
use crate::metrics::get;
use crate::wire::{Wire, frames, keep_alive};

#[test]
fn a_link_that_goes_down_and_comes_back_is_survived_and_told() {
    let Some(wire) = Wire::new(1) else { return };
    let mut watching = wire.watch(&["-i", "b0"]);
    wire.send("a0", &frames("happy", &[]));
    let before = watching.line();
    assert_eq!(before["verdict"], "complete");
    wire.ip(&["link", "set", "b0", "down"]);
    watching.wait_for("b0 went down");
    wire.ip(&["link", "set", "b0", "up"]);
    watching.wait_for("b0 is up again after");
    wire.send("a0", &frames("happy", &["--seed", "2"]));
    assert_eq!(watching.line()["verdict"], "complete");
    let (left, _) = watching.stop(0);
    let drops = &left[0]["inputs"][0]["drops"];
    assert_eq!((drops["interruptions"].as_u64(), drops["kernel"].as_u64()), (Some(1), Some(0)));
    let codes: Vec<&str> =
        left[0]["findings"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["LP907"]);
    let detail = left[0]["findings"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("b0: it was down or away 1 time. Steps"), "{detail}");
}

/// A push that should come next is not on the wire while the link is down: nobody can say that it is missing.
#[test]
fn a_ladder_that_overlaps_a_loss_says_so_and_is_not_broken_by_it() {
    let Some(wire) = Wire::new(1) else { return };
    let mut watching = wire.watch(&["-i", "b0"]);
    wire.send("a0", &frames("push-disabled", &[]));
    assert_eq!(watching.line()["verdict"], "broken", "with the link up all the time it is");
    wire.send("a0", &frames("push-disabled", &["--seed", "2"]));
    wire.ip(&["link", "set", "b0", "down"]);
    watching.wait_for("b0 went down");
    let ladder = watching.line();
    assert_eq!(ladder["steps"][3]["status"], "unreadable", "{ladder}");
    assert_ne!(ladder["broken_at"], 4);
    assert!(ladder["findings"].as_array().unwrap().iter().any(|one| one["code"] == "LP513"), "{ladder}");
}

/// The right to open an interface was given up long before.
#[test]
fn an_interface_that_is_deleted_and_made_again_is_watched_again() {
    let Some(wire) = Wire::new(2) else { return };
    let mut watching = wire.watch(&["-i", "b0", "-i", "b1"]);
    for round in ["2", "3"] {
        wire.ip(&["link", "del", "b1"]);
        watching.wait_for("b1 is gone");
        wire.send("a0", &frames("happy", &["--seed", round]));
        assert_eq!(watching.line()["verdict"], "complete", "the other one is watched");
        // It is down at first.
        wire.ip(&["link", "add", "a1", "mtu", "65000", "type", "veth", "peer", "name", "b1", "mtu", "65000"]);
        watching.wait_for("b1 is back, but down, after");
        wire.ip(&["link", "set", "a1", "up"]);
        wire.ip(&["link", "set", "b1", "up"]);
        watching.wait_for("b1 is up again after");
        wire.send("a1", &frames("happy", &["--seed", &format!("{round}1")]));
        assert_eq!(watching.line()["verdict"], "complete", "and the new one");
    }
    let (left, _) = watching.stop(0);
    let drops = &left[0]["inputs"][1]["drops"];
    assert_eq!(drops, &json!({ "kernel": 0, "interface": 0, "interruptions": 2 }));
}

/// An interface of another kind, or one that has to be promiscuous, cannot be had again: that is said once and counted
/// from then on, the others are watched, and what would have been seen there is not said to be missing. When none is
/// left that is the end.
#[test]
fn an_interface_that_cannot_be_had_again_counts_as_gone() {
    let Some(wire) = Wire::new(2) else { return };
    wire.ip(&["link", "set", "lo", "up"]);
    let mut watching = wire.watch(&["-i", "b0", "-i", "b1", "--promiscuous", "--metrics", "0"]);
    let address = watching.heard("metrics at http://").trim_end_matches("/metrics").to_owned();
    let up = |name: &str| {
        let answer = get(&wire, &address, "/metrics");
        let line = format!("lyncpush_interface_up{{interface=\"{name}\"}} ");
        answer.lines().find_map(|one| one.strip_prefix(&line)).unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    wire.send("a1", &frames("push-disabled", &[]));
    assert_eq!(watching.line()["verdict"], "broken", "with both of them it is");
    assert_eq!((up("b0"), up("b1")), ("1".to_owned(), "1".to_owned()));
    let again = |pair: &str| {
        let (a, b) = (format!("a{pair}"), format!("b{pair}"));
        wire.ip(&["link", "del", &b]);
        wire.ip(&["link", "add", &a, "type", "veth", "peer", "name", &b]);
        wire.ip(&["link", "set", &a, "up"]);
        wire.ip(&["link", "set", &b, "up"]);
    };
    again("1");
    watching.wait_for("b1 is gone");
    let lost = watching.wait_for("the right to open that was given up");
    assert!(lost.contains("b1") && lost.contains("start lyncpush again"), "{lost}");
    for seed in ["2", "3"] {
        wire.send("a0", &frames("push-disabled", &["--seed", seed]));
        let ladder = watching.line();
        assert_eq!(ladder["steps"][3]["status"], "unreadable", "b1 showed where the push goes: {ladder}");
    }
    assert_eq!((up("b0"), up("b1")), ("1".to_owned(), "0".to_owned()));
    again("0");
    let (status, left, said) = watching.end();
    assert_eq!(status.code(), Some(2), "{said:#?}");
    let times = |words: &str| said.iter().filter(|line| line.contains(words)).count();
    assert_eq!((times("b1 is gone"), times("b1 is back"), times("no interface is left")), (1, 1, 1), "{said:#?}");
    assert_eq!(left[0]["inputs"][1]["drops"]["interruptions"], 1);
}

/// Whether an interface of a kind without a link-layer address could be made; if not, a word about it.
fn tun(wire: &Wire, name: &str) -> bool {
    let ran = wire.try_ip(&["tuntap", "add", "mode", "tun", "name", name]);
    let made = ran.status.success();
    if made {
        wire.ip(&["link", "set", name, "up"]);
    } else {
        eprintln!("SKIPPED: no tun can be made here: {}", String::from_utf8_lossy(&ran.stderr));
    }
    made
}

/// A tun has no link-layer address, by which the handle would be put onto a new one. An interface that had one and has
/// none any more is of another kind, and so is one that has got one.
#[test]
fn an_interface_without_an_address_that_is_made_again_is_told_and_counts_as_gone() {
    let Some(wire) = Wire::new(1) else { return };
    if !tun(&wire, "t0") || !tun(&wire, "t1") {
        return;
    }
    let bridge = |name: &str| {
        wire.ip(&["link", "add", name, "type", "bridge"]);
        wire.ip(&["link", "set", name, "up"]);
    };
    bridge("d0");
    let mut watching = wire.watch(&["-i", "b0", "-i", "t0", "-i", "t1", "-i", "d0"]);
    for (name, becomes_tun, how) in [
        ("t0", true, "t0 is back as a new one"),
        ("t1", false, "t1 is back as another kind of interface"),
        ("d0", true, "d0 is back as another kind of interface"),
    ] {
        wire.ip(&["link", "del", name]);
        watching.wait_for(&format!("{name} is gone"));
        match becomes_tun {
            true => assert!(tun(&wire, name)),
            false => bridge(name),
        }
        let lost = watching.wait_for("the right to open that was given up");
        assert!(lost.contains(how) && lost.contains("start lyncpush again to watch it"), "{lost}");
    }
    wire.send("a0", &frames("happy", &[]));
    assert_eq!(watching.line()["verdict"], "complete", "the other one is watched");
    let (left, said) = watching.stop(0);
    let times = said.iter().filter(|line| line.contains("the right to open that was given up")).count();
    assert_eq!(times, 3, "{said:#?}");
    let interruptions = |input: &serde_json::Value| input["drops"]["interruptions"].as_u64();
    let counted: Vec<_> = left[0]["inputs"].as_array().unwrap().iter().filter_map(interruptions).collect();
    assert_eq!(counted, [0, 1, 1, 1]);
}

#[test]
fn no_interface_is_watched_twice() {
    for (names, words) in [(["eth0", "eth0"], "give -i eth0 one time"), (["eth0", "any"], "give -i any alone")] {
        let ran = finish(lyncpush().args(["live", "-i", names[0], "-i", "lo", "-i", names[1]]));
        assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{}", ran.err);
        assert!(ran.err.contains(words) && ran.err.contains("twice"), "{}", ran.err);
    }
}

#[test]
fn an_interface_that_is_not_there_is_one_line() {
    let ran = finish(lyncpush().args(["live", "-i", "nosuch0"]));
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("lyncpush: cannot watch \"nosuch0\": "), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1);
}

#[test]
fn an_interface_that_is_down_is_one_line_with_what_brings_it_up() {
    let Some(wire) = Wire::new(1) else { return };
    wire.ip(&["link", "set", "b0", "down"]);
    let ran = wire.enter(|| finish(lyncpush().args(["live", "-i", "b0"])));
    let line = "lyncpush: cannot watch \"b0\": it is down; bring it up first: ip link set dev b0 up\n";
    assert_eq!((ran.code, ran.err.as_str()), (2, line));
}

#[test]
fn interfaces_are_listed_with_addresses_and_state() {
    let Some(wire) = Wire::new(2) else { return };
    wire.ip(&["addr", "add", "192.0.2.7/24", "dev", "b0"]);
    wire.ip(&["link", "set", "b1", "down"]);
    let ran = wire.enter(|| finish(lyncpush().arg("interfaces"))).with_code(0);
    let line = |name: &str| ran.text().lines().find(|line| line.split("  ").next() == Some(name)).unwrap();
    assert!(line("b0").contains("up") && line("b0").contains("192.0.2.7/24"), "{}", ran.text());
    assert!(line("b1").contains("down"), "{}", ran.text());
}

/// While the program stands still the kernel's ring runs over: each frame is either read or counted as dropped.
#[test]
fn frames_that_the_ring_had_no_room_for_are_counted_and_excuse_what_is_missing() {
    let Some(wire) = Wire::new(1) else { return };
    let mut watching = wire.watch(&["-i", "b0", "--buffer", "1"]);
    wire.send("a0", &frames("push-disabled", &[]));
    assert_eq!(watching.line()["verdict"], "broken", "without a loss it is");
    let ladder = frames("push-disabled", &["--seed", "2"]);
    let mut sent = 2 * ladder.len();
    wire.send("a0", &ladder);
    watching.signal(Signal::SIGSTOP);
    let filler = vec![keep_alive(); 4_000];
    for _ in 0..5 {
        wire.send("a0", &filler);
        sent += filler.len();
    }
    watching.signal(Signal::SIGCONT);
    watching.wait_for("frames were dropped");
    let ladder = watching.line();
    assert_eq!(ladder["steps"][3]["status"], "unreadable", "{ladder}");
    let (left, _) = watching.stop(1);
    let input = &left[0]["inputs"][0];
    let (read, dropped) = (input["frames"].as_u64().unwrap(), input["drops"]["kernel"].as_u64().unwrap());
    assert!(dropped > 0);
    assert_eq!(read + dropped, sent as u64, "{input}");
    assert!(left[0]["findings"].as_array().unwrap().iter().any(|one| one["code"] == "LP907"), "{left:#?}");
}
