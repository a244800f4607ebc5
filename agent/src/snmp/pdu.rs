//! Questions and answers (RFC 3416): what is asked of a device, and what its answer says, read where it lies.
//!
//! An answer is checked as a whole before any of it is believed. Its objects are read from its own bytes each time they
//! are looked at, so an answer costs one allocation, however many objects it has.

use snmp2::AsnReader;

use super::ber::{NULL, NoBer, OBJECT_ID, SEQUENCE, Writer, enter, integer};

const GET: u8 = 0xa0;
const GET_NEXT: u8 = 0xa1;
const GET_BULK: u8 = 0xa5;
pub(super) const RESPONSE: u8 = 0xa2;
pub(super) const REPORT: u8 = 0xa8;

/// Objects that an answer may have: more than any question asks for.
const MAX_OBJECTS: usize = 512;
/// Numbers that an OID may have (RFC 3416 section 4.1), each of 32 bits, which take five bytes at most.
const MAX_ARCS: usize = 128;

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
pub enum Value<'a> {
    /// INTEGER.
    Integer(i64),
    /// Counter32, Gauge32, TimeTicks, Counter64.
    Unsigned(u64),
    /// OCTET STRING.
    Text(&'a [u8]),
    /// OBJECT IDENTIFIER, as BER bytes.
    Id(&'a [u8]),
    /// The device has no such object, or nothing behind it.
    Missing,
    /// A type that no reading has.
    Other,
}

impl<'a> Value<'a> {
    fn read(from: &mut AsnReader<'a>) -> Result<Self, NoBer> {
        let tag = from.peek_byte()?;
        if tag == OBJECT_ID {
            return Ok(Value::Id(object_id(from)?));
        }
        let mut ahead = from.clone();
        let read = ahead.next();
        // Whole, if of no type that snmp2 knows, or with a number that no reading has.
        from.read_raw(tag)?;
        Ok(match read {
            Some(snmp2::Value::Integer(number)) => Value::Integer(number),
            Some(
                snmp2::Value::Counter32(number)
                | snmp2::Value::Unsigned32(number)
                | snmp2::Value::Timeticks(number),
            ) => Value::Unsigned(number.into()),
            Some(snmp2::Value::Counter64(number)) => Value::Unsigned(number),
            // Opaque is text to us.
            Some(snmp2::Value::OctetString(text) | snmp2::Value::Opaque(text)) => Value::Text(text),
            Some(
                snmp2::Value::Null
                | snmp2::Value::NoSuchObject
                | snmp2::Value::NoSuchInstance
                | snmp2::Value::EndOfMibView,
            ) => Value::Missing,
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
pub struct Answer {
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
        let mut message = AsnReader::from_bytes(bytes.get(at..).ok_or(NoBer)?);
        let kind = message.peek_byte()?;
        if kind != RESPONSE && kind != REPORT {
            return Err(NoBer);
        }
        let mut pdu = AsnReader::from_bytes(message.read_raw(kind)?);
        let end = bytes.len() - message.bytes_left();
        let (id, status, index) = (integer(&mut pdu)?, integer(&mut pdu)?, integer(&mut pdu)?);
        let list = pdu.read_raw(SEQUENCE)?;
        let mut objects = Objects(AsnReader::from_bytes(list));
        let mut count = 0;
        while let Some(object) = objects.step() {
            object?;
            count += 1;
        }
        if count > MAX_OBJECTS {
            return Err(NoBer);
        }
        let to = end - pdu.bytes_left();
        let list = (to - list.len(), to);
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
    pub fn objects(&self) -> Objects<'_> {
        Objects(AsnReader::from_bytes(&self.bytes[self.list.0..self.list.1]))
    }
}

/// The objects of an answer.
pub struct Objects<'a>(AsnReader<'a>);

impl<'a> Objects<'a> {
    fn step(&mut self) -> Option<Result<(&'a [u8], Value<'a>), NoBer>> {
        if self.0.bytes_left() == 0 {
            return None;
        }
        Some((|| {
            let mut object = enter(&mut self.0, SEQUENCE)?;
            let oid = object_id(&mut object)?;
            Ok((oid, Value::read(&mut object)?))
        })())
    }
}

/// An OID as BER bytes. Tables are kept by their indexes: one that is longer than any index would fill the memory.
fn object_id<'a>(from: &mut AsnReader<'a>) -> Result<&'a [u8], NoBer> {
    let oid = from.read_raw(OBJECT_ID)?;
    // The first two numbers share theirs.
    let arcs = 1 + oid.iter().filter(|byte| **byte < 0x80).count();
    if arcs > MAX_ARCS || oid.len() > 5 * MAX_ARCS { Err(NoBer) } else { Ok(oid) }
}

impl<'a> Iterator for Objects<'a> {
    type Item = (&'a [u8], Value<'a>);
    fn next(&mut self) -> Option<Self::Item> {
        // What an answer has been checked for reads the same again.
        self.step()?.ok()
    }
}
