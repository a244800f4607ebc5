//! What is kept apart because it goes at another time: usual rounds when a spool is full, changes of state last.

/// Two chains run through the spool, of logs as of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chain {
    /// Rounds that confirm what stands, readings and gauges.
    Rounds,
    /// Rounds that tell of a change of state, and traces.
    Changes,
}

impl Chain {
    pub(super) const BOTH: [Chain; 2] = [Chain::Rounds, Chain::Changes];

    /// How the names of its segments end.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Chain::Rounds => "rounds",
            Chain::Changes => "changes",
        }
    }

    /// Its chain, and what stands before the ending in a segment's name.
    pub(super) fn of_name(name: &str) -> Option<(Chain, &str)> {
        let (stem, ending) = name.rsplit_once('.')?;
        Chain::BOTH.into_iter().find(|chain| chain.ending() == ending).map(|chain| (chain, stem))
    }
}
