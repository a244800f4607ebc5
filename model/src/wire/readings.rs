//! The columns of SNMP readings: devices, times, uptimes, links and what was read of them, all but the counters.
//!
//! Most of it is absent or the same as before, and costs next to nothing then.

use std::collections::BTreeMap;

use super::{
    DeviceReading, InterfaceReading, WireError,
    coder::{Coder, Histogram, Number},
    error::{MAX_INTERFACES, MAX_READINGS, MAX_TEXT, within},
};

/// Codes all of `readings` but the counters.
pub(super) fn code(
    coder: &mut impl Coder,
    sealed_ms: u64,
    readings: &mut Vec<DeviceReading>,
) -> Result<(), WireError> {
    let count =
        within("device readings", coder.number(&mut Number::small(), readings.len() as u64)?, MAX_READINGS)?;
    let mut columns = Columns::new();
    let mut uptimes: BTreeMap<u16, (u64, u64)> = BTreeMap::new();
    let mut device = u64::from(u16::MAX);
    let mut mono_ms = sealed_ms;
    let mut gap_ms = 0u64;
    let mut width = 0u64;
    let mut interfaces = 0;
    let mut before = Before { present: 0xff | OPER_STATUS, oper_status: 1, high_speed_mbps: 1000 };
    for index in 0..count {
        if index == readings.len() {
            readings.push(DeviceReading { device: 0, mono_ms: 0, uptime_cs: None, interfaces: Vec::new() });
        }
        let reading = &mut readings[index];

        let next = device.wrapping_add(1) & u64::from(u16::MAX);
        reading.device = coder.fitting(&mut columns.device, next, u64::from(reading.device), "a device")?;
        device = u64::from(reading.device);

        reading.mono_ms = coder.near(&mut columns.time, mono_ms.wrapping_add(gap_ms), reading.mono_ms)?;
        gap_ms = if index == 0 { 0 } else { reading.mono_ms.wrapping_sub(mono_ms) };
        mono_ms = reading.mono_ms;

        let known = uptimes.get(&reading.device);
        let expected = known.map_or(0, |&(at, cs)| cs.wrapping_add(mono_ms.wrapping_sub(at) / 10));
        let has_uptime =
            coder.symbol(&mut columns.has_uptime, usize::from(reading.uptime_cs.is_some()))? == 1;
        reading.uptime_cs = has_uptime.then(|| reading.uptime_cs.unwrap_or(0));
        if let Some(cs) = &mut reading.uptime_cs {
            *cs = coder.fitting(&mut columns.uptime, expected, u64::from(*cs), "an uptime")?;
            uptimes.insert(reading.device, (mono_ms, u64::from(*cs)));
        }

        width = coder.near(&mut columns.width, width, reading.interfaces.len() as u64)?;
        within("interface readings", width, MAX_INTERFACES)?;
        interfaces += width;
        within("interface readings", interfaces, MAX_INTERFACES)?;
        let mut link = u64::from(u16::MAX);
        for index in 0..width as usize {
            if index == reading.interfaces.len() {
                reading.interfaces.push(InterfaceReading::default());
            }
            let interface = &mut reading.interfaces[index];
            let next = link.wrapping_add(1) & u64::from(u16::MAX);
            interface.link = coder.fitting(&mut columns.link, next, u64::from(interface.link), "a link")?;
            link = u64::from(interface.link);
            columns.interface(coder, &mut before, interface)?;
        }
    }
    Ok(())
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

impl Columns {
    fn new() -> Self {
        Columns {
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
        }
    }

    /// Codes what was read of an interface, given what was read of the one before.
    fn interface(
        &mut self,
        coder: &mut impl Coder,
        before: &mut Before,
        interface: &mut InterfaceReading,
    ) -> Result<(), WireError> {
        let changed = coder.number(&mut self.present, u64::from(present(interface) ^ before.present))?;
        let changed = u16::try_from(changed).map_err(|_| WireError::Malformed("the parts of a reading"))?;
        before.present ^= changed;
        make_present(interface, before.present)?;
        if let Some(status) = &mut interface.oper_status {
            *status = coder.fitting(
                &mut self.oper_status,
                before.oper_status,
                u64::from(*status),
                "an ifOperStatus",
            )?;
            before.oper_status = u64::from(*status);
        }
        if let Some(speed) = &mut interface.high_speed_mbps {
            *speed = coder.fitting(
                &mut self.high_speed_mbps,
                before.high_speed_mbps,
                u64::from(*speed),
                "an ifHighSpeed",
            )?;
            before.high_speed_mbps = u64::from(*speed);
        }
        for text in [&mut interface.name, &mut interface.alias].into_iter().flatten() {
            self.text(coder, text)?;
        }
        Ok(())
    }

    /// Codes a text: its length, and its bytes as they are.
    fn text(&mut self, coder: &mut impl Coder, text: &mut String) -> Result<(), WireError> {
        let mut bytes = std::mem::take(text).into_bytes();
        let length = coder.number(&mut self.text_length, bytes.len() as u64)?;
        bytes.resize(within("bytes of an interface's name", length, MAX_TEXT)?, 0);
        for byte in &mut bytes {
            *byte = coder.raw(8, u64::from(*byte))? as u8;
        }
        *text = String::from_utf8(bytes).map_err(|_| WireError::Malformed("an interface's name"))?;
        Ok(())
    }
}

/// What the interface before had.
struct Before {
    present: u16,
    oper_status: u64,
    high_speed_mbps: u64,
}

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
    fn part<T: Default>(part: &mut Option<T>, is: bool) {
        *part = is.then(|| part.take().unwrap_or_default());
    }
    if present > ALIAS << 1 {
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
