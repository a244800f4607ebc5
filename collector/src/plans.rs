//! Plans: what each agent is told to probe, made of the inventory when the agent asks.
//!
//! The rule it guards: a plan's contents are on disk before the plan is handed out, because batches name what they
//! measured by its index in the plan.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kentongan_model::{id::Vantage, inventory::plans as rules, plan::PlanRevision, profile::Profile};

use crate::{
    inventory::{Inventory, Shelf},
    profiles::ProfileShelf,
    store::{
        StoreError,
        plans::{self, Contents},
        readers::Readers,
        writer::{Unwritten, Writer},
    },
};

/// Contents of plans that are kept in memory at most; beyond, all are forgotten and read from the store again.
const MEMORY: usize = 20_000;

/// A plan as it is handed out.
#[derive(Debug, Clone)]
pub(crate) struct Handout {
    /// Its revision, which is its ETag.
    pub(crate) revision: PlanRevision,
    /// Its JSON.
    pub(crate) json: Arc<str>,
}

/// The plans of every agent.
#[derive(Debug)]
pub(crate) struct Plans {
    shelf: Shelf,
    profiles: ProfileShelf,
    writer: Writer,
    readers: Readers,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// What the plans of one inventory are; made at once, because who probes what is a matter of the whole network.
    made: Option<Made>,
    contents: HashMap<PlanRevision, Arc<(String, Contents)>>,
}

#[derive(Debug)]
struct Made {
    inventory: String,
    profiles: Arc<[Profile]>,
    plans: HashMap<Vantage, Kept>,
}

/// A plan, and whether its contents are on disk.
#[derive(Debug, Clone)]
enum Kept {
    NotYet(Handout, Arc<(String, Contents)>),
    Kept(Handout),
}

impl Plans {
    /// Plans made of the inventory and the profiles on these shelves.
    pub(crate) fn new(shelf: Shelf, profiles: ProfileShelf, writer: Writer, readers: Readers) -> Self {
        Plans { shelf, profiles, writer, readers, memory: Mutex::default() }
    }

    /// The plan of an agent; none when the inventory has no agent there.
    pub(crate) async fn current(&self, agent: &Vantage) -> Result<Option<Handout>, Unwritten> {
        let inventory = self.shelf.current();
        let profiles = self.profiles.current();
        let is_of =
            |made: &Made| made.inventory == inventory.digest && Arc::ptr_eq(&made.profiles, &profiles);
        let known = {
            let mut memory = self.memory();
            if !memory.made.as_ref().is_some_and(is_of) {
                memory.made = Some(make(&inventory, &profiles));
            }
            memory.made.as_ref().and_then(|made| made.plans.get(agent).cloned())
        };
        let (handout, contents) = match known {
            None => return Ok(None),
            Some(Kept::Kept(handout)) => return Ok(Some(handout)),
            Some(Kept::NotYet(handout, contents)) => (handout, contents),
        };
        let json = serde_json::to_string(&contents.1).map_err(|_| Unwritten::Refused)?;
        self.writer.keep_plan(handout.revision, agent.to_string(), json).await?;
        self.remember(handout.revision, contents);
        if let Some(made) = self.memory().made.as_mut().filter(|made| is_of(made)) {
            made.plans.insert(agent.clone(), Kept::Kept(handout.clone()));
        }
        Ok(Some(handout))
    }

    /// The contents of an agent's plan of that revision; none when it was never handed out to that agent.
    pub(crate) async fn contents(
        &self,
        agent: &Vantage,
        revision: PlanRevision,
    ) -> Result<Option<Arc<(String, Contents)>>, StoreError> {
        let known = self.memory().contents.get(&revision).cloned();
        let found = match known {
            Some(known) => Some(known),
            None => self.readers.ask(move |conn| plans::find(conn, revision)).await?.map(Arc::new),
        };
        if let Some(found) = &found {
            self.remember(revision, Arc::clone(found));
        }
        Ok(found.filter(|found| found.0 == agent.to_string()))
    }

    fn remember(&self, revision: PlanRevision, contents: Arc<(String, Contents)>) {
        let mut memory = self.memory();
        if memory.contents.len() >= MEMORY {
            memory.contents.clear();
        }
        memory.contents.insert(revision, contents);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(inventory: &Inventory, profiles: &Arc<[Profile]>) -> Made {
    let network = &inventory.network;
    let planned = rules::Plans::of(network);
    let secrets = |credential: &_| inventory.accesses.get(credential).cloned();
    let plan = |agent: Vantage| {
        let left_out = planned.left_out(&agent);
        if left_out > 0 {
            tracing::warn!(%agent, left_out, "the plan is full; what goes beyond is not probed");
        }
        let mut plan = planned.plan(&agent, &secrets);
        if !plan.devices.is_empty() {
            plan.profiles = profiles.to_vec();
        }
        let json: Arc<str> = plan.to_json().into();
        let handout = Handout { revision: PlanRevision::of_json(&json), json };
        let contents = Arc::new((agent.to_string(), Contents::from(&plan)));
        (agent, Kept::NotYet(handout, contents))
    };
    let plans = rules::vantages(network).into_iter().map(plan).collect();
    Made { inventory: inventory.digest.clone(), profiles: Arc::clone(profiles), plans }
}
