//! What SNMP answers told of one link, live.
//!
//! The last [`KEPT_ANSWERS`] are kept as they were told, so that a late one finds its place; of older ones the dark
//! spans stay. Rule guarded here: the same as in `links`, in any order of arrival.

use std::collections::BTreeMap;

use kentongan_model::{observation::Oper, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    links::{DARK_FOR_MS, dark, darker},
    live::series::Arrival,
    span::{Span, joined},
};

/// How many answers about one link are kept as they were told: 17 hours at one every 30 s.
const KEPT_ANSWERS: usize = 2048;

/// What was told of one link: moments with true for up, and the dark spans of what is no longer kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkMemory {
    told: BTreeMap<i64, bool>,
    settled: Vec<Span>,
    settled_until: Option<Timestamp>,
}

impl LinkMemory {
    pub(crate) fn take(&mut self, at: Timestamp, oper: Oper) -> Arrival {
        if self.settled_until.is_some_and(|until| at <= until) {
            return Arrival::Late;
        }
        let up = oper == Oper::Up;
        if let Some(known) = self.told.get_mut(&at.as_millis()) {
            let darkens = *known && !up;
            *known = darker(word(*known), oper) == Oper::Up;
            return if darkens { Arrival::Changed } else { Arrival::Quiet };
        }
        let last = self.told.last_key_value().map(|(moment, up)| (*moment, *up));
        let quiet = match last {
            None => up,
            Some((moment, was)) => {
                moment < at.as_millis() && was == up && (up || at.as_millis() - moment <= DARK_FOR_MS)
            }
        };
        self.told.insert(at.as_millis(), up);
        while self.told.len() > KEPT_ANSWERS {
            self.settle();
        }
        if quiet { Arrival::Quiet } else { Arrival::Changed }
    }

    /// When it was dark.
    pub(crate) fn dark(&self) -> Vec<Span> {
        let told = self.told.iter().map(|(at, up)| (Timestamp::from_millis(*at), word(*up))).collect();
        joined(self.settled.iter().copied().chain(dark(&told)).collect())
    }

    pub(crate) fn forget(&mut self, cut: Timestamp) {
        self.settled.retain(|span| span.to > cut);
    }

    /// Gives up the oldest answer; the span that it made dark stays.
    fn settle(&mut self) {
        let oldest: BTreeMap<Timestamp, Oper> =
            self.told.iter().take(2).map(|(at, up)| (Timestamp::from_millis(*at), word(*up))).collect();
        let Some(first) = oldest.keys().next().copied() else { return };
        let end = oldest.keys().nth(1).copied().unwrap_or(Timestamp::MAX);
        self.settled.extend(dark(&oldest).into_iter().filter_map(|span| span.overlap(Span::new(first, end))));
        self.settled = joined(std::mem::take(&mut self.settled));
        self.settled_until = Some(first);
        self.told.remove(&first.as_millis());
    }
}

fn word(up: bool) -> Oper {
    if up { Oper::Up } else { Oper::Down }
}
