//! History: the stored timelines of a period, made whole, for figures and pictures.
//!
//! The rule it guards: a period is cut to the site's `since` and to now, and what nobody observed in it is unknown, so
//! that the seconds always add up to the period, or to what of it is service time.

use std::{collections::HashMap, sync::Arc};

use kentongan_model::{id::SiteId, inventory::Site, state::State};
use kentongan_timeline::{Interval, Span, Uptime, service, uptime_within};
use rusqlite::Connection;

use crate::{
    board::Board,
    inventory::Inventory,
    store::{StoreError, state},
};

/// The timelines of a period.
#[derive(Debug)]
pub(crate) struct History {
    asked: Span,
    timelines: HashMap<SiteId, Vec<Interval>>,
    inventory: Arc<Inventory>,
}

/// One site's part of it.
#[derive(Debug)]
pub(crate) struct Told {
    /// The period, cut.
    pub(crate) period: Span,
    /// Intervals that cover it without a gap; they may reach beyond it.
    pub(crate) intervals: Vec<Interval>,
    /// When it is under maintenance, also beyond the period.
    pub(crate) maintenance: Vec<Span>,
    /// When it is meant to serve, cut to the period.
    pub(crate) service: Vec<Span>,
    sla_pct: f64,
}

impl History {
    /// Reads the period `asked` of one site or of all.
    pub(crate) fn read(
        conn: &Connection,
        board: &Board,
        site: Option<&SiteId>,
        asked: Span,
    ) -> Result<History, StoreError> {
        let now = board.as_of;
        let asked = Span::new(asked.from.min(now), asked.to.min(now));
        let mut timelines: HashMap<SiteId, Vec<Interval>> = HashMap::new();
        for (id, interval) in state::intervals(conn, site, (asked.from, asked.to), now)? {
            timelines.entry(id).or_default().push(interval);
        }
        Ok(History { asked, timelines, inventory: Arc::clone(&board.inventory) })
    }

    /// What it tells of a site.
    pub(crate) fn of(&self, site: &Site) -> Told {
        let from = site.since.map_or(self.asked.from, |since| since.max(self.asked.from));
        let period = Span::new(from.min(self.asked.to), self.asked.to);
        let stored = self.timelines.get(&site.id).map_or(&[][..], Vec::as_slice);
        let maintenance = self.inventory.maintenance(&site.id).to_vec();
        let service = service(site, &self.inventory.network.timezone, period);
        Told { period, intervals: whole(stored, period), maintenance, service, sla_pct: site.settings.sla }
    }
}

impl Told {
    /// The figures of the service time of the period.
    pub(crate) fn uptime(&self) -> Uptime {
        uptime_within(&self.intervals, &self.maintenance, &self.service, self.sla_pct)
    }
}

/// Fills what is missing of the period with unknown.
fn whole(stored: &[Interval], period: Span) -> Vec<Interval> {
    let unknown = |from, to| Interval { state: State::Unknown, from, to, roots: Vec::new() };
    let mut intervals: Vec<Interval> = Vec::with_capacity(stored.len() + 2);
    let mut reached = period.from;
    for interval in stored.iter().filter(|interval| interval.span().overlap(period).is_some()) {
        if reached < interval.from {
            intervals.push(unknown(reached, interval.from));
        }
        reached = interval.to;
        intervals.push(interval.clone());
    }
    if reached < period.to {
        intervals.push(unknown(reached, period.to));
    }
    intervals
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kentongan_model::{inventory::Network, time::Timestamp};

    use super::*;
    use crate::store::{STATE_STEPS, open};

    #[test]
    fn planned_work_counts_as_such_however_long_ago_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("state.db"), STATE_STEPS).unwrap();
        let network = Network::parse(
            "[network]\nname = 'Uji'\n[[site]]\nid = 'noc'\nname = 'NOC'\nkind = 'backbone'\naddress = '10.0.0.1'\n\
             [[maintenance]]\nsite = 'noc'\nfrom = 2026-01-01T01:00:00Z\nto = 2026-01-01T03:00:00Z\n",
        )
        .unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let board = Board {
            as_of: at("2026-11-01T00:00:00Z"),
            position: 0,
            from: at("2026-10-01T00:00:00Z"),
            inventory: Arc::new(Inventory::new(network, "".into(), Arc::default(), BTreeMap::new())),
            sites: Arc::default(),
        };
        let asked = Span::new(at("2026-01-01T02:00:00Z"), at("2026-01-01T04:00:00Z"));
        let history = History::read(&conn, &board, None, asked).unwrap();
        let sums = history.of(&board.inventory.network.sites[0]).uptime().sums;
        assert_eq!((sums.maintenance_ms, sums.unknown_ms), (3_600_000, 3_600_000));
    }

    #[test]
    fn what_nobody_observed_is_unknown_and_the_seconds_add_up() {
        let at = Timestamp::from_millis;
        let interval =
            |from, to| Interval { state: State::Up, from: at(from), to: at(to), roots: Vec::new() };
        for stored in [
            vec![],
            vec![interval(20, 30)],
            vec![interval(-5, 30), interval(40, 400)],
            vec![interval(0, 100)],
        ] {
            let period = Span::new(at(0), at(100));
            let intervals = whole(&stored, period);
            assert!(intervals.windows(2).all(|pair| pair[0].to == pair[1].from), "{intervals:?}");
            assert_eq!(uptime_within(&intervals, &[], &[period], 99.0).sums.period_ms(), 100);
        }
    }
}
