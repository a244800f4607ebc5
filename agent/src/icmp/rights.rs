//! Opening an ICMP socket of one family: which kind is permitted, and what to tell when none is.
//!
//! A datagram socket needs no privilege where `net.ipv4.ping_group_range` admits the group, and the kernel keeps other
//! programs' replies off it; a raw one needs `CAP_NET_RAW` and gets everything.

use std::{io, net::IpAddr};

use socket2::{Domain, Protocol, Socket, Type};

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
    /// The engine is not in this program.
    #[error(
        "this program was built without the ICMP engine that agent.toml asks for; leave `engine` out there, or build \
         the program with `--features portable`"
    )]
    NotBuilt,
}

/// Opens a socket: of the kind `first`, or else of the other.
pub(super) fn open(family: Family, first: SocketKind) -> Result<(Socket, SocketKind), IcmpError> {
    let second = match first {
        SocketKind::Datagram => SocketKind::Raw,
        SocketKind::Raw => SocketKind::Datagram,
    };
    match attempt(family, first) {
        Ok(socket) => Ok((socket, first)),
        Err(one) => match attempt(family, second) {
            Ok(socket) => Ok((socket, second)),
            Err(other) => Err(explain(family, first, one, other)),
        },
    }
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

impl SocketKind {
    pub(super) fn as_type(self) -> Type {
        match self {
            SocketKind::Datagram => Type::DGRAM,
            SocketKind::Raw => Type::RAW,
        }
    }
}

fn attempt(family: Family, kind: SocketKind) -> io::Result<Socket> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, kind.as_type(), Some(protocol))
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

#[cfg(test)]
mod tests {
    use super::*;

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
