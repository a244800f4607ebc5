//! One device, as it is asked: in its version of SNMP, with its secrets, through the door that all share.
//!
//! The rule it guards: what comes back is an answer to what was asked, whole and in order, or an error.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kentongan_model::plan::Access;
use snmp2::AsnReader;

use super::{
    SnmpError,
    ber::{NoBer, OCTET_STRING, SEQUENCE, Writer, enter, integer},
    exchange::{Exchange, Patience, Ticket},
    pdu::{Answer, Question, RESPONSE},
    usm::{Opened, Refusal, Usm},
};

/// How often a question of v3 is asked again because the device had news: of its engine, of its clock, of both.
const MAX_NEWS: usize = 3;

/// A device that can be asked.
pub struct Client {
    exchange: Arc<Exchange>,
    address: SocketAddr,
    security: Security,
    pub(super) patience: Patience,
    /// The time since boot when the poll began: v3 counts on with it.
    pub(super) now: Duration,
    /// Whether it has answered GETNEXT where it left GETBULK without an answer.
    pub(super) is_bulkless: bool,
}

enum Security {
    /// v1 (0) or v2c (1), and the community.
    Community(i32, String),
    User(Box<Usm>),
    Unusable(Refusal),
}

impl Client {
    /// A device at this address, asked so.
    #[must_use]
    pub fn new(exchange: Arc<Exchange>, address: SocketAddr, access: &Access, patience: Patience) -> Client {
        let security = match access {
            Access::V1 { community } => Security::Community(0, community.clone()),
            Access::V2c { community } => Security::Community(1, community.clone()),
            Access::V3 { user, auth, privacy } => {
                match Usm::new(&exchange.keys, user, auth.as_ref(), privacy.as_ref()) {
                    Ok(usm) => Security::User(Box::new(usm)),
                    Err(refusal) => Security::Unusable(refusal),
                }
            }
        };
        Client { exchange, address, security, patience, now: Duration::ZERO, is_bulkless: false }
    }

    /// Whether the device speaks v1 only: without 64-bit counters, and without GETBULK.
    pub(super) fn is_v1(&self) -> bool {
        matches!(self.security, Security::Community(0, _))
    }

    /// GET. The answer has the objects that were asked for, in their order.
    pub(super) async fn get<O: AsRef<[u8]>>(&mut self, oids: &[O]) -> Result<Answer, SnmpError> {
        let answer = self.ask(&Question::Get(oids)).await?;
        if answer.len() != oids.len() {
            return Err(SnmpError::Malformed("not as many objects as were asked for"));
        }
        if answer.objects().zip(oids).any(|((told, _), asked)| told != asked.as_ref()) {
            return Err(SnmpError::Malformed("other objects than were asked for"));
        }
        Ok(answer)
    }

    /// What follows the given OIDs: up to `rows` times as many objects, row by row. In v1 there is one row. One row is
    /// asked for as v1 does in any version: some devices know no GETBULK.
    pub(super) async fn following<O: AsRef<[u8]>>(
        &mut self,
        oids: &[O],
        rows: u16,
    ) -> Result<Answer, SnmpError> {
        let (question, most) = if self.is_v1() || rows <= 1 {
            (Question::Next(oids), oids.len())
        } else {
            (Question::Bulk { oids, once: 0, rows }, oids.len() * usize::from(rows))
        };
        let answer = self.ask(&question).await?;
        if answer.len() < oids.len() || answer.len() > most {
            return Err(SnmpError::Malformed("not as many objects as were asked for"));
        }
        Ok(answer)
    }

    /// GETBULK as a poll of a whole table has it: what follows the first `once` objects, and what follows the others, up to
    /// `rows` times.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn bulk<O: AsRef<[u8]>>(
        &mut self,
        oids: &[O],
        once: u8,
        rows: u16,
    ) -> Result<Answer, SnmpError> {
        self.ask(&Question::Bulk { oids, once, rows }).await
    }

    /// Asks, and takes only a whole answer to it without an error.
    pub(super) async fn ask<O: AsRef<[u8]>>(
        &mut self,
        question: &Question<'_, O>,
    ) -> Result<Answer, SnmpError> {
        let answer = match &self.security {
            Security::Community(version, community) => {
                let ticket = self.exchange.ticket(self.address);
                let id = ticket.id;
                let message = wrap(*version, community, question, id);
                let answer = self.exchange.ask(ticket, self.address, &message, self.patience).await?;
                open(answer, *version, community).ok().filter(|answer| answer.id == id)
            }
            Security::User(_) => self.ask_as_user(question).await?,
            Security::Unusable(refusal) => return Err(SnmpError::Refused(*refusal)),
        };
        let answer = answer.ok_or(SnmpError::Malformed("what cannot be read"))?;
        match answer {
            Answer { kind, .. } if kind != RESPONSE => Err(SnmpError::Malformed("a report instead of it")),
            Answer { status: 0, .. } => Ok(answer),
            Answer { status, index, .. } => Err(SnmpError::Status { status, index }),
        }
    }

    async fn ask_as_user<O: AsRef<[u8]>>(
        &mut self,
        question: &Question<'_, O>,
    ) -> Result<Option<Answer>, SnmpError> {
        let Security::User(usm) = &mut self.security else { return Ok(None) };
        for _ in 0..=MAX_NEWS {
            let ticket: Ticket<'_> = self.exchange.ticket(self.address);
            let id = ticket.id;
            let asked = usm.wrap(question, id, self.now);
            let message = asked.map_err(SnmpError::Refused)?;
            let came = self.exchange.ask(ticket, self.address, &message, self.patience).await?;
            let Ok(opened) = usm.open(&came, self.now) else { return Ok(None) };
            match opened {
                Ok(Opened::Answer(answer)) => return Ok(Some(answer).filter(|answer| answer.id == id)),
                Ok(Opened::News) => {}
                Err(refusal) => return Err(SnmpError::Refused(refusal)),
            }
        }
        Err(SnmpError::Refused(Refusal::Engine))
    }

    /// After an error: what was agreed with the device may no longer hold. Tells whether it is asked otherwise from now
    /// on, so that it may answer.
    pub(super) fn start_over(&mut self) -> bool {
        match &mut self.security {
            Security::User(usm) => usm.start_over(),
            _ => false,
        }
    }
}

fn wrap<O: AsRef<[u8]>>(version: i32, community: &str, question: &Question<'_, O>, id: i32) -> Vec<u8> {
    let mut writer = Writer::default();
    let message = writer.end();
    question.write(&mut writer, id);
    writer.element(OCTET_STRING, community.as_bytes());
    writer.integer(version);
    writer.close(SEQUENCE, message);
    writer.finish()
}

fn open(bytes: Vec<u8>, version: i32, community: &str) -> Result<Answer, NoBer> {
    let mut whole = AsnReader::from_bytes(&bytes);
    let mut message = enter(&mut whole, SEQUENCE)?;
    if integer(&mut message)? != version || message.read_raw(OCTET_STRING)? != community.as_bytes() {
        return Err(NoBer);
    }
    let at = bytes.len() - whole.bytes_left() - message.bytes_left();
    Answer::read(bytes, at)
}
