//! The columns of gauges: devices, times, and what each gauge showed.
//!
//! A gauge keeps its number, and mostly its value; its label is told when it is new. Values are thousandths, but most
//! gauges show whole numbers, and are told in such.

use std::collections::BTreeMap;

use super::{
    Gauge, GaugeReading, Label, WireError,
    coder::{Coder, Number},
    error::{MAX_GAUGES, MAX_READINGS, within},
    text,
};
use crate::gauge::GaugeKind;

/// A whole number, in thousandths.
const WHOLE: i64 = 1_000;

/// Memory for what is known of a device, and of a gauge.
pub(super) const A_DEVICE: usize = size_of::<(u64, Device)>();
pub(super) const A_GAUGE: usize = size_of::<((u64, u16), Shown)>();

/// What is known after some looks.
pub(super) struct Looks {
    /// When the batch before was sealed, if there is one, and how many looks it had.
    before: Option<(u64, u64)>,
    /// The device that is expected: 0 is the router itself, the devices follow.
    next: u64,
    /// When the device before was looked at; at first, when the batch was sealed.
    mono_ms: u64,
    /// How long after its look before a device was looked at, the last time.
    interval_ms: u64,
    /// Gauges of this batch so far.
    gauges: usize,
    devices: BTreeMap<u64, Device>,
    shown: BTreeMap<(u64, u16), Shown>,
    columns: Columns,
}

#[derive(Clone, Copy)]
struct Device {
    mono_ms: u64,
    gauges: u64,
}

#[derive(Clone, Copy)]
struct Shown {
    value: i64,
    is_whole: bool,
}

struct Columns {
    count: Number,
    device: Number,
    first_time: Number,
    time: Number,
    width: Number,
    number: Number,
    has_label: Number,
    kind: Number,
    length: Number,
    other_unit: Number,
    first: Number,
    value: Number,
}

impl Looks {
    pub(super) fn new() -> Self {
        Looks {
            before: None,
            next: 0,
            mono_ms: 0,
            interval_ms: 0,
            gauges: 0,
            devices: BTreeMap::new(),
            shown: BTreeMap::new(),
            columns: Columns {
                count: Number::rare(),
                device: Number::small(),
                first_time: Number::any(),
                time: Number::small(),
                width: Number::small(),
                number: Number::rare(),
                has_label: Number::rare(),
                kind: Number::small(),
                length: Number::any(),
                other_unit: Number::small(),
                first: Number::any(),
                value: Number::small(),
            },
        }
    }

    /// Codes all of a batch's `readings`.
    pub(super) fn code(
        &mut self,
        coder: &mut dyn Coder,
        sealed_ms: u64,
        readings: &mut Vec<GaugeReading>,
    ) -> Result<(), WireError> {
        let expected = self.before.map_or(0, |(_, count)| count);
        let count = coder.near(&mut self.columns.count, expected, readings.len() as u64)?;
        if let Some((before_ms, _)) = self.before {
            self.interval_ms = sealed_ms.wrapping_sub(before_ms);
        }
        self.before = Some((sealed_ms, count));
        (self.next, self.mono_ms, self.gauges) = (0, sealed_ms, 0);
        for index in 0..within("looks at gauges", count, MAX_READINGS)? {
            if index == readings.len() {
                readings.push(GaugeReading { device: None, mono_ms: 0, gauges: Vec::new() });
            }
            self.reading(coder, &mut readings[index])?;
        }
        Ok(())
    }

    fn reading(&mut self, coder: &mut dyn Coder, reading: &mut GaugeReading) -> Result<(), WireError> {
        let device = reading.device.map_or(0, |device| u64::from(device) + 1);
        let device = coder.near(&mut self.columns.device, self.next, device)?;
        reading.device = match device.checked_sub(1) {
            None => None,
            Some(index) => Some(index.try_into().map_err(|_| WireError::Malformed("a device"))?),
        };
        self.next = device + 1;
        let known = self.devices.get(&device).copied();
        match known {
            None => {
                let time = coder.near(&mut self.columns.first_time, self.mono_ms, reading.mono_ms)?;
                reading.mono_ms = time;
            }
            Some(known) => {
                let expected = known.mono_ms.wrapping_add(self.interval_ms);
                reading.mono_ms = coder.near(&mut self.columns.time, expected, reading.mono_ms)?;
                self.interval_ms = reading.mono_ms.wrapping_sub(known.mono_ms);
            }
        }
        self.mono_ms = reading.mono_ms;
        let expected = known.map_or(0, |known| known.gauges);
        let count = coder.near(&mut self.columns.width, expected, reading.gauges.len() as u64)?;
        self.devices.insert(device, Device { mono_ms: self.mono_ms, gauges: count });
        let count = within("gauges", count, MAX_GAUGES)?;
        self.gauges += count;
        within("gauges", self.gauges as u64, MAX_GAUGES)?;
        let mut next = 0;
        for index in 0..count {
            if index == reading.gauges.len() {
                reading.gauges.push(Gauge { number: 0, label: None, value: 0 });
            }
            let gauge = &mut reading.gauges[index];
            gauge.number = coder.fitting(
                &mut self.columns.number,
                next,
                u64::from(gauge.number),
                "the number of a gauge",
            )?;
            next = u64::from(gauge.number) + 1;
            self.label(coder, &mut gauge.label)?;
            self.value(coder, (device, gauge.number), &mut gauge.value)?;
        }
        Ok(())
    }

    fn label(&mut self, coder: &mut dyn Coder, label: &mut Option<Label>) -> Result<(), WireError> {
        let columns = &mut self.columns;
        if coder.number(&mut columns.has_label, u64::from(label.is_some()))? == 0 {
            *label = None;
            return Ok(());
        }
        let told = label.take().unwrap_or(Label { kind: GaugeKind::ALL[0], place: String::new() });
        let kind = coder.number(&mut columns.kind, u64::from(told.kind.number()))?;
        let kind = u8::try_from(kind).ok().and_then(GaugeKind::of_number);
        let kind = kind.ok_or(WireError::Malformed("the kind of a gauge"))?;
        let place = text(coder, &mut columns.length, told.place, "the place of a gauge")?;
        *label = Some(Label { kind, place });
        Ok(())
    }

    /// Codes what a gauge shows: as before, or in the same unit.
    fn value(&mut self, coder: &mut dyn Coder, gauge: (u64, u16), value: &mut i64) -> Result<(), WireError> {
        let known = self.shown.get(&gauge).copied();
        let columns = &mut self.columns;
        let column = if known.is_some() { &mut columns.value } else { &mut columns.first };
        let before = known.unwrap_or(Shown { value: 0, is_whole: true });
        let is_whole = *value % WHOLE == 0 && before.value % WHOLE == 0;
        let other_unit = coder.number(&mut columns.other_unit, u64::from(is_whole != before.is_whole))? != 0;
        let is_whole = before.is_whole != other_unit;
        let unit = if is_whole { WHOLE } else { 1 };
        let (expected, told) = (before.value / unit, *value / unit);
        let told = coder.near(column, expected.cast_unsigned(), told.cast_unsigned())?.cast_signed();
        *value = told.checked_mul(unit).ok_or(WireError::Malformed("the value of a gauge"))?;
        self.shown.insert(gauge, Shown { value: *value, is_whole });
        Ok(())
    }
}
