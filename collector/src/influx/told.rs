//! What the sink has said in the log: each kind of refusal once, each trouble when it begins and when it is over.
//!
//! The limit: `MAX_KINDS` kinds of refusal; what follows is only counted.

use std::collections::BTreeSet;

use super::outcome::Trouble;

/// How many kinds of refusal are told.
const MAX_KINDS: usize = 32;

/// A refusal's words without what differs from line to line.
type KindOfRefusal = String;

/// The log's memory.
#[derive(Debug, Default)]
pub(super) struct Told {
    kinds: BTreeSet<KindOfRefusal>,
    trouble: Option<std::mem::Discriminant<Trouble>>,
}

impl Told {
    /// Whether a refusal of that kind has been told, or will never be because there are too many kinds.
    pub(super) fn knows(&self, reason: &str) -> bool {
        self.kinds.len() > MAX_KINDS || self.kinds.contains(&kind(reason))
    }

    /// Tells of a refused line, if its kind is new.
    pub(super) fn refusal(&mut self, reason: &str, line: &str) {
        if self.knows(reason) {
            return;
        }
        self.kinds.insert(kind(reason));
        if self.kinds.len() > MAX_KINDS {
            tracing::warn!("influxdb refuses points for many reasons; further kinds are only counted");
        } else {
            tracing::warn!(reason, line, "influxdb refuses a point; others of its kind are only counted");
        }
    }

    /// Tells of a trouble, if it is of another kind than the last one.
    pub(super) fn trouble(&mut self, trouble: &Trouble, waiting: u64) {
        let kind = std::mem::discriminant(trouble);
        if self.trouble.replace(kind) != Some(kind) {
            tracing::warn!(waiting_points = waiting, "cannot write to influxdb, points are kept: {trouble}");
        }
    }

    /// Tells that the database takes points again, if it did not.
    pub(super) fn recovered(&mut self, waiting: u64) {
        if self.trouble.take().is_some() {
            tracing::info!(waiting_points = waiting, "influxdb takes points again");
        }
    }
}

/// The reason up to what quotes a line; digits do not count.
fn kind(reason: &str) -> KindOfRefusal {
    let mut kind = String::new();
    let mut quoted = None;
    for c in reason.chars() {
        match (quoted, c) {
            (None, '\'' | '"') => quoted = Some(c),
            (Some(open), _) if c == open => quoted = None,
            (None, _) if !c.is_ascii_digit() => kind.push(c),
            _ => {}
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_refusal_is_told_once_whatever_line_it_quotes() {
        let mut told = Told::default();
        told.refusal("unable to parse 'ping,site=a x 1': missing fields dropped=1", "ping,site=a x 1");
        assert!(told.knows("unable to parse 'ping,site=b y 2': missing fields dropped=20"));
        assert!(!told.knows("unable to parse 'ping,site=b y 2': bad timestamp"));
    }

    #[test]
    fn no_more_than_a_bounded_number_of_kinds_is_remembered() {
        let mut told = Told::default();
        for n in 0..1000u32 {
            told.refusal(&"x".repeat(n as usize + 1), "line");
        }
        assert_eq!(told.kinds.len(), MAX_KINDS + 1);
        assert!(told.knows("something new"));
    }
}
