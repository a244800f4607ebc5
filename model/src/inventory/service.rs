//! Service hours: when a site is meant to serve, week by week. `service_hours = "Mon-Fri 07:00-17:00"`.
//!
//! Rule guarded here: hours are those of the network's calendar, so a day is as long as its time zone makes it.

use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// When a site is meant to serve, in the hours of the network's time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceHours {
    /// Minutes of the week [from, to), counted from Monday 00:00, sorted, apart from each other.
    pub(super) stretches: Vec<(u16, u16)>,
}

impl ServiceHours {
    /// The stretches [from, to) of service within a period, in order, cut to it.
    #[must_use]
    pub fn within(&self, _zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        // The whole period until weeks are read from the file.
        if self.stretches.is_empty() || from >= to { Vec::new() } else { vec![(from, to)] }
    }
}
