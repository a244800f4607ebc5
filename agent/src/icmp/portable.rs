//! The portable ICMP engine: surge-ping over one shared socket per family, behind [`Pinger`].
//!
//! surge-ping hands back whatever comes for a request, ICMP errors included, and looks at address, ident and sequence
//! only; it stamps in user space. Guarded here: only an echo reply from the probed address counts; the ident is drawn at
//! random for each process; a sequence is not used again for the same address while it may still be answered (65,536
//! probes later).

use std::{
    net::IpAddr,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use kentongan_model::time::Clock;
use socket2::SockRef;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::sync::Semaphore;

use super::{Family, IcmpError, SocketKind, rights};
use crate::{
    pace::HOLD,
    pinger::{Aim, Echo, Pinger, Rounds, one_by_one},
};

/// Payload of a request, as long as that of `ping`.
const PAYLOAD: [u8; 56] = [0x6b; 56];

/// Probes that may be under way at once. Replies are stamped one after the other: on loopback the median RTT read is 40 µs
/// in bursts of 8, 80 µs in bursts of 16 and 340 µs in bursts of 64.
const BURST: usize = 16;

/// What the receive buffer is asked to hold, in bytes as `SO_RCVBUF` counts; the kernel grants at most
/// `net.core.rmem_max`. A small packet takes about 800 of them.
const RECEIVE_BUFFER: usize = 1 << 20;

/// How often a request is repeated whose reply a router's redirect has displaced (over a raw socket surge-ping hands
/// out the redirect, and the reply that follows finds nobody waiting).
const REDIRECTS: usize = 2;

/// Pings through surge-ping.
pub struct PortablePinger {
    v4: Result<Shared, IcmpError>,
    v6: Result<Shared, IcmpError>,
    clock: Arc<dyn Clock>,
    places: Semaphore,
    ident: PingIdentifier,
    sequence: AtomicU16,
}

/// An open socket with surge-ping's receiver on it.
struct Shared {
    client: Client,
    kind: SocketKind,
}

impl PortablePinger {
    /// Opens a socket for each family that this machine has, with this kind tried first. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// When neither family can be used; the message says how to permit it. One family alone may be missing.
    pub fn open_as(first: SocketKind, clock: Arc<dyn Clock>) -> Result<Self, IcmpError> {
        let (v4, v6) = super::at_least_one(Shared::open(Family::V4, first), Shared::open(Family::V6, first))?;
        let ident = PingIdentifier(crate::chance::u16());
        let sequence = AtomicU16::new(crate::chance::u16());
        Ok(PortablePinger { v4, v6, clock, places: Semaphore::new(BURST), ident, sequence })
    }

    /// The kind of socket that IPv4 got.
    #[must_use]
    pub fn kind(&self) -> Option<SocketKind> {
        self.v4.as_ref().ok().map(|socket| socket.kind)
    }

    /// Why addresses of this family cannot be probed, if so.
    #[must_use]
    pub fn obstacle(&self, address: IpAddr) -> Option<&IcmpError> {
        self.socket(address).as_ref().err()
    }

    fn socket(&self, address: IpAddr) -> &Result<Shared, IcmpError> {
        if address.is_ipv4() { &self.v4 } else { &self.v6 }
    }

    /// Waits for a place, sends one probe and tells what came of it. The place is given back with the reply, or after
    /// [`HOLD`].
    async fn probe(&self, address: IpAddr, timeout: Duration) -> (Duration, Echo) {
        let place = self.places.acquire().await;
        let sent = self.clock.since_boot();
        let mut echo = std::pin::pin!(self.ping_once(address, timeout));
        if let Ok(echo) = tokio::time::timeout(HOLD, &mut echo).await {
            return (sent, echo);
        }
        drop(place);
        (sent, echo.await)
    }

    async fn ping_once(&self, address: IpAddr, timeout: Duration) -> Echo {
        let Ok(socket) = self.socket(address) else {
            return Echo::Unsendable(std::io::ErrorKind::Unsupported);
        };
        let mut pinger = socket.client.pinger(address, self.ident).await;
        pinger.timeout(timeout);
        let mut echo = Echo::Silence;
        for _ in 0..=REDIRECTS {
            let sequence = PingSequence(self.sequence.fetch_add(1, Ordering::Relaxed));
            echo = match pinger.ping(sequence, &PAYLOAD).await {
                Ok((packet, rtt)) => judge(&packet, address, rtt),
                // Somebody waits for this very reply already: 65,536 probes went out within one timeout.
                Err(SurgeError::IdenticalRequests { .. }) => continue,
                Err(SurgeError::IOError(error)) => Echo::Unsendable(error.kind()),
                Err(_) => Echo::Silence,
            };
            if !is_redirect(address, echo) {
                break;
            }
        }
        echo
    }
}

impl Pinger for PortablePinger {
    fn reaches(&self, address: IpAddr) -> bool {
        self.socket(address).is_ok()
    }

    fn ping_group(self: Arc<Self>, group: Vec<Aim>) -> Rounds {
        one_by_one(group, move |address, timeout| {
            let pinger = Arc::clone(&self);
            async move { pinger.probe(address, timeout).await }
        })
    }
}

/// Whether a packet is the answer: an echo reply from the probed address itself.
fn judge(packet: &IcmpPacket, address: IpAddr, rtt: Duration) -> Echo {
    let (from, kind, code, reply) = match packet {
        IcmpPacket::V4(p) => (IpAddr::V4(p.get_source()), p.get_icmp_type().0, p.get_icmp_code().0, 0),
        IcmpPacket::V6(p) => (IpAddr::V6(p.get_source()), p.get_icmpv6_type().0, p.get_icmpv6_code().0, 129),
    };
    if kind == reply && from == address {
        Echo::Reply { rtt_us: u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX) }
    } else {
        Echo::Refused { kind, code }
    }
}

/// Whether a router told of a better way (RFC 792 type 5, RFC 4861 type 137), having passed the request on.
fn is_redirect(address: IpAddr, echo: Echo) -> bool {
    let redirect = if address.is_ipv4() { 5 } else { 137 };
    matches!(echo, Echo::Refused { kind, .. } if kind == redirect)
}

impl Shared {
    fn open(family: Family, first: SocketKind) -> Result<Self, IcmpError> {
        // Tried here and not in surge-ping, which falls back by itself but tells one of the two reasons only.
        let (_, kind) = rights::open(family, first)?;
        let icmp = match family {
            Family::V4 => ICMP::V4,
            Family::V6 => ICMP::V6,
        };
        let config = Config::builder().kind(icmp).sock_type_hint(kind.as_type()).build();
        let client = Client::new(&config).map_err(IcmpError::Open)?;
        let buffer = widen(&client);
        tracing::debug!(?family, ?kind, buffer, "ICMP socket of surge-ping");
        Ok(Shared { client, kind })
    }
}

/// Asks for a larger receive buffer. surge-ping gives away only the bare number of its socket, from which safe code
/// makes no handle; `pidfd_getfd` on this very process makes one. Where a sandbox forbids that, the default buffer
/// stays, and [`BURST`] is small enough for it.
fn widen(client: &Client) -> Option<usize> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let this = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
    let number = client.get_socket().get_native_sock();
    let twin: OwnedFd = pidfd_getfd(this, number, PidfdGetfdFlags::empty()).ok()?;
    let socket = SockRef::from(&twin);
    socket.set_recv_buffer_size(RECEIVE_BUFFER).ok()?;
    socket.recv_buffer_size().ok()
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Protocol, Socket, Type};

    use super::*;

    #[tokio::test]
    async fn the_receive_buffer_is_larger_than_the_systems_default() {
        let plain = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        let wide = widen(&Shared::open(Family::V4, SocketKind::Raw).unwrap().client).unwrap();
        assert!(wide > plain.recv_buffer_size().unwrap(), "only {wide} bytes");
    }
}
