//! The uplink: seals reports, delivers them, and fetches the plan. The last step of a measurement at the agent.
//!
//! Nothing leaves the spool before the collector has acknowledged it, or has said that it will never take it. What is
//! to be done next says `agenda`; how long to wait after a failure, `patience`; what an answer means, `answer`.

mod agenda;
mod answer;
mod collector;
mod connection;
mod frame;
mod greeting;
mod leaning;
mod line;
mod obeying;
mod patience;
mod planning;
mod question;
mod stream;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use kentongan_model::{
    id::Vantage,
    plan::{DEFAULT_BACKLOG, PlanRevision, Precision},
    time::Clock,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use agenda::{Agenda, Budget, Situation, Step};
pub use answer::Disposition;
pub use collector::{Collector, Parcel, PlanReply, Replies, Reply};
pub use connection::{AddressError, CallError};
pub use frame::FrameError;
pub(crate) use question::{Obstacle, Said, get, host, post};
pub use stream::StreamError;

use crate::{
    Config, chance,
    keeping::Keeping,
    plan_cache::{LoadedPlan, PlanCache},
    spool::BatchName,
    traffic::Traffic,
};

/// How long a stop may take to deliver what there is.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How often the bytes that were sent and received are told.
const TRAFFIC_INTERVAL: Duration = Duration::from_secs(600);
/// The task that delivers.
pub(crate) struct Uplink {
    own: Vantage,
    collector: Collector,
    clock: Arc<dyn Clock>,
    keeping: Keeping,
    cache: PlanCache,
    plans: watch::Sender<Option<Arc<LoadedPlan>>>,
    agenda: Agenda,
    /// The plan that the collector has and that cannot be followed.
    unfollowed: Option<PlanRevision>,
    traffic: Traffic,
    /// When that was last told: at first with the first report, while the count is small, so that the collector sees that it
    /// began anew.
    traffic_told: Option<Duration>,
    /// Whether a state has changed since the last report.
    has_changed: bool,
    /// Whether nothing but its time asked for the last report: then its answer may wait.
    is_routine: bool,
    /// Until when what a broken stream left unanswered is left alone, unless something has changed.
    left_alone_until: Duration,
}

impl Uplink {
    pub(crate) fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        keeping: Keeping,
        cache: PlanCache,
        plans: watch::Sender<Option<Arc<LoadedPlan>>>,
        traffic: &Traffic,
    ) -> Result<Self, AddressError> {
        let own = config.agent.clone();
        let collector = Collector::new(config, traffic.clone())?;
        let agenda = Agenda::new(clock.since_boot());
        Ok(Uplink {
            own,
            collector,
            clock,
            keeping,
            cache,
            plans,
            agenda,
            unfollowed: None,
            traffic: traffic.clone(),
            traffic_told: None,
            has_changed: false,
            is_routine: false,
            left_alone_until: Duration::ZERO,
        })
    }

    /// Delivers until told to stop; then seals what there is, delivers what can be delivered quickly, and puts the rest on
    /// disk. Whoever measures has to have ended before `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let keeping = self.keeping.clone();
        loop {
            if keeping.changed().now_or_never().is_some() {
                self.state_changed();
            }
            let now = self.clock.since_boot();
            let step = match self.agenda.next(now, self.situation(now)) {
                Step::Wait(wait) => Step::Wait(self.at_most(wait, now)),
                step => step,
            };
            match step {
                Step::Wait(wait) => tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = keeping.changed() => self.state_changed(),
                    heard = self.collector.listen() => self.hear(heard),
                    () = tokio::time::sleep(wait) => {}
                },
                step => tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = self.take(step) => {}
                },
            }
        }
        self.end().await;
    }

    fn state_changed(&mut self) {
        self.has_changed = true;
        self.agenda.state_changed(self.clock.since_boot());
    }

    fn situation(&self, now: Duration) -> Situation {
        let spool = self.keeping.spool();
        let is_due = |batch: &BatchName| {
            let is_left_alone = self.is_routine && now < self.left_alone_until;
            !is_left_alone && !self.collector.owes_answer(*batch)
        };
        Situation {
            plan: self.revision(),
            waiting: spool.next().filter(is_due).map(|batch| (batch, spool.is_newest(batch))),
            has_open_records: spool.has_open_records(),
        }
    }

    /// A wait that ends when what was left alone is due.
    fn at_most(&self, wait: Duration, now: Duration) -> Duration {
        let left_alone = self.left_alone_until.checked_sub(now).filter(|left| !left.is_zero());
        left_alone.map_or(wait, |left| left.min(wait))
    }

    fn revision(&self) -> Option<PlanRevision> {
        self.plans.borrow().as_ref().map(|plan| plan.revision)
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::FetchPlan => self.fetch_plan().await,
            Step::Report(plan) => self.report(plan),
            Step::Deliver(batch) => self.deliver(batch).await,
            Step::Wait(_) => {}
        }
    }

    fn report(&mut self, plan: PlanRevision) {
        let now = self.clock.since_boot();
        if self.traffic_told.is_none_or(|told| now.saturating_sub(told) >= TRAFFIC_INTERVAL) {
            self.tell_traffic(plan);
        }
        let now = self.clock.stamp();
        let precision = self.plans.borrow().as_ref().map_or(Precision::Full, |plan| plan.plan.precision);
        self.keeping.spool().keep_to(precision);
        if let Err(error) = self.keeping.spool().seal(plan, &now) {
            tracing::error!("cannot seal a report: {}", crate::told(&error));
        }
        if self.agenda.patience.is_tried() {
            self.retreat();
        }
        let interval =
            self.plans.borrow().as_ref().map_or(Duration::from_secs(1), |plan| plan.report_interval());
        self.is_routine = !std::mem::take(&mut self.has_changed);
        self.agenda.reported(Duration::from_millis(now.mono_ms), interval);
    }

    fn tell_traffic(&mut self, plan: PlanRevision) {
        self.traffic_told = Some(self.clock.since_boot());
        self.keeping.keep_gauges(plan, self.traffic.reading(self.clock.stamp().mono_ms));
    }

    async fn deliver(&mut self, batch: BatchName) {
        let read = self.keeping.spool().read(batch);
        let sealed = match read {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return,
            Err(error) => {
                tracing::error!("{}", crate::told(&error));
                return self.failed();
            }
        };
        if !self.keeping.spool().is_newest(batch) {
            let (now, length) = (self.clock.since_boot(), sealed.len() as u64);
            self.agenda.sends_backlog(now, length, self.budget(), chance::jitter);
        }
        let may_wait = self.is_routine && !self.agenda.patience.is_tried() && {
            let spool = self.keeping.spool();
            // While anything else waits, the next step depends on the answer.
            spool.is_newest(batch) && spool.waiting() <= self.collector.unanswered() + 1
        };
        let parcel = Parcel { name: batch, sealed: &sealed, may_wait };
        match self.collector.deliver(&parcel, self.clock.as_ref()).await {
            Ok(replies) => self.obey_all(&replies),
            Err(error) => {
                self.say_failure(&format!("delivery failed: {}", crate::told(&error)));
                self.failed();
            }
        }
    }

    fn delivered(&mut self, now: Duration) {
        let waiting = self.keeping.spool().waiting_bytes();
        self.agenda.delivered(now, waiting, self.budget(), chance::jitter);
    }

    fn budget(&self) -> Budget {
        let plan = self.plans.borrow();
        let told = plan.as_ref().map(|plan| plan.plan.backlog_bytes_per_minute);
        Budget { bytes_per_minute: told.unwrap_or(DEFAULT_BACKLOG) }
    }

    fn failed(&mut self) {
        self.agenda.patience.failed(self.clock.since_boot(), chance::jitter);
        self.retreat();
    }

    fn retreat(&self) {
        if let Err(error) = self.keeping.spool().retreat(&self.clock.stamp()) {
            tracing::error!("undelivered batches stay in memory: {}", crate::told(&error));
        }
    }

    /// Says why deliveries fail, loudly when they begin to.
    fn say_failure(&self, what: &str) {
        if self.agenda.patience.is_tried() {
            tracing::debug!("{what}");
        } else {
            tracing::warn!("{what}; what is measured is kept and delivered later");
        }
    }

    async fn end(&mut self) {
        if let Some(plan) = self.revision().filter(|_| self.keeping.spool().has_open_records()) {
            // The count ends with the program, and no later answer acknowledges this.
            self.tell_traffic(plan);
            self.has_changed = true;
            self.report(plan);
        }
        let all = async {
            while !self.agenda.patience.is_tried() {
                let next = self.keeping.spool().next();
                let Some(batch) = next else { break };
                self.deliver(batch).await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, all).await;
        if let Err(error) = self.keeping.spool().stow(&self.clock.stamp()) {
            tracing::error!("not all that is undelivered is on disk: {}", crate::told(&error));
        }
        let waiting = self.keeping.spool().waiting();
        let losses = self.keeping.spool().losses();
        tracing::info!(waiting, ?losses, "stopped");
    }
}
