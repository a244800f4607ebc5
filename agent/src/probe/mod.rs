//! Questions to services: what a round consists of where a target is not pinged. One question is one round.
//!
//! The rules guarded here: a question goes to the target's own address, no name is looked up and no redirect followed;
//! whatever comes back, a question ends at its timeout and holds at most a few kilobytes; at most [`UNDER_WAY`] are
//! asked at once, for each holds a socket.

mod dns;
mod http;
mod tcp;
mod tls;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use kentongan_model::{
    probe::Probe,
    time::{Clock, Stamp},
};
use tokio::sync::Semaphore;

use crate::pinger::{Echo, Unfit};

/// Questions under way at once; more wait for their turn, and none is dropped. A round's moment is when its question is
/// asked.
const UNDER_WAY: usize = 16;

/// Asks services. Clones share the places, and the TLS sessions that may be resumed.
#[derive(Clone)]
pub(crate) struct Asker {
    places: Arc<Semaphore>,
    tls: tls::Tls,
}

impl Default for Asker {
    fn default() -> Self {
        Asker { places: Arc::new(Semaphore::new(UNDER_WAY)), tls: tls::Tls::default() }
    }
}

impl Asker {
    /// Asks once when there is a place, waits for the answer for at most `timeout`, and tells when it asked.
    pub(crate) async fn ask(
        &self,
        probe: &Probe,
        address: IpAddr,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> (Stamp, Echo) {
        let _place = self.places.acquire().await;
        let (stamp, begun) = (clock.stamp(), clock.since_boot());
        let answer = async {
            match probe {
                Probe::Icmp => Err(Echo::Unsendable(io::ErrorKind::Unsupported)),
                Probe::Tcp { port } => tcp::connect(SocketAddr::new(address, *port)).await.map(drop),
                Probe::Dns { port, name } => dns::ask(SocketAddr::new(address, *port), name).await,
                Probe::Http(http) => http::ask(address, http, &self.tls).await,
            }
        };
        let echo = match tokio::time::timeout(timeout, answer).await {
            Err(_) => Echo::Silence,
            Ok(Err(echo)) => echo,
            Ok(Ok(())) => {
                let took = clock.since_boot().saturating_sub(begun);
                Echo::Reply { rtt_us: u32::try_from(took.as_micros()).unwrap_or(u32::MAX) }
            }
        };
        (stamp, echo)
    }
}

/// What a failed connection says: of the other end, of the way there, or of this machine.
fn failed(error: &io::Error) -> Echo {
    use io::ErrorKind as Kind;
    match error.kind() {
        // The kernel's own patience is over.
        Kind::TimedOut => Echo::Silence,
        kind @ (Kind::ConnectionRefused
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::UnexpectedEof) => Echo::Unfit(Unfit::Broken(kind)),
        kind => Echo::Unsendable(kind),
    }
}

#[cfg(test)]
mod tests;
