//! One ICMP socket of one family: which kind is permitted, and how much it can take in.
//!
//! A datagram socket needs no privilege where `net.ipv4.ping_group_range` admits the group, and the kernel keeps other
//! programs' replies and ICMP errors off it; a raw one needs `CAP_NET_RAW` and gets everything.

use std::{io, os::fd::OwnedFd};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use surge_ping::{Client, Config, ICMP};

/// What the receive buffer is asked to hold, in bytes as `SO_RCVBUF` counts; the kernel grants at most
/// `net.core.rmem_max`. A small packet takes about 800 of them.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Which of the two kinds of ICMP sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketKind {
    /// `SOCK_DGRAM`, for which `net.ipv4.ping_group_range` gives the right.
    Datagram,
    /// `SOCK_RAW`, for which `CAP_NET_RAW` gives the right.
    Raw,
}

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// Why there is no ICMP socket.
#[derive(Debug, thiserror::Error)]
pub enum IcmpError {
    /// Neither kind is permitted.
    #[error(
        "no right to ping (datagram socket: {datagram}; raw socket: {raw}); allow it with \
         `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, or with `setcap cap_net_raw+ep` on the program"
    )]
    Forbidden {
        /// What the system says about a datagram socket.
        datagram: io::Error,
        /// What the system says about a raw socket.
        raw: io::Error,
    },
    /// The machine lacks the family.
    #[error("this machine has no {family} ({source})")]
    NoFamily {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Something else.
    #[error("cannot open an ICMP socket: {0}")]
    Open(io::Error),
}

/// An open socket with surge-ping's receiver on it.
pub(super) struct IcmpSocket {
    pub(super) client: Client,
    pub(super) kind: SocketKind,
    /// The granted receive buffer in bytes; none when it could not be asked for.
    pub(super) buffer: Option<usize>,
}

impl IcmpSocket {
    pub(super) fn open(family: Family, first: SocketKind) -> Result<Self, IcmpError> {
        let second = match first {
            SocketKind::Datagram => SocketKind::Raw,
            SocketKind::Raw => SocketKind::Datagram,
        };
        // Tried here and not in surge-ping, which falls back by itself but tells one of the two reasons only.
        match (attempt(family, first), first) {
            (Ok(()), kind) => Self::with(family, kind),
            (Err(one), _) => match attempt(family, second) {
                Ok(()) => Self::with(family, second),
                Err(other) => Err(explain(family, first, one, other)),
            },
        }
    }

    fn with(family: Family, kind: SocketKind) -> Result<Self, IcmpError> {
        let icmp = match family {
            Family::V4 => ICMP::V4,
            Family::V6 => ICMP::V6,
        };
        let config = Config::builder().kind(icmp).sock_type_hint(kind.as_type()).build();
        let client = Client::new(&config).map_err(IcmpError::Open)?;
        let buffer = widen(&client);
        Ok(IcmpSocket { client, kind, buffer })
    }
}

impl SocketKind {
    fn as_type(self) -> Type {
        match self {
            SocketKind::Datagram => Type::DGRAM,
            SocketKind::Raw => Type::RAW,
        }
    }
}

fn attempt(family: Family, kind: SocketKind) -> io::Result<()> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, kind.as_type(), Some(protocol)).map(drop)
}

fn explain(family: Family, first: SocketKind, one: io::Error, other: io::Error) -> IcmpError {
    let (datagram, raw) = if first == SocketKind::Datagram { (one, other) } else { (other, one) };
    let lacks = |error: &io::Error| {
        [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::PROTONOSUPPORT]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    };
    match family {
        Family::V4 if lacks(&raw) => IcmpError::NoFamily { family: "IPv4", source: raw },
        Family::V6 if lacks(&raw) => IcmpError::NoFamily { family: "IPv6", source: raw },
        _ if raw.kind() == io::ErrorKind::PermissionDenied => IcmpError::Forbidden { datagram, raw },
        _ => IcmpError::Open(raw),
    }
}

/// Asks for a larger receive buffer. surge-ping gives away only the bare number of its socket, from which safe code
/// makes no handle; `pidfd_getfd` on this very process makes one. Where a sandbox forbids that, the default buffer
/// stays, and [`pace`](crate::pace) keeps bursts small enough for it.
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
    use super::*;

    #[tokio::test]
    async fn the_receive_buffer_is_larger_than_the_systems_default() {
        let plain = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        let wide = IcmpSocket::open(Family::V4, SocketKind::Raw).unwrap().buffer.unwrap();
        assert!(wide > plain.recv_buffer_size().unwrap(), "only {wide} bytes");
    }

    #[test]
    fn a_forbidden_socket_says_how_to_permit_it_and_what_the_system_said() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let told = explain(Family::V4, SocketKind::Datagram, denied(), denied()).to_string();
        for part in
            ["net.ipv4.ping_group_range=\"0 2147483647\"", "setcap cap_net_raw+ep", "permission denied"]
        {
            assert!(told.contains(part), "{told}");
        }
        let lacking = || io::Error::from_raw_os_error(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
        let told = explain(Family::V6, SocketKind::Datagram, lacking(), lacking()).to_string();
        assert!(told.starts_with("this machine has no IPv6"), "{told}");
    }
}
