//! A namespace with a pair of interfaces, frames onto one of them, and the program watching the other.
//!
//! In: names and frames. Out: what the program wrote, line by line as it comes. Whoever waits does so for a condition,
//! with [`PATIENCE`].

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use pcap::{Active, Capture, Precision};
use serde_json::Value;

use crate::command;

/// How long is waited for anything that should happen soon: a machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Limits of a ladder, short enough that one closes within seconds of a quiet wire.
const PROFILE: &str = "[limits]\nring_ms = 3000\nlate_ms = 1000\nlinger_ms = 500\n";

/// Namespaces made by this process.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A namespace with interfaces `a0` and `b0`, `a1` and `b1`, …: what goes into an `a` comes out of its `b`.
pub struct Wire {
    name: String,
    directory: tempfile::TempDir,
}

impl Wire {
    /// A namespace with so many pairs; none, with a word about it, where it cannot be made.
    pub fn new(pairs: usize) -> Option<Self> {
        if !geteuid().is_root() {
            eprintln!("SKIPPED: only root can make network namespaces");
            return None;
        }
        let name = format!("lyncpush-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        match Command::new("ip").args(["netns", "add", &name]).output() {
            Ok(output) if output.status.success() => {}
            other => {
                eprintln!("SKIPPED: no network namespace can be made here: {other:?}");
                return None;
            }
        }
        let directory = tempfile::tempdir().unwrap();
        // The program writes there as nobody.
        open_to_all(directory.path());
        fs::write(directory.path().join("profile.toml"), PROFILE).unwrap();
        let wire = Self { name, directory };
        // No frames of the system's own.
        wire.inside(&["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1"]);
        for pair in 0..pairs {
            let (a, b) = (format!("a{pair}"), format!("b{pair}"));
            wire.ip(&["link", "add", &a, "mtu", "65000", "type", "veth", "peer", "name", &b, "mtu", "65000"]);
            for end in [a, b] {
                wire.ip(&["link", "set", &end, "up"]);
            }
        }
        Some(wire)
    }

    /// The namespace's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in the namespace.
    pub fn ip(&self, arguments: &[&str]) {
        let ran = self.try_ip(arguments);
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Runs `ip` in the namespace for what a system may not have.
    pub fn try_ip(&self, arguments: &[&str]) -> Output {
        Command::new("ip").args(["-n", &self.name]).args(arguments).output().unwrap()
    }

    fn inside(&self, arguments: &[&str]) {
        let ran = Command::new("ip").args(["netns", "exec", &self.name]).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// A place for files, which everybody may write to.
    pub fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs something on a thread of its own whose interfaces are those of the namespace.
    pub fn enter<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(Path::new("/var/run/netns").join(&self.name)).unwrap();
        thread::scope(|scope| {
            let entered = scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                inside()
            });
            entered.join().unwrap()
        })
    }

    /// A handle that sees and sends everything of an interface.
    pub fn open(&self, interface: &str) -> Capture<Active> {
        self.enter(|| {
            let capture = Capture::from_device(interface).unwrap().snaplen(262_144).timeout(10).promisc(true);
            capture.precision(Precision::Nano).buffer_size(64 << 20).open().unwrap().setnonblock().unwrap()
        })
    }

    /// Puts frames onto an interface.
    pub fn send<'a>(&self, interface: &str, frames: impl IntoIterator<Item = &'a Vec<u8>>) {
        let mut handle = self.open(interface);
        for frame in frames {
            handle.sendpacket(&frame[..]).unwrap();
        }
    }

    /// `lyncpush live` with these arguments, about to be started.
    pub fn live(&self, arguments: &[&str]) -> Command {
        let program = command::lyncpush();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program.get_program()).arg("live");
        command.args(["--profile", self.place("profile.toml").to_str().unwrap()]).args(arguments);
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Starts `lyncpush live` with these arguments and waits until it watches.
    pub fn watch(&self, arguments: &[&str]) -> Watching {
        let mut command = self.live(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        let mut watching = Watching { child, out, err, said: Vec::new() };
        watching.wait_for("watching ");
        watching
    }

    /// The ladders that `lyncpush analyze` finds in a file, as lines.
    pub fn analyze(&self, path: &Path) -> Vec<Value> {
        let profile = self.place("profile.toml");
        let arguments =
            ["analyze", "--format", "ndjson", "--profile", profile.to_str().unwrap(), path.to_str().unwrap()];
        command::ndjson(&command::run(arguments))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// Lets everybody read and write something.
pub fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// The lines that something writes, as they come.
fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    receive
}

/// The program, watching.
pub struct Watching {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
    said: Vec<String>,
}

impl Watching {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says something on standard error that contains `words`; that line.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.err.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(error) => panic!("it never said {words:?} ({error}), but: {:#?}", self.said),
            }
        }
    }

    /// What it has said behind `words`.
    #[track_caller]
    pub fn heard(&self, words: &str) -> String {
        let behind = self.said.iter().find_map(|line| line.split_once(words)).expect("it said so");
        behind.1.to_owned()
    }

    /// Waits until it has read, or counted as dropped, what was sent before this.
    #[track_caller]
    pub fn wait_until_read(&mut self) {
        let until = Instant::now() + PATIENCE;
        let mut before = String::new();
        // Two counts alike with a while between: a frame is read within [`LAG`] of being sent.
        loop {
            self.signal(Signal::SIGUSR1);
            let line = self.wait_for(" SIP message");
            if line == before {
                return;
            }
            before = line;
            assert!(Instant::now() < until, "it reads on and on: {before}");
            thread::sleep(Duration::from_millis(400));
        }
    }

    /// Waits for the next line on standard output.
    #[track_caller]
    pub fn line(&mut self) -> Value {
        match self.out.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")),
            Err(error) => {
                let said: Vec<String> = self.err.try_iter().collect();
                panic!("no further line: {error}; it said {:#?} {said:#?}", self.said)
            }
        }
    }

    /// Passes over the lines on standard output so far.
    pub fn pass_over_lines(&mut self) {
        self.out.try_iter().for_each(drop);
    }

    /// Lets it wait for no reader any more.
    pub fn close_output(&mut self) {
        let (_, closed) = channel();
        self.out = closed;
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.id()).unwrap()), signal).unwrap();
    }

    /// Waits for its end; how it ended, and the lines left on standard output and all on standard error.
    #[track_caller]
    pub fn end(mut self) -> (ExitStatus, Vec<Value>, Vec<String>) {
        let until = Instant::now() + PATIENCE;
        let mut left = Vec::new();
        let status = loop {
            left.extend(self.out.try_iter());
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end; it said {:#?}", self.said);
            thread::sleep(Duration::from_millis(20));
        };
        loop {
            match self.out.recv_timeout(PATIENCE) {
                Ok(line) => left.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.said.extend(self.err.iter());
        let left = left.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        (status, left, std::mem::take(&mut self.said))
    }

    /// Asks it to end, and waits; it must end with `code`.
    #[track_caller]
    pub fn stop(self, code: i32) -> (Vec<Value>, Vec<String>) {
        self.signal(Signal::SIGTERM);
        let (status, left, said) = self.end();
        assert_eq!(status.code(), Some(code), "{said:#?}");
        (left, said)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The frames of a scenario, as `lyncpush simulate` writes them.
pub fn frames(scenario: &str, options: &[&str]) -> Vec<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), command::simulated(scenario, options)).unwrap();
    read(file.path())
}

/// The frames of a file.
pub fn read(path: &Path) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut capture = Capture::from_file(path).unwrap();
    while let Ok(packet) = capture.next_packet() {
        frames.push(packet.data.to_vec());
    }
    frames
}

/// Writes what a handle has seen into a file, until there were `count` frames.
pub fn record(handle: &mut Capture<Active>, count: usize, path: &Path) {
    let mut file = handle.savefile(path).unwrap();
    let until = Instant::now() + PATIENCE;
    let mut seen = 0;
    while seen < count {
        match handle.next_packet() {
            Ok(packet) => {
                file.write(&packet);
                seen += 1;
            }
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
        assert!(Instant::now() < until, "{seen} of {count} frames came");
    }
    file.flush().unwrap();
}

/// A frame that says nothing but that time has passed: the blank lines that keep a path of UDP open.
///
/// Source: RFC 5626 §3.5.1.
pub fn keep_alive() -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 20, 192, 0, 2, 7]);
    frame.extend([0x13, 0xc4, 0x13, 0xc4, 0, 12, 0, 0]);
    frame.extend(b"\r\n\r\n");
    frame
}

/// The frames with a VLAN tag each.
pub fn tagged(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| [&frame[..12], &[0x81, 0, 0, 5], &frame[12..]].concat()).collect()
}
