//! A device's gauges from look to look: found once an hour, then read object by object.
//!
//! Each gauge has a number, which it keeps as long as its label is the same; the label is told with the first reading after
//! each finding. So what is sent is a number and a value, and a collector that missed a label learns it within the
//! hour.

use std::time::Duration;

use kentongan_model::{
    plan::PlanRevision,
    profile::{Profile, Table},
    wire::{Gauge, Label, MAX_GAUGES},
};

use super::{
    SnmpError,
    client::Client,
    identity,
    measure::{Scale, measure},
    places::get_each,
    sensors::{self, RuleAt, Sensor},
};

/// Gauges are looked at this often: light and clients change slower than traffic, and each look costs the device.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// A look may be so much early, so that it goes along with every second poll and not with every third.
const SLACK: Duration = Duration::from_secs(5);
/// The tables are walked again after this.
const FIND_INTERVAL: Duration = Duration::from_secs(3_600);
/// Gauges of one device; of more, the first are read.
const MAX_OF_DEVICE: usize = if MAX_GAUGES < 1_024 { MAX_GAUGES } else { 1_024 };

/// What is known of a device's gauges.
#[derive(Default)]
pub(super) struct Gauges {
    looked: Option<Duration>,
    found: Option<Found>,
    /// Every label that has been given a number, at its number.
    labels: Vec<Label>,
    /// How often a gauge had to be left out because there were too many.
    left_out: u32,
}

struct Found {
    /// The plan whose profiles the rules stand in.
    plan: PlanRevision,
    at: Duration,
    sensors: Vec<Numbered>,
    /// Tables whose rows are counted, and so looked through each time.
    counted: Vec<RuleAt>,
    object_id: Vec<u8>,
}

struct Numbered {
    number: u16,
    oid: Vec<u8>,
    rule: RuleAt,
    scale: Scale,
}

/// A value on its way into a reading.
struct Shown {
    number: u16,
    value: i64,
    sum: bool,
}

impl Gauges {
    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.looked.is_none_or(|looked| now.saturating_sub(looked) + SLACK >= LOOK_INTERVAL)
    }

    /// The device may have other gauges now.
    pub(super) fn forget(&mut self) {
        self.found = None;
    }

    /// Looks at the gauges. A failure is not repeated before the next time.
    pub(super) async fn look(
        &mut self,
        client: &mut Client,
        profiles: &[Profile],
        plan: PlanRevision,
        now: Duration,
    ) -> Result<Vec<Gauge>, SnmpError> {
        self.looked = Some(now);
        let holds = |found: &Found| found.plan == plan && now.saturating_sub(found.at) < FIND_INTERVAL;
        if let Some(found) = self.found.take_if(|found| holds(found)) {
            let told = self.labels.len();
            let shown = self.read(client, profiles, &found).await;
            self.found = Some(found);
            return Ok(self.gauges(shown?, told));
        }
        let left_out = self.left_out;
        let mut found =
            Found { plan, at: now, sensors: Vec::new(), counted: Vec::new(), object_id: Vec::new() };
        let shown = self.find(client, profiles, &mut found).await?;
        self.found = Some(found);
        if self.left_out > left_out {
            let left_out = self.left_out - left_out;
            tracing::warn!(left_out, "a device has more than {MAX_OF_DEVICE} gauges; the first are read");
        }
        Ok(self.gauges(shown, 0))
    }

    async fn find(
        &mut self,
        client: &mut Client,
        profiles: &[Profile],
        found: &mut Found,
    ) -> Result<Vec<Shown>, SnmpError> {
        let mut shown = Vec::new();
        let identity = identity::ask(client).await?;
        for at in identity.tables(profiles) {
            if at.table(profiles).is_some_and(Table::is_counted) {
                found.counted.push(at);
                continue;
            }
            for sensor in sensors::find(client, profiles, at, &identity.object_id).await? {
                let Some(number) = self.number(&sensor.label) else { continue };
                let sum = sensor.rule.rule(profiles).is_some_and(|rule| rule.sum);
                // Two tables may show the same gauge: the first is read.
                if !sum && found.sensors.iter().any(|other| other.number == number) {
                    continue;
                }
                shown.extend(sensor.value.map(|value| Shown { number, value, sum }));
                let Sensor { oid: Some(oid), rule, scale, .. } = sensor else { continue };
                found.sensors.push(Numbered { number, oid, rule, scale });
            }
        }
        found.object_id = identity.object_id;
        self.count(client, profiles, found, &mut shown).await?;
        Ok(shown)
    }

    async fn read(
        &mut self,
        client: &mut Client,
        profiles: &[Profile],
        found: &Found,
    ) -> Result<Vec<Shown>, SnmpError> {
        let oids: Vec<Vec<u8>> = found.sensors.iter().map(|sensor| sensor.oid.clone()).collect();
        let mut shown = Vec::new();
        for (sensor, cell) in found.sensors.iter().zip(get_each(client, &oids).await?) {
            let Some((rule, cell)) = sensor.rule.rule(profiles).zip(cell) else { continue };
            let value = measure(rule, sensor.scale, &cell);
            shown.extend(value.map(|value| Shown { number: sensor.number, value, sum: rule.sum }));
        }
        self.count(client, profiles, found, &mut shown).await?;
        Ok(shown)
    }

    async fn count(
        &mut self,
        client: &mut Client,
        profiles: &[Profile],
        found: &Found,
        shown: &mut Vec<Shown>,
    ) -> Result<(), SnmpError> {
        for at in &found.counted {
            for sensor in sensors::find(client, profiles, *at, &found.object_id).await? {
                let (Some(number), Some(value)) = (self.number(&sensor.label), sensor.value) else {
                    continue;
                };
                let sum = sensor.rule.rule(profiles).is_some_and(|rule| rule.sum);
                shown.push(Shown { number, value, sum });
            }
        }
        Ok(())
    }

    /// The number of a label, which it gets when it is new; none when there are too many.
    fn number(&mut self, label: &Label) -> Option<u16> {
        let known = self.labels.iter().position(|other| other == label);
        let number = match known {
            Some(number) => number,
            None if self.labels.len() < MAX_OF_DEVICE => {
                self.labels.push(label.clone());
                self.labels.len() - 1
            }
            None => {
                self.left_out = self.left_out.saturating_add(1);
                return None;
            }
        };
        u16::try_from(number).ok()
    }

    /// Readings of what was shown, each gauge once; those that are summed are added up. Labels are told from this number
    /// on.
    fn gauges(&self, shown: Vec<Shown>, told: usize) -> Vec<Gauge> {
        let mut gauges: Vec<Gauge> = Vec::new();
        for Shown { number, value, sum } in shown {
            match gauges.iter_mut().find(|gauge| gauge.number == number) {
                Some(gauge) if sum => gauge.value = gauge.value.saturating_add(value),
                Some(_) => {}
                None => {
                    let label =
                        self.labels.get(usize::from(number)).filter(|_| usize::from(number) >= told).cloned();
                    gauges.push(Gauge { number, label, value });
                }
            }
        }
        gauges.sort_unstable_by_key(|gauge| gauge.number);
        gauges
    }
}
