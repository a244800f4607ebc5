//! How a batch is filled and sealed: records into the open log, the log onto the memory shelf.
//!
//! The order of steps is the rule: the batch is written whole, then the next log is begun, then the old one is removed.
//! Whenever the agent is killed between them, [`recovery`](super::recovery) can tell what had been done.

use std::io;

use kentongan_model::{
    plan::{PlanRevision, Precision},
    time::Stamp,
    wire::Batch,
};

use super::{
    BatchName, Place, Record, Spool, SpoolError,
    open_log::{self, Content, Head, OpenLog},
};

impl Spool {
    /// Puts a record into the batch that is being filled under this plan. What was filled under another plan is
    /// sealed first.
    ///
    /// # Errors
    /// When it cannot be written; it is counted as dropped then.
    pub fn append(&mut self, plan: PlanRevision, record: &Record, now: &Stamp) -> Result<(), SpoolError> {
        let appended = self.append_to(plan, record, now);
        if appended.is_err() {
            self.drop_rounds(u64::from(matches!(record, Record::Round(_))));
        }
        appended
    }

    pub(super) fn append_to(
        &mut self,
        plan: PlanRevision,
        record: &Record,
        now: &Stamp,
    ) -> Result<(), SpoolError> {
        if self.log.as_ref().is_some_and(OpenLog::is_full) {
            self.seal(plan, now)?;
        }
        let log = self.log_under(plan, now)?;
        log.append(record).map_err(|source| SpoolError::Write(log.path.clone(), source))
    }

    /// Seals what has been measured into a batch, an empty one included: a heartbeat.
    ///
    /// # Errors
    /// When it cannot be written; everything stays in the log then.
    pub fn seal(&mut self, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        self.log_under(plan, now)?;
        // Taken out, so that what is dropped to make room is written into the next one.
        let Some(log) = self.log.take() else { return Ok(()) };
        let sealed = self.seal_log(&log, now);
        if sealed.is_err() {
            self.log = Some(log);
            return sealed;
        }
        let begun = self.begin(log.head.plan, now);
        if self.log.as_ref().is_none_or(|next| next.path != log.path) {
            let _ = std::fs::remove_file(&log.path);
        }
        begun
    }

    pub(super) fn seal_log(&mut self, log: &OpenLog, now: &Stamp) -> Result<(), SpoolError> {
        let content =
            open_log::read(&log.path).map_err(|source| SpoolError::Read(log.path.clone(), source))?;
        let content = content.unwrap_or(Content { head: log.head, records: Vec::new(), torn: 1 });
        self.losses.torn_logs += u64::from(content.torn > 0);
        let rounds = content.records.iter().filter(|record| matches!(record, Record::Round(_))).count();
        match self.shelve(content, now) {
            Err(SpoolError::Seal(error)) => {
                // It will not fit later either.
                tracing::error!(rounds, "what was measured fits in no batch and is dropped: {error}");
                self.drop_rounds(rounds as u64);
                Ok(())
            }
            shelved => shelved,
        }
    }

    /// Whether anything has been measured that is in no batch yet.
    #[must_use]
    pub fn has_open_records(&self) -> bool {
        self.unreported > 0 || self.log.as_ref().is_some_and(|log| !log.is_empty)
    }

    /// The log that is being filled under this plan.
    pub(super) fn log_under(&mut self, plan: PlanRevision, now: &Stamp) -> Result<&mut OpenLog, SpoolError> {
        match &self.log {
            Some(log) if log.head.plan == plan => {}
            Some(log) if !log.is_empty => {
                let old = log.head.plan;
                self.seal(old, now)?;
                self.begin(plan, now)?;
            }
            _ => self.begin(plan, now)?,
        }
        self.log
            .as_mut()
            .ok_or_else(|| SpoolError::Write(self.memory.folder.clone(), io::ErrorKind::Other.into()))
    }

    /// Begins a new log in the place of the one there is, whose content has been sealed or is none.
    pub(super) fn begin(&mut self, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        let folder = &self.memory.folder;
        let head = Head { name: self.next, plan, begun: *now };
        let log =
            OpenLog::create(folder, head).map_err(|source| SpoolError::Write(folder.clone(), source))?;
        if let Some(old) = self.log.replace(log).filter(|old| old.head.name != self.next) {
            let _ = std::fs::remove_file(&old.path);
        }
        self.drop_rounds(0);
        Ok(())
    }

    /// Makes a batch of a log's content and puts it on the memory shelf.
    pub(super) fn shelve(&mut self, content: Content, sealed: &Stamp) -> Result<(), SpoolError> {
        let Head { name, plan, .. } = content.head;
        let mut batch = Batch {
            agent: self.agent.clone(),
            series: name.series,
            sequence: name.sequence,
            sealed: *sealed,
            plan,
            dropped_rounds: 0,
            rounds: Vec::new(),
            readings: Vec::new(),
            gauges: Vec::new(),
            traces: Vec::new(),
        };
        for record in content.records {
            match record {
                Record::Round(round) => batch.rounds.push(round),
                Record::Reading(reading) => batch.readings.push(reading),
                Record::Gauges(reading) => batch.gauges.push(reading),
                Record::Trace(trace) => batch.traces.push(trace),
                Record::Dropped(rounds) => batch.dropped_rounds += rounds,
            }
        }
        if self.precision == Precision::Thin {
            batch.thin();
        }
        self.shelve_batch(&batch)
    }

    pub(super) fn shelve_batch(&mut self, batch: &Batch) -> Result<(), SpoolError> {
        let name = BatchName { order: self.next.order, series: batch.series, sequence: batch.sequence };
        let bytes = batch.seal()?;
        let rounds = batch.rounds.len() as u64 + batch.dropped_rounds;
        self.make_room(Place::Memory, bytes.len() as u64 + 4);
        let put = self.memory.put(name, rounds, &bytes);
        let sealed = put.map_err(|source| SpoolError::Write(self.memory.folder.clone(), source))?;
        self.batches.insert(name, (Place::Memory, sealed));
        self.fresh = Some(name);
        self.next = BatchName { order: name.order + 1, series: name.series, sequence: name.sequence + 1 };
        Ok(())
    }
}
