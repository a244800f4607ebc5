//! One ICMP socket of one family as Linux has it: what is set on it, sending, and reading what has come, many at once.
//!
//! Nobody waits for it: it is in no poll set, so that a reply wakes nobody up. It lies in the receive buffer with the stamp
//! that the kernel gave it on arrival until a group looks.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsRawFd,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::{
    cmsg_space,
    errno::Errno,
    libc, setsockopt_impl, sockopt_impl,
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrLike, SockaddrStorage, recvmmsg,
            recvmsg, setsockopt, sockopt,
        },
        time::{TimeSpec, TimeValLike},
    },
};
use socket2::Socket;

use super::{
    echo::{Reader, Request, Seen},
    filter,
};
use crate::icmp::{Family, IcmpError, SocketKind, rights};

/// What both buffers are asked to hold, in bytes as the kernel counts them. Without CAP_NET_ADMIN it grants at most
/// `net.core.rmem_max` and `wmem_max`. The send buffer holds what waits for an ARP reply, for seconds if nobody is there.
const BUFFER: usize = 1 << 20;

/// What a small packet takes of a buffer.
const PACKET: usize = 1 << 10;

/// The longest packet that is read whole: two IPv4 headers with all options, two of ICMP.
const LONGEST: usize = 160;

/// "Do not send, only probe the path": `linux/socket.h`.
const MSG_PROBE: libc::c_int = 0x10;

/// How many packets one system call may hand out.
const MOST: usize = 32;

/// How many system calls one look may make: what comes faster than it is read waits for the next look.
const CALLS: usize = 64;

sockopt_impl!(MtuDiscover, SetOnly, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::c_int);

/// The socket, and how its packets look.
pub(super) struct Port {
    socket: Socket,
    pub(super) reader: Reader,
    /// Whether the kernel stamps what arrives.
    pub(super) is_stamped: bool,
    /// How many packets the receive buffer holds.
    pub(super) room: usize,
    /// How many packets the kernel has dropped for want of room.
    dropped: AtomicU32,
}

/// What a look brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) from: Option<IpAddr>,
    /// When it arrived, by the wall clock; none if the kernel did not say.
    pub(super) at_ns: Option<i64>,
    pub(super) seen: Seen,
}

/// Where a look keeps its packets; shared by all looks.
#[derive(Debug)]
pub(super) struct Tray(Vec<u8>);

impl Default for Tray {
    fn default() -> Self {
        Tray(vec![0; MOST * LONGEST])
    }
}

impl Port {
    pub(super) fn open(family: Family, first: SocketKind, nonce: u64) -> Result<Self, IcmpError> {
        let (socket, kind) = rights::open(family, first)?;
        let ident = match kind {
            SocketKind::Raw => crate::chance::u16(),
            SocketKind::Datagram => bind(&socket, family).map_err(IcmpError::Open)?,
        };
        if kind == SocketKind::Raw {
            filter::attach(&socket, family, ident);
        } else {
            let told = match family {
                Family::V4 => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
                Family::V6 => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
            };
            minor("errors", told);
        }
        if family == Family::V4 {
            // Never to be fragmented, so that the kernel need not choose an identification for each packet: with
            // thousands of targets that is a tenth of a probe's cost.
            minor("a fixed size", setsockopt(&socket, MtuDiscover, &libc::IP_PMTUDISC_DO));
        }
        socket.set_nonblocking(true).map_err(IcmpError::Open)?;
        let is_stamped = minor("stamps", setsockopt(&socket, sockopt::ReceiveTimestampns, &true));
        minor("a count of overruns", setsockopt(&socket, sockopt::RxqOvfl, &1));
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            let _ = socket.set_recv_buffer_size(BUFFER);
        }
        if setsockopt(&socket, sockopt::SndBufForce, &BUFFER).is_err() {
            let _ = socket.set_send_buffer_size(BUFFER);
        }
        let room = socket.recv_buffer_size().unwrap_or(0) / PACKET;
        tracing::debug!(?family, ?kind, room, is_stamped, "ICMP socket");
        Ok(Port {
            socket,
            reader: Reader { family, kind, ident, nonce },
            is_stamped,
            room,
            dropped: AtomicU32::new(0),
        })
    }

    /// A request to fill in.
    pub(super) fn request(&self) -> Request {
        let Reader { family, kind, ident, nonce } = self.reader;
        Request::new(family, kind, ident, nonce)
    }

    /// Has the kernel go the way of a request before it is measured: to the address without a packet (`MSG_PROBE`), and with a
    /// packet that nobody waits for to this machine itself. After a sleep the code of all that has left the processor's
    /// caches: 25 µs of the first RTT on a busy machine. Errors that lay there are handed out: with the first one told, the
    /// others would lie on unnoticed, and take the room of replies.
    pub(super) fn warm_up(&self, address: IpAddr, request: &Request, take: &mut dyn FnMut(Arrival)) {
        let itself = match self.reader.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Family::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        let nothing = &request.for_nobody();
        let there = &SocketAddr::new(address, 0).into();
        // A datagram socket of IPv6 sends this one all the same (Linux 6.18), and is told of errors by it.
        let told = self.socket.send_to_with_flags(nothing, there, MSG_PROBE).is_err();
        if self.send(itself, nothing).is_err() || told {
            self.read_errors(take);
            let _ = self.send(itself, nothing);
        }
    }

    pub(super) fn send(&self, address: IpAddr, request: &[u8]) -> io::Result<()> {
        self.socket.send_to(request, &SocketAddr::new(address, 0).into()).map(drop)
    }

    /// Reads what has come, and tells how many packets the kernel has dropped since the last look for want of room.
    pub(super) fn look(&self, expected: usize, tray: &mut Tray, mut take: impl FnMut(Arrival)) -> u32 {
        // One more than can come, beside what was for nobody, so that a second call need not find out that there is none.
        let most = (expected + 2).min(MOST);
        let before = self.dropped.load(Ordering::Relaxed);
        for _ in 0..CALLS {
            let mut slices: Vec<_> =
                tray.0.chunks_exact_mut(LONGEST).take(most).map(|packet| [IoSliceMut::new(packet)]).collect();
            // Made anew each time: the kernel leaves in them how much it used, and that would be taken for room.
            let mut headers =
                MultiHeaders::<SockaddrStorage>::preallocate(most, Some(cmsg_space!(TimeSpec, u32)));
            let fd = self.socket.as_raw_fd();
            let came = match recvmmsg(fd, &mut headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
                Ok(came) => came,
                Err(Errno::EAGAIN) => break,
                // Whatever else it is, somebody on the way has told something; what has come lies behind it.
                Err(_) => {
                    self.read_errors(&mut take);
                    continue;
                }
            };
            let mut count = 0;
            for message in came {
                count += 1;
                let (at_ns, dropped) = read_stamps(&message);
                if let Some(dropped) = dropped {
                    self.dropped.store(dropped, Ordering::Relaxed);
                }
                let packet = message.iovs().next().unwrap_or_default();
                let from = message.address.as_ref().and_then(address);
                take(Arrival { from, at_ns, seen: self.reader.read(packet) });
            }
            if count < most {
                break;
            }
        }
        self.dropped.load(Ordering::Relaxed).wrapping_sub(before)
    }

    /// Reads the errors that a datagram socket keeps in a queue of their own, to its end: what stays there takes room of the
    /// receive buffer.
    pub(super) fn read_errors(&self, take: &mut dyn FnMut(Arrival)) {
        if self.reader.kind == SocketKind::Raw {
            return;
        }
        let mut room = [0; LONGEST];
        for _ in 0..CALLS * MOST {
            let mut slices = [IoSliceMut::new(&mut room)];
            let mut space = cmsg_space!([u8; 128]);
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let fd = self.socket.as_raw_fd();
            let Ok(message) = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut space), flags) else {
                break;
            };
            let about = message.address.as_ref().and_then(address);
            let told = message.cmsgs().ok().into_iter().flatten().find_map(|told| match told {
                ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                    Some((error.ee_type, error.ee_code))
                }
                _ => None,
            });
            let request = message.iovs().next().unwrap_or_default();
            if let (Some(about), Some((kind, code))) = (about, told) {
                let seen = self.reader.read_failed(about, request, kind, code);
                take(Arrival { from: None, at_ns: None, seen });
            }
        }
    }
}

/// Has the kernel choose an ident, which on a datagram socket is its port, and tells it.
fn bind(socket: &Socket, family: Family) -> io::Result<u16> {
    let any = match family {
        Family::V4 => IpAddr::from([0; 4]),
        Family::V6 => IpAddr::from([0; 16]),
    };
    socket.bind(&SocketAddr::new(any, 0).into())?;
    let bound = socket.local_addr()?.as_socket().map(|address| address.port());
    bound.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Something that is good to have; says whether it is there.
fn minor(what: &str, outcome: nix::Result<()>) -> bool {
    if let Err(error) = outcome {
        tracing::debug!("an ICMP socket without {what}: {error}");
    }
    outcome.is_ok()
}

fn read_stamps<S: SockaddrLike>(message: &RecvMsg<'_, '_, S>) -> (Option<i64>, Option<u32>) {
    let (mut at_ns, mut dropped) = (None, None);
    for told in message.cmsgs().ok().into_iter().flatten() {
        match told {
            ControlMessageOwned::ScmTimestampns(at) => at_ns = Some(at.num_nanoseconds()),
            ControlMessageOwned::RxqOvfl(packets) => dropped = Some(packets),
            _ => {}
        }
    }
    (at_ns, dropped)
}

fn address(address: &SockaddrStorage) -> Option<IpAddr> {
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
        (None, Some(v6)) => Some(IpAddr::V6(v6.ip())),
        (None, None) => None,
    }
}
