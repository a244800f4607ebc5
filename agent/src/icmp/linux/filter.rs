//! What the kernel keeps off a raw socket, so that nobody wakes up or copies for it: everything but replies to this
//! ident, and errors about requests with it. A datagram socket needs none of this: the kernel knows whose replies are whose.
//!
//! Two filters: the one by ICMP type works before a packet is cloned for the socket (on a loopback every own request would be,
//! too), the one by ident (classic BPF) before it takes room in the receive buffer.

use nix::{libc, setsockopt_impl, sockopt_impl, sys::socket::setsockopt};
use socket2::{SockFilter, Socket};

use crate::icmp::Family;

/// `ICMP_FILTER` of `linux/icmp.h`: a set bit blocks a type below 32.
const ICMP_FILTER: libc::c_int = 1;
/// `ICMPV6_FILTER` of `linux/icmpv6.h` (RFC 3542, 3.2): a set bit blocks a type below 256.
const ICMPV6_FILTER: libc::c_int = 1;

sockopt_impl!(IcmpFilter, SetOnly, libc::SOL_RAW, ICMP_FILTER, u32);
sockopt_impl!(Icmp6Filter, SetOnly, libc::IPPROTO_ICMPV6, ICMPV6_FILTER, [u32; 8]);

/// Sets both filters. A kernel without them is told and does no harm: what is foreign is sorted out when it is read.
pub(super) fn attach(socket: &Socket, family: Family, ident: u16) {
    let wanted = || family.faults().iter().copied().chain([family.reply_type()]);
    let by_type = match family {
        Family::V4 => {
            let mask = wanted().fold(!0, |mask, kind| mask & !(1 << kind));
            setsockopt(socket, IcmpFilter, &mask)
        }
        Family::V6 => {
            let mut mask = [!0; 8];
            wanted().for_each(|kind| mask[usize::from(kind) / 32] &= !(1 << (kind % 32)));
            setsockopt(socket, Icmp6Filter, &mask)
        }
    };
    if let Err(error) = by_type {
        tracing::debug!(?family, "no filter by ICMP type: {error}");
    }
    let by_ident = match family {
        Family::V4 => socket.attach_filter(&by_ident_v4(ident)),
        Family::V6 => socket.attach_filter(&by_ident_v6(ident)),
    };
    if let Err(error) = by_ident {
        tracing::debug!(?family, "no filter by ident: {error}");
    }
}

// Instructions of classic BPF, as `linux/bpf_common.h` numbers them. A load beyond the packet drops it.
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE_AT_X: u16 = 0x50;
const LOAD_HALF_AT_X: u16 = 0x48;
const X_IS_HEADER_LENGTH: u16 = 0xb1;
const AND: u16 = 0x54;
const SHIFT_LEFT: u16 = 0x64;
const ADD_X: u16 = 0x0c;
const A_TO_X: u16 = 0x07;
const IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const fn op(code: u16, k: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, k)
}

/// Goes on if equal, or skips `otherwise` instructions.
const fn unless_equal_skip(k: u32, otherwise: u8) -> SockFilter {
    SockFilter::new(IF_EQUAL, 0, otherwise, k)
}

/// A raw socket for IPv4 sees the packet from its IP header on.
fn by_ident_v4(ident: u16) -> [SockFilter; 14] {
    [
        op(X_IS_HEADER_LENGTH, 0),
        op(LOAD_BYTE_AT_X, 0),
        unless_equal_skip(0, 2),
        // A reply: its ident.
        op(LOAD_HALF_AT_X, 4),
        SockFilter::new(IF_EQUAL, 7, 8, ident.into()),
        // An error: the ident behind the header of the packet that it is about.
        op(LOAD_BYTE_AT_X, 8),
        op(AND, 0x0f),
        op(SHIFT_LEFT, 2),
        op(ADD_X, 0),
        op(A_TO_X, 0),
        op(LOAD_HALF_AT_X, 8 + 4),
        unless_equal_skip(ident.into(), 1),
        op(RETURN, u32::MAX),
        op(RETURN, 0),
    ]
}

/// A raw socket for IPv6 sees the packet from its ICMPv6 header on.
fn by_ident_v6(ident: u16) -> [SockFilter; 8] {
    [
        op(LOAD_BYTE, 0),
        unless_equal_skip(129, 2),
        op(LOAD_HALF, 4),
        SockFilter::new(IF_EQUAL, 2, 3, ident.into()),
        // An error: the IPv6 header of the packet that it is about has 40 bytes.
        op(LOAD_HALF, 8 + 40 + 4),
        unless_equal_skip(ident.into(), 1),
        op(RETURN, u32::MAX),
        op(RETURN, 0),
    ]
}
