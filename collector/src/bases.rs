//! What deliveries lean on: batches that went over the same stream before, read from the journal when they are asked for.
//!
//! The rule it guards: the journal holds batches that stand alone. A delivery that leans is opened here and goes on as if
//! it had come whole; whoever reads the journal never knows.

use std::collections::VecDeque;

use bytes::Bytes;
use kentongan_model::{
    id::Vantage,
    wire::{BaseTag, Batch, Delivery, WireError},
};

use crate::{problem::Problem, station::Station, store::journal};

/// Batches that are remembered by name; the oldest go, and what leans on them has to be sent whole. An agent looks half as
/// far back.
const MOST: usize = 64;

/// The names of the batches that were taken over one stream lately: (series, sequence), the latest last.
#[derive(Debug, Default)]
pub(crate) struct Bases(VecDeque<(u32, u64)>);

impl Bases {
    /// A batch was taken.
    pub(crate) fn taken(&mut self, batch: &Batch) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((batch.series, batch.sequence));
    }

    /// Reads a delivery: what it holds, and its bytes as they are when it stands alone.
    pub(crate) async fn open(
        &self,
        station: &Station,
        agent: &Vantage,
        bytes: Bytes,
    ) -> Result<(Delivery, Bytes), Problem> {
        let mut wanted = None;
        let opened = Delivery::decode_with(&bytes, |tag| {
            wanted = Some(tag);
            None
        });
        let Some(tag) = wanted else {
            return Ok((opened.map_err(|error| Problem::malformed(error.to_string()))?, bytes));
        };
        let (series, sequence) = self.meant(tag).ok_or_else(Problem::unknown_base)?;
        let agent = agent.clone();
        let kept = station.journal.ask(move |conn| journal::find(conn, &agent, series, sequence)).await?;
        let base = kept.and_then(|kept| Delivery::decode(&kept).ok()).map(|delivery| delivery.batch);
        let delivery = Delivery::decode_with(&bytes, |_| base).map_err(|error| match error {
            WireError::Base => Problem::unknown_base(),
            error => Problem::malformed(error.to_string()),
        })?;
        let sealed = delivery.batch.seal().map_err(|error| Problem::malformed(error.to_string()))?;
        let alone = Delivery::wrap(&delivery.sent, &sealed).into();
        Ok((delivery, alone))
    }

    fn meant(&self, tag: BaseTag) -> Option<(u32, u64)> {
        self.0.iter().rev().find(|(_, sequence)| BaseTag::of(*sequence) == tag).copied()
    }
}
