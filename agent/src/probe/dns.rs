//! A DNS query for a name's IPv4 addresses, in one datagram each way (RFC 1035).
//!
//! The rule guarded here: only an answer to this very query counts. It comes from the asked address and port, to a
//! socket of its own, with the id that was drawn for it, and repeats the question. What does not match is passed over,
//! up to [`FOREIGN`] of them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use super::failed;
use crate::pinger::{Echo, Unfit};

/// Datagrams that are no answer to the query, after which nothing more is expected.
const FOREIGN: usize = 16;
/// The longest answer that comes without being asked for longer ones.
const LONGEST: usize = 512;
/// Id, flags and four counts.
const HEAD: usize = 12;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;
/// Flags: an answer; a standard query; cut short; recursion is wanted; the response code.
const ANSWER: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const CUT: u16 = 0x0200;
const RECURSE: u16 = 0x0100;
const CODE: u16 = 0x000f;

/// Asks, and waits for an answer that knows an address.
pub(super) async fn ask(server: SocketAddr, name: &str) -> Result<(), Echo> {
    let query =
        query(crate::chance::u16(), name).ok_or(Echo::Unsendable(std::io::ErrorKind::InvalidInput))?;
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await.map_err(|error| failed(&error))?;
    socket.connect(server).await.map_err(|error| failed(&error))?;
    socket.send(&query).await.map_err(|error| failed(&error))?;
    let mut buffer = [0; LONGEST];
    for _ in 0..FOREIGN {
        let length = socket.recv(&mut buffer).await.map_err(|error| failed(&error))?;
        match judge(&query, &buffer[..length]) {
            Verdict::Foreign => {}
            Verdict::Answered => return Ok(()),
            Verdict::Unfit(unfit) => return Err(Echo::Unfit(unfit)),
        }
    }
    Err(Echo::Unfit(Unfit::Garbled))
}

/// The query; none for what is no name.
fn query(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut query = Vec::with_capacity(HEAD + name.len() + 6);
    for word in [id, RECURSE, 1, 0, 0, 0] {
        query.extend(word.to_be_bytes());
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        query.push(length);
        query.extend(label.as_bytes());
    }
    query.push(0);
    if query.len() > HEAD + 255 {
        return None;
    }
    query.extend(TYPE_A.to_be_bytes());
    query.extend(CLASS_IN.to_be_bytes());
    Some(query)
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Foreign,
    Answered,
    Unfit(Unfit),
}

/// What a datagram is to the query.
fn judge(query: &[u8], reply: &[u8]) -> Verdict {
    let (Some(id), Some(flags)) = (word(reply, 0), word(reply, 2)) else { return Verdict::Foreign };
    let asked = &query[HEAD..];
    let repeats = reply.get(HEAD..HEAD + asked.len()).is_some_and(|it| it.eq_ignore_ascii_case(asked));
    // Who cannot read the question may leave it out of his refusal (RFC 1035, 4.1.1).
    let bare_refusal = reply.len() == HEAD && flags & CODE != 0;
    if Some(id) != word(query, 0) || flags & (ANSWER | OPCODE) != ANSWER || !(repeats || bare_refusal) {
        return Verdict::Foreign;
    }
    match (flags & CODE) as u8 {
        0 if word(reply, 4) == Some(1) => {}
        0 => return Verdict::Foreign,
        code => return Verdict::Unfit(Unfit::Code(code)),
    }
    if flags & CUT != 0 || holds_address(reply, HEAD + asked.len()) {
        return Verdict::Answered;
    }
    Verdict::Unfit(Unfit::NoAddress)
}

/// Whether one of the answers, the first of which begins at `at`, is an IPv4 address.
fn holds_address(reply: &[u8], mut at: usize) -> bool {
    for _ in 0..word(reply, 6).unwrap_or(0) {
        let Some(fields) = after_name(reply, at) else { return false };
        let (Some(kind), Some(class), Some(length)) =
            (word(reply, fields), word(reply, fields + 2), word(reply, fields + 8))
        else {
            return false;
        };
        at = fields + 10 + usize::from(length);
        if (kind, class, length) == (TYPE_A, CLASS_IN, 4) && at <= reply.len() {
            return true;
        }
    }
    false
}

/// Where a name ends that begins at `at`: at its empty label, or at a pointer, which is not followed.
fn after_name(reply: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *reply.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let query = query(7, "www.go.id").unwrap();
        let mut reply = query.clone();
        reply[2..4].copy_from_slice(&flags.to_be_bytes());
        reply[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        for (kind, data) in records {
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 60]);
            reply.extend((data.len() as u16).to_be_bytes());
            reply.extend(*data);
        }
        reply
    }

    fn judged(reply: &[u8]) -> Verdict {
        judge(&query(7, "www.go.id").unwrap(), reply)
    }

    #[test]
    fn an_address_answers_behind_aliases_too_and_nothing_else_does() {
        const OK: u16 = 0x8180;
        let alias: (u16, &[u8]) = (5, &[3, b'w', b'e', b'b', 0xc0, 16]);
        let address: (u16, &[u8]) = (1, &[10, 0, 0, 1]);
        for (reply, verdict) in [
            (answer(OK, &[address]), Verdict::Answered),
            (answer(OK, &[alias, address]), Verdict::Answered),
            (answer(OK | CUT, &[]), Verdict::Answered),
            (answer(OK, &[alias]), Verdict::Unfit(Unfit::NoAddress)),
            (answer(OK, &[]), Verdict::Unfit(Unfit::NoAddress)),
            (answer(0x8183, &[]), Verdict::Unfit(Unfit::Code(3))),
            (answer(0x8182, &[address]), Verdict::Unfit(Unfit::Code(2))),
            (answer(0x0100, &[address]), Verdict::Foreign),
            (answer(0xa980, &[address]), Verdict::Foreign),
        ] {
            assert_eq!(judged(&reply), verdict, "{reply:?}");
        }
    }

    #[test]
    fn an_answer_with_another_id_or_to_another_question_is_passed_over() {
        let good = answer(0x8180, &[(1, &[10, 0, 0, 1])]);
        for (at, byte) in [(0, 9), (1, 9), (13, b'x'), (5, 2)] {
            let mut other = good.clone();
            other[at] = byte;
            assert_eq!(judged(&other), Verdict::Foreign, "byte {at}");
        }
        let mut capitals = good.clone();
        capitals[13] = b'W';
        assert_eq!(judged(&capitals), Verdict::Answered);
        assert_eq!(judged(&[0, 7, 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0]), Verdict::Unfit(Unfit::Code(2)));
    }

    #[test]
    fn no_truncated_or_bent_answer_panics() {
        let good = answer(0x8180, &[(5, &[1, b'a', 0]), (1, &[10, 0, 0, 1])]);
        for length in 0..good.len() {
            assert_ne!(judged(&good[..length]), Verdict::Answered, "{length} bytes");
        }
        for at in 0..good.len() {
            for byte in 0..=255 {
                let mut bent = good.clone();
                bent[at] = byte;
                judged(&bent);
            }
        }
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        assert!(query(1, "a..b").is_none());
        assert!(query(1, &"a".repeat(64)).is_none());
        assert!(query(1, &["a".repeat(63).as_str(); 4].join(".")).is_none());
        assert!(query(1, &["a".repeat(61).as_str(); 4].join(".")).is_some());
    }
}
