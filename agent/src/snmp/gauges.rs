//! A device's gauges from look to look: found once an hour, then read object by object.
//!
//! The rules it guards: what is found stays, whatever fails after it, and a table that fails costs the device no other. A
//! number never means two things: each gauge has its own as long as it is found, its label goes along with its first value
//! after each finding, and a number that has become free is not given again before all others have been. So what is sent
//! is a number and a value, and a collector that missed a label learns it within the hour.

use std::{sync::Arc, time::Duration};

use kentongan_model::{
    plan::{PlanRevision, PlannedDevice},
    profile::{Profile, Table},
    time::Clock,
    wire::{Gauge, MAX_GAUGES},
};
use tokio::time::timeout;

use super::{
    SnmpError,
    client::Client,
    exchange::{Exchange, Patience},
    identity,
    labels::Labels,
    measure::{Scale, measure},
    places::get_each,
    sensors::{self, RuleAt},
};

/// Gauges are looked at this often: light and clients change slower than traffic, and each look costs the device.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// A look may be so much early, so that it goes along with every second poll and not with every third.
const SLACK: Duration = Duration::from_secs(5);
/// The tables are walked again after this, and up to [`SPREAD`] earlier, so that not all devices are at once. A collector
/// looks for labels 70 minutes back.
const FIND_INTERVAL: Duration = Duration::from_secs(3_300);
const SPREAD: u32 = 600;
/// No further table is walked after this; it is the next look's. All values of a look are asked for in as long.
const LOOK_TIME: Duration = Duration::from_secs(60);
/// Gauges of one device; of more, the first are read. Each takes about 200 bytes of memory, and 150 more during a look.
pub(super) const MAX_OF_DEVICE: usize = if MAX_GAUGES < 4_096 { MAX_GAUGES } else { 4_096 };

/// What gauges were found by: the plan since which the profiles are as they are, and how often the device has rebooted.
pub(super) type Basis = (PlanRevision, u32);

/// What is known of a device's gauges, and the way to them.
pub(super) struct Gauges {
    pub(super) device: Arc<PlannedDevice>,
    client: Client,
    patience: Patience,
    looked: Option<Duration>,
    found: Option<Found>,
    /// What is being found, to take the place of that.
    finding: Option<Found>,
    labels: Labels,
    /// Whether the last look failed or took long.
    pub(super) is_slow: bool,
}

#[derive(Default)]
struct Found {
    basis: Option<Basis>,
    /// When the tables are walked again.
    again: Duration,
    /// Tables that have not been walked, the first last.
    left: Vec<RuleAt>,
    /// The table at which the device went silent.
    suspect: Option<RuleAt>,
    sensors: Vec<Numbered>,
    /// Tables whose rows are counted, and so looked through each time; and whether that failed the last time.
    counted: Vec<(RuleAt, bool)>,
    object_id: Vec<u8>,
}

struct Numbered {
    number: u16,
    oid: Vec<u8>,
    rule: RuleAt,
    scale: Scale,
}

/// A value on its way into a reading.
pub(super) struct Shown {
    pub(super) number: u16,
    pub(super) value: i64,
    pub(super) sum: bool,
}

impl Gauges {
    pub(super) fn new(device: Arc<PlannedDevice>, exchange: &Arc<Exchange>, patience: Patience) -> Self {
        let address = (device.address, device.port).into();
        Gauges {
            client: Client::new(Arc::clone(exchange), address, &device.access, patience),
            device,
            patience,
            looked: None,
            found: None,
            finding: None,
            labels: Labels::default(),
            is_slow: false,
        }
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.looked.is_none_or(|looked| now.saturating_sub(looked) + SLACK >= LOOK_INTERVAL)
    }

    /// Looks at the gauges, and gives what could be read. A failure is not repeated before the next time.
    pub(super) async fn look(&mut self, profiles: &[Profile], basis: Basis, clock: &dyn Clock) -> Vec<Gauge> {
        let begun = clock.since_boot();
        self.looked = Some(begun);
        (self.client.now, self.client.patience) = (begun, self.patience);
        let mut shown = Vec::new();
        let looked = self.look_on(profiles, basis, clock, &mut shown).await;
        if let Err(error) = &looked {
            if self.client.start_over() {
                // It is asked otherwise from now on.
                self.looked = None;
            }
            if !self.is_slow {
                let (subject, address) = (&self.device.subject, self.device.address);
                tracing::warn!(device = %subject, %address, "its gauges cannot be read: {}", crate::told(error));
            }
        }
        self.is_slow = looked.is_err() || clock.since_boot().saturating_sub(begun) > LOOK_TIME;
        self.labels.gauges(shown)
    }

    async fn look_on(
        &mut self,
        profiles: &[Profile],
        basis: Basis,
        clock: &dyn Clock,
        shown: &mut Vec<Shown>,
    ) -> Result<(), SnmpError> {
        let now = self.client.now;
        for found in [&mut self.found, &mut self.finding] {
            found.take_if(|found| found.basis != Some(basis));
        }
        if self.finding.is_none() && self.found.as_ref().is_none_or(|found| now >= found.again) {
            self.client.is_bulkless = false;
            let identity = identity::ask(&mut self.client).await?;
            let mut left = identity.tables(profiles);
            left.reverse();
            let early = Duration::from_secs(u64::from(crate::chance::u32() % SPREAD));
            let again = now + FIND_INTERVAL - early;
            let object_id = identity.object_id;
            self.labels.let_go();
            self.finding = Some(Found { basis: Some(basis), again, left, object_id, ..Found::default() });
        }
        // Values of what is found now come with it, unless they are read as before.
        let mut known = self.found.as_ref().map_or(0, |found| found.sensors.len());
        if let Some(mut finding) = self.finding.take() {
            let is_first = self.found.is_none();
            if is_first {
                known = finding.sensors.len();
            }
            let mut unshown = Vec::new();
            let to = if is_first { &mut *shown } else { &mut unshown };
            let looked = self.find(&mut finding, profiles, clock, to).await;
            if finding.left.is_empty() {
                if !is_first {
                    known = finding.sensors.len();
                }
                self.found = Some(finding);
            } else {
                self.finding = Some(finding);
            }
            looked?;
        }
        let is_whole = self.found.is_some();
        let Some(mut found) = self.found.take().or_else(|| self.finding.take()) else { return Ok(()) };
        let mut looked = self.read(&found.sensors[..known], profiles, shown).await;
        if looked.is_ok() {
            looked = self.count(&mut found, profiles, shown).await;
        }
        if is_whole {
            self.found = Some(found);
            if self.finding.is_none() {
                self.labels.settle(&self.device);
            }
        } else {
            self.finding = Some(found);
        }
        looked
    }

    /// Walks tables that are left, until it is late.
    async fn find(
        &mut self,
        finding: &mut Found,
        profiles: &[Profile],
        clock: &dyn Clock,
        shown: &mut Vec<Shown>,
    ) -> Result<(), SnmpError> {
        let late = self.client.now + LOOK_TIME;
        while let Some(at) = finding.left.pop() {
            let Some(table) = at.table(profiles) else { continue };
            if table.is_counted() {
                finding.counted.push((at, false));
                continue;
            }
            self.client.now = clock.since_boot();
            if self.client.now >= late {
                finding.left.push(at);
                break;
            }
            match sensors::find(&mut self.client, profiles, at, &finding.object_id).await {
                Ok((sensors, cut)) => {
                    self.labels.left_out = self.labels.left_out.saturating_add(cut);
                    for sensor in sensors {
                        if finding.sensors.len() >= MAX_OF_DEVICE {
                            self.labels.left_out = self.labels.left_out.saturating_add(1);
                            continue;
                        }
                        let sum = sensor.rule.rule(profiles).is_some_and(|rule| rule.sum);
                        // Two tables may show the same gauge: the first is read.
                        let Some(number) = self.labels.number(sensor.label, sum) else { continue };
                        shown.extend(sensor.value.map(|value| Shown { number, value, sum }));
                        let Some(oid) = sensor.oid else { continue };
                        let (rule, scale) = (sensor.rule, sensor.scale);
                        finding.sensors.push(Numbered { number, oid, rule, scale });
                    }
                }
                Err(error) => {
                    let gone = self.has_failed(table, &error, true).await;
                    // A device that goes silent at the same table again is to be read without it.
                    if gone.is_err() && finding.suspect.replace(at) != Some(at) {
                        finding.left.push(at);
                    }
                    gone?;
                }
            }
        }
        Ok(())
    }

    /// Tells of a table that cannot be read, and whether the device answers at all.
    async fn has_failed(&mut self, table: &Table, error: &SnmpError, tells: bool) -> Result<(), SnmpError> {
        if tells {
            let (subject, address) = (&self.device.subject, self.device.address);
            let (table, error) = (&table.oid, crate::told(error));
            tracing::warn!(device = %subject, %address, %table, "a table of its gauges cannot be read: {error}");
        }
        self.client.start_over();
        identity::ask(&mut self.client).await.map(drop)
    }

    async fn read(
        &mut self,
        sensors: &[Numbered],
        profiles: &[Profile],
        shown: &mut Vec<Shown>,
    ) -> Result<(), SnmpError> {
        let oids: Vec<&[u8]> = sensors.iter().map(|sensor| sensor.oid.as_slice()).collect();
        let mut cells = vec![None; oids.len()];
        let asked = timeout(LOOK_TIME, get_each(&mut self.client, &oids, &mut cells)).await;
        for (sensor, cell) in sensors.iter().zip(cells) {
            let Some((rule, cell)) = sensor.rule.rule(profiles).zip(cell) else { continue };
            let value = measure(rule, sensor.scale, &cell);
            shown.extend(value.map(|value| Shown { number: sensor.number, value, sum: rule.sum }));
        }
        asked.unwrap_or(Err(SnmpError::Timeout))
    }

    async fn count(
        &mut self,
        found: &mut Found,
        profiles: &[Profile],
        shown: &mut Vec<Shown>,
    ) -> Result<(), SnmpError> {
        for (at, failed) in &mut found.counted {
            let Some(table) = at.table(profiles) else { continue };
            match sensors::find(&mut self.client, profiles, *at, &found.object_id).await {
                Ok((sensors, cut)) => {
                    *failed = false;
                    self.labels.left_out = self.labels.left_out.saturating_add(cut);
                    for sensor in sensors {
                        let Some(value) = sensor.value else { continue };
                        let sum = sensor.rule.rule(profiles).is_some_and(|rule| rule.sum);
                        let number = self.labels.number(sensor.label, true);
                        shown.extend(number.map(|number| Shown { number, value, sum }));
                    }
                }
                Err(error) => {
                    let tells = !std::mem::replace(failed, true);
                    self.has_failed(table, &error, tells).await?;
                }
            }
        }
        Ok(())
    }
}
