//! The board: what was judged last, in the form in which the API shows it. Made by the judge, never changed, shared.

use std::{collections::BTreeMap, sync::Arc};

use kentongan_model::{id::SiteId, state::State, time::Timestamp};
use kentongan_timeline::{Against, Interval, Judgement, SiteJudgement, Unproven};

use crate::{inventory::Inventory, store::journal::Position};

/// How much of each timeline is at hand.
pub(crate) const TAIL_MS: i64 = 86_400_000;

/// What was judged last.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    /// When.
    pub(crate) as_of: Timestamp,
    /// How much of the journal is in it.
    pub(crate) position: Position,
    /// The earliest observation.
    pub(crate) from: Timestamp,
    /// The inventory that it was judged by.
    pub(crate) inventory: Arc<Inventory>,
    /// The sites, by id.
    pub(crate) sites: Arc<BTreeMap<SiteId, SiteNow>>,
}

/// A site as it was judged.
#[derive(Debug, Clone)]
pub(crate) struct SiteNow {
    /// The end of its timeline, [`TAIL_MS`] long when there is so much; the `to` of the last interval is the board's.
    pub(crate) tail: Vec<Interval>,
    /// Whether it is probed and has never answered.
    pub(crate) never_answered: bool,
    /// Evidence of it that counts for nothing yet.
    pub(crate) unproven: Vec<Unproven>,
    /// Evidence of it that is down.
    pub(crate) against: Vec<Against>,
}

impl SiteNow {
    fn of(judged: &SiteJudgement, until: Timestamp) -> Self {
        let first = judged.timeline.partition_point(|interval| until.millis_since(interval.to) >= TAIL_MS);
        SiteNow {
            tail: judged.timeline[first..].to_vec(),
            never_answered: judged.never_answered,
            unproven: judged.unproven.clone(),
            against: judged.against.clone(),
        }
    }

    /// Its state.
    pub(crate) fn state(&self) -> State {
        self.tail.last().map_or(State::Unknown, |interval| interval.state)
    }

    /// The interval that goes on; none when it was never judged.
    pub(crate) fn current(&self) -> Option<&Interval> {
        self.tail.last()
    }

    /// Its timeline of the last day, up to `now`.
    pub(crate) fn last_day(&self, now: Timestamp) -> Vec<Interval> {
        let mut tail = self.tail.clone();
        if let Some(last) = tail.last_mut() {
            last.to = now.max(last.from);
        }
        tail
    }
}

impl Board {
    /// The board of a judgement.
    pub(crate) fn of(judgement: &Judgement, position: Position, inventory: Arc<Inventory>) -> Self {
        let sites = judgement.sites.iter().map(|site| (site.id.clone(), SiteNow::of(site, judgement.until)));
        Board {
            as_of: judgement.until,
            position,
            from: judgement.from,
            inventory,
            sites: Arc::new(sites.collect()),
        }
    }

    /// The same, later: nothing has changed but that time has passed.
    pub(crate) fn later(&self, now: Timestamp, position: Position) -> Self {
        Board { as_of: now, position, ..self.clone() }
    }
}
