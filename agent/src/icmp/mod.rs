//! The ICMP engines, behind [`Pinger`]: Linux' own, and surge-ping as the portable one (the feature `portable`, and
//! whatever is not Linux).
//!
//! Both open a datagram socket where that is permitted and a raw one otherwise, for each family that the machine has,
//! and both pass the same tests (`agent/tests/icmp.rs`).

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(feature = "portable", not(target_os = "linux")))]
mod portable;
mod rights;

use std::{net::IpAddr, sync::Arc};

use kentongan_model::time::Clock;
use serde::Deserialize;

use crate::pinger::{Aim, Pinger, Rounds};
#[cfg(target_os = "linux")]
pub use linux::LinuxPinger;
#[cfg(any(feature = "portable", not(target_os = "linux")))]
pub use portable::PortablePinger;
use rights::Family;
pub use rights::{IcmpError, SocketKind};

/// Which engine pings, as `engine` in agent.toml names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Linux' own.
    Linux,
    /// The portable one.
    SurgePing,
}

impl Default for Engine {
    fn default() -> Self {
        if cfg!(target_os = "linux") { Engine::Linux } else { Engine::SurgePing }
    }
}

/// What came that was no answer to a probe, and answers that this machine lost. Counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Replies to probes that had been given up.
    pub late: u64,
    /// Replies to probes that had been answered.
    pub double: u64,
    /// Replies to no probe of ours, from another address than the probed one, or forged.
    pub foreign: u64,
    /// Packets that found the receive buffer full.
    pub overrun: u64,
    /// Replies in whose time somebody set the wall clock.
    pub clock_set: u64,
}

/// An engine, chosen when the agent starts.
pub enum IcmpPinger {
    /// Linux' own.
    #[cfg(target_os = "linux")]
    Linux(Arc<LinuxPinger>),
    /// The portable one.
    #[cfg(any(feature = "portable", not(target_os = "linux")))]
    Portable(Arc<PortablePinger>),
}

impl IcmpPinger {
    /// Opens a socket for each family that this machine has. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When neither family can be used; the message says how to permit it. One family alone may be missing. And when
    /// this program was built without the engine.
    pub fn open(engine: Engine, clock: &Arc<dyn Clock>) -> Result<Self, IcmpError> {
        Self::open_as(SocketKind::Datagram, engine, clock)
    }

    /// Opens the sockets with this kind tried first.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(first: SocketKind, engine: Engine, clock: &Arc<dyn Clock>) -> Result<Self, IcmpError> {
        // Linux' engine needs the very clock that the kernel stamps by.
        let _ = clock;
        match engine {
            #[cfg(target_os = "linux")]
            Engine::Linux => LinuxPinger::open_as(first).map(|pinger| IcmpPinger::Linux(Arc::new(pinger))),
            #[cfg(any(feature = "portable", not(target_os = "linux")))]
            Engine::SurgePing => PortablePinger::open_as(first, Arc::clone(clock))
                .map(|pinger| IcmpPinger::Portable(Arc::new(pinger))),
            #[allow(unreachable_patterns, reason = "where both are built in")]
            _ => Err(IcmpError::NotBuilt),
        }
    }

    /// The kind of socket that IPv4 got, for those who want to know.
    #[must_use]
    pub fn kind(&self) -> Option<SocketKind> {
        match self {
            #[cfg(target_os = "linux")]
            IcmpPinger::Linux(pinger) => pinger.kind(),
            #[cfg(any(feature = "portable", not(target_os = "linux")))]
            IcmpPinger::Portable(pinger) => pinger.kind(),
        }
    }

    /// Why addresses of this family cannot be probed, if so.
    #[must_use]
    pub fn obstacle(&self, address: IpAddr) -> Option<&IcmpError> {
        match self {
            #[cfg(target_os = "linux")]
            IcmpPinger::Linux(pinger) => pinger.obstacle(address),
            #[cfg(any(feature = "portable", not(target_os = "linux")))]
            IcmpPinger::Portable(pinger) => pinger.obstacle(address),
        }
    }

    /// What came that was no answer, if the engine counts it.
    #[must_use]
    pub fn oddities(&self) -> Option<Oddities> {
        match self {
            #[cfg(target_os = "linux")]
            IcmpPinger::Linux(pinger) => Some(pinger.oddities()),
            #[cfg(any(feature = "portable", not(target_os = "linux")))]
            IcmpPinger::Portable(_) => None,
        }
    }
}

impl Pinger for IcmpPinger {
    fn reaches(&self, address: IpAddr) -> bool {
        self.obstacle(address).is_none()
    }

    fn ping_group(self: Arc<Self>, group: Vec<Aim>) -> Rounds {
        match &*self {
            #[cfg(target_os = "linux")]
            IcmpPinger::Linux(pinger) => Arc::clone(pinger).ping_group(group),
            #[cfg(any(feature = "portable", not(target_os = "linux")))]
            IcmpPinger::Portable(pinger) => Arc::clone(pinger).ping_group(group),
        }
    }
}

/// Both families' sockets, as far as they could be opened.
type Families<S> = (Result<S, IcmpError>, Result<S, IcmpError>);

/// Both families' sockets, unless neither could be opened.
fn at_least_one<S>(v4: Result<S, IcmpError>, v6: Result<S, IcmpError>) -> Result<Families<S>, IcmpError> {
    for (family, socket) in [("IPv4", &v4), ("IPv6", &v6)] {
        if let Err(reason) = socket {
            tracing::info!(family, "no ICMP: {reason}");
        }
    }
    match (v4, v6) {
        // What IPv4 lacks is told, unless the machine has no IPv4 at all.
        (Err(v4), Err(v6)) => Err(if matches!(v4, IcmpError::NoFamily { .. }) { v6 } else { v4 }),
        both => Ok(both),
    }
}
