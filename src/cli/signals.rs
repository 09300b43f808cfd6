//! What the system may tell a running program: to end, to open its output again, to print counters.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::error::Result;

/// Flags that signals set.
#[derive(Debug, Default)]
pub struct Signals {
    reopen: Arc<AtomicBool>,
    print: Arc<AtomicBool>,
}

impl Signals {
    /// From now on signals set flags; the first that asks to end sets `stop`, a second one ends the program at once.
    ///
    /// Fails when the system does not allow it.
    pub fn listen(stop: &Arc<AtomicBool>) -> Result<Self> {
        let signals = Self::default();
        #[cfg(unix)]
        signals.register(stop)?;
        Ok(signals)
    }

    #[cfg(unix)]
    fn register(&self, stop: &Arc<AtomicBool>) -> Result<()> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
        use signal_hook::flag;

        use crate::error::Error;

        let fail = |error| Error::new(format!("cannot listen to signals: {error}"));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag is not set yet when the first one comes.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stop)).map_err(fail)?;
            flag::register(signal, Arc::clone(stop)).map_err(fail)?;
        }
        flag::register(SIGHUP, Arc::clone(&self.reopen)).map_err(fail)?;
        flag::register(SIGUSR1, Arc::clone(&self.print)).map_err(fail)?;
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
