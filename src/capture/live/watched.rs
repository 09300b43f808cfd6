//! One interface: its handle, the frames that wait, and what it lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pcap::{Active, Capture, Precision, Stat};

use super::device::{self, State};
use super::rebind::{Rebound, kind, rebind};
use super::{HELD, LAG, LiveOptions, Loss, LossKind, filter};
use crate::capture::{Drops, Fact, Level, News, Summary};
use crate::error::{Error, Result};
use crate::frame::{Frame, FrameRef, LinkType, Timestamp};

/// Octets captured of a frame: offloaded ones are larger than any packet on the wire.
const SNAP_LENGTH: i32 = 262_144;
/// Milliseconds after which the kernel hands on a block that is not full; never 0, which would be never.
pub(super) const TIMEOUT: i32 = 100;
/// Frames taken at a time; at 64 KiB each, about as many octets as may be held.
const AT_ONCE: usize = 128;
/// How often it is tried to open an interface that went away.
const RETRY: Duration = Duration::from_secs(1);
/// How often further drops are told; they are counted all the time.
const TELL: Duration = Duration::from_secs(60);

/// One frame that waits, its octets standing in its chunk.
struct Held {
    time: Timestamp,
    wire_len: u32,
    from: usize,
    to: usize,
}

/// Frames taken at one time.
#[derive(Default)]
struct Chunk {
    octets: Vec<u8>,
    frames: Vec<Held>,
    next: usize,
}

/// An interface that is watched.
pub(super) struct Watched {
    name: String,
    input: u16,
    options: LiveOptions,
    handle: Capture<Active>,
    link: LinkType,
    /// What the system takes it for.
    kind: Option<u16>,
    summary: Summary,
    chunks: VecDeque<Chunk>,
    spare: Option<Chunk>,
    held: usize,
    /// Every frame before has been taken.
    read_until: Option<Timestamp>,
    stat: Stat,
    /// When drops were counted last.
    counted: Option<Timestamp>,
    told: Option<Instant>,
    untold: u64,
    state: Option<State>,
    /// When its state was seen last.
    looked: Option<Timestamp>,
    /// Since when it is down or away.
    down: Option<Timestamp>,
    /// Whether it is away: what its handle may still give is of before.
    away: bool,
    retried: Instant,
    /// It went away, and there is no right to open it again.
    lost: bool,
}

impl Watched {
    /// Opens an interface.
    pub(super) fn open(name: &str, input: u16, options: &LiveOptions) -> Result<Self> {
        let handle = activate(name, options)?;
        let link = link_of(&handle);
        let mut summary = Summary::new(name, "live", None);
        summary.push_link_type(link);
        summary.drops = Some(Drops::default());
        Ok(Self {
            name: name.to_owned(),
            input,
            options: options.clone(),
            handle,
            link,
            kind: kind(name),
            summary,
            chunks: VecDeque::new(),
            spare: None,
            held: 0,
            read_until: None,
            stat: Stat { received: 0, dropped: 0, if_dropped: 0 },
            counted: None,
            told: None,
            untold: 0,
            state: device::state(name),
            looked: None,
            down: None,
            away: false,
            retried: Instant::now(),
            lost: false,
        })
    }

    /// Takes frames in as long as there is room for them; whether there were any. `now` is the time before.
    pub(super) fn read(&mut self, now: Timestamp, news: &mut Vec<News>) -> bool {
        if self.held >= HELD {
            return false;
        }
        let mut chunk = self.spare.take().unwrap_or_default();
        let mut failed = None;
        let mut done = false;
        while !done && chunk.octets.len() < HELD / 4 {
            let Chunk { octets, frames, .. } = &mut chunk;
            let taken = self.handle.dispatch(Some(AT_ONCE), |packet| {
                let from = octets.len();
                octets.extend_from_slice(packet.data);
                // 32 bits wide on some systems.
                #[allow(clippy::useless_conversion, reason = "not everywhere")]
                let (seconds, nanos) = (i64::from(packet.header.ts.tv_sec), i64::from(packet.header.ts.tv_usec));
                let time = Timestamp::new(seconds.saturating_mul(1_000_000_000).saturating_add(nanos), 9);
                frames.push(Held { time, wire_len: packet.header.len, from, to: octets.len() });
            });
            match taken {
                Ok(taken) => done = taken < AT_ONCE,
                Err(pcap::Error::TimeoutExpired) => done = true,
                Err(error) => {
                    failed = Some(error);
                    done = true;
                }
            }
        }
        let got = !chunk.frames.is_empty();
        if done && !got {
            self.read_until = Some(now.shifted(-LAG));
        }
        if got {
            self.held += chunk.octets.len();
            self.chunks.push_back(chunk);
        } else {
            self.spare = Some(chunk);
        }
        if let Some(error) = failed
            && !self.away
        {
            self.failed(&error, now, news);
        }
        got
    }

    /// The handle gives an error: the interface is gone, or it was down for a moment.
    fn failed(&mut self, error: &pcap::Error, now: Timestamp, news: &mut Vec<News>) {
        self.away = true;
        self.went(self.looked.unwrap_or(now));
        let why = plain(error);
        let message = format!("{} is gone ({why}); it is looked for every second", self.name);
        news.push(self.warning("interface-away", message).with("why", Fact::Text(why)));
        self.retried = Instant::now();
    }

    /// Counts what was dropped since the last time. Only then are frames given, so that a loss is known before what
    /// comes after it.
    pub(super) fn count_drops(&mut self, now: Timestamp, losses: &mut Vec<Loss>, news: &mut Vec<News>) {
        let since = self.counted.replace(now).unwrap_or(now).min(now);
        let Ok(stat) = self.handle.stats() else { return };
        let before = std::mem::replace(&mut self.stat, stat);
        let kernel = stat.dropped.wrapping_sub(before.dropped);
        // That of an interface which was deleted is gone with it.
        let interface = stat.if_dropped.wrapping_sub(before.if_dropped);
        let interface = if self.away || interface > u32::MAX / 2 { 0 } else { interface };
        let Some(drops) = &mut self.summary.drops else { return };
        for (count, total, kind) in [
            (kernel, &mut drops.kernel, LossKind::Kernel as fn(u64) -> LossKind),
            (interface, &mut drops.interface, LossKind::Interface),
        ] {
            if count > 0 {
                *total += u64::from(count);
                self.untold += u64::from(count);
                losses.push(Loss { input: self.input, from: since, to: now, kind: kind(u64::from(count)) });
            }
        }
        if self.untold > 0 && self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.told = Some(Instant::now());
            let count = std::mem::take(&mut self.untold);
            let were = if count == 1 { "frame was" } else { "frames were" };
            let message =
                format!("{}: at least {count} {were} dropped; a larger --buffer or a narrower --bpf helps", self.name);
            let dropped = self.warning("frames-dropped", message).with("frames", Fact::Number(count));
            news.push(dropped);
        }
    }

    /// The clock was set: what happened before cannot be placed.
    pub(super) fn clock_set(&mut self, now: Timestamp) {
        self.counted = Some(now);
        self.looked = self.looked.map(|_| now);
        self.down = self.down.map(|_| now);
    }

    /// Looks whether it is up, and opens it again when it has come back.
    pub(super) fn look(&mut self, now: Timestamp, losses: &mut Vec<Loss>, news: &mut Vec<News>) {
        let since = self.looked.replace(now).unwrap_or(now).min(now);
        if self.away {
            losses.push(self.loss(since, now, LossKind::Gone));
            if self.retried.elapsed() >= RETRY {
                self.retried = Instant::now();
                self.reopen(now, news);
            }
            return;
        }
        let state = device::state(&self.name);
        let (Some(before), Some(state)) = (std::mem::replace(&mut self.state, state), state) else { return };
        let changed = state.changes != before.changes;
        if before.up && (!state.up || changed) {
            self.went(since);
            news.push(self.warning("interface-down", format!("{} went down", self.name)));
        }
        if self.down.is_some() {
            losses.push(self.loss(since, now, LossKind::Down));
        }
        if state.up
            && let Some(down) = self.came()
        {
            news.push(self.returned("interface-up", "up again", now.since(down)));
        }
    }

    /// It is down or away.
    fn went(&mut self, since: Timestamp) {
        self.down.get_or_insert(since);
        if let Some(drops) = &mut self.summary.drops {
            drops.interruptions += 1;
            drops.is_down = true;
        }
    }

    /// Frames come again; since when none did.
    fn came(&mut self) -> Option<Timestamp> {
        if let Some(drops) = &mut self.summary.drops {
            drops.is_down = false;
        }
        self.down.take()
    }

    fn warning(&self, event: &'static str, message: String) -> News {
        News::of(Level::Warning, event, &self.name, message)
    }

    /// It is there again after so many nanoseconds.
    fn returned(&self, event: &'static str, how: &str, nanos: i64) -> News {
        let seconds = nanos.max(0) as f64 / 1e9;
        let message = format!("{} is {how} after {seconds:.1} s", self.name);
        News::of(Level::Info, event, &self.name, message).with("seconds", Fact::Seconds(seconds))
    }

    fn loss(&self, from: Timestamp, to: Timestamp, kind: LossKind) -> Loss {
        Loss { input: self.input, from, to, kind }
    }

    /// Watches it again after it went away, if it is there again. Its numbers go on.
    fn reopen(&mut self, now: Timestamp, news: &mut Vec<News>) {
        if self.lost || !device::exists(&self.name) {
            return;
        }
        // What is not for this host is asked for by the one right more.
        let rebound = match self.options.promiscuous {
            true => Rebound::Impossible,
            false => rebind(&self.handle, &self.name, self.kind),
        };
        let why = match rebound {
            Rebound::NotThere => return,
            Rebound::Done => return self.returned_away(now, news),
            Rebound::OtherKind => "as another kind of interface",
            Rebound::Impossible => "as a new one",
        };
        match activate(&self.name, &self.options) {
            Ok(handle) => {
                self.link = link_of(&handle);
                self.summary.push_link_type(self.link);
                self.handle = handle;
                self.kind = kind(&self.name);
                self.returned_away(now, news);
            }
            Err(error) if is_permission(&error) => {
                self.lost = true;
                let message = format!(
                    "{} is back {why}, and the right to open that was given up: it is not watched any more and counts \
                     as gone; start lyncpush again to watch it",
                    self.name
                );
                news.push(News::of(Level::Error, "interface-lost", &self.name, message));
            }
            Err(_) => {}
        }
    }

    /// It is there again.
    fn returned_away(&mut self, now: Timestamp, news: &mut Vec<News>) {
        self.away = false;
        // Those of the interface begin again.
        self.stat = self.handle.stats().unwrap_or(Stat { received: 0, dropped: 0, if_dropped: 0 });
        self.state = device::state(&self.name);
        let down = self.down.unwrap_or(now);
        let how = match self.state.is_none_or(|state| state.up) {
            true => {
                self.came();
                "back"
            }
            false => "back, but down,",
        };
        news.push(self.returned("interface-back", how, now.since(down)));
    }

    /// Whether it went away for good.
    pub(super) const fn is_lost(&self) -> bool {
        self.lost
    }

    /// The time of the next frame.
    pub(super) fn head(&self) -> Option<Timestamp> {
        let chunk = self.chunks.front()?;
        chunk.frames.get(chunk.next).map(|held| held.time)
    }

    /// The next frame.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        let chunk = self.chunks.front()?;
        let held = chunk.frames.get(chunk.next)?;
        let at = FrameRef { input: self.input, number: self.summary.frames + 1, time: held.time };
        Some(Frame { at, link: self.link, wire_len: held.wire_len, bytes: chunk.octets.get(held.from..held.to)? })
    }

    /// The next frame is done with.
    pub(super) fn pop(&mut self) {
        let Some(chunk) = self.chunks.front_mut() else { return };
        let Some(held) = chunk.frames.get(chunk.next) else { return };
        chunk.next += 1;
        self.summary.frames += 1;
        self.summary.bytes += (held.to - held.from) as u64;
        self.summary.push_time(held.time);
        if chunk.next == chunk.frames.len()
            && let Some(mut chunk) = self.chunks.pop_front()
        {
            self.held = self.held.saturating_sub(chunk.octets.len());
            chunk.octets.clear();
            chunk.octets.shrink_to(HELD);
            chunk.frames.clear();
            chunk.next = 0;
            self.spare = Some(chunk);
        }
    }

    /// Whether no frame before `time` can come any more.
    pub(super) fn is_read_until(&self, time: Timestamp) -> bool {
        self.read_until.is_some_and(|until| until >= time)
    }

    /// Every frame before was taken.
    pub(super) const fn read_until(&self) -> Option<Timestamp> {
        self.read_until
    }

    /// What is known of it.
    pub(super) const fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// Opens an interface and sets its filter.
fn activate(name: &str, options: &LiveOptions) -> Result<Capture<Active>> {
    let fail = |error: pcap::Error| cannot_open(name, &error, options.promiscuous);
    let buffer = i32::try_from(options.buffer).unwrap_or(i32::MAX);
    let handle = Capture::from_device(name).map_err(fail)?;
    let handle = handle.snaplen(SNAP_LENGTH).timeout(TIMEOUT).buffer_size(buffer).promisc(options.promiscuous);
    let handle = handle.precision(Precision::Nano).open().map_err(fail)?;
    let mut handle = handle.setnonblock().map_err(fail)?;
    let expression = match &options.bpf {
        Some(expression) => expression.clone(),
        None => filter::for_ports(&options.ports, link_of(&handle)),
    };
    handle
        .filter(&expression, true)
        .map_err(|error| Error::new(format!("invalid filter {expression:?}: {}", plain(&error))))?;
    Ok(handle)
}

fn link_of(handle: &Capture<Active>) -> LinkType {
    LinkType(u16::try_from(handle.get_datalink().0).unwrap_or(u16::MAX))
}

/// What is said where there is no permission, so that it is known again.
const PERMISSION: &str = "no permission";

fn is_permission(error: &Error) -> bool {
    error.to_string().contains(PERMISSION)
}

/// Why an interface cannot be opened, and what would help.
fn cannot_open(name: &str, error: &pcap::Error, promiscuous: bool) -> Error {
    let why = plain(error);
    let lower = why.to_ascii_lowercase();
    let why = if lower.contains("permission") || lower.contains("not permitted") {
        let program = std::env::current_exe().map_or_else(|_| "lyncpush".to_owned(), |path| path.display().to_string());
        let rights = if promiscuous { "cap_net_raw,cap_net_admin=ep" } else { "cap_net_raw=ep" };
        format!("{PERMISSION}; run as root, or once: sudo setcap {rights} '{program}'")
    } else if !device::exists(name) {
        let known = device::interfaces().unwrap_or_default();
        let known: Vec<&str> = known.iter().filter(|one| one.up).map(|one| one.name.as_str()).collect();
        match known.is_empty() {
            true => "there is no such interface, and no other that is up".to_owned(),
            false => format!("there is no such interface; those that are up: {}", known.join(", ")),
        }
    } else if lower.contains("not up") {
        let cure = if cfg!(target_os = "linux") { format!(": ip link set dev {name} up") } else { String::new() };
        format!("it is down; bring it up first{cure}")
    } else {
        why
    };
    Error::new(format!("cannot watch {name:?}: {why}"))
}

/// libpcap's words without those of the crate around it, on one line.
pub(super) fn plain(error: &pcap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("libpcap error: ").unwrap_or(&text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
