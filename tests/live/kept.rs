//! Frames that are kept in files while they are watched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::wire::{Wire, frames, keep_alive};

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn writable(wire: &Wire, name: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let place = wire.place(name);
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
    place
}

#[test]
fn what_was_watched_can_be_analysed_again() {
    let Some(wire) = Wire::new(1) else { return };
    let place = writable(&wire, "kept");
    let mut watching = wire.watch(&["-i", "b0", "--write", place.to_str().unwrap()]);
    let sent = frames("domain-not-allowed", &[]);
    wire.send("a0", &sent);
    let live = watching.line();
    wire.send("a0", &[keep_alive()]);
    watching.stop(1);
    let files = files(&place);
    assert_eq!(files.len(), 1, "{files:?}");
    let lines = wire.analyze(&files[0]);
    assert_eq!((lines.len(), &lines[0]), (2, &live));
    assert_eq!(lines[1]["inputs"][0]["frames"], sent.len() + 1);
    assert_eq!(lines[1]["inputs"][0]["ended"], "complete");
}

/// A disk that is full ends a file where it is whole; watching goes on.
#[test]
fn a_full_disk_is_told_and_survived() {
    let Some(wire) = Wire::new(1) else { return };
    let place = writable(&wire, "small");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k,mode=777", "tmpfs"]).arg(&place).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no small disk can be made here");
        return;
    }
    let _unmount = Mounted(place.clone());
    let mut watching = wire.watch(&["-i", "b0", "--write", place.to_str().unwrap()]);
    let filler = vec![keep_alive(); 8_000];
    wire.send("a0", &filler);
    watching.wait_for("frames cannot be kept");
    wire.send("a0", &frames("happy", &[]));
    assert_eq!(watching.line()["verdict"], "complete");
    let (_, said) = watching.stop(0);
    let files = files(&place);
    assert_eq!(files.len(), 1, "{files:?} {said:#?}");
    let lines = wire.analyze(&files[0]);
    assert_eq!(lines[0]["inputs"][0]["ended"], "complete", "whole blocks only: {lines:#?}");
    assert!(lines[0]["inputs"][0]["frames"].as_u64().unwrap() > 1_000);
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
