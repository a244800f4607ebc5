//! What sends echo requests and tells what came of them: the first step of a measurement.
//!
//! The trait is all that `rounds` knows of ICMP, so that engines can be exchanged. A whole group is handed over at once:
//! what an engine does for each probe (a task, a timer, a wake-up) is most of what a probe costs. An engine keeps one
//! rule: only an echo reply of the probed address counts as an answer, never an error about it.

use std::{future::Future, net::IpAddr, sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    future::join_all,
    stream::{BoxStream, FuturesUnordered},
};

/// Between the probes of a round, at least.
pub const SPREAD: Duration = Duration::from_millis(30);

/// What came of one echo request, or of one question to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// The address answered.
    Reply {
        /// Round-trip time in microseconds: of a service, until it had answered.
        rtt_us: u32,
    },
    /// Nobody answered in time.
    Silence,
    /// Somebody on the way told that the address cannot be reached (ICMP type and code).
    Refused {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
    },
    /// Somebody answered, but not as was wanted of a service.
    Unfit(Unfit),
    /// This machine could not send it: no route, a firewall, a full queue.
    Unsendable(std::io::ErrorKind),
}

impl Echo {
    /// The round-trip time, if the address answered.
    #[must_use]
    pub fn rtt_us(self) -> Option<u32> {
        match self {
            Echo::Reply { rtt_us } => Some(rtt_us),
            Echo::Silence | Echo::Refused { .. } | Echo::Unfit(_) | Echo::Unsendable(_) => None,
        }
    }
}

/// What is wrong with a service's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It does not take the connection, or breaks it.
    Broken(std::io::ErrorKind),
    /// HTTP has another status than the expected one.
    Status(u16),
    /// DNS has a response code other than "no error" (RFC 1035, RFC 6895).
    Code(u8),
    /// DNS knows of no address.
    NoAddress,
    /// It is no answer of that protocol.
    Garbled,
}

/// One address of a group, and what a round of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// Who is asked.
    pub address: IpAddr,
    /// How many echo requests, [`SPREAD`] apart.
    pub probes: u16,
    /// How long each may take to be answered.
    pub timeout: Duration,
}

/// A round that has ended: every probe of it was answered or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Which aim of the group.
    pub aim: usize,
    /// When its first probe was sent, as time since boot.
    pub begun: Duration,
    /// What came of each probe, in the order of sending.
    pub echoes: Vec<Echo>,
}

/// The rounds of a group as they end, those that end together in one item.
pub type Rounds = BoxStream<'static, Vec<Round>>;

/// An engine that pings.
pub trait Pinger: Send + Sync + 'static {
    /// Whether the engine can probe addresses of this family at all. A target it cannot probe is left out: nothing is
    /// known about it, which is not the same as a lost probe.
    fn reaches(&self, address: IpAddr) -> bool;

    /// Pings a group of addresses as fast as the pace allows. Each aim's round is told once; the stream ends after the
    /// last. Whoever drops the stream gives the group up.
    fn ping_group(self: Arc<Self>, group: Vec<Aim>) -> Rounds;

    /// Sends one echo request and waits for its reply, for at most `timeout`.
    fn ping(self: Arc<Self>, address: IpAddr, timeout: Duration) -> impl Future<Output = Echo> + Send {
        let mut rounds = self.ping_group(vec![Aim { address, probes: 1, timeout }]);
        async move {
            let ended = rounds.next().await.unwrap_or_default();
            ended.first().and_then(|round| round.echoes.first()).copied().unwrap_or(Echo::Silence)
        }
    }
}

/// Rounds for an engine that knows single probes only: `probe` sends one, and tells when that was (as time since boot) and
/// what came of it.
pub fn one_by_one<F>(
    group: Vec<Aim>,
    probe: impl Fn(IpAddr, Duration) -> F + Clone + Send + 'static,
) -> Rounds
where
    F: Future<Output = (Duration, Echo)> + Send + 'static,
{
    let round = move |(aim, Aim { address, probes, timeout }): (usize, Aim)| {
        let probe = probe.clone();
        let single = move |number: u16| {
            let probe = probe.clone();
            async move {
                if number > 0 {
                    tokio::time::sleep(SPREAD * u32::from(number)).await;
                }
                probe(address, timeout).await
            }
        };
        async move {
            let sent = join_all((0..probes).map(single)).await;
            let begun = sent.iter().map(|(at, _)| *at).min().unwrap_or_default();
            vec![Round { aim, begun, echoes: sent.into_iter().map(|(_, echo)| echo).collect() }]
        }
    };
    group.into_iter().enumerate().map(round).collect::<FuturesUnordered<_>>().boxed()
}
