//! The one door through which all devices are asked: a socket for each family of addresses, one buffer, and a list of
//! who waits for which answer.
//!
//! An answer is given to whoever asked the question of that number at that address, and to nobody else: late, doubled
//! and foreign ones are counted and dropped. So memory does not grow with the devices, only with what is asked at
//! the same time, and no answer can be taken for that to another question.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use snmp2::AsnReader;
use tokio::{net::UdpSocket, sync::oneshot, task::AbortHandle};

use super::{
    SnmpError,
    ber::{NoBer, OCTET_STRING, SEQUENCE, enter, integer},
    pdu::RESPONSE,
    usm::KeyRing,
};

/// The longest datagram there is.
const DATAGRAM: usize = 65_536;
/// Pause after the system could not receive.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How often something is asked, and how long each answer is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often.
    pub tries: u32,
    /// How long.
    pub wait: Duration,
}

/// The door. Whoever is asked through it, all share it.
#[derive(Debug, Default)]
pub struct Exchange {
    waiting: Arc<Waiting>,
    doors: Mutex<[Option<Door>; 2]>,
    pub(super) keys: KeyRing,
}

#[derive(Debug)]
struct Door {
    socket: Arc<UdpSocket>,
    receiving: AbortHandle,
}

/// By the number of the question: who was asked, and where the answer goes.
type Waiters = HashMap<i32, (SocketAddr, oneshot::Sender<Vec<u8>>)>;

#[derive(Debug, Default)]
struct Waiting {
    by_id: Mutex<Waiters>,
    unexpected: AtomicU32,
}

/// The right to the answer with this number. Given up when it is dropped.
pub(super) struct Ticket<'a> {
    pub(super) id: i32,
    waiting: &'a Waiting,
    answer: oneshot::Receiver<Vec<u8>>,
}

impl Exchange {
    /// How many answers came that nobody waited for: late or doubled ones, or from others than were asked.
    #[must_use]
    pub fn unexpected(&self) -> u32 {
        self.waiting.unexpected.load(Ordering::Relaxed)
    }

    /// Takes a number, which nobody can guess, for a question to this device.
    pub(super) fn ticket(&self, to: SocketAddr) -> Ticket<'_> {
        let (sender, answer) = oneshot::channel();
        let mut by_id = self.waiting.lock();
        let id = loop {
            // Positive, and never 0: that is the number of reports without one.
            let id = (crate::chance::u32() >> 1).cast_signed();
            if id > 0 && !by_id.contains_key(&id) {
                break id;
            }
            // Without random numbers: the next that is free.
            if id == 0 {
                break (1..).find(|id| !by_id.contains_key(id)).unwrap_or(1);
            }
        };
        by_id.insert(id, (to, sender));
        Ticket { id, waiting: &self.waiting, answer }
    }

    /// Sends a message until its answer comes.
    pub(super) async fn ask(
        &self,
        mut ticket: Ticket<'_>,
        to: SocketAddr,
        message: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, SnmpError> {
        let socket = self.door(to.ip())?;
        for _ in 0..patience.tries {
            socket.send_to(message, to).await?;
            match tokio::time::timeout(patience.wait, &mut ticket.answer).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(_)) => break,
                Err(_) => {}
            }
        }
        Err(SnmpError::Timeout)
    }

    /// The socket for a family of addresses, opened when it is needed first.
    fn door(&self, address: IpAddr) -> io::Result<Arc<UdpSocket>> {
        let (place, any): (_, IpAddr) = match address {
            IpAddr::V4(_) => (0, Ipv4Addr::UNSPECIFIED.into()),
            IpAddr::V6(_) => (1, Ipv6Addr::UNSPECIFIED.into()),
        };
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = &doors[place] {
            return Ok(Arc::clone(&door.socket));
        }
        let socket = std::net::UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let receiving = tokio::spawn(receive(Arc::clone(&socket), Arc::clone(&self.waiting))).abort_handle();
        doors[place] = Some(Door { socket: Arc::clone(&socket), receiving });
        Ok(socket)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an answer to whoever waits for it.
    fn give(&self, message: &[u8], from: SocketAddr) {
        let waiter = id_of(message).ok().and_then(|id| {
            let mut by_id = self.lock();
            let (asked, _) = by_id.get(&id)?;
            if (asked.ip(), asked.port()) == (from.ip(), from.port()) { by_id.remove(&id) } else { None }
        });
        match waiter {
            Some((_, waiter)) => {
                let _ = waiter.send(message.to_vec());
            }
            None => {
                self.unexpected.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

async fn receive(socket: Arc<UdpSocket>, waiting: Arc<Waiting>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => waiting.give(&buffer[..length], from),
            Err(error) => {
                tracing::debug!("cannot receive SNMP answers: {error}");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Which question a message answers: the msgID of v3 (RFC 3412), the request-id of v1 and v2c.
fn id_of(message: &[u8]) -> Result<i32, NoBer> {
    let mut message = enter(&mut AsnReader::from_bytes(message), SEQUENCE)?;
    if integer(&mut message)? == 3 {
        return integer(&mut enter(&mut message, SEQUENCE)?);
    }
    message.read_raw(OCTET_STRING)?;
    integer(&mut enter(&mut message, RESPONSE)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::ber::Writer;

    fn answer(id: i32) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.integer(id);
        writer.close(RESPONSE, 0);
        writer.element(OCTET_STRING, b"public");
        writer.integer(1);
        writer.close(SEQUENCE, 0);
        writer.finish()
    }

    #[test]
    fn an_answer_is_for_whoever_asked_that_question_at_that_address() {
        let exchange = Exchange::default();
        let [device, other]: [SocketAddr; 2] =
            ["192.0.2.1:161", "192.0.2.2:161"].map(|text| text.parse().unwrap());
        let (mut first, second) = (exchange.ticket(device), exchange.ticket(device));
        exchange.waiting.give(&answer(first.id), other);
        exchange.waiting.give(&answer(first.id), "192.0.2.1:1161".parse().unwrap());
        exchange.waiting.give(&[0x30, 0x84, 0x7f, 0xff], device);
        assert!(first.answer.try_recv().is_err());
        assert_eq!(exchange.unexpected(), 3);

        exchange.waiting.give(&answer(first.id), device);
        exchange.waiting.give(&answer(first.id), device);
        assert_eq!(first.answer.try_recv().unwrap(), answer(first.id));
        assert_eq!(exchange.unexpected(), 4, "the second of the same");

        let late = second.id;
        drop((first, second));
        exchange.waiting.give(&answer(late), device);
        assert_eq!(exchange.unexpected(), 5);
        assert!(exchange.waiting.lock().is_empty(), "nothing is left of what nobody waits for");
    }
}
