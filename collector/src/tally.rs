//! The tally: what has passed between each agent and the collector, on its way into the agent's account.
//!
//! Bytes are booked with the next delivery that is filed, in its transaction; what passed since the last one is lost
//! when the collector ends. Only agents whose token was right are in it, so it is bounded by the agents that there are.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kentongan_model::{gauge::GaugeKind, id::Vantage, wire::Delivery};

use crate::store::accounts::{Count, Reading};

/// What is known of each agent.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<HashMap<Vantage, Passed>>);

/// What is known of one.
#[derive(Debug, Default)]
struct Passed {
    /// Bytes that are not booked yet.
    bytes: Count,
    /// By which numbers the agent tells in this series what it has sent and received. Forgotten with the process: it
    /// names them anew once an hour, and what it tells is a sum.
    series: u32,
    sent: Option<u16>,
    received: Option<u16>,
}

impl Tally {
    /// So many bytes of deliveries came.
    pub(crate) fn came(&self, agent: &Vantage, bytes: usize) {
        self.put_back(agent, Count { up: bytes as u64, down: 0 });
    }

    /// So many bytes of answers or plans went.
    pub(crate) fn answered(&self, agent: &Vantage, bytes: usize) {
        self.put_back(agent, Count { up: 0, down: bytes as u64 });
    }

    /// Takes what has passed, to book it.
    pub(crate) fn take(&self, agent: &Vantage) -> Count {
        self.passed().get_mut(agent).map(|passed| std::mem::take(&mut passed.bytes)).unwrap_or_default()
    }

    /// It could not be booked, and is counted with what follows.
    pub(crate) fn put_back(&self, agent: &Vantage, count: Count) {
        let mut passed = self.passed();
        let bytes = &mut passed.entry(agent.clone()).or_default().bytes;
        bytes.up += count.up;
        bytes.down += count.down;
    }

    /// What the agent says that it has sent and received since it was started: the last of it in this delivery. One
    /// that was sealed in another boot than it is sent in says nothing of the present.
    pub(crate) fn read(&self, delivery: &Delivery) -> Option<Reading> {
        let Delivery { sent, batch } = delivery;
        if sent.boot != batch.sealed.boot {
            return None;
        }
        let mut all = self.passed();
        let passed = all.entry(batch.agent.clone()).or_default();
        if passed.series != batch.series {
            (passed.series, passed.sent, passed.received) = (batch.series, None, None);
        }
        let mut last = None;
        for look in batch.gauges.iter().filter(|look| look.device.is_none()) {
            let mut count = (None, None);
            for gauge in &look.gauges {
                match gauge.label.as_ref().map(|label| label.kind) {
                    Some(GaugeKind::AgentSent) => passed.sent = Some(gauge.number),
                    Some(GaugeKind::AgentReceived) => passed.received = Some(gauge.number),
                    Some(_) if passed.sent == Some(gauge.number) => passed.sent = None,
                    Some(_) if passed.received == Some(gauge.number) => passed.received = None,
                    _ => {}
                }
                let bytes = u64::try_from(gauge.value).ok().map(|thousandths| thousandths / 1000);
                match Some(gauge.number) {
                    number if number == passed.sent => count.0 = bytes,
                    number if number == passed.received => count.1 = bytes,
                    _ => {}
                }
            }
            if let (Some(up), Some(down)) = count {
                last = Some(Reading { boot: sent.boot, mono_ms: look.mono_ms, count: Count { up, down } });
            }
        }
        last
    }

    fn passed(&self) -> MutexGuard<'_, HashMap<Vantage, Passed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kentongan_model::{
        plan::PlanRevision,
        time::{BootId, Stamp, Timestamp},
        wire::{Batch, Gauge, GaugeReading, Label},
    };

    use super::*;

    fn told(series: u32, gauges: &[(u16, Option<GaugeKind>, i64)]) -> Delivery {
        let stamp = Stamp { boot: BootId(1), mono_ms: 60_000, wall: Timestamp::default() };
        let gauge = |&(number, kind, value): &(u16, Option<GaugeKind>, i64)| Gauge {
            number,
            label: kind.map(|kind| Label { kind, place: String::new() }),
            value,
        };
        let look = GaugeReading { device: None, mono_ms: 50_000, gauges: gauges.iter().map(gauge).collect() };
        let batch = Batch {
            agent: Vantage::Core,
            series,
            sequence: 1,
            sealed: stamp,
            plan: PlanRevision(0),
            dropped_rounds: 0,
            rounds: Vec::new(),
            readings: Vec::new(),
            gauges: vec![look],
            traces: Vec::new(),
        };
        Delivery { sent: stamp, batch }
    }

    #[test]
    fn counters_are_known_by_number_once_they_were_named_and_only_in_their_series() {
        let tally = Tally::default();
        let (sent, received) = (Some(GaugeKind::AgentSent), Some(GaugeKind::AgentReceived));
        assert_eq!(tally.read(&told(1, &[(3, None, 5_000), (4, None, 1_000)])), None);
        let named = tally.read(&told(1, &[(3, sent, 5_000), (4, received, 1_000), (5, None, 9)])).unwrap();
        assert_eq!((named.mono_ms, named.count), (50_000, Count { up: 5, down: 1 }));
        let later = tally.read(&told(1, &[(4, None, 3_000), (3, None, 8_000)])).unwrap();
        assert_eq!(later.count, Count { up: 8, down: 3 });
        assert_eq!(tally.read(&told(1, &[(3, Some(GaugeKind::Load), 1), (4, None, 3_000)])), None);
        assert_eq!(tally.read(&told(2, &[(3, None, 8_000), (4, None, 3_000)])), None);
        let mut earlier = told(1, &[(3, sent, 5_000), (4, received, 1_000)]);
        earlier.sent.boot = BootId(2);
        assert_eq!(tally.read(&earlier), None);
    }
}
