//! Whose fault an outage was and why: incidents, looked up for a stretch of a timeline.
//!
//! The rule guarded here: an unreachable stretch has the cause of its root's incident, and where several roots have
//! different causes none is proved.

use std::collections::HashMap;

use kentongan_model::{
    id::SiteId,
    state::{Cause, State},
};
use kentongan_timeline::{Interval, Span};

/// An incident, as far as a report needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The site whose fault it is.
    pub root: SiteId,
    /// From when to when; to the moment of asking while it lasts.
    pub span: Span,
    /// Why, as far as evidence tells.
    pub cause: Cause,
}

/// Incidents by their roots.
#[derive(Debug)]
pub(crate) struct Causes<'a>(HashMap<&'a SiteId, Vec<&'a Fault>>);

impl<'a> Causes<'a> {
    pub(crate) fn of(faults: &'a [Fault]) -> Self {
        let mut by_root: HashMap<&SiteId, Vec<&Fault>> = HashMap::new();
        for fault in faults {
            by_root.entry(&fault.root).or_default().push(fault);
        }
        by_root.values_mut().for_each(|faults| faults.sort_by_key(|fault| fault.span));
        Causes(by_root)
    }

    /// The cause of a stretch of `site` that is down or unreachable.
    pub(crate) fn cause(&self, site: &SiteId, interval: &Interval) -> Cause {
        if interval.state == State::Down {
            return self.at(site, interval.span());
        }
        common(interval.roots.iter().map(|root| self.at(root, interval.span())))
    }

    /// The cause of the root's incident that has most of `span`, the earliest of those that have as much.
    fn at(&self, root: &SiteId, span: Span) -> Cause {
        let mut found = (0, Cause::Undetermined);
        let faults = self.0.get(root).map_or(&[][..], Vec::as_slice);
        for fault in faults.iter().take_while(|fault| fault.span.from < span.to) {
            let shared = fault.span.overlap(span).map_or(0, Span::millis);
            if shared > found.0 {
                found = (shared, fault.cause);
            }
        }
        found.1
    }
}

/// The cause that all have; undetermined when they differ, and when there is none.
pub(crate) fn common(mut causes: impl Iterator<Item = Cause>) -> Cause {
    let first = causes.next().unwrap_or(Cause::Undetermined);
    if causes.all(|cause| cause == first) { first } else { Cause::Undetermined }
}
