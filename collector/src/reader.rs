//! Reading the journal by position: entries as they lie there become what the contract knows.
//!
//! Whoever follows the journal (the judge, the way to InfluxDB) has a reader of his own and keeps his own place. An
//! entry that cannot be read is counted, told with its position, and counts for nothing; the rest is used.

use std::{collections::HashMap, sync::Arc};

use kentongan_model::{
    id::Vantage, observation::Observation, plan::PlanRevision, time::Timestamp, wire::Delivery,
};
use kentongan_timeline::Wanting;

use crate::{
    gauges::{Meanings, PlacedGauge, SAID_WITHIN_MS, Source, Told},
    metrics::Metrics,
    placing::Placing,
    store::{
        StoreError,
        journal::{self, Entry, Position},
        plans::{self, Contents},
        readers::Readers,
    },
    unfold::{Unfolded, unfold},
};

/// Plans whose contents are kept in memory; beyond, all are read again.
const PLANS: usize = 20_000;

/// An entry, unfolded.
#[derive(Debug)]
pub(crate) struct Read {
    /// Its place.
    pub(crate) position: Position,
    /// When it was received.
    pub(crate) received_at: Timestamp,
    /// Rounds that its agent says it dropped before.
    pub(crate) dropped_rounds: u64,
    /// What it says; none when it cannot be read.
    pub(crate) unfolded: Option<Unfolded>,
    /// The gauges in it, with what they are; of entries that are read in the journal's order only.
    pub(crate) gauges: Vec<PlacedGauge>,
    /// Whose numbers they have; none when it cannot be read.
    pub(crate) source: Option<Source>,
    /// Why it cannot be read.
    pub(crate) fault: Option<String>,
}

/// Reads one entry of a journal, given what lies there: how many observations it holds, or what is wrong with it.
///
/// # Errors
/// When the bytes are no delivery, or the plan is none.
#[doc(hidden)]
pub fn read_entry(bytes: &[u8], plan_json: &str, received_at: Timestamp) -> Result<usize, String> {
    let delivery = Delivery::decode(bytes).map_err(|error| error.to_string())?;
    let plan: Contents = serde_json::from_str(plan_json).map_err(|error| error.to_string())?;
    let placing = Placing::alone(&delivery, received_at);
    Ok(unfold(&delivery, &placing, &plan).into_observations().count())
}

/// Reads the journal.
#[derive(Debug)]
pub(crate) struct Reader {
    journal: Readers,
    plans: HashMap<PlanRevision, Option<Arc<Contents>>>,
    meanings: Meanings,
    metrics: Arc<Metrics>,
}

impl Reader {
    /// A reader of that journal.
    pub(crate) fn new(journal: Readers, metrics: Arc<Metrics>) -> Self {
        Reader { journal, plans: HashMap::new(), meanings: Meanings::default(), metrics }
    }

    /// The journal itself.
    pub(crate) fn journal(&self) -> &Readers {
        &self.journal
    }

    /// At most `limit` entries after `position`, in order.
    pub(crate) fn after(&mut self, position: Position, limit: usize) -> Result<Vec<Read>, StoreError> {
        let entries = self.journal.ask_here(|conn| journal::after(conn, position, limit))?;
        entries.iter().map(|entry| self.read(entry).and_then(|read| self.with_gauges(read))).collect()
    }

    /// Puts a meaning to the gauges of an entry.
    fn with_gauges(&mut self, mut read: Read) -> Result<Read, StoreError> {
        let Some((source, unfolded)) = read.source.clone().zip(read.unfolded.as_mut()) else {
            return Ok(read);
        };
        let told = std::mem::take(&mut unfolded.gauges);
        let Some(at) = told.first().map(|told| told.at) else { return Ok(read) };
        let mut meanings = std::mem::take(&mut self.meanings);
        let placed = meanings.place(&source, told, || self.said_before(&source, at, read.position));
        self.meanings = meanings;
        let (gauges, without) = placed?;
        self.metrics.gauges_unnamed.inc_by(without);
        Ok(Read { gauges, ..read })
    }

    /// What the agent said of its gauges in entries before this one.
    fn said_before(
        &mut self,
        source: &Source,
        at: Timestamp,
        position: Position,
    ) -> Result<Vec<Told>, StoreError> {
        let mut found = Vec::new();
        let period = (Timestamp::from_millis(at.as_millis() - SAID_WITHIN_MS), at);
        self.between(&source.0, period, |read, _| {
            if read.position < position && read.source.as_ref() == Some(source) {
                let gauges = read.unfolded.map(|unfolded| unfolded.gauges).unwrap_or_default();
                found.extend(gauges.into_iter().map(|told| (read.position, told)));
            }
            true
        })?;
        found.sort_by_key(|(position, _)| *position);
        Ok(found.into_iter().map(|(_, told)| told).filter(|told| told.label.is_some()).collect())
    }

    /// Entries of an agent that hold something of [from, to), each given to `take` until it says that it is enough.
    pub(crate) fn between(
        &mut self,
        agent: &Vantage,
        period: (Timestamp, Timestamp),
        mut take: impl FnMut(Read, usize) -> bool,
    ) -> Result<(), StoreError> {
        let journal = self.journal.clone();
        let mut fault = None;
        journal.ask_here(|conn| {
            journal::between(conn, agent, period, |entry| match self.read(&entry) {
                Ok(read) => take(read, entry.bytes.len()),
                Err(error) => {
                    fault = Some(error);
                    false
                }
            })
        })?;
        fault.map_or(Ok(()), Err)
    }

    /// What the journal has of what is wanted again, in entries up to `last`. It gives all that the agent measured in
    /// the span, so that one reading answers all that is wanted of it.
    pub(crate) fn again(
        &mut self,
        wanting: &Wanting,
        last: Position,
    ) -> Result<Vec<Observation>, StoreError> {
        let (journal, span) = (self.journal.clone(), (wanting.span.from, wanting.span.to));
        let (mut found, mut fault) = (Vec::new(), None);
        let mut take = |entry: Entry| match self.read(&entry) {
            Ok(read) if read.position <= last => {
                let observations = read.unfolded.into_iter().flat_map(Unfolded::into_observations);
                found.extend(observations.filter(|observation| match observation {
                    Observation::Round(_) => wanting.subject.is_some(),
                    Observation::Heartbeat(_) => wanting.subject.is_none(),
                    Observation::Snmp(_) | Observation::CollectorDown(_) => false,
                }));
                true
            }
            Ok(_) => true,
            Err(error) => {
                fault = Some(error);
                false
            }
        };
        journal.ask_here(|conn| match wanting.subject {
            Some(_) => journal::between(conn, &wanting.vantage, span, take),
            None => journal::received(conn, &wanting.vantage, span, |entry| {
                take(entry);
            }),
        })?;
        fault.map_or(Ok(found), Err)
    }

    fn read(&mut self, entry: &Entry) -> Result<Read, StoreError> {
        let (position, received_at) = (entry.position, entry.received_at);
        let metrics = Arc::clone(&self.metrics);
        let unreadable = |fault: String| {
            metrics.journal_unreadable.inc();
            tracing::error!(position, fault, "an entry of the journal cannot be read and counts for nothing");
            let (unfolded, gauges, source) = (None, Vec::new(), None);
            Read { position, received_at, dropped_rounds: 0, unfolded, gauges, source, fault: Some(fault) }
        };
        let delivery = match Delivery::decode(&entry.bytes) {
            Ok(delivery) => delivery,
            Err(error) => return Ok(unreadable(error.to_string())),
        };
        let revision = delivery.batch.plan;
        let plan = match self.plan(revision) {
            Ok(Some(plan)) => plan,
            Ok(None) => return Ok(unreadable(format!("its plan {revision} is lost"))),
            Err(StoreError::Damaged { .. }) => {
                return Ok(unreadable(format!("its plan {revision} is damaged")));
            }
            Err(error) => return Err(error),
        };
        let placing = entry.placing.unwrap_or_else(|| Placing::alone(&delivery, received_at));
        let dropped_rounds = delivery.batch.dropped_rounds;
        let unfolded = Some(unfold(&delivery, &placing, &plan));
        let source = Some((delivery.batch.agent.clone(), delivery.batch.series));
        Ok(Read { position, received_at, dropped_rounds, unfolded, gauges: Vec::new(), source, fault: None })
    }

    fn plan(&mut self, revision: PlanRevision) -> Result<Option<Arc<Contents>>, StoreError> {
        if let Some(known) = self.plans.get(&revision) {
            return Ok(known.clone());
        }
        let found = self
            .journal
            .ask_here(|conn| plans::find(conn, revision))?
            .map(|(_, contents)| Arc::new(contents));
        if self.plans.len() >= PLANS {
            self.plans.clear();
        }
        self.plans.insert(revision, found.clone());
        Ok(found)
    }
}
