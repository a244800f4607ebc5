//! The frame of a v3 message (RFC 3412, RFC 3414): header, security parameters and scoped PDU, written and read.

use snmp2::AsnReader;

use super::{
    super::{
        ber::{NoBer, OCTET_STRING, SEQUENCE, Writer, enter, integer},
        pdu::Question,
    },
    MODEL, VERSION,
};

/// The longest message that is taken (RFC 3412 section 6): what fits a datagram.
const MAX_MESSAGE: i32 = 65_507;

/// The parameters of a message (UsmSecurityParameters).
pub(super) struct Parameters<'a> {
    pub(super) engine: &'a [u8],
    pub(super) boots: u32,
    pub(super) time: u32,
    pub(super) user: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) salt: &'a [u8],
}

impl<'a> Parameters<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, NoBer> {
        let mut list = enter(&mut AsnReader::from_bytes(bytes), SEQUENCE)?;
        let natural = |number: i32| u32::try_from(number).map_err(|_| NoBer);
        Ok(Parameters {
            engine: list.read_raw(OCTET_STRING)?,
            boots: natural(integer(&mut list)?)?,
            time: natural(integer(&mut list)?)?,
            user: list.read_raw(OCTET_STRING)?,
            signature: list.read_raw(OCTET_STRING)?,
            salt: list.read_raw(OCTET_STRING)?,
        })
    }
}

/// Writes version, header and parameters in front of the data. Tells how far from the end the signature begins.
pub(super) fn head(writer: &mut Writer, parameters: &Parameters<'_>, flags: u8, id: i32) -> usize {
    let whole = writer.end();
    let list = writer.end();
    writer.element(OCTET_STRING, parameters.salt);
    let signature = writer.end();
    writer.bytes(parameters.signature);
    let begins = writer.end();
    writer.close(OCTET_STRING, signature);
    writer.element(OCTET_STRING, parameters.user);
    // Both were read as what they are written as.
    writer.integer(parameters.time.cast_signed());
    writer.integer(parameters.boots.cast_signed());
    writer.element(OCTET_STRING, parameters.engine);
    writer.close(SEQUENCE, list);
    writer.close(OCTET_STRING, whole);

    let header = writer.end();
    writer.integer(MODEL);
    writer.element(OCTET_STRING, &[flags]);
    writer.integer(MAX_MESSAGE);
    writer.integer(id);
    writer.close(SEQUENCE, header);
    writer.integer(VERSION);
    begins
}

pub(super) fn scoped<O: AsRef<[u8]>>(
    writer: &mut Writer,
    engine: &[u8],
    question: &Question<'_, O>,
    id: i32,
) {
    let whole = writer.end();
    question.write(writer, id);
    writer.element(OCTET_STRING, &[]);
    writer.element(OCTET_STRING, engine);
    writer.close(SEQUENCE, whole);
}

/// Where the PDU of a scoped PDU begins.
pub(super) fn pdu_of_scoped(bytes: &[u8]) -> Result<usize, NoBer> {
    let mut whole = AsnReader::from_bytes(bytes);
    let mut scoped = enter(&mut whole, SEQUENCE)?;
    scoped.read_raw(OCTET_STRING)?;
    scoped.read_raw(OCTET_STRING)?;
    Ok(bytes.len() - whole.bytes_left() - scoped.bytes_left())
}
