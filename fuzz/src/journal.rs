//! A row of the journal, as a disk gives it back: a plan, and a delivery that was measured by it.
//!
//! The input is the plan as JSON, a line feed, and the delivery.

use kentongan_collector::read_entry;
use kentongan_model::time::Timestamp;

use crate::wire::mended;

/// When the row says that it came: once as it should be, and at both ends of time.
const RECEIVED: [Timestamp; 3] = [Timestamp::from_millis(1_800_000_000_000), Timestamp::MIN, Timestamp::MAX];

/// Reads `bytes` as what a row of the journal holds.
///
/// # Panics
/// When the same row holds more one time than another, or a refusal does not say why.
pub fn journal(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return };
    let Ok(plan) = std::str::from_utf8(&bytes[..end]) else { return };
    let delivery = &bytes[end + 1..];
    for delivery in [delivery, &mended(delivery)] {
        let read = RECEIVED.map(|received_at| read_entry(delivery, plan, received_at));
        assert!(read.iter().all(|one| one == &read[0]), "it depends on when it came: {read:?}");
        assert!(read[0].as_ref().err().is_none_or(|reason| !reason.is_empty()), "refused without a reason");
    }
}
