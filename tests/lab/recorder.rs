//! The independent witness: which echo requests reached a place, by a raw socket of its own there.
//!
//! It shares no code with the agent and the journal that it is held against. The kernel hands a copy of each ICMP
//! packet that is delivered in the namespace to every raw socket in it, and answers the requests itself.

use std::{
    io::{ErrorKind, Read},
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use kentongan_model::time::{Clock, SystemClock};
use socket2::{Domain, Protocol, Socket, Type};
use tokio_util::sync::CancellationToken;

use crate::Namespace;

/// How often the witness looks whether it may go.
const LOOK_UP: Duration = Duration::from_millis(100);

/// An echo request that arrived (RFC 792, type 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// When, since boot.
    pub since_boot: Duration,
    /// From where.
    pub from: Ipv4Addr,
    /// To which address of this place.
    pub to: Ipv4Addr,
    /// Identifier.
    pub ident: u16,
    /// Sequence number.
    pub sequence: u16,
}

/// Writes down each echo request that arrives in a namespace.
#[derive(Debug)]
pub struct Recorder {
    seen: Arc<Mutex<Vec<Echo>>>,
    stop: CancellationToken,
    witness: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins to write down.
    ///
    /// # Errors
    /// When the namespace has no raw sockets to give.
    pub fn start(namespace: &Namespace) -> Result<Recorder> {
        let socket = namespace.enter(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)))??;
        socket.set_read_timeout(Some(LOOK_UP)).context("the witness needs a socket that wakes up")?;
        let (seen, stop) = (Arc::<Mutex<Vec<Echo>>>::default(), CancellationToken::new());
        let (list, stopped) = (seen.clone(), stop.clone());
        let witness = std::thread::spawn(move || write_down(socket, &list, &stopped));
        Ok(Recorder { seen, stop, witness: Some(witness) })
    }

    /// What has arrived so far, in that order.
    #[must_use]
    pub fn seen(&self) -> Vec<Echo> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop.cancel();
        self.witness.take().map(JoinHandle::join);
    }
}

fn write_down(mut socket: Socket, list: &Mutex<Vec<Echo>>, stop: &CancellationToken) {
    let (clock, mut packet) = (SystemClock::new(), [0; 2048]);
    while !stop.is_cancelled() {
        match socket.read(&mut packet) {
            Ok(length) => {
                let echo = echo_request(&packet[..length], clock.since_boot());
                list.lock().unwrap_or_else(PoisonError::into_inner).extend(echo);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => panic!("the witness went blind: {error}"),
        }
    }
}

/// The echo request in an IPv4 packet, if it is one.
fn echo_request(packet: &[u8], since_boot: Duration) -> Option<Echo> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let word = |at: usize| Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?));
    let address = |at: usize| Some(Ipv4Addr::from_octets(packet.get(at..at + 4)?.try_into().ok()?));
    (*packet.get(header)? == 8).then_some(())?;
    Some(Echo {
        since_boot,
        from: address(12)?,
        to: address(16)?,
        ident: word(header + 4)?,
        sequence: word(header + 6)?,
    })
}
