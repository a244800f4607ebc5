//! Traffic: every byte between the agent and its collector, TLS included, counted where it enters and leaves the socket.
//!
//! The link is metered, and what measuring costs is a measurement like any other: it is told as the gauges
//! `agent_sent` and `agent_received`. What TCP and IP add for each packet is not in it: nobody tells that without rights.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use kentongan_model::{
    gauge::GaugeKind,
    wire::{Gauge, GaugeReading, Label},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The numbers of the two gauges, at the other end of those of what the router says of itself.
const SENT: u16 = u16::MAX - 1;
const RECEIVED: u16 = u16::MAX;

/// What was counted since the agent was started. Clones share one count.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Mutex<Count>>);

/// Bytes each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// From the agent to the collector.
    pub sent: u64,
    /// From the collector to the agent.
    pub received: u64,
}

impl Traffic {
    /// What was counted until now.
    #[must_use]
    pub fn so_far(&self) -> Count {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same as gauges of the agent's own router. They are named each time, being told so seldom.
    pub(crate) fn reading(&self, mono_ms: u64) -> GaugeReading {
        let Count { sent, received } = self.so_far();
        let gauge = |number, kind, bytes: u64| Gauge {
            number,
            label: Some(Label { kind, place: String::new() }),
            value: i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(1000),
        };
        let gauges = vec![
            gauge(SENT, GaugeKind::AgentSent, sent),
            gauge(RECEIVED, GaugeKind::AgentReceived, received),
        ];
        GaugeReading { device: None, mono_ms, gauges }
    }

    /// Counts what goes through a socket.
    pub(crate) fn counting<S>(&self, socket: S) -> Counted<S> {
        Counted { socket, traffic: self.clone() }
    }

    fn add(&self, sent: usize, received: usize) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.sent += sent as u64;
        count.received += received as u64;
    }
}

/// A socket whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Counted<S> {
    socket: S,
    traffic: Traffic,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.traffic.add(0, buffer.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.traffic.add(count, 0);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn every_byte_that_goes_through_is_counted_its_way_and_every_clone_knows() {
        let traffic = Traffic::default();
        let (here, mut there) = tokio::io::duplex(8);
        let mut counted = traffic.clone().counting(here);
        let far = async {
            let mut came = [0; 20];
            there.read_exact(&mut came).await.unwrap();
            there.write_all(&came[..5]).await.unwrap();
        };
        let near = async {
            counted.write_all(&[7; 20]).await.unwrap();
            counted.read_exact(&mut [0; 5]).await.unwrap();
        };
        tokio::join!(far, near);
        assert_eq!(traffic.so_far(), Count { sent: 20, received: 5 });
        let told = traffic.reading(7).gauges;
        assert_eq!(told.iter().map(|gauge| gauge.value).collect::<Vec<_>>(), [20_000, 5_000]);
    }
}
