//! A stream: one WebSocket on which deliveries go up and answers come down, authenticated once when it is opened.
//!
//! A delivery is one frame, one TLS record and, as a rule, one segment. What is being sent and what has arrived lie
//! here and not in futures, so that whoever waits may turn to something else at any moment.

use std::io;

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kentongan_model::answer::{AnswerError, Answers, MAX_ANSWER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::frame::{self, Frame, FrameError, Kind};

/// The longest frame that is read: an answer, or whatever a proxy pings with.
const MAX_FRAME: usize = MAX_ANSWER;

/// Why a stream cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It broke, or was closed without a word.
    #[error("the stream to the collector broke")]
    Cut(#[source] io::Error),
    /// The collector closed it (RFC 6455, 7.4.1: 1001 when it stops, 1009 when a delivery is too long).
    #[error("the collector closed the stream ({0})")]
    Closed(u16),
    /// What came is no frame.
    #[error("what comes over the stream is no WebSocket")]
    Frame(#[from] FrameError),
    /// What came is no answer.
    #[error("what the collector answers cannot be read")]
    Answer(#[from] AnswerError),
    /// It answers what was never sent.
    #[error("the collector answers more deliveries than there were")]
    Unasked,
}

/// The code that says that a delivery was too long.
pub(super) const TOO_LONG: u16 = 1009;

/// An open stream.
pub(super) struct Stream {
    io: TokioIo<Upgraded>,
    arrived: BytesMut,
    /// The beginning of a message whose end has not come yet.
    message: Vec<u8>,
    leaving: Bytes,
}

impl Stream {
    pub(super) fn over(upgraded: Upgraded) -> Self {
        let io = TokioIo::new(upgraded);
        Stream { io, arrived: BytesMut::new(), message: Vec::new(), leaving: Bytes::new() }
    }

    /// Sends a message, the parts one behind the other.
    pub(super) async fn send(&mut self, parts: &[&[u8]]) -> Result<(), StreamError> {
        self.put(Kind::Binary, parts);
        self.flush().await
    }

    /// Waits for the next message. Pings are answered meanwhile.
    pub(super) async fn answers(&mut self) -> Result<Answers, StreamError> {
        loop {
            while let Some(frame) = frame::take(&mut self.arrived, MAX_FRAME)? {
                if let Some(message) = self.turn(frame)? {
                    return Ok(Answers::decode(&message)?);
                }
            }
            self.flush().await?;
            self.arrived.reserve(MAX_FRAME);
            if self.io.read_buf(&mut self.arrived).await.map_err(StreamError::Cut)? == 0 {
                return Err(StreamError::Cut(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn turn(&mut self, frame: Frame) -> Result<Option<Vec<u8>>, StreamError> {
        match frame.kind {
            Kind::Binary | Kind::Text | Kind::Continuation => {
                self.message.extend(frame.payload);
                if self.message.len() > MAX_ANSWER {
                    return Err(FrameError::TooLong(self.message.len() as u64).into());
                }
                Ok(frame.is_last.then(|| std::mem::take(&mut self.message)))
            }
            Kind::Ping => {
                self.put(Kind::Pong, &[&frame.payload]);
                Ok(None)
            }
            Kind::Pong => Ok(None),
            Kind::Close => {
                let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                Err(StreamError::Closed(code))
            }
        }
    }

    fn put(&mut self, kind: Kind, parts: &[&[u8]]) {
        let frame = frame::masked(kind, crate::chance::bytes(), parts);
        if self.leaving.is_empty() {
            self.leaving = frame.into();
        } else {
            self.leaving = [&self.leaving[..], &frame].concat().into();
        }
    }

    async fn flush(&mut self) -> Result<(), StreamError> {
        while !self.leaving.is_empty() {
            self.io.write_buf(&mut self.leaving).await.map_err(StreamError::Cut)?;
        }
        self.leaving = Bytes::new();
        self.io.flush().await.map_err(StreamError::Cut)
    }
}
