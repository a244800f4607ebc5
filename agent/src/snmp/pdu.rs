//! Questions and answers (RFC 3416): what is asked of a device, and what its answer says, read where it lies.
//!
//! An answer is checked as a whole before any of it is believed. Its objects are read from its own bytes each time they
//! are looked at, so an answer costs one allocation, however many objects it has.

use super::ber::{
    INTEGER, NULL, NoBer, OBJECT_ID, OCTET_STRING, Reader, SEQUENCE, Writer, offset, signed, unsigned,
};

const GET: u8 = 0xa0;
const GET_NEXT: u8 = 0xa1;
const GET_BULK: u8 = 0xa5;
pub(super) const RESPONSE: u8 = 0xa2;
pub(super) const REPORT: u8 = 0xa8;

/// Objects that an answer may have: more than any question asks for.
const MAX_OBJECTS: usize = 512;

/// What is asked, by OIDs as BER bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question<'a, O> {
    /// These.
    Get(&'a [O]),
    /// What follows each.
    Next(&'a [O]),
    /// What follows the first `once`, and up to `rows` times what follows the others.
    Bulk { oids: &'a [O], once: u8, rows: u16 },
}

impl<O: AsRef<[u8]>> Question<'_, O> {
    /// Writes the PDU.
    pub(super) fn write(&self, to: &mut Writer, id: i32) {
        let (tag, oids, once, rows) = match *self {
            Question::Get(oids) => (GET, oids, 0, 0),
            Question::Next(oids) => (GET_NEXT, oids, 0, 0),
            Question::Bulk { oids, once, rows } => (GET_BULK, oids, once, rows),
        };
        let pdu = to.end();
        let list = to.end();
        for oid in oids.iter().rev() {
            let one = to.end();
            to.element(NULL, &[]);
            to.element(OBJECT_ID, oid.as_ref());
            to.close(SEQUENCE, one);
        }
        to.close(SEQUENCE, list);
        to.integer(i32::from(rows));
        to.integer(i32::from(once));
        to.integer(id);
        to.close(tag, pdu);
    }
}

/// A value, as far as readings need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Unsigned(u64),
    Text(&'a [u8]),
    Id(&'a [u8]),
    /// The device has no such object, or nothing behind it.
    Missing,
    /// A type that no reading has.
    Other,
}

impl<'a> Value<'a> {
    fn read(tag: u8, content: &'a [u8]) -> Result<Self, NoBer> {
        Ok(match tag {
            INTEGER => Value::Integer(signed(content)?),
            // Counter32, Gauge32, TimeTicks, Counter64.
            0x41..=0x43 | 0x46 => Value::Unsigned(unsigned(content)?),
            // Opaque is text to us.
            OCTET_STRING | 0x44 => Value::Text(content),
            OBJECT_ID => Value::Id(content),
            NULL | 0x80..=0x82 => Value::Missing,
            _ => Value::Other,
        })
    }

    /// It as a number of 32 bits.
    pub(super) fn as_u32(self) -> Option<u32> {
        match self {
            Value::Integer(number) => u32::try_from(number).ok(),
            Value::Unsigned(number) => u32::try_from(number).ok(),
            _ => None,
        }
    }
}

/// An answer, or a report.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) kind: u8,
    pub(super) id: i32,
    /// error-status (RFC 3416 section 3); 0 is none.
    pub(super) status: u32,
    /// error-index, counted from 1.
    pub(super) index: usize,
    bytes: Vec<u8>,
    /// Where the objects lie in it.
    list: (usize, usize),
    count: usize,
}

impl Answer {
    /// The PDU at `at` in a message.
    pub(super) fn read(bytes: Vec<u8>, at: usize) -> Result<Answer, NoBer> {
        let (kind, pdu) = Reader(bytes.get(at..).ok_or(NoBer)?).element()?;
        if kind != RESPONSE && kind != REPORT {
            return Err(NoBer);
        }
        let mut pdu = Reader(pdu);
        let (id, status, index) = (pdu.integer()?, pdu.integer()?, pdu.integer()?);
        let list = pdu.take(SEQUENCE)?;
        let mut objects = Objects(Reader(list));
        let mut count = 0;
        while let Some(object) = objects.step() {
            object?;
            count += 1;
        }
        if count > MAX_OBJECTS {
            return Err(NoBer);
        }
        let from = offset(&bytes, list);
        let list = (from, from + list.len());
        Ok(Answer {
            kind,
            id,
            status: u32::try_from(status).map_err(|_| NoBer)?,
            index: usize::try_from(index).unwrap_or(0),
            list,
            bytes,
            count,
        })
    }

    /// How many objects it has.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Its objects: OID as BER bytes, and value.
    pub(super) fn objects(&self) -> Objects<'_> {
        Objects(Reader(&self.bytes[self.list.0..self.list.1]))
    }
}

/// The objects of an answer.
pub(super) struct Objects<'a>(Reader<'a>);

impl<'a> Objects<'a> {
    fn step(&mut self) -> Option<Result<(&'a [u8], Value<'a>), NoBer>> {
        if self.0.is_empty() {
            return None;
        }
        Some((|| {
            let mut object = self.0.enter(SEQUENCE)?;
            let oid = object.take(OBJECT_ID)?;
            let (tag, content) = object.element()?;
            Ok((oid, Value::read(tag, content)?))
        })())
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = (&'a [u8], Value<'a>);
    fn next(&mut self) -> Option<Self::Item> {
        // What an answer has been checked for reads the same again.
        self.step()?.ok()
    }
}
