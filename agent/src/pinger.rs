//! What sends an echo request and tells what came of it: the first step of a measurement.
//!
//! The trait is all that `rounds` knows of ICMP, so that engines can be exchanged. An engine keeps one
//! rule: only an echo reply of the probed address counts as an answer, never an error about it.

use std::{future::Future, net::IpAddr, time::Duration};

/// What came of one echo request, or of one question to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// The address answered.
    Reply {
        /// Round-trip time in microseconds: of a service, until it had answered.
        rtt_us: u32,
    },
    /// Nobody answered in time.
    Silence,
    /// Somebody on the way told that the address cannot be reached (ICMP type and code).
    Refused {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
    },
    /// Somebody answered, but not as was wanted of a service.
    Unfit(Unfit),
    /// This machine could not send it: no route, a firewall, a full queue.
    Unsendable(std::io::ErrorKind),
}

impl Echo {
    /// The round-trip time, if the address answered.
    #[must_use]
    pub fn rtt_us(self) -> Option<u32> {
        match self {
            Echo::Reply { rtt_us } => Some(rtt_us),
            Echo::Silence | Echo::Refused { .. } | Echo::Unfit(_) | Echo::Unsendable(_) => None,
        }
    }
}

/// What is wrong with a service's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It does not take the connection, or breaks it.
    Broken(std::io::ErrorKind),
    /// HTTP has another status than the expected one.
    Status(u16),
    /// DNS has a response code other than "no error" (RFC 1035, RFC 6895).
    Code(u8),
    /// DNS knows of no address.
    NoAddress,
    /// It is no answer of that protocol.
    Garbled,
}

/// An engine that pings.
pub trait Pinger: Send + Sync + 'static {
    /// Whether the engine can probe addresses of this family at all. A target it cannot probe is left out: nothing is
    /// known about it, which is not the same as a lost probe.
    fn reaches(&self, address: IpAddr) -> bool;

    /// Sends one echo request at once and waits for its reply, for at most `timeout`.
    fn ping(&self, address: IpAddr, timeout: Duration) -> impl Future<Output = Echo> + Send;
}
