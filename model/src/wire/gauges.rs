//! The columns of gauges: devices, times, and what each gauge showed.
//!
//! A gauge keeps its number, and mostly its value; its label is told when it is new.

use std::collections::BTreeMap;

use super::{
    Gauge, GaugeReading, Label, WireError,
    coder::{Coder, Number},
    error::{MAX_GAUGES, MAX_READINGS, within},
    text,
};
use crate::gauge::GaugeKind;

/// What is known after some looks.
pub(super) struct Looks {
    /// Looks of the batch before.
    count: u64,
    device: u64,
    mono_ms: u64,
    gauges: usize,
    values: BTreeMap<(u64, u16), i64>,
    columns: Columns,
}

struct Columns {
    count: Number,
    device: Number,
    time: Number,
    width: Number,
    number: Number,
    has_label: Number,
    kind: Number,
    length: Number,
    first: Number,
    value: Number,
}

impl Looks {
    pub(super) fn new() -> Self {
        Looks {
            count: 0,
            device: 0,
            mono_ms: 0,
            gauges: 0,
            values: BTreeMap::new(),
            columns: Columns {
                count: Number::rare(),
                device: Number::small(),
                time: Number::any(),
                width: Number::any(),
                number: Number::rare(),
                has_label: Number::rare(),
                kind: Number::small(),
                length: Number::any(),
                first: Number::any(),
                value: Number::small(),
            },
        }
    }

    /// Codes all of a batch's `readings`.
    pub(super) fn code(
        &mut self,
        coder: &mut impl Coder,
        sealed_ms: u64,
        readings: &mut Vec<GaugeReading>,
    ) -> Result<(), WireError> {
        let count = coder.near(&mut self.columns.count, self.count, readings.len() as u64)?;
        (self.count, self.mono_ms, self.gauges) = (count, sealed_ms, 0);
        for index in 0..within("looks at gauges", count, MAX_READINGS)? {
            if index == readings.len() {
                readings.push(GaugeReading { device: None, mono_ms: 0, gauges: Vec::new() });
            }
            self.reading(coder, &mut readings[index])?;
        }
        Ok(())
    }

    fn reading(&mut self, coder: &mut impl Coder, reading: &mut GaugeReading) -> Result<(), WireError> {
        // 0 is the router itself, the devices follow.
        let device = reading.device.map_or(0, |device| u64::from(device) + 1);
        let device = coder.near(&mut self.columns.device, self.device, device)?;
        reading.device = match device.checked_sub(1) {
            None => None,
            Some(index) => Some(index.try_into().map_err(|_| WireError::Malformed("a device"))?),
        };
        self.device = device;
        reading.mono_ms = coder.near(&mut self.columns.time, self.mono_ms, reading.mono_ms)?;
        self.mono_ms = reading.mono_ms;
        let width = coder.number(&mut self.columns.width, reading.gauges.len() as u64)?;
        let width = within("gauges", width, MAX_GAUGES)?;
        self.gauges += width;
        within("gauges", self.gauges as u64, MAX_GAUGES)?;
        let mut next = 0;
        for index in 0..width {
            if index == reading.gauges.len() {
                reading.gauges.push(Gauge { number: 0, label: None, value: 0 });
            }
            next = self.gauge(coder, next, &mut reading.gauges[index])?;
        }
        Ok(())
    }

    /// Codes one gauge, expected to be number `next`, and tells which is expected to follow.
    fn gauge(&mut self, coder: &mut impl Coder, next: u64, gauge: &mut Gauge) -> Result<u64, WireError> {
        let columns = &mut self.columns;
        gauge.number =
            coder.fitting(&mut columns.number, next, u64::from(gauge.number), "the number of a gauge")?;
        if coder.number(&mut columns.has_label, u64::from(gauge.label.is_some()))? == 0 {
            gauge.label = None;
        } else {
            let label = gauge.label.take().unwrap_or(Label { kind: GaugeKind::ALL[0], place: String::new() });
            let kind = coder.number(&mut columns.kind, u64::from(label.kind.number()))?;
            let kind = u8::try_from(kind).ok().and_then(GaugeKind::of_number);
            let kind = kind.ok_or(WireError::Malformed("the kind of a gauge"))?;
            let place = text(coder, &mut columns.length, label.place, "the place of a gauge")?;
            gauge.label = Some(Label { kind, place });
        }
        let key = (self.device, gauge.number);
        let (column, expected) = match self.values.get(&key) {
            Some(known) => (&mut columns.value, *known),
            None => (&mut columns.first, 0),
        };
        let value = coder.near(column, expected.cast_unsigned(), gauge.value.cast_unsigned())?;
        gauge.value = value.cast_signed();
        self.values.insert(key, gauge.value);
        Ok(u64::from(gauge.number) + 1)
    }
}
