//! Outages: episodes of down or unreachable, joined where they touch, taken apart into stretches of one state and one
//! fault, because a cause and a contract look at each of them.
//!
//! The rule guarded here: an episode is what the village lived through from beginning to end, also over the edges of a
//! month; what counts is what lies within the month, in service hours and outside maintenance.

use kentongan_model::{
    id::SiteId,
    state::{Cause, State},
};
use kentongan_timeline::{Interval, Span, covered};

use crate::{
    causes::{Causes, common},
    report::{CauseSplit, Outage},
};

/// What of a site's month counts.
#[derive(Debug)]
pub(crate) struct Counting {
    /// The month, cut to the site's `since` and to `as_of`.
    pub(crate) period: Span,
    /// The service hours in it; all of it without any.
    pub(crate) service: Vec<Span>,
    /// What of those lies outside maintenance.
    pub(crate) open: Vec<Span>,
}

/// A stretch of an episode within the period.
#[derive(Debug)]
pub(crate) struct Stretch<'a> {
    /// As it is stored, also beyond the period.
    pub(crate) interval: &'a Interval,
    /// What of it counts, in milliseconds.
    pub(crate) counted_ms: i64,
    /// Why.
    pub(crate) cause: Cause,
}

/// An episode that has something in the period.
#[derive(Debug)]
pub(crate) struct Episode<'a> {
    /// All of it.
    pub(crate) whole: Span,
    /// What of it lies in the period.
    pub(crate) span: Span,
    /// What it is made of in the period.
    pub(crate) stretches: Vec<Stretch<'a>>,
}

impl Episode<'_> {
    /// What of it counts, in milliseconds.
    pub(crate) fn counted_ms(&self) -> i64 {
        self.stretches.iter().map(|stretch| stretch.counted_ms).sum()
    }

    /// As the report shows it.
    pub(crate) fn shown(&self, site: &SiteId) -> Outage {
        let mut roots: Vec<SiteId> = Vec::new();
        for stretch in &self.stretches {
            match stretch.interval.state {
                State::Unreachable => roots.extend(stretch.interval.roots.iter().cloned()),
                _ => roots.push(site.clone()),
            }
        }
        roots.sort_unstable();
        roots.dedup();
        // What does not count has no say, unless nothing counts.
        let nothing = self.counted_ms() == 0;
        let telling = self.stretches.iter().filter(|stretch| nothing || stretch.counted_ms > 0);
        Outage {
            span: self.span,
            whole: self.whole,
            counted_s: seconds(self.counted_ms()),
            roots,
            cause: common(telling.map(|stretch| stretch.cause)),
        }
    }
}

/// The episodes of a timeline that have something in the period.
pub(crate) fn episodes<'a>(
    site: &SiteId,
    timeline: &'a [Interval],
    counting: &Counting,
    causes: &Causes<'_>,
) -> Vec<Episode<'a>> {
    let mut found: Vec<Episode<'a>> = Vec::new();
    let period = counting.period;
    let mut whole: Option<Span> = None;
    let mut in_period = false;
    for interval in timeline {
        if !matches!(interval.state, State::Down | State::Unreachable) {
            if interval.from >= period.to {
                break;
            }
            continue;
        }
        let before = whole.filter(|whole| whole.to == interval.from);
        let so_far = Span::new(before.map_or(interval.from, |before| before.from), interval.to);
        in_period &= before.is_some();
        whole = Some(so_far);
        let part = interval.span().overlap(period);
        if let Some(part) = part {
            if !in_period {
                in_period = true;
                found.push(Episode { whole: so_far, span: part, stretches: Vec::new() });
            }
            if let Some(episode) = found.last_mut() {
                let counted_ms = covered(&counting.open, part);
                episode.span.to = part.to;
                episode.stretches.push(Stretch { interval, counted_ms, cause: causes.cause(site, interval) });
            }
        }
        if in_period && let Some(episode) = found.last_mut() {
            episode.whole = so_far;
        }
    }
    found
}

/// Their counted time by cause.
pub(crate) fn split(episodes: &[Episode<'_>]) -> Split {
    let mut split = Split::default();
    for stretch in episodes.iter().flat_map(|episode| &episode.stretches) {
        *match stretch.cause {
            Cause::Power => &mut split.power_ms,
            Cause::Link => &mut split.link_ms,
            Cause::Undetermined => &mut split.undetermined_ms,
        } += stretch.counted_ms;
    }
    split
}

/// Milliseconds of outage by cause.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Split {
    power_ms: i64,
    link_ms: i64,
    undetermined_ms: i64,
}

impl std::ops::AddAssign for Split {
    fn add_assign(&mut self, other: Split) {
        self.power_ms += other.power_ms;
        self.link_ms += other.link_ms;
        self.undetermined_ms += other.undetermined_ms;
    }
}

impl From<Split> for CauseSplit {
    fn from(split: Split) -> Self {
        CauseSplit {
            power_s: seconds(split.power_ms),
            link_s: seconds(split.link_ms),
            undetermined_s: seconds(split.undetermined_ms),
        }
    }
}

/// Seconds, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of thousands of years fit")]
pub(crate) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
