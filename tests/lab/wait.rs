//! Waiting for something to come true, with a bound that only a broken program reaches.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result, bail};
use kentongan_model::time::{Clock, SystemClock};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(50);

/// Asks until there is an answer.
///
/// # Errors
/// When the asking fails for good, or nothing came within the bound.
pub fn until<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let clock = SystemClock::new();
    let start = clock.since_boot();
    loop {
        if let Some(answer) = ask().with_context(|| format!("while waiting for {what}"))? {
            return Ok(answer);
        }
        if clock.since_boot().saturating_sub(start) > within {
            bail!("waited {within:?} for {what}, and it did not come");
        }
        sleep(EVERY);
    }
}

/// Asks until there is an answer; a failure to answer is no answer yet, and the last one is told at the bound.
///
/// # Errors
/// When nothing came within the bound.
pub fn until_ok<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let mut last = None;
    let answer = until(what, within, || match ask() {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            last = Some(error);
            Ok(None)
        }
    });
    match (answer, last) {
        (Err(_), Some(error)) => Err(error.context(format!("waited {within:?} for {what}"))),
        (answer, _) => answer,
    }
}
