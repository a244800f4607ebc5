//! An inventory, as somebody typed it.

use kentongan_model::inventory::Network;

/// Reads `bytes` as an inventory.
///
/// # Panics
/// When a refusal names no fault, or a place that the file does not have.
pub fn inventory(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines = text.lines().count().max(1);
    if let Err(faults) = Network::parse(text) {
        assert!(!faults.list.is_empty(), "refused without a reason");
        for fault in &faults.list {
            assert!((1..=lines + 1).contains(&fault.line), "{fault:?} lies beyond the last line");
            assert!(text.get(fault.span.clone()).is_some(), "{fault:?} cannot be shown in its place");
        }
    }
}
