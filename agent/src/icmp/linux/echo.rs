//! Echo requests and what comes back, as bytes (RFC 792, RFC 4443). Pure.
//!
//! A request's payload holds a nonce of this process, the moment of sending and the probe's number. Guarded here: what
//! does not bear the nonce is no answer, whoever sent it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::icmp::{Family, SocketKind};

/// Bytes of a request: as long as that of `ping`, whose RTTs one compares with.
const LENGTH: usize = 8 + 56;

/// A request in which only number, moment and checksum are left to fill in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    bytes: [u8; LENGTH],
    has_checksum: bool,
}

impl Request {
    pub(super) fn new(family: Family, kind: SocketKind, ident: u16, nonce: u64) -> Self {
        let mut bytes = [0x6b; LENGTH];
        bytes[..8].fill(0);
        bytes[0] = family.request_type();
        bytes[4..6].copy_from_slice(&ident.to_be_bytes());
        bytes[8..16].copy_from_slice(&nonce.to_be_bytes());
        // The kernel computes it for datagram sockets, and always for ICMPv6.
        let has_checksum = family == Family::V4 && kind == SocketKind::Raw;
        Request { bytes, has_checksum }
    }

    /// The bytes to send as probe `number` at `sent_ns`. Its lower 16 bits are the sequence.
    pub(super) fn fill_in(&mut self, number: u32, sent_ns: i64) -> &[u8] {
        self.bytes[6..8].copy_from_slice(&(number as u16).to_be_bytes());
        self.bytes[16..24].copy_from_slice(&sent_ns.to_be_bytes());
        self.bytes[24..28].copy_from_slice(&number.to_be_bytes());
        if self.has_checksum {
            self.bytes[2..4].fill(0);
            let sum = checksum(&self.bytes);
            self.bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        &self.bytes
    }

    /// A request whose reply nobody waits for: every bit of its nonce is another.
    pub(super) fn for_nobody(&self) -> [u8; LENGTH] {
        let mut other = self.clone();
        other.bytes[8..16].iter_mut().for_each(|byte| *byte = !*byte);
        other.fill_in(0, 0);
        other.bytes
    }
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// What a socket has handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A reply to a request of this process.
    Reply {
        /// The probe's number.
        number: u32,
        /// When it was sent, by the wall clock.
        sent_ns: i64,
    },
    /// Somebody tells that a request did not reach its address.
    Fault {
        /// Where the request went.
        address: IpAddr,
        /// Its sequence; the payload may have been cut off.
        sequence: u16,
        kind: u8,
        code: u8,
    },
    /// A reply to nobody here: another program's ident or nonce, or forged.
    Foreign,
    /// Neither: a request, a redirect, something malformed.
    Nothing,
}

/// Reads packets for a process with this ident and nonce.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    pub(super) family: Family,
    pub(super) kind: SocketKind,
    pub(super) ident: u16,
    pub(super) nonce: u64,
}

impl Reader {
    /// Reads what a socket received: a raw one for IPv4 hands out the IP header, too.
    pub(super) fn read(&self, packet: &[u8]) -> Seen {
        let icmp = match (self.family, self.kind) {
            (Family::V4, SocketKind::Raw) => after_ipv4_header(packet),
            _ => Some(packet),
        };
        let Some(icmp) = icmp.filter(|icmp| icmp.len() >= 8) else { return Seen::Nothing };
        if icmp[0] == self.family.reply_type() {
            return self.reply(icmp).unwrap_or(Seen::Foreign);
        }
        self.fault(icmp).unwrap_or(Seen::Nothing)
    }

    /// Reads what the error queue of a datagram socket tells: the request that failed, beginning with its ICMP header.
    pub(super) fn read_failed(&self, address: IpAddr, request: &[u8], kind: u8, code: u8) -> Seen {
        match request.get(..8) {
            Some(head) if self.family.is_fault(kind) && self.is_ours(head) => {
                Seen::Fault { address, sequence: u16::from_be_bytes([head[6], head[7]]), kind, code }
            }
            _ => Seen::Nothing,
        }
    }

    fn reply(&self, icmp: &[u8]) -> Option<Seen> {
        let ours = icmp[1] == 0 && icmp[4..6] == self.ident.to_be_bytes();
        let nonce = icmp.get(8..16)?;
        if ours && nonce == (!self.nonce).to_be_bytes() {
            return Some(Seen::Nothing);
        }
        let ours = ours && nonce == self.nonce.to_be_bytes();
        let number = u32::from_be_bytes(icmp.get(24..28)?.try_into().ok()?);
        let sent_ns = i64::from_be_bytes(icmp.get(16..24)?.try_into().ok()?);
        (ours && icmp[6..8] == (number as u16).to_be_bytes()).then_some(Seen::Reply { number, sent_ns })
    }

    fn fault(&self, icmp: &[u8]) -> Option<Seen> {
        let (kind, code, about) = (icmp[0], icmp[1], &icmp[8..]);
        if !self.family.is_fault(kind) {
            return None;
        }
        let (address, request) = match self.family {
            Family::V4 => {
                let address: [u8; 4] = about.get(16..20)?.try_into().ok()?;
                (IpAddr::V4(Ipv4Addr::from(address)), after_ipv4_header(about)?)
            }
            Family::V6 => {
                let address: [u8; 16] = about.get(24..40)?.try_into().ok()?;
                (IpAddr::V6(Ipv6Addr::from(address)), about.get(40..)?)
            }
        };
        Some(self.read_failed(address, request, kind, code))
    }

    fn is_ours(&self, request: &[u8]) -> bool {
        request[0] == self.family.request_type() && request[4..6] == self.ident.to_be_bytes()
    }
}

fn after_ipv4_header(packet: &[u8]) -> Option<&[u8]> {
    let length = usize::from(packet.first()? & 0x0f) * 4;
    packet.get(length..).filter(|_| length >= 20)
}

impl Family {
    fn request_type(self) -> u8 {
        match self {
            Family::V4 => 8,
            Family::V6 => 128,
        }
    }

    pub(super) fn reply_type(self) -> u8 {
        match self {
            Family::V4 => 0,
            Family::V6 => 129,
        }
    }

    /// The types that tell of a request that did not arrive: destination unreachable, time exceeded, parameter problem,
    /// and packet too big. A redirect (5, 137) is none: the router has passed the request on.
    pub(super) fn faults(self) -> &'static [u8] {
        match self {
            Family::V4 => &[3, 11, 12],
            Family::V6 => &[1, 2, 3, 4],
        }
    }

    fn is_fault(self, kind: u8) -> bool {
        self.faults().contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READER: Reader = Reader {
        family: Family::V4,
        kind: SocketKind::Datagram,
        ident: 0x1234,
        nonce: 0xfeed_beef_cafe_f00d,
    };

    fn request() -> Request {
        Request::new(Family::V4, SocketKind::Raw, READER.ident, READER.nonce)
    }

    fn reply(number: u32) -> Vec<u8> {
        let mut bytes = request().fill_in(number, 77).to_vec();
        bytes[0] = 0;
        bytes
    }

    #[test]
    fn a_request_sums_up_to_nothing_as_rfc_1071_wants_it() {
        let mut request = request();
        for number in [0, 1, 0xffff, 0x1_0000, u32::MAX] {
            assert_eq!(checksum(request.fill_in(number, -1)), 0);
        }
    }

    #[test]
    fn a_reply_is_ours_by_ident_nonce_and_sequence_and_by_nothing_less() {
        let number = 0xabcd_0007;
        assert_eq!(READER.read(&reply(number)), Seen::Reply { number, sent_ns: 77 });
        for (what, at) in
            [("code", 1), ("ident", 5), ("sequence", 7), ("nonce", 8), ("nonce", 15), ("number", 27)]
        {
            let mut forged = reply(number);
            forged[at] ^= 1;
            assert_eq!(READER.read(&forged), Seen::Foreign, "another {what}");
        }
        assert_eq!(READER.read(&reply(number)[..27]), Seen::Foreign, "cut off");
        let mut nobodys = request().for_nobody().to_vec();
        nobodys[0] = 0;
        assert_eq!(READER.read(&nobodys), Seen::Nothing);
        let mut request = reply(number);
        request[0] = 8;
        assert_eq!(READER.read(&request), Seen::Nothing, "our own request, as the loopback hands it out");
    }

    /// An IPv4 header of so many words, to 10.9.9.9.
    fn header(words: u8) -> Vec<u8> {
        let mut header = vec![0; usize::from(words) * 4];
        header[0] = 0x40 | words;
        header[16..20].copy_from_slice(&[10, 9, 9, 9]);
        header
    }

    #[test]
    fn an_error_names_the_request_it_is_about_behind_headers_of_any_length_and_a_redirect_is_none() {
        let reader = Reader { kind: SocketKind::Raw, ..READER };
        for (outer, inner) in [(5, 5), (6, 15), (15, 5)] {
            let error = |kind| {
                let mut packet = header(outer);
                packet.extend([kind, 1, 0, 0, 0, 0, 0, 0]);
                packet.extend(header(inner));
                // A router may send no more than eight bytes of the request (RFC 792).
                packet.extend(&request().fill_in(0x5_0009, 1)[..8]);
                packet
            };
            let address = IpAddr::from([10, 9, 9, 9]);
            assert_eq!(reader.read(&error(3)), Seen::Fault { address, sequence: 9, kind: 3, code: 1 });
            assert_eq!(reader.read(&error(5)), Seen::Nothing);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_stumble(bytes in prop::collection::vec(any::<u8>(), 0..200), raw: bool, six: bool) {
            let kind = if raw { SocketKind::Raw } else { SocketKind::Datagram };
            let family = if six { Family::V6 } else { Family::V4 };
            let seen = Reader { family, kind, ..READER }.read(&bytes);
            prop_assert!(!matches!(seen, Seen::Reply { .. }), "a nonce was guessed");
        }
    }
}
