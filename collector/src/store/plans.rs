//! What the indices in batches mean: for each revision of a plan that was handed out, the targets, devices and links
//! in their order. Credentials are not kept: they are resolved anew whenever a plan is handed out.

use kentongan_model::{
    id::Subject,
    plan::{Plan, PlanRevision},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// The order of things in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// What is pinged.
    pub(crate) targets: Vec<Subject>,
    /// What is polled over SNMP.
    pub(crate) devices: Vec<Device>,
}

/// A device with its links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    /// The target that it is.
    pub(crate) subject: Subject,
    /// Its interfaces that matter, as the inventory names them.
    pub(crate) links: Vec<String>,
}

impl From<&Plan> for Contents {
    fn from(plan: &Plan) -> Self {
        let device = |device: &kentongan_model::plan::PlannedDevice| Device {
            subject: device.subject.clone(),
            links: device.links.clone(),
        };
        Contents {
            targets: plan.targets.iter().map(|target| target.subject.clone()).collect(),
            devices: plan.devices.iter().map(device).collect(),
        }
    }
}

/// A plan is about to be handed out: its contents are kept from now on.
pub(crate) fn keep(
    conn: &Connection,
    revision: PlanRevision,
    agent: &str,
    contents: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO plans (revision, agent, contents, made_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![revision.0.cast_signed(), agent, contents, now.as_millis()])?;
    Ok(())
}

/// The contents of that revision, and whose it was.
pub(crate) fn find(
    conn: &Connection,
    revision: PlanRevision,
) -> Result<Option<(String, Contents)>, StoreError> {
    let row: Option<(String, String)> = conn
        .prepare_cached("SELECT agent, contents FROM plans WHERE revision = ?1")?
        .query_row([revision.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(agent, json)| {
        let contents = serde_json::from_str(&json).map_err(|_| StoreError::Damaged { what: "plan" })?;
        Ok((agent, contents))
    })
    .transpose()
}

/// Drops the plans from before `before` that no delivery refers to.
pub(crate) fn forget(conn: &Connection, before: Timestamp) -> Result<usize, StoreError> {
    Ok(conn.execute(
        "DELETE FROM plans
         WHERE made_at < ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE plan = plans.revision)",
        [before.as_millis()],
    )?)
}
