//! The open log: rounds are appended here the moment they are measured, one write each, so that a killed agent has lost
//! nothing but the rounds that were still running.
//!
//! A log has one boot, one plan and the number that its batch will have. Its name carries the order of batches, its
//! first frame the rest.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
};

use super::{
    BatchName,
    record::{self, Input, Record},
};

/// First bytes of the head frame.
const MAGIC: &[u8; 4] = b"KOL1";

/// A log that has grown this long is sealed before its time: 1,000 targets' rounds of half a minute at 5 s fit.
const MAX_LENGTH: u64 = 1 << 20;
/// So is one with this many device readings (the wire takes 4,096 in a batch).
const MAX_READINGS: usize = 4_000;
/// Or this many interface readings (the wire takes 16,384; one reading more may hold 4,096 of them).
const MAX_INTERFACES: usize = 12_000;

/// What all records of a log have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Head {
    pub(super) name: BatchName,
    pub(super) plan: PlanRevision,
    /// When it was begun.
    pub(super) begun: Stamp,
}

/// A log that is appended to.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) path: PathBuf,
    pub(super) head: Head,
    pub(super) length: u64,
    /// Whether anything has been appended.
    pub(super) is_empty: bool,
    readings: usize,
    interfaces: usize,
    file: File,
}

/// What was found in a log.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) head: Head,
    pub(super) records: Vec<Record>,
    /// Bytes at the end that are no whole record.
    pub(super) torn: usize,
}

impl OpenLog {
    pub(super) fn create(folder: &Path, head: Head) -> io::Result<Self> {
        let path = folder.join(format!("{}.open", head.name.stem()));
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        let frame = record::frame(&head.bytes());
        file.write_all(&frame)?;
        Ok(OpenLog {
            path,
            head,
            length: frame.len() as u64,
            is_empty: true,
            readings: 0,
            interfaces: 0,
            file,
        })
    }

    /// Appends a record. After an error the log is as it was before.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        let frame = record.frame();
        if let Err(error) = self.file.write_all(&frame) {
            self.file.set_len(self.length)?;
            io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.length))?;
            return Err(error);
        }
        self.length += frame.len() as u64;
        self.is_empty = false;
        if let Record::Reading(reading) = record {
            self.readings += 1;
            self.interfaces += reading.interfaces.len();
        }
        Ok(())
    }

    /// Whether its batch has to be sealed before more is appended.
    pub(super) fn is_full(&self) -> bool {
        self.length >= MAX_LENGTH || self.readings >= MAX_READINGS || self.interfaces >= MAX_INTERFACES
    }
}

/// Reads a log; none when not even its head is whole.
pub(super) fn read(path: &Path) -> io::Result<Option<Content>> {
    let bytes = std::fs::read(path)?;
    let mut rest = bytes.as_slice();
    let Some(head) = record::next_frame(&mut rest).and_then(Head::read) else { return Ok(None) };
    let mut records = Vec::new();
    loop {
        let mut next = rest;
        let Some(record) = record::next_frame(&mut next).and_then(Record::read) else { break };
        records.push(record);
        rest = next;
    }
    Ok(Some(Content { head, records, torn: rest.len() }))
}

impl Content {
    /// The latest moment that the log tells of, by its own boot: when an earlier boot's batch counts as sealed.
    pub(super) fn last_moment(&self) -> Stamp {
        let begun = self.head.begun;
        let latest = self.records.iter().filter_map(|record| match record {
            Record::Round(round) => Some(round.mono_ms),
            Record::Reading(reading) => Some(reading.mono_ms),
            Record::Gauges(reading) => Some(reading.mono_ms),
            Record::Trace(trace) => Some(trace.mono_ms),
            Record::Dropped(_) => None,
        });
        let mono_ms = latest.max().unwrap_or(0).max(begun.mono_ms);
        let passed = i64::try_from(mono_ms - begun.mono_ms).unwrap_or(0);
        let wall = Timestamp::from_millis(begun.wall.as_millis().saturating_add(passed));
        Stamp { boot: begun.boot, mono_ms, wall }
    }
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for number in [
            self.name.order,
            self.name.series.into(),
            self.name.sequence,
            self.plan.0,
            self.begun.boot.0.into(),
            self.begun.mono_ms,
            self.begun.wall.as_millis().cast_unsigned(),
        ] {
            out.extend(number.to_le_bytes());
        }
        out
    }

    fn read(payload: &[u8]) -> Option<Head> {
        let mut input = Input(payload);
        (input.take(MAGIC.len())? == MAGIC).then_some(())?;
        let name =
            BatchName { order: input.u64()?, series: input.u64()?.try_into().ok()?, sequence: input.u64()? };
        let plan = PlanRevision(input.u64()?);
        let (boot, mono_ms) = (BootId(input.u64()?.try_into().ok()?), input.u64()?);
        let wall = Timestamp::from_millis(input.u64()?.cast_signed());
        Some(Head { name, plan, begun: Stamp { boot, mono_ms, wall } })
    }
}
