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
