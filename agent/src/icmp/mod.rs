//! The portable ICMP engine: surge-ping over one shared socket per family, behind [`Pinger`].
//!
//! surge-ping hands back whatever comes for a request, ICMP errors included, and looks at address, ident and sequence
//! only. Guarded here: only an echo reply from the probed address counts; the ident is drawn at random for each process;
//! a sequence is not used again for the same address while it may still be answered (65,536 probes later).

mod socket;

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use surge_ping::{IcmpPacket, PingIdentifier, PingSequence, SurgeError};

use crate::pinger::{Echo, Pinger};
use socket::{Family, IcmpSocket};
pub use socket::{IcmpError, SocketKind};

/// Payload of a request, as long as that of `ping`.
const PAYLOAD: [u8; 56] = [0x6b; 56];

/// How often a request is repeated whose reply a router's redirect has displaced (over a raw socket surge-ping hands
/// out the redirect, and the reply that follows finds nobody waiting).
const REDIRECTS: usize = 2;

/// Pings through surge-ping.
pub struct IcmpPinger {
    v4: Result<IcmpSocket, IcmpError>,
    v6: Result<IcmpSocket, IcmpError>,
    ident: PingIdentifier,
    sequence: AtomicU16,
}

impl IcmpPinger {
    /// Opens a socket for each family that this machine has. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When neither family can be used; the message says how to permit it. One family alone may be missing.
    pub fn open() -> Result<Self, IcmpError> {
        Self::open_as(SocketKind::Datagram)
    }

    /// Opens the sockets with this kind tried first.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(first: SocketKind) -> Result<Self, IcmpError> {
        let (v4, v6) = (IcmpSocket::open(Family::V4, first), IcmpSocket::open(Family::V6, first));
        for (family, socket) in [("IPv4", &v4), ("IPv6", &v6)] {
            match socket {
                Ok(socket) => {
                    tracing::debug!(family, kind = ?socket.kind, buffer = socket.buffer, "ICMP socket");
                }
                Err(reason) => tracing::info!(family, "no ICMP: {reason}"),
            }
        }
        match (v4, v6) {
            // What IPv4 lacks is told, unless the machine has no IPv4 at all.
            (Err(v4), Err(v6)) => Err(if matches!(v4, IcmpError::NoFamily { .. }) { v6 } else { v4 }),
            (v4, v6) => {
                let ident = PingIdentifier(crate::chance::u16());
                Ok(IcmpPinger { v4, v6, ident, sequence: AtomicU16::new(crate::chance::u16()) })
            }
        }
    }

    /// The kind of socket that IPv4 got, for those who want to know.
    #[must_use]
    pub fn kind(&self) -> Option<SocketKind> {
        self.v4.as_ref().ok().map(|socket| socket.kind)
    }

    /// Why addresses of this family cannot be probed, if so.
    #[must_use]
    pub fn obstacle(&self, address: IpAddr) -> Option<&IcmpError> {
        self.socket(address).as_ref().err()
    }

    fn socket(&self, address: IpAddr) -> &Result<IcmpSocket, IcmpError> {
        if address.is_ipv4() { &self.v4 } else { &self.v6 }
    }
}

impl Pinger for IcmpPinger {
    fn reaches(&self, address: IpAddr) -> bool {
        self.socket(address).is_ok()
    }

    async fn ping(&self, address: IpAddr, timeout: Duration) -> Echo {
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
            if !matches!(echo, Echo::Refused { .. } if is_redirect(address, echo)) {
                break;
            }
        }
        echo
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
