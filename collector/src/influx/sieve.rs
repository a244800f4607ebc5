//! Finds the lines that a database refuses among those of one block, by halves, so that the others are written.
//!
//! Pure: it says which lines to send next and is told what became of them. Every write may be repeated, since the same
//! point twice is one point. The limit: after `REFUSALS` answers that refuse, what is refused is no longer split.

use std::ops::Range;

/// How many refusals of one block are followed down; enough for about five bad lines among 2,000.
const REFUSALS: u32 = 64;

/// A block being sifted.
#[derive(Debug)]
pub(super) struct Sieve {
    /// What is still to be sent, the next one last. Never more than one for each halving.
    open: Vec<Range<usize>>,
    refusals: u32,
    written: u64,
    rejected: u64,
}

/// What became of the lines that [`Sieve::next`] named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// All were taken.
    Written,
    /// Some or all were refused. If the database has told how many and has written the rest, and nobody needs to know
    /// which they are, they need not be looked for.
    Refused {
        /// That number.
        counted: Option<u64>,
    },
    /// The request was too large.
    TooLarge,
}

impl Sieve {
    /// A sieve over that many lines.
    pub(super) fn new(lines: usize) -> Self {
        let all = 0..lines;
        Sieve {
            open: (!all.is_empty()).then_some(all).into_iter().collect(),
            refusals: 0,
            written: 0,
            rejected: 0,
        }
    }

    /// The lines to send now; none when all are decided.
    pub(super) fn next(&self) -> Option<Range<usize>> {
        self.open.last().cloned()
    }

    /// Takes what became of them. Returns the index of a line that is found to be refused by itself.
    pub(super) fn tell(&mut self, fate: Fate) -> Option<usize> {
        let range = self.open.pop()?;
        let lines = range.len() as u64;
        match fate {
            Fate::Written => self.written += lines,
            Fate::Refused { counted: Some(refused) } => {
                self.rejected += refused.min(lines);
                self.written += lines - refused.min(lines);
            }
            Fate::Refused { counted: None } | Fate::TooLarge if range.len() == 1 => {
                self.rejected += 1;
                return Some(range.start);
            }
            Fate::Refused { counted: None } => {
                self.refusals += 1;
                if self.refusals > REFUSALS {
                    self.rejected += lines;
                } else {
                    self.halve(range);
                }
            }
            Fate::TooLarge => self.halve(range),
        }
        None
    }

    fn halve(&mut self, range: Range<usize>) {
        let middle = range.start + range.len() / 2;
        self.open.push(middle..range.end);
        self.open.push(range.start..middle);
    }

    /// Points written and points refused so far.
    pub(super) fn tally(&self) -> (u64, u64) {
        (self.written, self.rejected)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Sifts against a database that refuses `bad` and takes at most `most` lines at once.
    fn sift(
        lines: usize,
        bad: &BTreeSet<usize>,
        most: usize,
    ) -> (BTreeSet<usize>, BTreeSet<usize>, Sieve, u32) {
        let (mut written, mut found, mut requests) = (BTreeSet::new(), BTreeSet::new(), 0);
        let mut sieve = Sieve::new(lines);
        while let Some(range) = sieve.next() {
            requests += 1;
            let fate = if range.len() > most {
                Fate::TooLarge
            } else if range.clone().any(|line| bad.contains(&line)) {
                Fate::Refused { counted: None }
            } else {
                written.extend(range);
                Fate::Written
            };
            found.extend(sieve.tell(fate));
        }
        (written, found, sieve, requests)
    }

    proptest! {
        #[test]
        fn a_few_bad_lines_are_found_and_all_others_are_written(
            lines in 1usize..2000,
            bad in proptest::collection::btree_set(0usize..2000, 0..5),
            most in 1usize..3000,
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|&line| line < lines).collect();
            let (written, found, sieve, _) = sift(lines, &bad, most);
            prop_assert_eq!(&found, &bad);
            prop_assert_eq!(written.len() + bad.len(), lines);
            prop_assert_eq!(sieve.tally(), (written.len() as u64, bad.len() as u64));
        }

        #[test]
        fn many_bad_lines_cost_a_bounded_number_of_requests_and_every_line_is_counted(
            lines in 1usize..20_000,
            every in 1usize..50,
        ) {
            let bad: BTreeSet<usize> = (0..lines).step_by(every).collect();
            let (written, _, sieve, requests) = sift(lines, &bad, usize::MAX);
            let (taken, refused) = sieve.tally();
            prop_assert_eq!(taken, written.len() as u64);
            prop_assert_eq!(taken + refused, lines as u64);
            prop_assert!(requests <= 2 * REFUSALS + 1, "{} requests", requests);
        }
    }

    #[test]
    fn what_the_database_has_counted_itself_is_not_looked_for() {
        let mut sieve = Sieve::new(100);
        assert_eq!(sieve.tell(Fate::Refused { counted: Some(30) }), None);
        assert_eq!((sieve.next(), sieve.tally()), (None, (70, 30)));
        assert_eq!(Sieve::new(0).next(), None);
    }
}
