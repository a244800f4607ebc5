//! What the uplink does next, and when. Pure: times since boot are arguments.
//!
//! A report is due every report interval, and at once when a state has changed; the present goes before the plan's
//! renewal, and that before the backlog, which has a [`Budget`]. While the collector is away it is not bothered before
//! [`Patience`] permits it; reports are due all the same, since the spool has to know of changes.

use std::time::Duration;

use kentongan_model::plan::PlanRevision;

use super::patience::Patience;
use crate::spool::BatchName;

/// How often the plan is asked for when nothing says that it has changed.
const PLAN_INTERVAL: Duration = Duration::from_secs(300);
/// A plan that was not to be had, or could not be followed, is not asked for again before this.
const PLAN_PAUSE: Duration = Duration::from_secs(60);
/// The first report, if no change is told before.
const FIRST_REPORT: Duration = Duration::from_secs(3);
/// Changes of targets that fail together are told together.
const GATHER: Duration = Duration::from_millis(100);
/// Between two reports that changes ask for.
const CHANGE_PAUSE: Duration = Duration::from_secs(1);
/// Between two deliveries of the backlog, however short: less than the five a second that a collector takes for long.
const BACKLOG_PAUSE: Duration = Duration::from_millis(300);
/// A backlog begins within this time after the present has arrived, by chance: many agents come back at once.
const BACKLOG_SPREAD: Duration = Duration::from_secs(60);

/// How much of a backlog may be sent, so that it chokes neither a thin link nor, with that of all others, the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) bytes_per_minute: u32,
}

impl Budget {
    /// How long so many bytes take.
    fn time_for(self, bytes: u64) -> Duration {
        Duration::from_millis(bytes.saturating_mul(60_000) / u64::from(self.bytes_per_minute.max(1)))
    }
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    FetchPlan,
    Report(PlanRevision),
    Deliver(BatchName),
    Wait(Duration),
}

/// What the spool and the plan are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    pub(super) plan: Option<PlanRevision>,
    /// The batch to send next, and whether it is the newest.
    pub(super) waiting: Option<(BatchName, bool)>,
    /// Whether anything has been measured that is in no batch yet.
    pub(super) has_open_records: bool,
}

/// When what is due.
#[derive(Debug, Clone)]
pub(super) struct Agenda {
    pub(super) patience: Patience,
    report_due: Duration,
    reported: Duration,
    plan_due: Duration,
    /// Whether the plan was not to be had, or could not be followed, when it was last asked for.
    plan_withheld: bool,
    backlog_due: Duration,
    /// Whether anything has been delivered since the agent started.
    has_delivered: bool,
}

impl Agenda {
    pub(super) fn new(now: Duration) -> Self {
        Agenda {
            patience: Patience::default(),
            report_due: now + FIRST_REPORT,
            reported: Duration::ZERO,
            plan_due: now,
            plan_withheld: false,
            backlog_due: now,
            has_delivered: false,
        }
    }

    pub(super) fn next(&self, now: Duration, situation: Situation) -> Step {
        let Situation { plan, waiting, has_open_records } = situation;
        let not_before = self.patience.not_before();
        let Some(plan) = plan else {
            let due = self.plan_due.max(not_before);
            return if now >= due { Step::FetchPlan } else { Step::Wait(due - now) };
        };
        // While the collector is away the backlog says that the agent lives; empty reports would say nothing.
        let is_worth_it = waiting.is_none() || has_open_records;
        if now >= self.report_due && is_worth_it {
            return Step::Report(plan);
        }
        if now < not_before {
            let until = if is_worth_it { not_before.min(self.report_due) } else { not_before };
            return Step::Wait(until - now);
        }
        match waiting {
            Some((newest, true)) => Step::Deliver(newest),
            _ if now >= self.plan_due => Step::FetchPlan,
            Some((batch, false)) if now >= self.backlog_due => Step::Deliver(batch),
            Some(_) if is_worth_it => {
                Step::Wait(self.backlog_due.min(self.plan_due).min(self.report_due) - now)
            }
            Some(_) => Step::Wait(self.backlog_due.min(self.plan_due) - now),
            None => Step::Wait(self.report_due.min(self.plan_due) - now),
        }
    }

    /// A state has changed: the report is due soon, not at its time.
    pub(super) fn state_changed(&mut self, now: Duration) {
        self.report_due = self.report_due.min((now + GATHER).max(self.reported + CHANGE_PAUSE));
        self.patience.hasten(now);
    }

    pub(super) fn reported(&mut self, now: Duration, interval: Duration) {
        (self.reported, self.report_due) = (now, now + interval);
    }

    /// The collector has taken, or refused for good, what it was sent; so many bytes wait still.
    pub(super) fn delivered(
        &mut self,
        now: Duration,
        waiting: u64,
        budget: Budget,
        jitter: impl Fn(Duration) -> Duration,
    ) {
        if self.patience.is_tried() {
            // The present goes before the backlog.
            self.report_due = now;
        }
        if self.patience.is_tried() || !self.has_delivered {
            let spread = BACKLOG_SPREAD.min(budget.time_for(waiting));
            // From anywhere between the half and the whole to anywhere between nothing and the whole.
            self.backlog_due = (now + 2 * jitter(spread)).saturating_sub(spread);
        }
        self.patience.succeeded();
        self.has_delivered = true;
    }

    /// So many bytes of the backlog are being sent, whatever becomes of them: the next wait until the budget has them
    /// again, and up to half as long by chance.
    pub(super) fn sends_backlog(
        &mut self,
        now: Duration,
        bytes: u64,
        budget: Budget,
        jitter: impl Fn(Duration) -> Duration,
    ) {
        let time = budget.time_for(bytes).max(BACKLOG_PAUSE);
        self.backlog_due = now + time / 2 + jitter(time);
    }

    /// The collector says that it has another plan. One that was not to be had is not asked for at once all the same.
    pub(super) fn plan_is_outdated(&mut self, now: Duration) {
        if !self.plan_withheld {
            self.plan_due = self.plan_due.min(now);
        }
    }

    /// The plan is the newest there is. A shorter report interval holds at once.
    pub(super) fn plan_is_known(&mut self, now: Duration, interval: Option<Duration>) {
        (self.plan_due, self.plan_withheld) = (now + PLAN_INTERVAL, false);
        if let Some(interval) = interval {
            self.report_due = self.report_due.min(self.reported.max(now) + interval);
        }
    }

    /// The plan was not to be had, though the collector answers, or could not be followed.
    pub(super) fn plan_is_withheld(&mut self, now: Duration) {
        (self.plan_due, self.plan_withheld) = (now + PLAN_PAUSE, true);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PLAN: PlanRevision = PlanRevision(7);
    const BUDGET: Budget = Budget { bytes_per_minute: 60_000 };

    fn at(ms: u64) -> Duration {
        Duration::from_secs(1_000) + Duration::from_millis(ms)
    }

    fn batch(order: u64) -> BatchName {
        BatchName { order, series: 1, sequence: order }
    }

    fn calm() -> Situation {
        Situation { plan: Some(PLAN), waiting: None, has_open_records: true }
    }

    /// An agenda that has just fetched its plan and reported at 0.
    fn running() -> Agenda {
        let mut agenda = Agenda::new(at(0));
        agenda.plan_is_known(at(0), None);
        agenda.reported(at(0), Duration::from_secs(30));
        agenda
    }

    #[test]
    fn without_a_plan_nothing_but_the_plan_is_asked_for() {
        let mut agenda = Agenda::new(at(0));
        let nothing = Situation { plan: None, waiting: Some((batch(1), true)), has_open_records: true };
        assert_eq!(agenda.next(at(0), nothing), Step::FetchPlan);
        agenda.plan_is_withheld(at(0));
        assert_eq!(agenda.next(at(10_000), nothing), Step::Wait(Duration::from_secs(50)));
    }

    #[test]
    fn a_report_is_due_at_its_interval_and_soon_after_a_change_but_not_more_than_once_a_second() {
        let mut agenda = running();
        assert_eq!(agenda.next(at(10_000), calm()), Step::Wait(Duration::from_secs(20)));
        assert_eq!(agenda.next(at(30_000), calm()), Step::Report(PLAN));
        agenda.state_changed(at(10_000));
        assert_eq!(agenda.next(at(10_000), calm()), Step::Wait(GATHER));
        assert_eq!(agenda.next(at(10_100), calm()), Step::Report(PLAN));
        agenda.reported(at(10_100), Duration::from_secs(30));
        agenda.state_changed(at(10_200));
        assert_eq!(agenda.next(at(10_300), calm()), Step::Wait(Duration::from_millis(800)));
    }

    #[test]
    fn the_present_goes_before_the_plan_and_the_plan_before_the_backlog() {
        let mut agenda = running();
        agenda.plan_is_outdated(at(100));
        let waiting = |waiting| Situation { waiting: Some(waiting), ..calm() };
        assert_eq!(agenda.next(at(100), waiting((batch(9), true))), Step::Deliver(batch(9)));
        assert_eq!(agenda.next(at(100), waiting((batch(1), false))), Step::FetchPlan);
        agenda.plan_is_known(at(100), None);
        agenda.sends_backlog(at(100), 1_000, BUDGET, |time| time);
        assert_eq!(
            agenda.next(at(100), waiting((batch(1), false))),
            Step::Wait(Duration::from_millis(1_500))
        );
        assert_eq!(agenda.next(at(1_600), waiting((batch(1), false))), Step::Deliver(batch(1)));
    }

    #[test]
    fn while_the_collector_is_away_reports_are_sealed_and_when_it_is_back_the_present_goes_first() {
        let mut agenda = running();
        let backlog = Situation { waiting: Some((batch(1), true)), ..calm() };
        agenda.patience.failed(at(29_000), |wait| wait * 4);
        assert_eq!(agenda.next(at(29_500), backlog), Step::Wait(Duration::from_millis(500)));
        assert_eq!(agenda.next(at(31_000), backlog), Step::Report(PLAN));
        agenda.reported(at(31_000), Duration::from_secs(30));
        assert_eq!(agenda.next(at(31_000), backlog), Step::Wait(Duration::from_secs(2)));
        assert_eq!(agenda.next(at(33_000), backlog), Step::Deliver(batch(1)));
        agenda.delivered(at(33_100), 0, BUDGET, |time| time);
        assert_eq!(agenda.next(at(33_100), calm()), Step::Report(PLAN));
        // Nothing measured and something waiting: an empty report would say nothing.
        let nothing_new = Situation { has_open_records: false, ..backlog };
        assert_eq!(agenda.next(at(33_100), nothing_new), Step::Deliver(batch(1)));
    }

    #[test]
    fn a_change_is_sealed_at_once_though_the_collector_asked_to_wait_and_it_is_not_bothered() {
        let mut agenda = running();
        let backlog = Situation { waiting: Some((batch(1), true)), ..calm() };
        agenda.patience.told_to_wait(at(1_000), Duration::from_secs(300), |_| Duration::ZERO);
        agenda.state_changed(at(5_000));
        assert_eq!(agenda.next(at(5_100), backlog), Step::Report(PLAN));
        agenda.reported(at(5_100), Duration::from_secs(30));
        let mut now = at(5_100);
        while let Step::Wait(wait) = agenda.next(now, backlog) {
            now += wait;
            agenda.reported(now, Duration::from_secs(30));
        }
        assert_eq!(now, at(301_000));
    }

    /// What 500 agents send that had no collector for a day and get it back at the same moment: the bytes of each
    /// second. Each has 144 batches of 3 kB.
    fn all_come_back(agents: u64) -> Vec<u64> {
        let mut load = vec![0; 3_600];
        for agent in 0..agents {
            let chance = Cell::new(agent);
            let jitter = |whole: Duration| {
                // A multiplier and a summand of Knuth's (MMIX); the highest bits are the best.
                chance.set(
                    chance
                        .get()
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407),
                );
                whole / 2 + whole / 2 * (chance.get() >> 48) as u32 / 65_536
            };
            let mut agenda = running();
            (0..12).for_each(|_| agenda.patience.failed(at(0), jitter));
            let (mut now, mut waiting) = (agenda.patience.not_before(), 144 * 3_000);
            agenda.delivered(now, waiting, BUDGET, jitter);
            agenda.reported(now, Duration::from_secs(30));
            while waiting > 0 {
                let situation =
                    Situation { waiting: Some((batch(1), false)), has_open_records: false, ..calm() };
                match agenda.next(now, situation) {
                    Step::Wait(wait) => now += wait,
                    Step::FetchPlan => agenda.plan_is_known(now, None),
                    Step::Deliver(_) => {
                        agenda.sends_backlog(now, 3_000, BUDGET, jitter);
                        agenda.delivered(now, waiting, BUDGET, jitter);
                        load[(now - at(0)).as_secs() as usize] += 3_000;
                        waiting -= 3_000;
                    }
                    Step::Report(_) => unreachable!("nothing has been measured"),
                }
            }
        }
        load
    }
    #[test]
    fn five_hundred_agents_that_come_back_at_once_neither_come_at_once_nor_choke_anything() {
        let load = all_come_back(500);
        let (sum, most) = (load.iter().sum::<u64>(), load.iter().max().unwrap());
        assert_eq!(sum, 500 * 144 * 3_000);
        let first = load.iter().position(|bytes| *bytes > 0).unwrap();
        // Together they may send 500 kB a second; a bare second is half of that off by chance at most.
        let budget = 500 * u64::from(BUDGET.bytes_per_minute) / 60;
        assert!(*most < budget * 5 / 4, "{most} bytes in a second, {budget} are to be had");
        assert!(load[first..first + 5].iter().sum::<u64>() < budget, "they all come at once");
        // No agent sends more than its budget in any minute, but for the batch that it has begun with.
        for of_one in all_come_back(1).windows(60) {
            assert!(of_one.iter().sum::<u64>() <= 60_000 + 3_000);
        }
    }

    #[test]
    fn a_plan_that_is_outdated_is_asked_for_at_once_even_when_it_would_be_soon_anyway() {
        let mut agenda = running();
        agenda.reported(at(250_000), Duration::from_secs(30));
        agenda.plan_is_outdated(at(250_000));
        assert_eq!(agenda.next(at(250_000), calm()), Step::FetchPlan);
    }

    #[test]
    fn a_plan_that_cannot_be_followed_is_not_asked_for_at_every_delivery() {
        let mut agenda = running();
        agenda.plan_is_withheld(at(0));
        agenda.plan_is_outdated(at(1_000));
        assert_eq!(agenda.next(at(1_000), calm()), Step::Wait(Duration::from_secs(29)));
        agenda.plan_is_known(at(1_000), Some(Duration::from_secs(5)));
        assert_eq!(agenda.next(at(1_000), calm()), Step::Wait(Duration::from_secs(5)));
        agenda.plan_is_outdated(at(2_000));
        assert_eq!(agenda.next(at(2_000), calm()), Step::FetchPlan);
    }
}
