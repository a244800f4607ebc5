//! The columns of SNMP readings: devices, times, uptimes, links and what was read of them, all but the counters.
//!
//! Most of it is absent or the same as before, and costs next to nothing then.

use std::collections::BTreeMap;

use super::{
    DeviceReading, InterfaceReading, WireError,
    coder::{Coder, Histogram, Number},
    error::{MAX_INTERFACES, MAX_READINGS, within},
};

/// What is before the first device and the first link, so that 0 follows.
const BEFORE_FIRST: u16 = u16::MAX;

/// Memory for what is known of a device, and of an interface.
pub(super) const A_DEVICE: usize = size_of::<(u16, Device)>();
pub(super) const AN_INTERFACE: usize = size_of::<((u16, u16), Interface)>();

/// What is known after some readings.
pub(super) struct Walk {
    /// When the batch before was sealed, if there is one, and how many readings it had.
    before: Option<(u64, u64)>,
    /// The device before.
    device: u16,
    /// When it was read; at first, when the batch was sealed.
    mono_ms: u64,
    /// How long after the one before it that was.
    gap_ms: Option<u64>,
    /// How long after its reading before a device was read, the last time.
    interval_ms: u64,
    /// Interfaces of this batch so far.
    interfaces: u64,
    /// What was read last of each device.
    devices: BTreeMap<u16, Device>,
    /// What was read last of each interface: by device and link.
    known: BTreeMap<(u16, u16), Interface>,
    /// The interface before.
    interface: Interface,
    /// Interfaces of the device before.
    width: u64,
    columns: Columns,
}

#[derive(Clone, Copy)]
struct Device {
    mono_ms: u64,
    uptime: Option<(u64, u32)>,
    width: u64,
}

#[derive(Clone, Copy)]
struct Interface {
    /// Which parts it had.
    present: u16,
    oper_status: u8,
    high_speed_mbps: u32,
}

struct Columns {
    count: Number,
    device: Number,
    time: Number,
    has_uptime: Histogram,
    uptime: Number,
    later_uptime: Number,
    width: Number,
    link: Number,
    present: Number,
    oper_status: Number,
    high_speed_mbps: Number,
    text_length: Number,
}

impl Walk {
    pub(super) fn new() -> Self {
        Walk {
            before: None,
            device: BEFORE_FIRST,
            mono_ms: 0,
            gap_ms: None,
            interval_ms: 0,
            interfaces: 0,
            devices: BTreeMap::new(),
            known: BTreeMap::new(),
            interface: Interface {
                present: COUNTER_BITS | OPER_STATUS,
                oper_status: 1,
                high_speed_mbps: 1000,
            },
            width: 0,
            columns: Columns {
                count: Number::small(),
                device: Number::rare(),
                time: Number::small(),
                has_uptime: Histogram::new(vec![6, 12]),
                uptime: Number::any(),
                later_uptime: Number::small(),
                width: Number::rare(),
                link: Number::rare(),
                present: Number::rare(),
                oper_status: Number::rare(),
                high_speed_mbps: Number::rare(),
                text_length: Number::any(),
            },
        }
    }

    /// Codes all of a batch's `readings` but the counters; what is decoded has those counters that were read, all 0.
    pub(super) fn code(
        &mut self,
        coder: &mut dyn Coder,
        sealed_ms: u64,
        readings: &mut Vec<DeviceReading>,
    ) -> Result<(), WireError> {
        let expected = self.before.map_or(0, |(_, count)| count);
        let count = coder.near(&mut self.columns.count, expected, readings.len() as u64)?;
        if let Some((before_ms, _)) = self.before {
            self.interval_ms = sealed_ms.wrapping_sub(before_ms);
        }
        if self.devices.is_empty() {
            self.mono_ms = sealed_ms;
        }
        self.before = Some((sealed_ms, count));
        (self.device, self.interfaces) = (BEFORE_FIRST, 0);
        for index in 0..within("device readings", count, MAX_READINGS)? {
            if index == readings.len() {
                readings.push(DeviceReading {
                    device: 0,
                    mono_ms: 0,
                    uptime_cs: None,
                    interfaces: Vec::new(),
                });
            }
            self.device(coder, &mut readings[index])?;
        }
        Ok(())
    }

    fn device(&mut self, coder: &mut dyn Coder, reading: &mut DeviceReading) -> Result<(), WireError> {
        let next = u64::from(self.device.wrapping_add(1));
        reading.device =
            coder.fitting(&mut self.columns.device, next, u64::from(reading.device), "a device")?;
        self.device = reading.device;
        let known = self.devices.get(&reading.device).copied();
        self.time(coder, known, &mut reading.mono_ms)?;
        let uptime = self.uptime(coder, known.and_then(|device| device.uptime), reading)?;

        let width = known.map_or(self.width, |device| device.width);
        self.width = coder.near(&mut self.columns.width, width, reading.interfaces.len() as u64)?;
        self.interfaces = self.interfaces.saturating_add(self.width);
        within("interface readings", self.interfaces, MAX_INTERFACES)?;
        self.devices.insert(reading.device, Device { mono_ms: reading.mono_ms, uptime, width: self.width });
        let mut link = BEFORE_FIRST;
        for index in 0..self.width as usize {
            if index == reading.interfaces.len() {
                reading.interfaces.push(InterfaceReading::default());
            }
            let interface = &mut reading.interfaces[index];
            let next = u64::from(link.wrapping_add(1));
            interface.link =
                coder.fitting(&mut self.columns.link, next, u64::from(interface.link), "a link")?;
            link = interface.link;
            self.interface(coder, interface)?;
        }
        Ok(())
    }

    /// Codes when a device was read: as long after its reading before as it was with the device before it.
    fn time(
        &mut self,
        coder: &mut dyn Coder,
        known: Option<Device>,
        mono_ms: &mut u64,
    ) -> Result<(), WireError> {
        let expected = match known {
            Some(device) => device.mono_ms.wrapping_add(self.interval_ms),
            None => self.mono_ms.wrapping_add(self.gap_ms.unwrap_or(0)),
        };
        *mono_ms = coder.near(&mut self.columns.time, expected, *mono_ms)?;
        match known {
            Some(device) => self.interval_ms = mono_ms.wrapping_sub(device.mono_ms),
            None => self.gap_ms = Some(self.gap_ms.map_or(0, |_| mono_ms.wrapping_sub(self.mono_ms))),
        }
        self.mono_ms = *mono_ms;
        Ok(())
    }

    /// Codes whether there is an uptime, and what it is: grown with the time.
    fn uptime(
        &mut self,
        coder: &mut dyn Coder,
        known: Option<(u64, u32)>,
        reading: &mut DeviceReading,
    ) -> Result<Option<(u64, u32)>, WireError> {
        let columns = &mut self.columns;
        let has_uptime = usize::from(reading.uptime_cs.is_some());
        let has_uptime = coder.symbol(&mut columns.has_uptime, has_uptime)? == 1;
        part(&mut reading.uptime_cs, has_uptime);
        let Some(cs) = &mut reading.uptime_cs else { return Ok(known) };
        let (column, expected) = match known {
            None => (&mut columns.uptime, 0),
            Some((at, cs)) => {
                (&mut columns.later_uptime, u64::from(cs).wrapping_add(reading.mono_ms.wrapping_sub(at) / 10))
            }
        };
        *cs = coder.fitting(column, expected, u64::from(*cs), "an uptime")?;
        Ok(Some((reading.mono_ms, *cs)))
    }

    fn interface(
        &mut self,
        coder: &mut dyn Coder,
        interface: &mut InterfaceReading,
    ) -> Result<(), WireError> {
        let columns = &mut self.columns;
        let mut known = self.known.get(&(self.device, interface.link)).copied().unwrap_or(self.interface);
        // A name is told when it is new.
        let expected = known.present & !(NAME | ALIAS);
        let changed = coder.number(&mut columns.present, u64::from(present(interface) ^ expected))?;
        known.present =
            expected ^ u16::try_from(changed).map_err(|_| WireError::Malformed("the parts of a reading"))?;
        make_present(interface, known.present)?;
        if let Some(status) = &mut interface.oper_status {
            let expected = u64::from(known.oper_status);
            *status =
                coder.fitting(&mut columns.oper_status, expected, u64::from(*status), "an ifOperStatus")?;
            known.oper_status = *status;
        }
        if let Some(speed) = &mut interface.high_speed_mbps {
            let expected = u64::from(known.high_speed_mbps);
            *speed =
                coder.fitting(&mut columns.high_speed_mbps, expected, u64::from(*speed), "an ifHighSpeed")?;
            known.high_speed_mbps = *speed;
        }
        for text in [&mut interface.name, &mut interface.alias].into_iter().flatten() {
            let taken = std::mem::take(text);
            *text = super::text(coder, &mut columns.text_length, taken, "an interface's name")?;
        }
        self.known.insert((self.device, interface.link), known);
        self.interface = known;
        Ok(())
    }
}

const COUNTER_BITS: u16 = 0xff;
const OPER_STATUS: u16 = 1 << 8;
const HIGH_SPEED: u16 = 1 << 9;
const NAME: u16 = 1 << 10;
const ALIAS: u16 = 1 << 11;

/// Which parts of a reading are there, a bit for each: the counters in their order, then the others.
fn present(interface: &InterfaceReading) -> u16 {
    let counters =
        interface.counters.iter().rev().fold(0, |bits, counter| bits << 1 | u16::from(counter.is_some()));
    let bit = |is: bool, bit| if is { bit } else { 0 };
    counters
        | bit(interface.oper_status.is_some(), OPER_STATUS)
        | bit(interface.high_speed_mbps.is_some(), HIGH_SPEED)
        | bit(interface.name.is_some(), NAME)
        | bit(interface.alias.is_some(), ALIAS)
}

/// Makes just those parts be there: as they are, or empty until they are decoded.
fn make_present(interface: &mut InterfaceReading, present: u16) -> Result<(), WireError> {
    if present >= ALIAS << 1 {
        return Err(WireError::Malformed("the parts of a reading"));
    }
    for (at, counter) in interface.counters.iter_mut().enumerate() {
        part(counter, present >> at & 1 == 1);
    }
    part(&mut interface.oper_status, present & OPER_STATUS != 0);
    part(&mut interface.high_speed_mbps, present & HIGH_SPEED != 0);
    part(&mut interface.name, present & NAME != 0);
    part(&mut interface.alias, present & ALIAS != 0);
    Ok(())
}

/// Makes a part be there or not.
fn part<T: Default>(part: &mut Option<T>, is: bool) {
    *part = is.then(|| part.take().unwrap_or_default());
}
