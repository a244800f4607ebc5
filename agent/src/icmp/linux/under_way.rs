//! Everything that is under way at once: the groups, their probes by number, the pace they share, and what came that was
//! no answer. Here an arrival becomes an echo, or is counted as what else it is.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use kentongan_model::time::Moment;

use super::{
    echo::Seen,
    flights::{Flights, Known},
    group::Group,
    port::{Arrival, Tray},
    rtt::{Departure, taken},
};
use crate::{
    hourly::Hourly,
    icmp::{Family, Oddities},
    pace::{Pace, Place},
    pinger::{Aim, Echo},
};

/// What is under way.
pub(super) struct UnderWay {
    pub(super) flights: Flights<Seat>,
    pub(super) groups: BTreeMap<u32, Group>,
    next_group: u32,
    pub(super) pace: Pace,
    /// When requests were sent last.
    pub(super) last_sent: Duration,
    pub(super) tray: Tray,
    pub(super) oddities: Oddities,
    told: Oddities,
    overrun: u64,
    hourly: Hourly,
}

/// Which probe a number belongs to, and what has to be known when its reply comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub(super) group: u32,
    pub(super) round: u32,
    pub(super) probe: u16,
    pub(super) place: Place,
    pub(super) departure: Departure,
}

impl UnderWay {
    /// Nothing; numbers begin with `first`.
    pub(super) fn new(first: u32) -> Self {
        UnderWay {
            flights: Flights::new(first),
            groups: BTreeMap::new(),
            next_group: 0,
            pace: Pace::default(),
            last_sent: Duration::ZERO,
            tray: Tray::default(),
            oddities: Oddities::default(),
            told: Oddities::default(),
            overrun: 0,
            hourly: Hourly::default(),
        }
    }

    /// Adds a group that begins at this moment, and tells its name here.
    pub(super) fn add(&mut self, aims: Vec<Aim>, begins: Duration) -> u32 {
        let id = self.next_group;
        self.next_group = id.wrapping_add(1);
        self.groups.insert(id, Group::new(aims, begins));
        id
    }

    /// Removes a group, whether it has come to its end or not, and tells what there is to tell at `now`.
    pub(super) fn remove(&mut self, id: u32, now: Duration) {
        if self.groups.remove(&id).is_some_and(|group| !group.is_over()) {
            self.flights.give_up_where(|seat| seat.group == id);
        }
        let packets = self.oddities.overrun - std::mem::replace(&mut self.overrun, self.oddities.overrun);
        if packets > 0 {
            tracing::warn!(packets, "the receive buffer was full, replies are lost; raise net.core.rmem_max");
        }
        if self.oddities != self.told && self.hourly.is_due(now) {
            self.told = self.oddities;
            tracing::info!(oddities = ?self.oddities, "replies that were no answers, since the start");
        }
    }

    /// Whether any group asks addresses of this family.
    pub(super) fn asks(&self, family: Family) -> bool {
        self.groups.values().any(|group| group.asks(family))
    }

    /// Takes what has arrived and was read at `read`.
    pub(super) fn take(&mut self, arrival: Arrival, read: Moment) {
        match arrival.seen {
            Seen::Reply { number, sent_ns } => self.take_reply(number, sent_ns, arrival, read),
            Seen::Fault { address, sequence, kind, code } => {
                let number = self.flights.with_sequence(sequence);
                let Known::Awaited(seat) = self.flights.known(number) else { return };
                if self.asked(seat) == Some(address) {
                    self.settle(number, seat, Echo::Refused { kind, code });
                }
            }
            Seen::Foreign => self.oddities.foreign += 1,
            Seen::Nothing => {}
        }
    }

    fn take_reply(&mut self, number: u32, sent_ns: i64, arrival: Arrival, read: Moment) {
        let seat = match self.flights.known(number) {
            Known::Awaited(seat) => seat,
            Known::Answered => return self.oddities.double += 1,
            Known::GivenUp => return self.oddities.late += 1,
        };
        let arrived_ns = arrival.at_ns.unwrap_or(read.wall_ns);
        if sent_ns != seat.departure.wall_ns || arrival.from.is_none() || self.asked(seat) != arrival.from {
            self.oddities.foreign += 1;
            return;
        }
        let taken = taken(seat.departure, arrived_ns, read);
        self.oddities.clock_set += u64::from(taken.was_set);
        let timeout = self.groups.get(&seat.group).map(|group| group.aim(seat.round as usize).timeout);
        if timeout.is_some_and(|timeout| taken.rtt > timeout) {
            self.oddities.late += 1;
            return self.settle(number, seat, Echo::Silence);
        }
        let rtt_us = u32::try_from((taken.rtt.as_nanos() + 500) / 1_000).unwrap_or(u32::MAX);
        self.settle(number, seat, Echo::Reply { rtt_us });
    }

    fn asked(&self, seat: Seat) -> Option<IpAddr> {
        self.groups.get(&seat.group).map(|group| group.aim(seat.round as usize).address)
    }

    fn settle(&mut self, number: u32, seat: Seat, echo: Echo) {
        match echo {
            Echo::Silence => self.flights.give_up(number),
            _ => self.flights.answered(number),
        }
        self.pace.give_back(seat.place);
        if let Some(group) = self.groups.get_mut(&seat.group) {
            group.settle(seat.round as usize, seat.probe, echo);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hourly::tests::Log;

    #[test]
    fn replies_that_were_no_answers_are_told_once_an_hour_if_there_were_any() {
        let (mut under_way, log) = (UnderWay::new(0), Log::begin());
        for (minute, late, told) in
            [(0, 0, false), (1, 3, true), (2, 4, false), (60, 4, false), (61, 4, true), (200, 4, false)]
        {
            under_way.oddities.late = late;
            under_way.remove(0, Duration::from_secs(60 * minute));
            assert_eq!(log.take().contains(&format!("late: {late}")), told, "minute {minute}");
        }
        under_way.oddities.overrun = 9;
        under_way.remove(0, Duration::from_secs(60 * 201));
        assert!(log.take().contains("packets=9"), "lost replies are told at once");
    }
}
