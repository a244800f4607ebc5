//! What names a batch.

/// What names a batch: its place in the order of all batches, and what the collector knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchName {
    /// Grows from batch to batch, across series. Logs have their place in the same order.
    pub order: u64,
    /// The series.
    pub series: u32,
    /// The number in the series.
    pub sequence: u64,
}

impl BatchName {
    /// The name after this one.
    pub(super) fn following(self) -> BatchName {
        BatchName { order: self.order + 1, sequence: self.sequence + 1, ..self }
    }
}
