//! How often a limit says what it left out. A router's log is short: the first time at once, and then once an hour at most.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// When it was told last, by time since boot.
#[derive(Debug, Default)]
pub(crate) struct Hourly(Option<Duration>);

impl Hourly {
    /// Whether to tell it at `now`; if so, it counts as told.
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.0.is_none_or(|told| now.saturating_sub(told) >= HOUR);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing::subscriber::DefaultGuard;

    /// What is logged on this thread, as text.
    pub(crate) struct Log {
        lines: Lines,
        _logging: DefaultGuard,
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        /// At the level that an agent has if nobody asks for another.
        pub(crate) fn begin() -> Self {
            let lines = Lines::default();
            let writer = lines.clone();
            let subscriber =
                tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
            Log { lines, _logging: tracing::subscriber::set_default(subscriber) }
        }

        /// The lines since the last time.
        pub(crate) fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.lines.0.lock().unwrap())).unwrap()
        }
    }
}
