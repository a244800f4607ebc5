//! One UDP socket on which a way is walked: datagrams that go ever farther, and the errors that come back, each with the
//! router that sent it.
//!
//! Linux keeps those errors for whoever asks for them (`IP_RECVERR`, ip(7)), so that no right is needed: neither that to
//! ping nor `CAP_NET_RAW`. Each datagram goes to a port of its own, by which an error tells whose it is.

use std::{
    collections::HashMap,
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsRawFd,
    time::Duration,
};

use kentongan_model::time::Clock;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::SockRef;
use tokio::{io::Interest, net::UdpSocket};

use super::walk::{Said, Walk};

/// Between two datagrams: a router that answers them all does so at its leisure.
const SPREAD: Duration = Duration::from_millis(20);
/// How long the last of them is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the ways are asked: once, and once more where it stayed silent.
const PASSES: u16 = 2;
/// The first port, as of traceroute(8): nobody listens there, and firewalls know it.
const FIRST_PORT: u16 = 33_434;
/// What a datagram carries.
const PAYLOAD: &[u8] = b"kentongan: where does this way end?";
/// Room for an error with its sender and what else the kernel has to say.
const CONTROL: usize = 256;
/// How often a datagram is sent again when an error of another one comes in between.
const SENDS: usize = 4;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    port: u16,
    from: IpAddr,
    said: Said,
}

/// Walks the way to `target`, as far as this machine sends anything there: where it has no way itself, that is the finding, and
/// what was heard before stays.
pub(super) async fn walk(walk: &mut Walk, target: IpAddr, clock: &dyn Clock) -> io::Result<()> {
    let socket = open(target)?;
    let (mut sent, mut is_cut) = (HashMap::new(), false);
    for pass in 0..PASSES {
        for distance in walk.silent(pass > 0) {
            let port = FIRST_PORT + pass * 256 + u16::from(distance);
            if let Err(error) = send(&socket, SocketAddr::new(target, port), distance).await {
                tracing::info!(address = %target, %error, "no way from this machine");
                is_cut = true;
                break;
            }
            sent.insert(port, (distance, clock.since_boot()));
            listen(&socket, walk, &sent, SPREAD, clock).await?;
        }
        listen(&socket, walk, &sent, PATIENCE, clock).await?;
        if is_cut || walk.is_complete() {
            break;
        }
    }
    Ok(())
}

fn open(target: IpAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    match target {
        IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    UdpSocket::from_std(socket)
}

async fn send(socket: &UdpSocket, to: SocketAddr, distance: u8) -> io::Result<()> {
    let options = SockRef::from(socket);
    match to {
        SocketAddr::V4(_) => options.set_ttl_v4(distance.into())?,
        SocketAddr::V6(_) => options.set_unicast_hops_v6(distance.into())?,
    }
    let mut told = Ok(0);
    for _ in 0..SENDS {
        // An error that an earlier datagram met is told here, too, and is gone then.
        told = socket.send_to(PAYLOAD, to).await;
        if told.is_ok() {
            break;
        }
    }
    told.map(drop)
}

/// Takes in what comes within this time, or until all is known.
async fn listen(
    socket: &UdpSocket,
    walk: &mut Walk,
    sent: &HashMap<u16, (u8, Duration)>,
    length: Duration,
    clock: &dyn Clock,
) -> io::Result<()> {
    let heard = async {
        while !walk.is_complete() {
            let answer = socket.async_io(Interest::ERROR, || read(socket)).await?;
            let Some(Answer { port, from, said }) = answer else { continue };
            let Some((distance, begun)) = sent.get(&port) else { continue };
            let took = clock.since_boot().saturating_sub(*begun);
            let rtt_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
            walk.hear(*distance, from, rtt_us, said);
        }
        Ok(())
    };
    tokio::time::timeout(length, heard).await.unwrap_or(Ok(()))
}

/// Reads one error; none of one that says nothing of the way.
fn read(socket: &UdpSocket) -> io::Result<Option<Answer>> {
    let mut payload = [0; PAYLOAD.len()];
    let mut data = [IoSliceMut::new(&mut payload)];
    let mut control = [0; CONTROL];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut data, Some(&mut control), flags)?;
    let port = message.address.and_then(|to| match (to.as_sockaddr_in(), to.as_sockaddr_in6()) {
        (Some(v4), _) => Some(v4.port()),
        (_, Some(v6)) => Some(v6.port()),
        _ => None,
    });
    let Some(port) = port else { return Ok(None) };
    let errors = message.cmsgs()?.filter_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, Some(from)) => {
            let said = said(error.ee_origin, error.ee_type)?;
            Some(Answer { port, from: SockaddrIn::from(from).ip().into(), said })
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(from)) => {
            let said = said(error.ee_origin, error.ee_type)?;
            Some(Answer { port, from: SockaddrIn6::from(from).ip().into(), said })
        }
        _ => None,
    });
    Ok(errors.last())
}

/// What an ICMP message says of the way (RFC 792, RFC 4443); none of one that this machine made itself.
fn said(origin: u8, kind: u8) -> Option<Said> {
    const FROM_ICMP: u8 = 2;
    const FROM_ICMPV6: u8 = 3;
    match (origin, kind) {
        (FROM_ICMP, 11) | (FROM_ICMPV6, 3) => Some(Said::GoesOn),
        (FROM_ICMP, 3) | (FROM_ICMPV6, 1) => Some(Said::EndsHere),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_is_one_hop_away_in_both_families() {
        for target in ["127.0.0.1", "::1"] {
            let target: IpAddr = target.parse().unwrap();
            let mut way = Walk::new(target);
            walk(&mut way, target, &kentongan_model::time::SystemClock::new()).await.unwrap();
            let (reached, hops) = way.end();
            assert!(reached, "{target}");
            assert_eq!(hops.iter().map(|hop| hop.address).collect::<Vec<_>>(), [Some(target)]);
        }
    }

    #[tokio::test]
    async fn what_was_heard_stays_when_nothing_more_can_be_sent() {
        // Refused by Linux without SO_BROADCAST.
        let (target, router) = (IpAddr::from([255; 4]), IpAddr::from([10, 0, 0, 1]));
        let mut way = Walk::new(target);
        way.hear(1, router, 100, Said::GoesOn);
        walk(&mut way, target, &kentongan_model::time::SystemClock::new()).await.unwrap();
        let (reached, hops) = way.end();
        assert!(!reached);
        assert_eq!(hops.iter().map(|hop| hop.address).collect::<Vec<_>>(), [Some(router)]);
    }
}
