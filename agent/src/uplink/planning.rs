//! How the uplink comes to its plan: asks for it, and adopts one that it can follow.
//!
//! What is measured under the plan before is delivered all the same, and a plan that cannot be followed changes nothing:
//! it is told once, and is not sent again as long as the agent lives.

use std::{sync::Arc, time::Duration};

use kentongan_model::plan::PlanRevision;

use super::{PlanReply, Uplink};
use crate::plan_cache::LoadedPlan;

impl Uplink {
    pub(super) async fn fetch_plan(&mut self) {
        let known: Vec<PlanRevision> = self.revision().into_iter().chain(self.unfollowed).collect();
        let reply = self.collector.plan(&known).await;
        let now = self.clock.since_boot();
        match reply {
            Ok(PlanReply::Unchanged) => self.agenda.plan_is_known(now, None),
            Ok(PlanReply::Plan(json)) => self.adopt(&json, now),
            // What is measured under the known plan can be delivered all the same.
            Ok(PlanReply::Failed(reply)) if self.revision().is_some() => {
                tracing::warn!(
                    status = reply.status,
                    "no plan is given; the known one holds: {}",
                    reply.said
                );
                self.agenda.plan_is_withheld(now);
            }
            Ok(PlanReply::Failed(reply)) => self.put_off(&reply),
            Err(error) => {
                self.say_failure(&format!("no plan: {}", crate::told(&error)));
                self.failed();
            }
        }
    }

    fn adopt(&mut self, json: &str, now: Duration) {
        match LoadedPlan::read(json, &self.own) {
            Ok(plan) => {
                let (targets, devices) = (plan.plan.targets.len(), plan.plan.devices.len());
                tracing::info!(revision = %plan.revision, targets, devices, "new plan");
                if let Err(error) = self.cache.store(json) {
                    tracing::error!("cannot keep the plan: {error}; a restart will need the collector");
                }
                self.agenda.plan_is_known(now, Some(plan.report_interval()));
                self.plans.send_replace(Some(Arc::new(plan)));
            }
            Err(error) => {
                tracing::error!("{}", crate::told(&error));
                self.unfollowed = Some(PlanRevision::of_json(json));
                self.agenda.plan_is_withheld(now);
            }
        }
    }
}
