//! What names a batch, in the collector's journal and in the names of files.

/// What names a batch: its place in the order of all batches, and what the collector knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchName {
    /// Grows from batch to batch, across series.
    pub order: u64,
    /// The series.
    pub series: u32,
    /// The number in the series.
    pub sequence: u64,
}

impl BatchName {
    /// The beginning of the names of its files; sorts as the order does.
    pub(super) fn stem(&self) -> String {
        format!("{:012}-{:08x}-{:08}", self.order, self.series, self.sequence)
    }

    pub(super) fn parse(stem: &str) -> Option<BatchName> {
        let mut parts = stem.split('-');
        let order = parts.next()?.parse().ok()?;
        let series = u32::from_str_radix(parts.next()?, 16).ok()?;
        let sequence = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(BatchName { order, series, sequence })
    }
}
