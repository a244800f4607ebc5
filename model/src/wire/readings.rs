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

/// Codes all of `readings` but the counters; what is decoded has those counters that were read, all 0.
pub(super) fn code(
    coder: &mut impl Coder,
    sealed_ms: u64,
    readings: &mut Vec<DeviceReading>,
) -> Result<(), WireError> {
    let count =
        within("device readings", coder.number(&mut Number::small(), readings.len() as u64)?, MAX_READINGS)?;
    let mut walk = Walk::new(sealed_ms);
    for index in 0..count {
        if index == readings.len() {
            readings.push(DeviceReading { device: 0, mono_ms: 0, uptime_cs: None, interfaces: Vec::new() });
        }
        walk.device(coder, &mut readings[index])?;
    }
    Ok(())
}

/// What is known after some readings.
struct Walk {
    /// The device before.
    device: u16,
    /// When it was read; at first, when the batch was sealed.
    mono_ms: u64,
    /// How long after the one before it that was.
    gap_ms: Option<u64>,
    /// Interfaces of the device before.
    width: u64,
    /// Interfaces so far.
    interfaces: u64,
    /// Each device's last uptime, and when it was read.
    uptimes: BTreeMap<u16, (u64, u32)>,
    /// Which parts the interface before had.
    present: u16,
    /// The last ifOperStatus and ifHighSpeed.
    oper_status: u8,
    high_speed_mbps: u32,
    columns: Columns,
}

struct Columns {
    device: Number,
    time: Number,
    has_uptime: Histogram,
    uptime: Number,
    width: Number,
    link: Number,
    present: Number,
    oper_status: Number,
    high_speed_mbps: Number,
    text_length: Number,
}

impl Walk {
    fn new(sealed_ms: u64) -> Self {
        Walk {
            device: BEFORE_FIRST,
            mono_ms: sealed_ms,
            gap_ms: None,
            width: 0,
            interfaces: 0,
            uptimes: BTreeMap::new(),
            present: COUNTER_BITS | OPER_STATUS,
            oper_status: 1,
            high_speed_mbps: 1000,
            columns: Columns {
                device: Number::rare(),
                time: Number::small(),
                has_uptime: Histogram::new(vec![6, 12]),
                uptime: Number::any(),
                width: Number::rare(),
                link: Number::rare(),
                present: Number::rare(),
                oper_status: Number::rare(),
                high_speed_mbps: Number::rare(),
                text_length: Number::any(),
            },
        }
    }

    fn device(&mut self, coder: &mut impl Coder, reading: &mut DeviceReading) -> Result<(), WireError> {
        let columns = &mut self.columns;
        let next = u64::from(self.device.wrapping_add(1));
        reading.device = coder.fitting(&mut columns.device, next, u64::from(reading.device), "a device")?;
        self.device = reading.device;

        let expected = self.mono_ms.wrapping_add(self.gap_ms.unwrap_or(0));
        reading.mono_ms = coder.near(&mut columns.time, expected, reading.mono_ms)?;
        let is_first = self.gap_ms.is_none();
        self.gap_ms = Some(if is_first { 0 } else { reading.mono_ms.wrapping_sub(self.mono_ms) });
        self.mono_ms = reading.mono_ms;

        let has_uptime = usize::from(reading.uptime_cs.is_some());
        let has_uptime = coder.symbol(&mut columns.has_uptime, has_uptime)? == 1;
        part(&mut reading.uptime_cs, has_uptime);
        if let Some(cs) = &mut reading.uptime_cs {
            let known = self.uptimes.get(&reading.device);
            let grown = |&(at, cs)| u64::from(cs).wrapping_add(reading.mono_ms.wrapping_sub(at) / 10);
            *cs = coder.fitting(&mut columns.uptime, known.map_or(0, grown), u64::from(*cs), "an uptime")?;
            self.uptimes.insert(reading.device, (reading.mono_ms, *cs));
        }

        self.width = coder.near(&mut columns.width, self.width, reading.interfaces.len() as u64)?;
        self.interfaces = self.interfaces.saturating_add(self.width);
        within("interface readings", self.interfaces, MAX_INTERFACES)?;
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

    fn interface(
        &mut self,
        coder: &mut impl Coder,
        interface: &mut InterfaceReading,
    ) -> Result<(), WireError> {
        let columns = &mut self.columns;
        let changed = coder.number(&mut columns.present, u64::from(present(interface) ^ self.present))?;
        self.present ^= u16::try_from(changed).map_err(|_| WireError::Malformed("the parts of a reading"))?;
        make_present(interface, self.present)?;
        if let Some(status) = &mut interface.oper_status {
            let expected = u64::from(self.oper_status);
            *status =
                coder.fitting(&mut columns.oper_status, expected, u64::from(*status), "an ifOperStatus")?;
            self.oper_status = *status;
        }
        if let Some(speed) = &mut interface.high_speed_mbps {
            let expected = u64::from(self.high_speed_mbps);
            *speed =
                coder.fitting(&mut columns.high_speed_mbps, expected, u64::from(*speed), "an ifHighSpeed")?;
            self.high_speed_mbps = *speed;
        }
        for text in [&mut interface.name, &mut interface.alias].into_iter().flatten() {
            let taken = std::mem::take(text);
            *text = super::text(coder, &mut columns.text_length, taken, "an interface's name")?;
        }
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
