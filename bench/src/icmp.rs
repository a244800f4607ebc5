//! What a probe costs: one agent that watches many loopback addresses, beside `fping` sending as many at the same pace.
//!
//! Both run in a namespace that has nothing but a loopback, one after the other, for the same time; fping once evenly,
//! as one would use it, and once in bursts without a pause, which spares it most wake-ups. The agent's figure holds all
//! it does: schedule, rounds, spool, sealing and delivering. A reply of the loopback is made in the sender's own system
//! call, so both pay for both halves of an echo.

use std::{fmt::Write as _, net::Ipv4Addr, thread, time::Duration};

use anyhow::{Result, ensure};
use clap::Args;
use kentongan_lab::{Lab, Namespace, product};
use kentongan_model::{
    id::{Subject, Vantage},
    plan::{DEFAULT_BACKLOG, Plan, PlannedTarget, Precision},
    probe::Probe,
    time::{Clock, SystemClock, millis},
};

use crate::{
    intake::Intake,
    processor::{self, Whose},
    table,
};

/// Echo requests in a round.
const PROBES: u16 = 5;
/// From the start until every target is decided and the pace is even.
const WARM_UP: Duration = Duration::from_secs(15);
/// How often the agent delivers.
const REPORT: Duration = Duration::from_secs(10);
/// Where the agent delivers to.
const INTAKE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8080);

/// Processor time and memory for each probe, beside fping (root).
#[derive(Debug, Args)]
pub(crate) struct Icmp {
    /// Loopback addresses to watch.
    #[arg(long, default_value_t = 1_000)]
    targets: u16,
    /// Seconds that each is measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds between the rounds of a target, one line of the table for each.
    #[arg(long, num_args = 1.., default_values_t = [5, 30])]
    intervals: Vec<u64>,
}

/// What one program spent.
#[derive(Debug, Clone, Copy)]
struct Spent {
    probes: u64,
    lost: u64,
    processor: Duration,
}

impl Spent {
    fn each_us(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.probes.max(1) as f64
    }

    fn row(&self, name: String, memory: String, ratio: String) -> Vec<String> {
        let Spent { probes, lost, .. } = self;
        vec![name, probes.to_string(), lost.to_string(), format!("{:.1} µs", self.each_us()), ratio, memory]
    }
}

impl Icmp {
    /// Measures and prints.
    pub(crate) fn run(&self) -> Result<()> {
        let mut rows = Vec::new();
        for &interval in &self.intervals {
            let interval = Duration::from_secs(interval);
            let namespace = Lab::quiet()?.namespace("loopback")?;
            let (agent, memory) = self.agent(&namespace, interval)?;
            let period = interval / u32::from(PROBES);
            let fping = self.fping(&namespace, period, period / u32::from(self.targets))?;
            let burst = self.fping(&namespace, period, Duration::ZERO)?;
            let ratio = |spent: Spent| format!("{:.2}", spent.each_us() / fping.each_us());
            rows.push(agent.row(format!("kentongan-agent, {interval:?}"), memory, ratio(agent)));
            rows.push(fping.row(format!("fping, {interval:?}"), String::new(), ratio(fping)));
            rows.push(burst.row(format!("fping in bursts, {interval:?}"), String::new(), ratio(burst)));
        }
        let title = format!(
            "{} targets on the loopback, rounds of {PROBES} probes, {} s measured",
            self.targets, self.seconds
        );
        table::print(&title, &["", "probes", "lost", "CPU a probe", "to fping's", "resident (peak)"], rows);
        Ok(())
    }

    fn address(number: u16) -> Ipv4Addr {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(127, 1, high, low)
    }

    fn plan(&self, interval: Duration) -> Result<Plan> {
        let target = |number| -> Result<PlannedTarget> {
            Ok(PlannedTarget {
                subject: Subject::Target {
                    site: format!("site-{number}").parse()?,
                    target: "gateway".parse()?,
                },
                address: Self::address(number).into(),
                probe: Probe::Icmp,
                interval_ms: millis(interval).cast_unsigned(),
                probes: PROBES,
                timeout_ms: 1_000,
                down_after: 3,
                up_after: 2,
                loss_warn: 20.0,
                rtt_warn_us: None,
                witnesses: Vec::new(),
            })
        };
        Ok(Plan {
            agent: Vantage::Core,
            report_interval_ms: millis(REPORT).cast_unsigned(),
            precision: Precision::Full,
            backlog_bytes_per_minute: DEFAULT_BACKLOG,
            targets: (1..=self.targets).map(target).collect::<Result<_>>()?,
            devices: Vec::new(),
            profiles: Vec::new(),
        })
    }

    fn agent(&self, namespace: &Namespace, interval: Duration) -> Result<(Spent, String)> {
        let intake = Intake::serve(namespace, INTAKE.into(), &self.plan(interval)?)?;
        let lab = namespace.lab();
        let (state, memory) = (lab.folder("state")?, lab.folder("memory")?);
        let (address, port) = INTAKE;
        let config = format!(
            "agent = \"core\"\ncollector = \"http://{address}:{port}\"\ntoken = \"bench\"\nstate_dir = {state:?}\nmemory_dir = {memory:?}\n"
        );
        let config = lab.write("agent.toml", &config)?;
        let agent = namespace.start("agent", product::binary("kentongan-agent")?, |command| {
            command.arg("--config").arg(config);
        })?;
        let clock = SystemClock::new();
        let spent = || processor::time(&agent.proc("stat")?, Whose::Own);

        thread::sleep(WARM_UP);
        let (begin, before) = (clock.stamp().mono_ms, spent()?);
        thread::sleep(Duration::from_secs(self.seconds));
        let (end, after) = (clock.stamp().mono_ms, spent()?);
        let status = agent.proc("status")?;
        thread::sleep(REPORT + Duration::from_secs(2));

        let rounds = intake.rounds();
        let measured = rounds.iter().filter(|round| (begin..end).contains(&round.mono_ms));
        let (sent, answered) = measured.fold((0, 0), |(sent, answered), round| {
            (sent + u64::from(round.sent), answered + round.rtts_us.len() as u64)
        });
        ensure!(sent > 0, "the agent delivered nothing:\n{}", agent.log());
        let megabytes = |name| processor::kilobytes(&status, name).map_or(0.0, |kb| kb as f64 / 1024.0);
        let memory = format!("{:.1} MiB ({:.1})", megabytes("VmRSS"), megabytes("VmHWM"));
        Ok((Spent { probes: sent, lost: sent - answered, processor: after - before }, memory))
    }

    /// Has fping ask every target once a `period`, one request `apart` from the next.
    fn fping(&self, namespace: &Namespace, period: Duration, apart: Duration) -> Result<Spent> {
        let list = (1..=self.targets).fold(String::new(), |mut list, number| {
            let _ = writeln!(list, "{}", Self::address(number));
            list
        });
        let list = namespace.lab().write("targets", &list)?;
        let count = self.seconds * 1_000 / millis(period).cast_unsigned();
        let own = || processor::time(&std::fs::read_to_string("/proc/self/stat")?, Whose::Children);
        let before = own()?;
        let name = format!("fping-{}", apart.as_micros());
        let mut fping = namespace.start(&name, "fping", |command| {
            command
                .args(["-q", "-c", &count.to_string(), "-p", &millis(period).to_string()])
                .args(["-i", &format!("{:.3}", apart.as_secs_f64() * 1e3), "-t", "1000", "-f"])
                .arg(list);
        })?;
        fping.ended(Duration::from_secs(self.seconds * 2 + 60))?;
        let processor = own()? - before;
        let (probes, answered) =
            fping.log().lines().filter_map(sent_and_answered).fold((0, 0), |(a, b), (x, y)| (a + x, b + y));
        ensure!(probes > 0, "fping said nothing of use:\n{}", fping.log());
        Ok(Spent { probes, lost: probes - answered, processor })
    }
}

/// Reads a line of fping's summary: `127.1.0.1 : xmt/rcv/%loss = 10/10/0%, min/avg/max = 0.02/0.04/0.06`.
fn sent_and_answered(line: &str) -> Option<(u64, u64)> {
    let (_, figures) = line.split_once("xmt/rcv/%loss = ")?;
    let mut figures = figures.split('/').map(str::parse);
    Some((figures.next()?.ok()?, figures.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fpings_summary_is_read() {
        let line = "127.1.0.1 : xmt/rcv/%loss = 10/9/10%, min/avg/max = 0.02/0.04/0.06";
        assert_eq!(sent_and_answered(line), Some((10, 9)));
        assert_eq!(sent_and_answered("ICMP Time Exceeded from 10.0.0.1"), None);
    }

    #[test]
    fn each_target_has_an_address_of_its_own_on_the_loopback() {
        let icmp = Icmp { targets: 1_000, seconds: 60, intervals: vec![5] };
        let plan = icmp.plan(Duration::from_secs(5)).unwrap();
        let mut addresses: Vec<_> = plan.targets.iter().map(|target| target.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 1_000);
        assert!(addresses.iter().all(std::net::IpAddr::is_loopback));
    }
}
