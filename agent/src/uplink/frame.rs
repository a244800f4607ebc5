//! WebSocket frames (RFC 6455) as a client needs them to send whole messages and read short ones. Pure.
//!
//! Own code instead of a crate: this is all that an agent needs of the protocol, and a crate brings its server side,
//! text, fragmenting and buffers of its own along to a router of 8 MB.

use bytes::{Buf, BytesMut};

/// What a frame is (RFC 6455, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A frame that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Whether a message ends with it.
    pub(super) is_last: bool,
    pub(super) payload: Vec<u8>,
}

/// Why bytes are no frame that a server may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame type or flag that was not agreed upon.
    #[error("a frame of a kind that was not agreed upon ({0:#04x})")]
    Kind(u8),
    /// Servers do not mask.
    #[error("a frame that is masked, which servers do not do")]
    Masked,
    /// It is longer than anything a collector says.
    #[error("a frame of {0} bytes, longer than any answer")]
    TooLong(u64),
}

const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;

impl Kind {
    fn of(opcode: u8) -> Option<Kind> {
        Some(match opcode {
            0x0 => Kind::Continuation,
            0x1 => Kind::Text,
            0x2 => Kind::Binary,
            0x8 => Kind::Close,
            0x9 => Kind::Ping,
            0xa => Kind::Pong,
            _ => return None,
        })
    }

    fn opcode(self) -> u8 {
        match self {
            Kind::Continuation => 0x0,
            Kind::Text => 0x1,
            Kind::Binary => 0x2,
            Kind::Close => 0x8,
            Kind::Ping => 0x9,
            Kind::Pong => 0xa,
        }
    }
}

/// A whole message as one frame, masked as a client has to.
pub(super) fn masked(kind: Kind, mask: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 14);
    out.push(LAST | kind.opcode());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => out.push(MASKED | short),
        (_, Ok(medium)) => {
            out.push(MASKED | 126);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    let bytes = parts.iter().flat_map(|part| part.iter());
    out.extend(bytes.zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// Takes the first frame off what has arrived; none while it is not whole.
pub(super) fn take(arrived: &mut BytesMut, limit: usize) -> Result<Option<Frame>, FrameError> {
    let &[first, second, ref rest @ ..] = &arrived[..] else { return Ok(None) };
    let kind = Kind::of(first & 0x0f).filter(|_| first & 0x70 == 0).ok_or(FrameError::Kind(first))?;
    if second & MASKED != 0 {
        return Err(FrameError::Masked);
    }
    let (length, head) = match (second, rest) {
        (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 4),
        (127, _) if rest.len() >= 8 => {
            (rest[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 10)
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (u64::from(short), 2),
    };
    let whole = usize::try_from(length).ok().filter(|length| *length <= limit);
    let whole = whole.ok_or(FrameError::TooLong(length))?;
    if arrived.len() < head + whole {
        return Ok(None);
    }
    arrived.advance(head);
    let payload = arrived.split_to(whole).to_vec();
    Ok(Some(Frame { kind, is_last: first & LAST != 0, payload }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a server sends it.
    fn served(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = masked(Kind::Binary, [0; 4], &[payload]);
        out[0] = first;
        out[1] &= !MASKED;
        let head = out.len() - payload.len() - 4;
        out.drain(head..head + 4);
        out
    }

    proptest! {
        #[test]
        fn frames_are_read_alike_however_they_are_cut(
            lengths in prop::collection::vec(prop_oneof![0..200usize, 65_530..65_540usize], 1..4),
            cut in 1..400usize,
        ) {
            let frames: Vec<Vec<u8>> = lengths.iter().map(|length| vec![*length as u8; *length]).collect();
            let sent: Vec<u8> = frames.iter().flat_map(|frame| served(0x82, frame)).collect();
            let (mut arrived, mut read) = (BytesMut::new(), Vec::new());
            for piece in sent.chunks(cut) {
                arrived.extend_from_slice(piece);
                while let Some(frame) = take(&mut arrived, 1 << 17).unwrap() {
                    read.push(frame.payload);
                }
            }
            prop_assert_eq!(read, frames);
        }

        #[test]
        fn any_bytes_are_a_frame_within_the_limit_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut arrived = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = take(&mut arrived, 100) {
                prop_assert!(frame.payload.len() <= 100);
            }
        }

        #[test]
        fn what_is_masked_is_unmasked_by_the_same_key(mask in any::<[u8; 4]>(), length in 0..70_000usize) {
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let frame = masked(Kind::Binary, mask, &[&payload[..length / 3], &payload[length / 3..]]);
            let head = frame.len() - length;
            prop_assert_eq!(&frame[head - 4..head], &mask[..]);
            let unmasked: Vec<u8> =
                frame[head..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            prop_assert_eq!(unmasked, payload);
        }
    }

    #[test]
    fn what_no_server_may_send_is_an_error() {
        let told = |bytes: &[u8]| take(&mut BytesMut::from(bytes), 100).unwrap_err();
        assert_eq!(told(&[0x83, 0]), FrameError::Kind(0x83));
        assert_eq!(told(&[0xc2, 0]), FrameError::Kind(0xc2));
        assert_eq!(told(&[0x82, 0x80]), FrameError::Masked);
        assert_eq!(told(&[0x82, 126, 1, 0]), FrameError::TooLong(256));
        assert_eq!(told(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]), FrameError::TooLong(u64::MAX));
    }
}
