//! What the collector's answer to a delivery means for the batch. Pure.

use std::time::Duration;

/// The longest time that a `Retry-After` is obeyed.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What to do with a batch that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The collector has it: forget it.
    Delivered,
    /// It can never be taken: drop it and count it.
    Refused,
    /// The collector knows other bytes by its name: send it under another one.
    Clash,
    /// The collector does not know this agent or its token: keep it, and say so.
    Unwelcome,
    /// The collector asks to wait so long.
    Wait(Duration),
    /// Anything else: keep it, and try again later.
    Retry,
    /// It is not the collector that answers, but a captive portal, a page of the provider's, or a proxy: the same.
    Foreign,
}

impl Disposition {
    /// Judges by status, the `Retry-After` header, and whether the answer is certainly the collector's: no batch leaves on
    /// the word of anybody else.
    #[must_use]
    pub fn of(status: u16, retry_after: Option<&str>, is_the_collectors: bool) -> Self {
        let wait = || retry_after.and_then(|seconds| seconds.trim().parse().ok());
        match (status, wait()) {
            (429 | 503, Some(seconds)) => Disposition::Wait(Duration::from_secs(seconds).min(LONGEST_WAIT)),
            _ if !is_the_collectors => Disposition::Foreign,
            (204, _) => Disposition::Delivered,
            (400 | 413 | 422, _) => Disposition::Refused,
            (409, _) => Disposition::Clash,
            (401 | 403, _) => Disposition::Unwelcome,
            _ => Disposition::Retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_acknowledged_or_impossible_batch_ever_leaves() {
        for (status, retry_after, meaning) in [
            (200, None, Disposition::Retry),
            (204, None, Disposition::Delivered),
            (400, None, Disposition::Refused),
            (413, None, Disposition::Refused),
            (422, None, Disposition::Refused),
            (409, None, Disposition::Clash),
            (401, Some("5"), Disposition::Unwelcome),
            (403, None, Disposition::Unwelcome),
            (429, Some("7"), Disposition::Wait(Duration::from_secs(7))),
            (503, Some(" 2 "), Disposition::Wait(Duration::from_secs(2))),
            (503, Some("99999999"), LONGEST_WAIT_ASKED),
            (503, Some("Sun, 01 Nov 2026 00:00:00 GMT"), Disposition::Retry),
            (503, None, Disposition::Retry),
            (500, None, Disposition::Retry),
            (302, None, Disposition::Retry),
            (404, None, Disposition::Retry),
        ] {
            assert_eq!(Disposition::of(status, retry_after, true), meaning, "{status} {retry_after:?}");
            let foreign = match meaning {
                Disposition::Wait(_) => meaning,
                _ => Disposition::Foreign,
            };
            assert_eq!(Disposition::of(status, retry_after, false), foreign, "{status} {retry_after:?}");
        }
    }

    const LONGEST_WAIT_ASKED: Disposition = Disposition::Wait(LONGEST_WAIT);
}
