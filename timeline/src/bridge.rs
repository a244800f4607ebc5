//! Whether the collector's downtime explains a silence.
//!
//! Nobody at the core observes while the collector is down. Evidence of the core about its neighbours and references
//! keeps its state through such a silence when the same state is confirmed behind it (see `evidence`); this is the
//! question that comes first. Rule guarded here: at most `stale_after` of the silence lies outside downtimes.

use crate::span::{Span, covered};

/// Whether at most `stale_ms` of `silence`, from the last round to the next one, lies outside `downtimes` (joined).
pub(crate) fn explains(downtimes: &[Span], silence: Span, stale_ms: i64) -> bool {
    silence.millis() - covered(downtimes, silence) <= stale_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::span;

    #[test]
    fn downtimes_explain_a_silence_when_little_of_it_lies_outside_them() {
        let silence = span(100, 200);
        for (downtimes, explained) in [
            (vec![], false),
            (vec![span(110, 180)], true),
            (vec![span(111, 180)], false),
            (vec![span(0, 150), span(160, 180)], true),
            (vec![span(0, 500)], true),
        ] {
            assert_eq!(explains(&downtimes, silence, 30_000), explained, "{downtimes:?}");
        }
    }
}
