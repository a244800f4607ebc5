//! Sealing and opening: head, body, and a CRC-32 (IEEE 802.3) over both at the end, so that a bit flipped in a
//! router's flash is noticed.

use super::{
    Batch, DeviceReading, InterfaceReading, MeasuredRound, WireError,
    bytes::{Cursor, put_varint, unzigzag, zigzag},
    error::{MAX_INTERFACES, MAX_READINGS, MAX_ROUNDS, MAX_RTTS, MAX_SEALED, MAX_TEXT, within},
    head,
};

const CHECKSUM: usize = 4;

impl Batch {
    /// The batch as it is spooled, sent and kept.
    ///
    /// # Errors
    /// When the batch is beyond a limit, or holds a round without probes or with more answers than probes.
    pub fn seal(&self) -> Result<Vec<u8>, WireError> {
        self.check()?;
        let mut out = Vec::with_capacity(1024);
        head::write(self, &mut out);
        body(self, &mut out);
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        within("bytes of a batch", out.len() as u64, MAX_SEALED)?;
        Ok(out)
    }

    /// Opens a sealed batch.
    ///
    /// # Errors
    /// When the bytes are anything else than a whole and undamaged batch within the limits.
    pub fn open(sealed: &[u8]) -> Result<Batch, WireError> {
        within("bytes of a batch", sealed.len() as u64, MAX_SEALED)?;
        let mut batch = head::read(&mut Cursor::new(sealed))?;
        let (content, checksum) =
            sealed.split_last_chunk::<CHECKSUM>().ok_or(WireError::Truncated("the checksum"))?;
        if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
            return Err(WireError::Checksum);
        }
        let mut cursor = Cursor::new(content);
        head::read(&mut cursor)?;
        read_body(&mut batch, &mut cursor)?;
        match cursor.rest().len() {
            0 => {
                batch.check()?;
                Ok(batch)
            }
            more => Err(WireError::Trailing(more)),
        }
    }

    fn check(&self) -> Result<(), WireError> {
        within("rounds", self.rounds.len() as u64, MAX_ROUNDS)?;
        within("RTTs", self.rounds.iter().map(|round| round.rtts_us.len() as u64).sum(), MAX_RTTS)?;
        within("device readings", self.readings.len() as u64, MAX_READINGS)?;
        within(
            "interface readings",
            self.readings.iter().map(|r| r.interfaces.len() as u64).sum(),
            MAX_INTERFACES,
        )?;
        if self.rounds.iter().any(|round| round.sent == 0 || round.rtts_us.len() > usize::from(round.sent)) {
            return Err(WireError::Malformed("the number of probes of a round"));
        }
        let texts = self.readings.iter().flat_map(|r| &r.interfaces).flat_map(|i| [&i.name, &i.alias]);
        for text in texts.flatten() {
            within("bytes of an interface's name", text.len() as u64, MAX_TEXT)?;
        }
        Ok(())
    }
}

fn body(batch: &Batch, out: &mut Vec<u8>) {
    put_varint(out, batch.rounds.len() as u64);
    for round in &batch.rounds {
        put_varint(out, u64::from(round.target));
        put_varint(out, zigzag(batch.sealed.mono_ms.wrapping_sub(round.mono_ms).cast_signed()));
        put_varint(out, u64::from(round.sent));
        put_varint(out, round.rtts_us.len() as u64);
        let mut last = 0;
        for &rtt in &round.rtts_us {
            put_varint(out, zigzag(i64::from(rtt) - last));
            last = i64::from(rtt);
        }
    }
    put_varint(out, batch.readings.len() as u64);
    for reading in &batch.readings {
        put_varint(out, u64::from(reading.device));
        put_varint(out, zigzag(batch.sealed.mono_ms.wrapping_sub(reading.mono_ms).cast_signed()));
        put_varint(out, reading.uptime_cs.map_or(0, |cs| u64::from(cs) + 1));
        put_varint(out, reading.interfaces.len() as u64);
        for interface in &reading.interfaces {
            put_varint(out, u64::from(interface.link));
            put_text(out, interface.name.as_deref());
            put_text(out, interface.alias.as_deref());
            put_varint(out, interface.oper_status.map_or(0, |status| u64::from(status) + 1));
            put_varint(out, interface.high_speed_mbps.map_or(0, |speed| u64::from(speed) + 1));
            let present =
                interface.counters.iter().rev().fold(0, |bits, c| bits << 1 | u8::from(c.is_some()));
            out.push(present);
            for counter in interface.counters.iter().flatten() {
                put_varint(out, *counter);
            }
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_varint(out, text.map_or(0, |text| text.len() as u64 + 1));
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn read_body(batch: &mut Batch, cursor: &mut Cursor<'_>) -> Result<(), WireError> {
    let at = |ago: u64| batch.sealed.mono_ms.wrapping_sub(unzigzag(ago).cast_unsigned());
    for _ in 0..within("rounds", cursor.varint("the rounds")?, MAX_ROUNDS)? {
        let target = narrow(cursor.varint("a target")?, "a target")?;
        let mono_ms = at(cursor.varint("a round's time")?);
        let sent = narrow(cursor.varint("the probes of a round")?, "the probes of a round")?;
        let answered = within("RTTs", cursor.varint("the answers of a round")?, usize::from(sent))?;
        let mut last = 0i64;
        let mut rtts_us = Vec::new();
        for _ in 0..answered {
            last = last.wrapping_add(unzigzag(cursor.varint("an RTT")?));
            rtts_us.push(u32::try_from(last).map_err(|_| WireError::Malformed("an RTT"))?);
        }
        batch.rounds.push(MeasuredRound { target, mono_ms, sent, rtts_us });
    }
    for _ in 0..within("device readings", cursor.varint("the readings")?, MAX_READINGS)? {
        let device = narrow(cursor.varint("a device")?, "a device")?;
        let mono_ms = at(cursor.varint("a reading's time")?);
        let uptime_cs = optional(cursor.varint("an uptime")?, "an uptime")?;
        let mut interfaces = Vec::new();
        for _ in 0..within("interface readings", cursor.varint("the interfaces")?, MAX_INTERFACES)? {
            let mut interface = InterfaceReading {
                link: narrow(cursor.varint("a link")?, "a link")?,
                name: text(cursor)?,
                alias: text(cursor)?,
                oper_status: optional(cursor.varint("an ifOperStatus")?, "an ifOperStatus")?,
                high_speed_mbps: optional(cursor.varint("an ifHighSpeed")?, "an ifHighSpeed")?,
                counters: [None; 8],
            };
            let present = cursor.byte("the counters")?;
            for (bit, counter) in interface.counters.iter_mut().enumerate() {
                if present >> bit & 1 == 1 {
                    *counter = Some(cursor.varint("a counter")?);
                }
            }
            interfaces.push(interface);
        }
        batch.readings.push(DeviceReading { device, mono_ms, uptime_cs, interfaces });
    }
    Ok(())
}

fn narrow<T: TryFrom<u64>>(value: u64, what: &'static str) -> Result<T, WireError> {
    T::try_from(value).map_err(|_| WireError::Malformed(what))
}

fn optional<T: TryFrom<u64>>(value: u64, what: &'static str) -> Result<Option<T>, WireError> {
    value.checked_sub(1).map(|value| narrow(value, what)).transpose()
}

fn text(cursor: &mut Cursor<'_>) -> Result<Option<String>, WireError> {
    let what = "the name of an interface";
    let Some(length) = cursor.varint(what)?.checked_sub(1) else { return Ok(None) };
    let bytes = cursor.take(within("bytes of an interface's name", length, MAX_TEXT)?, what)?;
    std::str::from_utf8(bytes).map(|text| Some(text.to_owned())).map_err(|_| WireError::Malformed(what))
}
