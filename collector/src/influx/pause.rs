//! How long to wait before something is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The first wait; it doubles up to [`LONGEST`], with jitter on top.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The waits of one trouble.
#[derive(Debug)]
pub(super) struct Pause(ExponentialBackoff);

impl Default for Pause {
    fn default() -> Self {
        let growing = ExponentialBuilder::default().with_min_delay(SHORTEST).with_max_delay(LONGEST);
        Pause(growing.with_jitter().without_max_times().build())
    }
}

impl Pause {
    /// Waits as long as the server asks for (but for the shortest time at least), or else longer each time.
    pub(super) async fn wait(&mut self, asked: Option<Duration>) {
        let length = match asked {
            Some(asked) => asked.max(SHORTEST),
            None => self.0.next().unwrap_or(LONGEST),
        };
        tokio::time::sleep(length).await;
    }
}
