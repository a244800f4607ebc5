//! What the uplink does about the collector's answers: what an answer means says `answer`, and here it is done.
//!
//! The rule it guards: a batch leaves the spool only when the collector has it, or will never take it.

use std::time::Duration;

use super::{CallError, Disposition, Replies, Reply, Uplink};
use crate::{chance, spool::BatchName};

/// A wait that the collector asks for once, and that flash is not written for.
const MOMENT: Duration = Duration::from_secs(10);
/// What a stream that broke left unanswered is sent again after this at most, half of it by chance: when a collector
/// dies, all its agents notice in the same moment.
const COLLECT: Duration = Duration::from_secs(10);

impl Uplink {
    /// The stream has said something unasked, or is gone.
    pub(super) fn hear(&mut self, heard: Result<Replies, CallError>) {
        match heard {
            Ok(replies) => self.obey_all(&replies),
            Err(error) => {
                tracing::debug!("{}", crate::told(&error));
                if self.keeping.spool().waiting() > 0 {
                    self.left_alone_until = self.clock.since_boot() + chance::jitter(COLLECT);
                }
            }
        }
    }

    pub(super) fn obey_all(&mut self, replies: &[(BatchName, Reply)]) {
        for (batch, reply) in replies {
            self.obey(*batch, reply);
        }
    }

    fn obey(&mut self, batch: BatchName, reply: &Reply) {
        let now = self.clock.since_boot();
        let (sequence, Reply { status, said, .. }) = (batch.sequence, reply);
        match reply.disposition {
            Disposition::Delivered => {
                self.keeping.spool().acknowledge(batch);
                if self.agenda.patience.is_tried() {
                    let waiting = self.keeping.spool().waiting();
                    tracing::info!(waiting, "the collector takes deliveries again");
                }
                self.delivered(now);
            }
            Disposition::Refused => {
                tracing::error!(
                    status,
                    sequence,
                    "the collector refuses a batch for good; it is dropped: {said}"
                );
                self.keeping.spool().refuse(batch, &self.clock.stamp());
                self.delivered(now);
            }
            Disposition::Clash => {
                tracing::error!(
                    sequence,
                    "the collector has another batch of this name; it gets a new series: {said}"
                );
                self.rename(batch);
                self.failed();
            }
            Disposition::Unwelcome | Disposition::Wait(_) | Disposition::Retry | Disposition::Foreign => {
                self.put_off(reply);
            }
        }
        match reply.plan {
            // As good as having asked.
            told @ Some(_) if told == self.revision() || told == self.unfollowed => {
                self.agenda.plan_is_known(now, None);
            }
            Some(_) => self.agenda.plan_is_outdated(now),
            None => {}
        }
    }

    /// The collector does not do now what it was asked to.
    pub(super) fn put_off(&mut self, reply: &Reply) {
        let Reply { status, said, .. } = reply;
        match reply.disposition {
            Disposition::Unwelcome => self.say_failure(&format!(
                "the collector does not accept the token of agent '{own}' (status {status}); \
                 get one with `kentongan agent add {own}` and put it into the agent's configuration",
                own = self.own
            )),
            Disposition::Foreign => self.say_failure(said),
            _ => self.say_failure(&format!("the collector answers {status}: {said}")),
        }
        if let Disposition::Wait(wait) = reply.disposition {
            // A collector that is there and asks for a moment is no reason to write flash.
            let is_moment = wait <= MOMENT && !self.agenda.patience.is_tried();
            self.agenda.patience.told_to_wait(self.clock.since_boot(), wait, chance::jitter);
            if !is_moment {
                self.retreat();
            }
        } else {
            self.failed();
        }
    }

    fn rename(&mut self, batch: BatchName) {
        let Some(plan) = self.revision() else { return };
        let renamed = self.keeping.spool().rename(batch, plan, &self.clock.stamp());
        if let Err(error) = renamed {
            tracing::error!("cannot rename a batch: {}", crate::told(&error));
        }
    }
}
