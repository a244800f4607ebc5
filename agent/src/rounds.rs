//! Runs the rounds: takes what is due from the [`schedule`](crate::schedule), has it pinged, writes it into the spool at
//! once and asks [`decision`](crate::decision) whether the next round has to follow soon.
//!
//! A round that was measured is in the spool, with what it means for its target's state, before anything is done about it.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use kentongan_model::{
    id::Subject,
    plan::PlannedTarget,
    probe::Probe,
    time::{Clock, millis},
    wire::MeasuredRound,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    decision::{Class, Decision, Standing, Verdict},
    keeping::Keeping,
    pinger::{Aim, Pinger, Round},
    plan_cache::LoadedPlan,
    probe::Asker,
    schedule::{Rhythm, Schedule},
    spool::Weight,
    trace::Orders,
};

/// The task that measures.
pub(crate) struct Rounds<P> {
    pub(crate) pinger: Arc<P>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) plans: watch::Receiver<Option<Arc<LoadedPlan>>>,
    pub(crate) keeping: Keeping,
    pub(crate) orders: Orders,
}

/// What is being done under one plan.
struct Work {
    plan: Arc<LoadedPlan>,
    schedule: Schedule,
    decisions: Vec<Decision>,
    begun: Vec<Option<Duration>>,
}

/// Rounds of a group that have ended.
struct Measured {
    plan: Arc<LoadedPlan>,
    /// Which targets of the plan the group has.
    targets: Arc<[usize]>,
    rounds: Vec<Round>,
}

/// What a round of a target has brought about.
#[derive(Debug, Clone, Copy)]
struct Judgement<'r> {
    index: usize,
    ended: &'r Round,
    was: Standing,
    now_stands: Standing,
    class: Class,
    verdict: Verdict,
}

impl<P: Pinger> Rounds<P> {
    /// Measures until told to stop. Rounds that run then are given up.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let asker = Asker::default();
        let mut running = SelectAll::new();
        let mut work = None;
        self.adopt(&mut work);
        loop {
            let now = self.clock.since_boot();
            if let Some(work) = &mut work {
                let due = work.schedule.take_due(now);
                let (pinged, asked): (Vec<_>, Vec<_>) =
                    due.into_iter().partition(|&index| work.plan.plan.targets[index].probe.is_icmp());
                if !pinged.is_empty() {
                    running.push(ping(&self.pinger, &work.plan, pinged));
                }
                for index in asked {
                    running.push(ask(asker.clone(), Arc::clone(&self.clock), Arc::clone(&work.plan), index));
                }
            }
            let next_due = work.as_ref().and_then(|work| work.schedule.next_due());
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = self.plans.changed() => match changed {
                    Ok(()) => self.adopt(&mut work),
                    Err(_) => return,
                },
                Some(measured) = running.next() => self.take_all(&mut work, &measured),
                () = crate::sleep_until(next_due, now) => {}
            }
        }
    }

    /// Takes up the newest plan. Targets that are in both plans keep what is decided about them and when they are due.
    fn adopt(&mut self, work: &mut Option<Work>) {
        let Some(plan) = self.plans.borrow_and_update().clone() else { return };
        let now = self.clock.since_boot();
        let mut next = Work::new(Arc::clone(&plan), now);
        if let Some(before) = work.take() {
            next.inherit(&before, now);
        }
        let out_of_reach =
            |target: &PlannedTarget| target.probe.is_icmp() && !self.pinger.reaches(target.address);
        for (index, target) in plan.plan.targets.iter().enumerate().filter(|(_, target)| out_of_reach(target))
        {
            tracing::error!(target = %target.subject, address = %target.address,
                "not probed: this machine has no ICMP socket for the address's family");
            next.schedule.running(index);
        }
        *work = Some(next);
    }

    /// Judges rounds that have ended together, keeps them, and then does what they ask for.
    fn take_all(&self, work: &mut Option<Work>, measured: &Measured) {
        let Some(work) = work else { return };
        let same = Arc::ptr_eq(&work.plan, &measured.plan);
        let mut judged = Vec::with_capacity(measured.rounds.len());
        for round in &measured.rounds {
            let index = measured.targets[round.aim];
            // Under a newer plan the target may have another number, or be gone.
            let index = if same { Some(index) } else { work.position(&measured.plan.plan.targets[index]) };
            judged.extend(index.map(|index| work.judge(index, round)));
        }
        let (kept, judged): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
        self.keeping.keep_rounds(work.plan.revision, kept);
        for judgement in judged {
            self.obey(work, &judgement);
        }
    }

    fn obey(&self, work: &mut Work, judgement: &Judgement<'_>) {
        let Judgement { index, ended, was, now_stands, class, verdict } = *judgement;
        let (target, begun) = (&work.plan.plan.targets[index], ended.begun);
        let stood = matches!(was, Standing::Up | Standing::Degraded);
        if verdict.changed {
            let (why, standing) = (ended.echoes.last(), now_stands);
            tracing::info!(target = %target.subject, address = %target.address, ?was, ?standing, ?why, "decided");
            self.keeping.tell_change();
        }
        let now = self.clock.since_boot();
        if verdict.changed && stood && now_stands == Standing::Down {
            self.orders.trace(&work.plan, index, now);
        }
        let withheld = work.schedule.withheld();
        work.schedule.done(index, begun, now, verdict.undecided);
        if work.schedule.withheld() > withheld {
            let (target, times) = (&target.subject, withheld + 1);
            tracing::debug!(%target, times, "undecided for long: its next round comes at its time");
        }
        if class == Class::Failed && stood && !verdict.changed {
            work.ask_witnesses(index, begun, now);
        }
    }
}

impl Work {
    fn new(plan: Arc<LoadedPlan>, now: Duration) -> Self {
        let targets = &plan.plan.targets;
        let schedule = Schedule::new(now, targets.iter().map(Rhythm::from));
        let (decisions, begun) = (vec![Decision::default(); targets.len()], vec![None; targets.len()]);
        Work { schedule, decisions, begun, plan }
    }

    fn inherit(&mut self, before: &Work, now: Duration) {
        let known: HashMap<Asked<'_>, usize> = before.numbered().collect();
        for (index, target) in self.plan.plan.targets.iter().enumerate() {
            let Some(&old) = known.get(&asked(target)) else { continue };
            self.decisions[index] = before.decisions[old].clone();
            self.begun[index] = before.begun[old];
            self.schedule.keep(index, &before.schedule, old, now);
        }
    }

    /// What a round of a target says and brings about, and the round as it is kept.
    fn judge<'r>(&mut self, index: usize, ended: &'r Round) -> ((MeasuredRound, Weight), Judgement<'r>) {
        let target = &self.plan.plan.targets[index];
        let round = MeasuredRound {
            target: u16::try_from(index).unwrap_or(u16::MAX),
            mono_ms: millis(ended.begun).cast_unsigned(),
            sent: u16::try_from(ended.echoes.len()).unwrap_or(u16::MAX),
            rtts_us: ended.echoes.iter().filter_map(|echo| echo.rtt_us()).collect(),
        };
        let class = Class::of(&round, target);
        let was = self.decisions[index].standing();
        let verdict = self.decisions[index].observe(ended.begun, class, target);
        let now_stands = self.decisions[index].standing();
        self.begun[index] = Some(ended.begun);
        ((round, verdict.weight), Judgement { index, ended, was, now_stands, class, verdict })
    }

    fn numbered(&self) -> impl Iterator<Item = (Asked<'_>, usize)> {
        self.plan.plan.targets.iter().enumerate().map(|(index, target)| (asked(target), index))
    }

    fn position(&self, planned: &PlannedTarget) -> Option<usize> {
        let sought = asked(planned);
        self.numbered().find(|(target, _)| *target == sought).map(|(_, index)| index)
    }

    /// Brings forward the rounds of a target's witnesses that have not been asked since it fell silent at `since`.
    fn ask_witnesses(&mut self, index: usize, since: Duration, now: Duration) {
        for witness in self.plan.plan.targets[index].witnesses.iter().map(|witness| usize::from(*witness)) {
            if self.begun.get(witness).is_some_and(|begun| begun.is_some_and(|begun| begun < since)) {
                self.schedule.hasten(witness, now);
            }
        }
    }
}

/// What makes a target the same under another plan: who it is, where it is, and how it is asked.
type Asked<'p> = (&'p Subject, IpAddr, &'p Probe);

fn asked(target: &PlannedTarget) -> Asked<'_> {
    (&target.subject, target.address, &target.probe)
}

/// Has these targets of a plan pinged, as one group.
fn ping<P: Pinger>(
    pinger: &Arc<P>,
    plan: &Arc<LoadedPlan>,
    targets: Vec<usize>,
) -> BoxStream<'static, Measured> {
    let aim = |&index: &usize| {
        let target = &plan.plan.targets[index];
        let timeout = Duration::from_millis(target.timeout_ms);
        Aim { address: target.address, probes: target.probes, timeout }
    };
    let group = targets.iter().map(aim).collect();
    let (plan, targets) = (Arc::clone(plan), Arc::from(targets));
    let measured = move |rounds| Measured { plan: Arc::clone(&plan), targets: Arc::clone(&targets), rounds };
    Arc::clone(pinger).ping_group(group).map(measured).boxed()
}

/// Asks one target for its service.
fn ask(
    asker: Asker,
    clock: Arc<dyn Clock>,
    plan: Arc<LoadedPlan>,
    index: usize,
) -> BoxStream<'static, Measured> {
    let measured = async move {
        let target = &plan.plan.targets[index];
        let timeout = Duration::from_millis(target.timeout_ms);
        let (begun, echo) = asker.ask(&target.probe, target.address, timeout, &*clock).await;
        let round = Round { aim: 0, begun: Duration::from_millis(begun.mono_ms), echoes: vec![echo] };
        Measured { plan, targets: Arc::new([index]), rounds: vec![round] }
    };
    stream::once(measured).boxed()
}
