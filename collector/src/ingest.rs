//! Ingest: a delivery on its way from the wire into the journal.
//!
//! The rule it guards: nothing is acknowledged before it is on disk, and everything that could make the journal
//! unreadable later (a plan that nobody knows, an index that leads nowhere, another agent's name) is refused here.

use bytes::Bytes;
use kentongan_model::{
    id::Vantage,
    time::Timestamp,
    wire::{Delivery, split},
};

use crate::{
    metrics::Outcome,
    placing::Readings,
    problem::Problem,
    station::Station,
    store::{
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

/// Takes a delivery of an agent that was let in; returns when it is on disk.
pub(crate) async fn take(
    station: &Station,
    agent: Vantage,
    received_at: Timestamp,
    bytes: Bytes,
) -> Result<(), Problem> {
    let malformed = |error: kentongan_model::wire::WireError| Problem::malformed(error.to_string());
    let (_, sealed) = split(&bytes).map_err(malformed)?;
    let digest = BatchDigest::of(sealed);
    let delivery = Delivery::decode(&bytes).map_err(malformed)?;
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
    let filing = Filing {
        agent,
        series: batch.series,
        sequence: batch.sequence,
        received_at,
        readings: Readings::of(&delivery),
        plan: batch.plan,
        digest,
        bytes,
    };
    let dropped_rounds = batch.dropped_rounds;
    match station.writer.file(filing).await.map_err(unwritten)? {
        filed @ (Filed::New(_) | Filed::Untrusted(_)) => {
            if matches!(filed, Filed::Untrusted(_)) {
                station.metrics.untrusted(&batch.agent, batch.rounds.len());
            }
            station.metrics.rounds_dropped_by_agents.inc_by(dropped_rounds);
            station.metrics.delivered(Outcome::accepted);
            Ok(())
        }
        Filed::ComeAgain => Err(Problem::unknown_clock()),
        Filed::Again => {
            station.metrics.delivered(Outcome::repeated);
            Ok(())
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
