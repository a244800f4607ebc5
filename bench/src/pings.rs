//! Our own engine as a program that can be put beside fping: reads a list of addresses, probes each, and says what came of
//! it. The bench starts itself as this.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use kentongan_agent::{
    icmp::{Engine, IcmpPinger, SocketKind},
    pinger::{Aim, Pinger},
};
use kentongan_lab::Namespace;
use kentongan_model::time::{Clock, SystemClock};

use crate::icmp::fping::Count;

/// Probes a list of addresses with Kentongan's engine. For the bench itself.
#[derive(Debug, Args)]
pub(crate) struct Pings {
    /// Addresses, one a line.
    list: PathBuf,
    /// Echo requests to each.
    #[arg(long, default_value_t = 1)]
    probes: u16,
    /// Which socket is tried first.
    #[arg(long, default_value = "datagram")]
    kind: Kind,
    /// How often the list is gone through, after a pause of a tenth of a second.
    #[arg(long, default_value_t = 1)]
    rounds: u16,
    /// Tells every time, not only how many there were.
    #[arg(long)]
    times: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Datagram,
    Raw,
}

/// The time of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) address: Ipv4Addr,
    pub(crate) rtt_us: u32,
}

/// The command that has the engine probe a list in a namespace.
pub(crate) fn command(
    namespace: &Namespace,
    list: &Path,
    probes: u16,
    kind: SocketKind,
    times: bool,
) -> Result<Command> {
    let kind = match kind {
        SocketKind::Datagram => "datagram",
        SocketKind::Raw => "raw",
    };
    let mut command = namespace.command(std::env::current_exe()?);
    command.args(["pings", "--kind", kind, "--probes", &probes.to_string()]).arg(list);
    if times {
        command.arg("--times");
    }
    Ok(command)
}

impl Pings {
    /// Probes and prints.
    pub(crate) fn run(&self) -> Result<()> {
        let list = std::fs::read_to_string(&self.list)?;
        let aim = |line: &str| -> Result<Aim> {
            Ok(Aim { address: line.parse()?, probes: self.probes, timeout: Duration::from_secs(1) })
        };
        let group: Vec<Aim> = list.lines().map(aim).collect::<Result<_>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.probe(group))
    }

    async fn probe(&self, group: Vec<Aim>) -> Result<()> {
        let kind = match self.kind {
            Kind::Datagram => SocketKind::Datagram,
            Kind::Raw => SocketKind::Raw,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let pinger = Arc::new(IcmpPinger::open_as(kind, Engine::Linux, &clock)?);
        let mut count = Count::default();
        for round in 0..self.rounds {
            if round > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let mut rounds = Arc::clone(&pinger).ping_group(group.clone());
            while let Some(ended) = rounds.next().await {
                for round in ended {
                    let rtts = round.echoes.iter().filter_map(|echo| echo.rtt_us());
                    count.sent += round.echoes.len() as u64;
                    count.answered += rtts.clone().count() as u64;
                    if self.times {
                        rtts.for_each(|rtt_us| println!("{} {rtt_us}", group[round.aim].address));
                    }
                }
            }
        }
        println!("{} sent, {} answered", count.sent, count.answered);
        eprintln!("{:?}", pinger.oddities());
        Ok(())
    }
}

/// Reads the last line.
pub(crate) fn read_count(told: &str) -> Option<Count> {
    let (sent, answered) = told.lines().last()?.strip_suffix(" answered")?.split_once(" sent, ")?;
    Some(Count { sent: sent.parse().ok()?, answered: answered.parse().ok()? })
}

/// Reads the others.
pub(crate) fn read_answers(told: &str) -> Result<Vec<Answer>> {
    let answer = |line: &str| -> Result<Answer> {
        let (address, rtt) = line.split_once(' ').with_context(|| format!("no answer: {line}"))?;
        let IpAddr::V4(address) = address.parse()? else { return Err(anyhow!("IPv4 only: {line}")) };
        Ok(Answer { address, rtt_us: rtt.parse()? })
    };
    told.lines().filter(|line| !line.ends_with(" answered")).map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_is_read() {
        let told = "127.1.0.1 4\n127.1.0.2 7\n3 sent, 2 answered\n";
        assert_eq!(read_count(told), Some(Count { sent: 3, answered: 2 }));
        let answers = read_answers(told).unwrap();
        assert_eq!(answers[1], Answer { address: Ipv4Addr::new(127, 1, 0, 2), rtt_us: 7 });
        assert_eq!(answers.len(), 2);
    }
}
