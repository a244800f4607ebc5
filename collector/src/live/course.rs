//! The course: a timeline on its way through the journal, entry by entry, each judged by the inventory that was in
//! force there. The judge goes it live, a proof goes it again.
//!
//! The rule it guards: where it stands is a function of the journal, the inventories with their places and the
//! downtimes. So an inventory changes between the same two entries each time, judged as of the moment at which it was
//! taken over; how the way is cut into chunks and judgements changes nothing.

use std::{collections::VecDeque, sync::Arc};

use kentongan_model::{inventory::Network, observation::Observation, time::Timestamp};
use kentongan_timeline::Live;

use super::{
    absences::Absences,
    memory::{LARGEST, Memory, unpack},
};
use crate::{
    inventory::Inventory,
    reader::{Read, Reader},
    store::{
        StoreError,
        inventories::{self, InForce},
        journal::Position,
        state,
    },
    unfold::Unfolded,
};

/// Entries that are read at once.
pub(crate) const CHUNK: usize = 500;
/// Observations after which it is time to judge: what is dated ahead of a judgement waits in memory.
const MANY: usize = 250_000;
/// Time on the way after which it is time to judge: the timeline forgets what is older than some weeks.
const LONG_MS: i64 = 86_400_000;

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// There is more.
    Chunk,
    /// A long way has been gone: time to judge as of then.
    Judge(Timestamp),
    /// Another inventory applies from here on: time to judge as of then, and to change it.
    Inventory(Timestamp),
    /// There is no more.
    End,
}

/// A timeline on its way.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) reader: Reader,
    pub(crate) live: Live,
    /// What it is judged by.
    pub(crate) inventory: Arc<Inventory>,
    /// The last entry that is in it.
    pub(crate) position: Position,
    /// The sites that were taken out on the way.
    pub(crate) absences: Absences,
    /// Observations that were read again in the journal.
    pub(crate) reread: u64,
    coming: VecDeque<InForce>,
    /// The inventory of today: when it is one of those to come it need not be read again.
    today: Option<Arc<Inventory>>,
    fed: usize,
    judged: Option<Timestamp>,
}

impl Course {
    /// A course that goes on from `position` with `live`, which `inventory` has judged.
    pub(crate) fn from(
        reader: Reader,
        (live, absences): (Live, Absences),
        position: Position,
        inventory: Arc<Inventory>,
        coming: VecDeque<InForce>,
        today: Option<Arc<Inventory>>,
    ) -> Self {
        Course { reader, live, inventory, position, absences, reread: 0, coming, today, fed: 0, judged: None }
    }

    /// A course from the very beginning. `in_force` are the inventories; the first must be one that is recorded.
    pub(crate) fn new(
        reader: Reader,
        in_force: Vec<InForce>,
        today: Option<Arc<Inventory>>,
    ) -> Result<Self, StoreError> {
        let mut coming = VecDeque::from(in_force);
        let inventory = match (coming.pop_front(), &today) {
            (Some(first), _) => fetch(&reader, &first, today.as_ref())?,
            (None, Some(today)) => Arc::clone(today),
            (None, None) => return Err(StoreError::Unrecorded),
        };
        let live = Live::new(&inventory.network);
        Ok(Course::from(reader, (live, Absences::default()), 0, inventory, coming, today))
    }

    /// Whether all inventories that are known have come into force.
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.coming.is_empty()
    }

    /// Another inventory applies from where it is said.
    pub(crate) fn expect(&mut self, next: InForce, inventory: Arc<Inventory>) {
        self.coming.push_back(next);
        self.today = Some(inventory);
    }

    /// Reads on, to the entry `last` at most; `see` is shown each entry.
    pub(crate) fn read_on(
        &mut self,
        last: Position,
        mut see: impl FnMut(&Read, &Network),
    ) -> Result<Halt, StoreError> {
        let entries = self.reader.after(self.position, CHUNK)?;
        let whole = entries.len() == CHUNK;
        for entry in entries {
            if entry.position > last {
                return Ok(self.end());
            }
            if let Some(next) = self.coming.front().filter(|next| next.position < entry.position) {
                return Ok(Halt::Inventory(next.since));
            }
            self.position = entry.position;
            see(&entry, &self.inventory.network);
            for observation in entry.unfolded.into_iter().flat_map(Unfolded::into_observations) {
                self.fed += 1;
                self.live.observe(&observation);
            }
            let judged = *self.judged.get_or_insert(entry.received_at);
            if self.fed >= MANY || entry.received_at.millis_since(judged) >= LONG_MS {
                return Ok(Halt::Judge(entry.received_at));
            }
        }
        Ok(if whole { Halt::Chunk } else { self.end() })
    }

    /// Behind the last entry only inventories may still come.
    fn end(&self) -> Halt {
        self.coming.front().map_or(Halt::End, |next| Halt::Inventory(next.since))
    }

    /// Judges as of `now`. What late rounds make the timeline want to see again is read in the journal, up to where the
    /// course has come.
    pub(crate) fn judge(&mut self, now: Timestamp) -> Result<(), StoreError> {
        (self.fed, self.judged) = (0, Some(now));
        self.live.judge(now);
        while let Some(wanting) = self.live.wanting() {
            let again = self.reader.again(&wanting, self.position)?;
            self.reread += again.len() as u64;
            self.live.settle_again(&wanting, again);
            match self.live.wanting() {
                // The journal cannot answer it.
                Some(still) if still == wanting => self.live.give_up(&wanting),
                Some(_) => continue,
                None => {}
            }
            self.live.judge(now);
        }
        Ok(())
    }

    /// The next inventory comes into force.
    pub(crate) fn change_inventory(&mut self) -> Result<(), StoreError> {
        let Some(next) = self.coming.front() else { return Ok(()) };
        let inventory = fetch(&self.reader, next, self.today.as_ref())?;
        self.coming.pop_front();
        let mut live = std::mem::replace(&mut self.live, Live::new(&inventory.network));
        let at = live.judge(Timestamp::MIN).until;
        self.absences.change(&self.inventory.network, &inventory.network, at);
        self.live = live.with_inventory(&self.absences.applied(&inventory.network));
        self.inventory = inventory;
        Ok(())
    }

    /// The collector did not run for a while.
    pub(crate) fn was_down(&mut self, downtime: kentongan_model::observation::Downtime) {
        self.live.observe(&Observation::CollectorDown(downtime));
    }
}

/// Takes up what was put away, in the place and with the inventory that it was put away in.
pub(super) fn take_up(
    found: &state::Checkpoint,
    reader: Reader,
    in_force: &[InForce],
    today: &Arc<Inventory>,
) -> std::io::Result<Course> {
    let passed = in_force.partition_point(|known| known.position <= found.position);
    // Behind the same entry several may follow each other; the checkpoint says which of them it is.
    let meant = in_force[..passed].iter().rposition(|known| known.digest == found.inventory);
    let current = meant.unwrap_or(passed.saturating_sub(1));
    let inventory = match in_force.get(current) {
        Some(known) => fetch(&reader, known, Some(today)).map_err(std::io::Error::other)?,
        None => Arc::clone(today),
    };
    let Memory { absences, live } = unpack(&found.live, LARGEST)?;
    let live = Live::restore(&absences.applied(&inventory.network), live);
    let coming: VecDeque<InForce> = in_force.iter().skip(current + 1).cloned().collect();
    Ok(Course::from(reader, (live, absences), found.position, inventory, coming, Some(Arc::clone(today))))
}

/// The inventory that is meant. One that does not read back is replaced by the one of today, if there is one.
pub(crate) fn fetch(
    reader: &Reader,
    meant: &InForce,
    today: Option<&Arc<Inventory>>,
) -> Result<Arc<Inventory>, StoreError> {
    if let Some(today) = today.filter(|today| today.digest == meant.digest) {
        return Ok(Arc::clone(today));
    }
    match (reader.journal().ask_here(|conn| inventories::read(conn, meant.id)), today) {
        (Ok(read), _) => Ok(Arc::new(read)),
        (Err(StoreError::Damaged { .. }), Some(today)) => {
            tracing::error!(
                position = meant.position,
                "the inventory that was in force behind this entry is damaged; today's is taken instead"
            );
            Ok(Arc::clone(today))
        }
        (Err(error), _) => Err(error),
    }
}
