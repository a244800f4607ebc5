//! Ingest: a delivery on its way from the wire into the journal.
//!
//! The rule it guards: nothing is acknowledged before it is on disk, and everything that could make the journal
//! unreadable later (a plan that nobody knows, an index that leads nowhere, another agent's name) is refused here.

use std::sync::Arc;

use bytes::Bytes;
use kentongan_model::{answer::Answer, id::Vantage, plan::PlanRevision, time::Timestamp, wire::split};
use kentongan_reports::Month;

use crate::{
    bases::Bases,
    metrics::Outcome,
    placing::Readings,
    problem::Problem,
    station::Station,
    store::{
        accounts::Entry,
        agents,
        journal::{BatchDigest, Filed, Filing},
        writer::Unwritten,
    },
    unfold,
};

/// Lets an agent in that shows its token, and nobody else.
pub(crate) async fn admit(station: &Station, agent: &str, token: Option<&str>) -> Result<Vantage, Problem> {
    let agent: Vantage = agent.parse().map_err(|_| Problem::unknown_agent())?;
    let token = token.ok_or_else(Problem::unknown_agent)?.to_owned();
    let asked = agent.clone();
    let admitted = station.journal.ask(move |conn| agents::admits(conn, &asked, &token)).await?;
    if admitted { Ok(agent) } else { Err(Problem::unknown_agent()) }
}

/// A delivery that has come.
#[derive(Debug, Clone)]
pub(crate) struct Coming {
    /// When.
    pub(crate) received_at: Timestamp,
    /// The delivery.
    pub(crate) bytes: Bytes,
    /// Bytes that carried it: its own, and what is around it on its way.
    pub(crate) carried: usize,
    /// What program brought it.
    pub(crate) version: Option<Arc<str>>,
}

/// What is said to a delivery, whichever way it came.
#[derive(Debug)]
pub(crate) struct Said {
    /// Whether it is on disk; then, under which plan it was measured.
    pub(crate) taken: Result<PlanRevision, Problem>,
    /// The agent's plan, as far as that can be told now.
    pub(crate) plan: Option<PlanRevision>,
}

impl Said {
    /// That it is refused, and nothing else.
    pub(crate) fn refused(problem: Problem) -> Said {
        Said { taken: Err(problem), plan: None }
    }

    /// Why it was refused, if it was.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        self.taken.as_ref().err()
    }

    /// Whether it was taken and there is nothing else to say.
    pub(crate) fn is_plain(&self) -> bool {
        self.taken.as_ref().is_ok_and(|plan| self.answer().is_plain(*plan))
    }

    /// As it is told on a stream.
    pub(crate) fn answer(&self) -> Answer {
        let taken = || Answer { status: 204, retry_after_s: None, plan: None, said: String::new() };
        let answer = self.problem().map_or_else(taken, Problem::answer);
        Answer { plan: self.plan, ..answer }
    }
}

/// Receives a delivery of an agent that was let in: what it is told when it is on disk, or will not be.
pub(crate) async fn receive(station: &Station, agent: Vantage, coming: Coming, bases: &mut Bases) -> Said {
    station.tally.came(&agent, coming.carried);
    if let Err(seconds) = station.rate.admit(&agent) {
        return Said::refused(Problem::too_often(seconds));
    }
    let limit = station.config.limits.body_bytes;
    if coming.bytes.len() > limit {
        return Said::refused(Problem::too_large(limit));
    }
    let taken = take(station, agent.clone(), coming, bases).await;
    // Whether the batch is taken or refused, the next one can be of the right plan. That it cannot be told now is no
    // reason to refuse this one.
    let plan = station.plans.current(&agent).await.ok().flatten().map(|handout| handout.revision);
    Said { taken, plan }
}

/// Takes a delivery; returns when it is on disk.
async fn take(
    station: &Station,
    agent: Vantage,
    coming: Coming,
    bases: &mut Bases,
) -> Result<PlanRevision, Problem> {
    let Coming { received_at, bytes, version, .. } = coming;
    let (delivery, bytes) = bases.open(station, &agent, bytes).await?;
    let (_, sealed) = split(&bytes).map_err(|error| Problem::malformed(error.to_string()))?;
    let digest = BatchDigest::of(sealed);
    let batch = &delivery.batch;
    if batch.agent != agent {
        return Err(Problem::unfit(format!("the batch is of {}, and {agent} delivers it", batch.agent)));
    }
    let mut plan = station.plans.contents(&agent, batch.plan).await?;
    if plan.is_none() && station.plans.current(&agent).await.map_err(unwritten)?.is_some() {
        // A journal that was begun anew has handed out nothing, but the inventory may still say the same plan.
        plan = station.plans.contents(&agent, batch.plan).await?;
    }
    let plan = plan.ok_or_else(|| {
        Problem::unfit(format!(
            "the plan {} was never handed out to {agent}; fetch the plan anew",
            batch.plan
        ))
    })?;
    if let Some(fault) = unfold::fault(&delivery, &plan.1) {
        return Err(Problem::unfit(fault));
    }
    let zone = &station.shelf.current().network.timezone;
    let entry = Entry {
        month: Month::of(received_at, zone),
        passed: station.tally.take(&agent),
        dropped_rounds: batch.dropped_rounds,
        reading: station.tally.read(&delivery),
        version,
    };
    let filing = Filing {
        agent,
        series: batch.series,
        sequence: batch.sequence,
        received_at,
        readings: Readings::of(&delivery),
        plan: batch.plan,
        digest,
        bytes,
        entry,
    };
    let (agent, passed) = (filing.agent.clone(), filing.entry.passed);
    let filed = station.writer.file(filing).await.map_err(|reason| {
        station.tally.put_back(&agent, passed);
        unwritten(reason)
    })?;
    match filed {
        filed @ (Filed::New(_) | Filed::Untrusted(_)) => {
            if matches!(filed, Filed::Untrusted(_)) {
                station.metrics.untrusted(&batch.agent, batch.rounds.len());
            }
            station.metrics.rounds_dropped_by_agents.inc_by(batch.dropped_rounds);
            station.metrics.delivered(Outcome::accepted);
            bases.taken(batch);
            Ok(batch.plan)
        }
        Filed::ComeAgain => Err(Problem::unknown_clock()),
        Filed::Again => {
            station.metrics.delivered(Outcome::repeated);
            bases.taken(batch);
            Ok(batch.plan)
        }
        Filed::Conflict => {
            station.metrics.delivered(Outcome::conflict);
            let (series, sequence) = (batch.series, batch.sequence);
            Err(Problem::conflict(format!(
                "batch {sequence} of series {series} was delivered before, with other bytes"
            )))
        }
    }
}

/// What a delivery is told that could not be written now.
pub(crate) fn unwritten(reason: Unwritten) -> Problem {
    Problem::busy(reason.to_string())
}
