//! How a batch is filled: records into the open logs, and new logs in the place of old ones.

use std::io;

use kentongan_model::{plan::PlanRevision, time::Stamp};

use super::{
    Chain, Record, Spool, SpoolError,
    folder::Folder,
    open_log::{Head, OpenLog},
};

/// How many records go into one write at most. What is in one is kept or dropped together.
const TOGETHER: usize = 64;

impl<F: Folder> Spool<F> {
    /// Puts a record into the batch that is being filled under this plan. What was filled under another plan is
    /// sealed first.
    ///
    /// # Errors
    /// When it cannot be written; it is counted as dropped then.
    pub fn append(&mut self, plan: PlanRevision, record: &Record, now: &Stamp) -> Result<(), SpoolError> {
        self.append_all(plan, std::slice::from_ref(record), now)
    }

    /// Puts records that were measured together, as [`Self::append`] does, with one write for as many as
    /// may be: a write of its own for each would be a third of all system calls that the agent makes.
    ///
    /// # Errors
    /// When some cannot be written; those are counted as dropped then, the others are kept.
    pub fn append_all(
        &mut self,
        plan: PlanRevision,
        records: &[Record],
        now: &Stamp,
    ) -> Result<(), SpoolError> {
        let mut outcome = Ok(());
        for chain in Chain::BOTH {
            let of_chain = records.iter().filter(|record| record.chain() == chain).collect::<Vec<_>>();
            for together in of_chain.chunks(TOGETHER) {
                if let Err(error) = self.append_to(chain, plan, together, now) {
                    self.drop_rounds(together.iter().map(|record| record.rounds()).sum());
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    fn append_to(
        &mut self,
        chain: Chain,
        plan: PlanRevision,
        records: &[&Record],
        now: &Stamp,
    ) -> Result<(), SpoolError> {
        self.prepare_logs(plan, now)?;
        if self.log(chain).is_some_and(OpenLog::is_full) {
            let full = [chain];
            self.seal_logs(if self.is_away { &full } else { &Chain::BOTH }, now)?;
        }
        let folder = &self.memory.folder;
        let failed = |source| SpoolError::Write(folder.path().to_owned(), source);
        let log = self.logs.as_mut().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        log[chain as usize].append(folder, records).map_err(failed)
    }

    /// Whether anything has been measured that is in no batch yet.
    #[must_use]
    pub fn has_open_records(&self) -> bool {
        self.unreported > 0 || self.logs.iter().flatten().any(|log| !log.is_empty)
    }

    /// The log of a chain.
    pub(super) fn log(&self, chain: Chain) -> Option<&OpenLog<F>> {
        self.logs.as_ref().map(|logs| &logs[chain as usize])
    }

    /// The chains whose logs hold anything.
    pub(super) fn filled(&self) -> Vec<Chain> {
        self.logs.iter().flatten().filter(|log| !log.is_empty).map(|log| log.head.chain).collect()
    }

    /// Sees to it that the logs are those of this plan.
    pub(super) fn prepare_logs(&mut self, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        match self.log(Chain::Rounds).map(|log| log.head.plan) {
            Some(known) if known == plan => return Ok(()),
            Some(_) => self.seal_filled(now)?,
            None => {}
        }
        self.begin_logs(plan, now)
    }

    /// Begins new logs in the place of those there are, whose content has been sealed or is none.
    pub(super) fn begin_logs(&mut self, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        let next = self.next;
        let begun =
            self.new_logs(&Chain::BOTH, |chain| Head { chain, name: next, skipped: 0, plan, begun: *now })?;
        self.take_logs(begun, 0);
        Ok(())
    }

    /// Empty logs under the next orders; all of them or none.
    pub(super) fn new_logs(
        &mut self,
        chains: &[Chain],
        head: impl Fn(Chain) -> Head,
    ) -> Result<Vec<OpenLog<F>>, SpoolError> {
        let folder = &self.memory.folder;
        let mut begun = Vec::new();
        for chain in chains {
            let mut head = head(*chain);
            head.name.order = self.next.order;
            match OpenLog::create(folder, head) {
                Ok(log) => begun.push(log),
                Err(source) => {
                    begun.iter().for_each(|log| drop(folder.remove(&log.file_name)));
                    return Err(SpoolError::Write(folder.path().to_owned(), source));
                }
            }
            self.next.order += 1;
        }
        Ok(begun)
    }

    /// Fills these logs from now on, notes in them what was given up, and removes those in whose place they come.
    pub(super) fn take_logs(&mut self, begun: Vec<OpenLog<F>>, given_up: u64) {
        let mut logs = self.logs.take().map_or([None, None], |logs| logs.map(Some));
        let mut replaced = Vec::new();
        for log in begun {
            replaced.extend(logs[log.head.chain as usize].replace(log));
        }
        if let [Some(rounds), Some(changes)] = logs {
            self.logs = Some([rounds, changes]);
        }
        self.drop_rounds(given_up);
        replaced.iter().for_each(|log| drop(self.memory.folder.remove(&log.file_name)));
    }
}
