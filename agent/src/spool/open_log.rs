//! An open log: rounds are appended here the moment they are measured, those that ended together in one write, so that a
//! killed agent has lost nothing but the rounds that were still running.
//!
//! There is one for each [`Chain`]. A log has one boot and one plan; its first frame tells them, and which name is the
//! next that no batch has had. So a new log is begun before the batch of the old one is written, and an agent that finds
//! both knows which name that batch has had, or was to have.

use std::io;

use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
};

use super::{
    BatchName, Chain, Record,
    folder::Folder,
    frame::{Frames, frame},
    record::Input,
};

/// First bytes of the head frame.
const MAGIC: &[u8; 4] = b"KOL2";

/// A log that has grown this long is sealed before its time: 1,000 targets' rounds of half a minute at 5 s fit. Both
/// logs together hold 50,000 rounds and 262,144 RTTs at most, which the wire takes in one batch.
const MAX_LENGTH: u64 = 1 << 19;
/// So is one with this many readings of devices or gauges (the wire takes 4,096 of each in a batch).
const MAX_READINGS: usize = 4_000;
/// Or this many values in them (the wire takes 16,384 interfaces or gauges; one reading more may hold 4,096).
const MAX_VALUES: usize = 12_000;
/// Or this many traces (the wire takes 256).
const MAX_TRACES: usize = 250;

/// What all records of a log have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Head {
    pub(super) chain: Chain,
    /// The log's place in the order of logs and batches, and the name that the next batch will have.
    pub(super) name: BatchName,
    /// So many names before that are left to the batches of older logs. If such a log of the same chain is still there
    /// and unsealed, they are free.
    pub(super) skipped: u64,
    pub(super) plan: PlanRevision,
    /// When it was begun.
    pub(super) begun: Stamp,
}

/// A log that is appended to.
#[derive(Debug)]
pub(super) struct OpenLog<F: Folder> {
    pub(super) file_name: String,
    pub(super) head: Head,
    pub(super) length: u64,
    /// Whether anything has been appended.
    pub(super) is_empty: bool,
    /// Whether anything has been decided that the collector should know soon.
    pub(super) is_urgent: bool,
    /// Whether it ends in something that is no record.
    is_torn: bool,
    readings: usize,
    values: usize,
    traces: usize,
    file: F::File,
}

impl<F: Folder> OpenLog<F> {
    pub(super) fn create(folder: &F, head: Head) -> io::Result<Self> {
        let file_name = head.file_name();
        let first = frame(&head.bytes());
        let mut file = folder.create(&file_name)?;
        if let Err(error) = folder.append(&mut file, &first) {
            let _ = folder.remove(&file_name);
            return Err(error);
        }
        Ok(OpenLog {
            file_name,
            head,
            length: first.len() as u64,
            is_empty: true,
            is_urgent: false,
            is_torn: false,
            readings: 0,
            values: 0,
            traces: 0,
            file,
        })
    }

    /// Appends records, in one write. After an error the log holds what it held before, and may be [full](Self::is_full).
    pub(super) fn append(&mut self, folder: &F, records: &[&Record]) -> io::Result<()> {
        if self.is_torn {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let frames = records.iter().flat_map(|record| record.frame()).collect::<Vec<_>>();
        if let Err(error) = folder.append(&mut self.file, &frames) {
            // What stands behind a torn record would not be read: the log is at its end.
            self.is_torn = folder.cut(&mut self.file, self.length).is_err();
            return Err(error);
        }
        self.length += frames.len() as u64;
        records.iter().for_each(|record| self.count(record));
        Ok(())
    }

    fn count(&mut self, record: &Record) {
        self.is_empty = false;
        self.is_urgent |= record.is_urgent();
        match record {
            Record::Reading(reading) => {
                self.readings += 1;
                self.values += reading.interfaces.len();
            }
            Record::Gauges(reading) => {
                self.readings += 1;
                self.values += reading.gauges.len();
            }
            Record::Trace(_) => self.traces += 1,
            Record::Round(..) | Record::Dropped(_) => {}
        }
    }

    /// Whether its batch has to be sealed before more is appended.
    pub(super) fn is_full(&self) -> bool {
        self.is_torn
            || self.length >= MAX_LENGTH
            || self.readings >= MAX_READINGS
            || self.values >= MAX_VALUES
            || self.traces >= MAX_TRACES
    }
}

/// Reads the head of a log; none when not even that is whole.
pub(super) fn read_head(folder: &impl Folder, file_name: &str) -> io::Result<Option<Head>> {
    Frames::of(folder, file_name)?.next(Head::read)
}

/// Reads the records of a log one by one, and tells how many bytes at the end are no whole record.
pub(super) fn read(folder: &impl Folder, file_name: &str, mut take: impl FnMut(Record)) -> io::Result<u64> {
    let mut frames = Frames::of(folder, file_name)?;
    if frames.next(Head::read)?.is_some() {
        while let Some(record) = frames.next(Record::read)? {
            take(record);
        }
    }
    Ok(frames.left())
}

impl Head {
    /// A log's file is called after its place in the order.
    pub(super) fn file_name(&self) -> String {
        format!("{:012}.{}-log", self.name.order, self.chain.ending())
    }

    /// The place in the order that a file's name tells, if it is called like a log.
    pub(super) fn order_of(file_name: &str) -> Option<u64> {
        let (_, stem) = Chain::of_name(file_name.strip_suffix("-log")?)?;
        stem.parse().ok().filter(|order| *order < u64::MAX / 2)
    }

    /// The moment of a batch that is made of the log now: of an earlier boot's, the latest that it tells of.
    pub(super) fn sealed_at(&self, latest_ms: u64, now: &Stamp) -> Stamp {
        let begun = self.begun;
        if begun.boot == now.boot {
            return *now;
        }
        let mono_ms = latest_ms.max(begun.mono_ms);
        let passed = i64::try_from(mono_ms - begun.mono_ms).unwrap_or(0);
        let wall = Timestamp::from_millis(begun.wall.as_millis().saturating_add(passed));
        Stamp { boot: begun.boot, mono_ms, wall }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for number in [
            self.chain as u64,
            self.name.order,
            self.name.series.into(),
            self.name.sequence,
            self.skipped,
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
        let chain = *Chain::BOTH.get(usize::try_from(input.u64()?).ok()?)?;
        let name =
            BatchName { order: input.u64()?, series: input.u64()?.try_into().ok()?, sequence: input.u64()? };
        let (skipped, plan) = (input.u64()?, PlanRevision(input.u64()?));
        let (boot, mono_ms) = (BootId(input.u64()?.try_into().ok()?), input.u64()?);
        let wall = Timestamp::from_millis(input.u64()?.cast_signed());
        Some(Head { chain, name, skipped, plan, begun: Stamp { boot, mono_ms, wall } })
    }
}
