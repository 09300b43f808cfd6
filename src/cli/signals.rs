//! What the system may tell a running program: to end, to open its output again, to print counters.

#[cfg(unix)]
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
#[cfg(unix)]
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
#[cfg(unix)]
use std::sync::mpsc::channel;
#[cfg(unix)]
use std::time::Duration;

use crate::error::Result;

/// How long somebody who asked for the end twice waits for what is done before.
#[cfg(unix)]
const A_MOMENT: Duration = Duration::from_secs(1);

/// Flags that signals set.
#[derive(Debug, Default)]
pub struct Signals {
    reopen: Arc<AtomicBool>,
    print: Arc<AtomicBool>,
    /// What ends the program at once, to be taken back.
    #[cfg(unix)]
    at_once: Vec<signal_hook::SigId>,
}

impl Signals {
    /// From now on signals set flags; the first that asks to end sets `stop`, a second one ends the program at once.
    ///
    /// Fails when the system does not allow it.
    pub fn listen(stop: &Arc<AtomicBool>) -> Result<Self> {
        #[cfg_attr(not(unix), allow(unused_mut, reason = "nothing is registered there"))]
        let mut signals = Self::default();
        #[cfg(unix)]
        signals.register(stop)?;
        Ok(signals)
    }

    #[cfg(unix)]
    fn register(&mut self, stop: &Arc<AtomicBool>) -> Result<()> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
        use signal_hook::flag;

        use crate::error::Error;

        let fail = |error| Error::new(format!("cannot listen to signals: {error}"));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag is not set yet when the first one comes.
            let at_once = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stop)).map_err(fail)?;
            self.at_once.push(at_once);
            flag::register(signal, Arc::clone(stop)).map_err(fail)?;
        }
        flag::register(SIGHUP, Arc::clone(&self.reopen)).map_err(fail)?;
        flag::register(SIGUSR1, Arc::clone(&self.print)).map_err(fail)?;
        Ok(())
    }

    /// A second signal that asks to end has something done first, unless that takes longer than [`A_MOMENT`].
    ///
    /// Errors: the system does not allow it.
    #[cfg(unix)]
    pub fn before_end(&self, act: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::{flag, low_level};

        let (mut asked, asking) = std::os::unix::net::UnixStream::pair()?;
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM] {
            flag::register_usize(signal, Arc::clone(&last), signal.unsigned_abs() as usize)?;
            low_level::pipe::register(signal, asking.try_clone()?)?;
        }
        // From here on both would end it.
        self.at_once.iter().for_each(|id| _ = low_level::unregister(*id));
        std::thread::spawn(move || {
            // One octet for each signal.
            if asked.read_exact(&mut [0; 2]).is_err() {
                return;
            }
            let (done, is_done) = channel();
            // It may wait for a terminal that takes nothing.
            std::thread::spawn(move || {
                act();
                let _ = done.send(());
            });
            let _ = is_done.recv_timeout(A_MOMENT);
            low_level::exit(128 + i32::try_from(last.load(Relaxed)).unwrap_or(SIGINT));
        });
        Ok(())
    }

    /// Whether the output is to be opened again; once for each time it was asked for.
    pub fn reopen(&self) -> bool {
        self.reopen.swap(false, Relaxed)
    }

    /// Whether counters are to be printed.
    pub fn print(&self) -> bool {
        self.print.swap(false, Relaxed)
    }
}

/// What the thread that shows the live view has to know of signals.
#[cfg(unix)]
#[derive(Debug)]
pub struct Ending {
    asked: Arc<AtomicBool>,
    stop_asked: Arc<AtomicBool>,
}

/// From now on signals that end or stop the program wake whoever reads the other end of `wake` as well: the first one,
/// before a second one ends the program at once.
///
/// Errors: the system does not allow it.
#[cfg(unix)]
pub fn wake(wake: &std::os::unix::net::UnixStream) -> std::io::Result<Ending> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    use signal_hook::{flag, low_level::pipe};

    let ending = Ending { asked: Arc::default(), stop_asked: Arc::default() };
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&ending.asked))?;
    }
    flag::register(SIGTSTP, Arc::clone(&ending.stop_asked))?;
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH] {
        pipe::register(signal, wake.try_clone()?)?;
    }
    Ok(ending)
}

#[cfg(unix)]
impl Ending {
    /// Whether the program was asked to end.
    pub fn asked(&self) -> bool {
        self.asked.load(Relaxed)
    }

    /// Whether it was asked to stop for a while; once for each time.
    pub fn stop_asked(&self) -> bool {
        self.stop_asked.swap(false, Relaxed)
    }

    /// Stops, as a program does that does not listen.
    pub fn stop(&self) {
        // Where it is not possible the program goes on.
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP);
    }
}
