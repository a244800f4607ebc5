//! Service time: the stretches of a period in which a site is meant to serve.
//!
//! Rule guarded here: whoever counts (figures, reports, alerts) asks for the same stretches. Outside them nothing counts,
//! for or against; states and incidents are judged all the same.

use jiff::tz::TimeZone;
use kentongan_model::inventory::Site;

use crate::span::Span;

/// When a site is meant to serve within `period`, in the hours of the network's time zone: all of it without service
/// hours. The stretches are sorted and apart from each other, nothing when the period is empty.
#[must_use]
pub fn service(site: &Site, zone: &TimeZone, period: Span) -> Vec<Span> {
    match &site.service_hours {
        None => Vec::from_iter((!period.is_empty()).then_some(period)),
        Some(hours) => {
            let stretches = hours.within(zone, period.from, period.to);
            stretches.into_iter().map(|(from, to)| Span::new(from, to)).collect()
        }
    }
}
