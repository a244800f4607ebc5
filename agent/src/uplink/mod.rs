//! The uplink: seals reports, delivers them, and fetches the plan. The last step of a measurement at the agent.
//!
//! A report is due every report interval (an empty one is a heartbeat), and at once when a target's state has changed.
//! The present is delivered before the backlog. Nothing leaves the spool before the collector has acknowledged it, or has
//! said that it will never take it; while it cannot be reached, a report is sealed only when it is tried again.

mod answer;
mod collector;
mod connection;
mod patience;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use kentongan_model::{id::Vantage, plan::PlanRevision, time::Clock, wire::Delivery};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use answer::Disposition;
use collector::{Collector, PlanReply, Reply};
pub use connection::{AddressError, CallError};
use patience::Patience;

use crate::{
    Config, chance,
    keeping::Keeping,
    plan_cache::{LoadedPlan, PlanCache},
    spool::BatchName,
};

/// How often the plan is asked for when nothing says that it has changed.
const PLAN_INTERVAL: Duration = Duration::from_secs(300);
/// A plan that could not be followed is not asked for again before this.
const PLAN_REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// The first report, if no change is told before.
const FIRST_REPORT: Duration = Duration::from_secs(3);
/// Changes of targets that fail together are told together.
const GATHER: Duration = Duration::from_millis(100);
/// Between two reports that changes ask for.
const CHANGE_PAUSE: Duration = Duration::from_secs(1);
/// How long a stop may take to deliver what there is.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The task that delivers.
pub(crate) struct Uplink {
    own: Vantage,
    collector: Collector,
    clock: Arc<dyn Clock>,
    keeping: Keeping,
    cache: PlanCache,
    plans: watch::Sender<Option<Arc<LoadedPlan>>>,
    patience: Patience,
    report_due: Duration,
    reported: Duration,
    plan_due: Duration,
    plan_not_before: Duration,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    FetchPlan,
    Report(PlanRevision),
    Deliver(BatchName),
    Wait(Duration),
}

impl Uplink {
    pub(crate) fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        keeping: Keeping,
        cache: PlanCache,
        plans: watch::Sender<Option<Arc<LoadedPlan>>>,
    ) -> Result<Self, AddressError> {
        let now = clock.since_boot();
        let own = config.agent.clone();
        let collector =
            Collector::new(&config.collector, config.ca_file.as_ref(), own.clone(), &config.token)?;
        Ok(Uplink {
            own,
            collector,
            clock,
            keeping,
            cache,
            plans,
            patience: Patience::default(),
            report_due: now + FIRST_REPORT,
            reported: Duration::ZERO,
            plan_due: now,
            plan_not_before: now,
        })
    }

    /// Delivers until told to stop; then seals what there is, delivers what can be delivered quickly, and puts the rest on
    /// disk. Whoever measures has to have ended before `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let keeping = self.keeping.clone();
        loop {
            let now = self.clock.since_boot();
            if keeping.changed().now_or_never().is_some() {
                self.hasten(now);
            }
            match self.next_step(now) {
                Step::Wait(wait) => tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = keeping.changed() => self.hasten(self.clock.since_boot()),
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

    fn next_step(&self, now: Duration) -> Step {
        let plan = self.plans.borrow().as_ref().map(|plan| plan.revision);
        let permitted = self.patience.permits(now);
        let plan_due = self.plan_due.max(self.plan_not_before);
        if permitted && (now >= plan_due || plan.is_none() && now >= self.plan_not_before) {
            return Step::FetchPlan;
        }
        let spool = self.keeping.spool();
        let waiting = spool.next();
        if let Some(plan) = plan.filter(|_| permitted && now >= self.report_due) {
            // While the collector is away the backlog says that the agent lives; empty reports would say nothing.
            if waiting.is_none() || spool.has_open_records() {
                return Step::Report(plan);
            }
        }
        match waiting {
            Some(batch) if permitted => Step::Deliver(batch),
            _ => {
                let next = if plan.is_some() { self.report_due.min(plan_due) } else { plan_due };
                let next = if waiting.is_some() { self.patience.not_before() } else { next };
                let until = next.max(self.patience.not_before());
                Step::Wait(until.saturating_sub(now).max(Duration::from_millis(1)))
            }
        }
    }

    /// A state has changed: the report is due soon, not at its time.
    fn hasten(&mut self, now: Duration) {
        self.report_due = self.report_due.min((now + GATHER).max(self.reported + CHANGE_PAUSE));
        self.patience.hasten(now);
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
        let now = self.clock.stamp();
        if let Err(error) = self.keeping.spool().seal(plan, &now) {
            tracing::error!("cannot seal a report: {}", crate::told(&error));
        }
        let interval =
            self.plans.borrow().as_ref().map_or(1_000, |plan| plan.plan.report_interval_ms.max(1_000));
        self.reported = Duration::from_millis(now.mono_ms);
        self.report_due = self.reported + Duration::from_millis(interval);
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
        let delivery = Delivery::wrap(&self.clock.stamp(), &sealed);
        match self.collector.deliver(delivery).await {
            Ok(reply) => self.obey(batch, &reply),
            Err(error) => {
                self.say_failure(&format!("delivery failed: {}", crate::told(&error)));
                self.failed();
            }
        }
    }

    fn obey(&mut self, batch: BatchName, reply: &Reply) {
        let BatchName { sequence, .. } = batch;
        let Reply { status, said, .. } = reply;
        match reply.disposition {
            Disposition::Delivered => {
                self.keeping.spool().acknowledge(batch);
                if self.patience.is_tried() {
                    tracing::info!(
                        waiting = self.keeping.spool().waiting(),
                        "the collector takes deliveries again"
                    );
                    // The present goes before the backlog.
                    self.report_due = self.clock.since_boot();
                }
                self.patience.succeeded();
            }
            Disposition::Refused => {
                tracing::error!(
                    status,
                    sequence,
                    "the collector refuses a batch for good; it is dropped: {said}"
                );
                self.keeping.spool().refuse(batch);
                self.patience.succeeded();
            }
            Disposition::Clash => {
                tracing::error!(
                    sequence,
                    "the collector has another batch of this name; it goes on under a new series"
                );
                self.rename(batch);
            }
            Disposition::Unwelcome => {
                self.say_failure(&format!(
                    "the collector does not accept the token of agent '{}' (status {status}); \
                     get one with `kentongan agent add {}` and put it into the agent's configuration",
                    self.own, self.own
                ));
                self.failed();
            }
            Disposition::Wait(wait) => {
                self.say_failure(&format!("the collector asks to wait {wait:?} (status {status})"));
                self.patience.told_to_wait(self.clock.since_boot(), wait);
                self.retreat();
            }
            Disposition::Retry => {
                self.say_failure(&format!("the collector answers {status}: {said}"));
                self.failed();
            }
        }
        let known = self.plans.borrow().as_ref().map(|plan| plan.revision);
        if reply.plan.is_some_and(|told| Some(told) != known) {
            self.plan_due = self.clock.since_boot();
        }
    }

    fn rename(&mut self, batch: BatchName) {
        let Some(plan) = self.plans.borrow().as_ref().map(|plan| plan.revision) else { return self.failed() };
        let renamed = self.keeping.spool().rename(batch, plan, &self.clock.stamp());
        if let Err(error) = renamed {
            tracing::error!("cannot rename a batch: {}", crate::told(&error));
            self.failed();
        }
    }

    async fn fetch_plan(&mut self) {
        let known = self.plans.borrow().as_ref().map(|plan| plan.revision);
        let reply = self.collector.plan(known).await;
        let now = self.clock.since_boot();
        match reply {
            Ok(PlanReply::Unchanged) => self.plan_due = now + PLAN_INTERVAL,
            Ok(PlanReply::Plan(json)) => {
                self.plan_due = now + PLAN_INTERVAL;
                self.adopt(&json, now);
            }
            Ok(PlanReply::Failed(reply)) => {
                self.plan_not_before = now + PLAN_REFUSED_PAUSE.min(Duration::from_secs(5));
                match reply.disposition {
                    Disposition::Unwelcome => self.say_failure(&format!(
                        "the collector does not accept the token of agent '{}' (status {}); \
                         get one with `kentongan agent add {}`",
                        self.own, reply.status, self.own
                    )),
                    _ => self.say_failure(&format!(
                        "no plan: the collector answers {}: {}",
                        reply.status, reply.said
                    )),
                }
                match reply.disposition {
                    Disposition::Wait(wait) => self.patience.told_to_wait(now, wait),
                    _ => self.failed(),
                }
            }
            Err(error) => {
                self.say_failure(&format!("no plan: {}", crate::told(&error)));
                self.failed();
            }
        }
    }

    fn adopt(&mut self, json: &str, now: Duration) {
        match LoadedPlan::read(json, &self.own) {
            Ok(plan) => {
                tracing::info!(revision = %plan.revision, targets = plan.plan.targets.len(),
                    devices = plan.plan.devices.len(), "new plan");
                if let Err(error) = self.cache.store(json) {
                    tracing::error!("cannot keep the plan: {error}; a restart will need the collector");
                }
                let interval = Duration::from_millis(plan.plan.report_interval_ms.max(1_000));
                self.report_due = self.report_due.min(self.reported.max(now) + interval);
                self.plans.send_replace(Some(Arc::new(plan)));
            }
            Err(error) => {
                tracing::error!("{}", crate::told(&error));
                self.plan_not_before = now + PLAN_REFUSED_PAUSE;
            }
        }
    }

    fn failed(&mut self) {
        self.patience.failed(self.clock.since_boot(), chance::jitter);
        self.retreat();
    }

    fn retreat(&self) {
        if let Err(error) = self.keeping.spool().retreat() {
            tracing::error!("undelivered batches stay in memory: {}", crate::told(&error));
        }
    }

    /// Says why deliveries fail, loudly when they begin to.
    fn say_failure(&self, what: &str) {
        if self.patience.is_tried() {
            tracing::debug!("{what}");
        } else {
            tracing::warn!("{what}; what is measured is kept and delivered later");
        }
    }

    async fn end(&mut self) {
        let plan = self.plans.borrow().as_ref().map(|plan| plan.revision);
        if let Some(plan) = plan.filter(|_| self.keeping.spool().has_open_records()) {
            self.report(plan);
        }
        if !self.patience.is_tried() {
            let all = async {
                while !self.patience.is_tried() {
                    let next = self.keeping.spool().next();
                    let Some(batch) = next else { break };
                    self.deliver(batch).await;
                }
            };
            let _ = tokio::time::timeout(LAST_WORDS, all).await;
        }
        self.retreat();
        let losses = self.keeping.spool().losses();
        tracing::info!(waiting = self.keeping.spool().waiting(), ?losses, "stopped");
    }
}
