//! Ladders on the wire are judged like those in a file of the same frames.

use serde_json::Value;

use crate::wire::{Wire, frames, keep_alive, record, tagged};

/// Puts frames onto the wire while it is watched and recorded; the ladders of both, and the last line.
fn both(
    wire: &Wire,
    interface: &str,
    options: &[&str],
    frames: &[Vec<u8>],
    ladders: usize,
) -> (Vec<Value>, Vec<Value>, Value) {
    let mut recorder = wire.open("b0");
    let mut watching = wire.watch(&[&["-i", interface], options].concat());
    wire.send("a0", frames);
    let live: Vec<Value> = (0..ladders).map(|_| watching.line()).collect();
    // A file does not go on after its last frame: this one is behind the limits of every step.
    wire.send("a0", &[keep_alive()]);
    let path = wire.place("recorded.pcap");
    record(&mut recorder, frames.len() + 1, &path);
    let (mut left, said) = watching.stop(i32::from(live.iter().any(|ladder| ladder["verdict"] == "broken")));
    assert_eq!(left.len(), 1, "{left:#?} {said:#?}");
    let mut file = wire.analyze(&path);
    file.pop();
    (live, file, left.remove(0))
}

#[test]
fn a_ladder_on_the_wire_is_the_ladder_of_the_same_frames_in_a_file() {
    let Some(wire) = Wire::new(1) else { return };
    for scenario in ["happy", "domain-not-allowed", "push-disabled", "device-never-wakes", "android", "two-devices"] {
        let frames = frames(scenario, &[]);
        let (live, file, last) = both(&wire, "b0", &[], &frames, 1);
        assert_eq!(live, file, "{scenario}");
        assert_eq!(last["inputs"][0]["path"], "b0");
        assert_eq!(last["inputs"][0]["frames"], frames.len() + 1, "{scenario}: {last}");
        assert_eq!(last["inputs"][0]["drops"]["kernel"], 0);
        assert_eq!(last["summary"]["ladders"], 1);
    }
}

#[test]
fn frames_with_a_vlan_tag_are_seen() {
    let Some(wire) = Wire::new(1) else { return };
    let frames = tagged(&frames("happy", &[]));
    let (live, file, _) = both(&wire, "b0", &[], &frames, 1);
    assert_eq!(live, file);
    assert_eq!(live[0]["verdict"], "complete");
}

#[test]
fn all_interfaces_at_once() {
    let Some(wire) = Wire::new(1) else { return };
    let (live, _, last) = both(&wire, "any", &[], &frames("happy", &[]), 1);
    assert_eq!(live[0]["verdict"], "complete");
    assert_eq!(last["inputs"][0]["link_types"], serde_json::json!(["linux-sll"]));
}

/// Two ladders of a capture that is taken apart by host: each interface shows some connections.
#[test]
fn two_interfaces_are_one_capture() {
    let Some(wire) = Wire::new(2) else { return };
    let frames = frames("happy", &[]);
    let mut watching = wire.watch(&["-i", "b0", "-i", "b1"]);
    let (mut first, mut second) = (wire.open("a0"), wire.open("a1"));
    // By the sum of both ports, so that a connection stays whole.
    for frame in &frames {
        let ports = u16::from_be_bytes([frame[34], frame[35]]).wrapping_add(u16::from_be_bytes([frame[36], frame[37]]));
        let to = if ports % 2 == 0 { &mut first } else { &mut second };
        to.sendpacket(&frame[..]).unwrap();
    }
    assert_eq!(watching.line()["verdict"], "complete");
    let (left, _) = watching.stop(0);
    let of = |input: usize| left[0]["inputs"][input]["frames"].as_u64().unwrap();
    assert!(of(0) > 0 && of(1) > 0);
    assert_eq!(of(0) + of(1), frames.len() as u64);
}

/// The last ladder is closed by a timer: nothing is on the wire any more.
#[test]
fn so_many_ladders_and_no_more() {
    let Some(wire) = Wire::new(1) else { return };
    let mut watching = wire.watch(&["-i", "b0", "--ladders", "2"]);
    wire.send("a0", &frames("happy", &["--ladders", "5"]));
    let ids: Vec<Value> = (0..2).map(|_| watching.line()["id"].clone()).collect();
    let (status, left, said) = watching.end();
    assert_ne!(ids[0], ids[1]);
    assert_eq!((status.code(), left.len()), (Some(0), 1), "{said:#?}");
    assert_eq!(left[0]["summary"]["ladders"], 2);
}

#[test]
fn a_filter_that_drops_tagged_frames_is_warned_of() {
    let Some(wire) = Wire::new(1) else { return };
    let watching = wire.watch(&["-i", "b0", "--bpf", "port 5061", "--duration", "0"]);
    let (status, left, said) = watching.end();
    assert_eq!((status.code(), left.len()), (Some(0), 1), "{said:#?}");
    for dropped in ["fragments of packets", "frames with a VLAN tag"] {
        assert!(said.iter().any(|line| line.contains(dropped)), "{said:#?}");
    }
}

#[test]
fn a_page_shows_the_heads_of_messages() {
    let Some(wire) = Wire::new(1) else { return };
    let page = wire.place("report.html");
    let arguments = ["-i", "b0", "--format", "html", "-o", page.to_str().unwrap(), "--ladders", "1"];
    let watching = wire.watch(&arguments);
    wire.send("a0", &frames("domain-not-allowed", &[]));
    let (status, _, said) = watching.end();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("ms-edge-proxy-message-trust: "), "a header of the Edge's answer");
    assert!(page.contains("left out") && !page.contains("tickerText"), "nothing that is private");
}
