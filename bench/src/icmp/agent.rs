//! A whole agent that watches many loopback addresses, beside `fping` sending as many at the same pace.
//!
//! fping goes once evenly, as one would use it, and once in bursts without a pause, which spares it most wake-ups. The
//! agent's figure holds all it does: schedule, rounds, spool, sealing and delivering.

use std::{net::Ipv4Addr, path::Path, thread, time::Duration};

use anyhow::{Result, ensure};
use kentongan_lab::{Lab, Namespace, product};
use kentongan_model::{
    id::{Subject, Vantage},
    plan::{DEFAULT_BACKLOG, Plan, PlannedTarget, Precision},
    probe::Probe,
    time::{Clock, SystemClock, millis},
};

use super::{Spent, address, fping};
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

/// Measures an agent and fping one after the other, at each interval, and prints.
pub(super) fn compare(targets: u16, length: Duration, intervals: &[u64]) -> Result<()> {
    let mut rows = Vec::new();
    for &seconds in intervals {
        let interval = Duration::from_secs(seconds);
        let namespace = Lab::quiet()?.namespace("loopback")?;
        let list = fping::list(namespace.lab(), "targets", (1..=targets).map(address))?;
        let (agent, memory) = of_agent(&namespace, &plan(targets, interval)?, length)?;
        let period = interval / u32::from(PROBES);
        let evenly = of_fping(&namespace, &list, period, period / u32::from(targets), length)?;
        let burst = of_fping(&namespace, &list, period, Duration::ZERO, length)?;
        let ratio = |spent: Spent| format!("{:.2}", spent.each_us() / evenly.each_us());
        rows.push(row(agent, format!("kentongan-agent, {interval:?}"), memory, ratio(agent)));
        rows.push(row(evenly, format!("fping, {interval:?}"), String::new(), ratio(evenly)));
        rows.push(row(burst, format!("fping in bursts, {interval:?}"), String::new(), ratio(burst)));
    }
    let title = format!("{targets} targets on the loopback, rounds of {PROBES} probes, {length:?} measured");
    table::print(&title, &["", "probes", "lost", "CPU a probe", "to fping's", "resident (peak)"], rows);
    Ok(())
}

fn row(spent: Spent, name: String, memory: String, ratio: String) -> Vec<String> {
    let Spent { probes, lost, .. } = spent;
    vec![name, probes.to_string(), lost.to_string(), format!("{:.1} µs", spent.each_us()), ratio, memory]
}

fn plan(targets: u16, interval: Duration) -> Result<Plan> {
    let target = |number| -> Result<PlannedTarget> {
        Ok(PlannedTarget {
            subject: Subject::Target { site: format!("site-{number}").parse()?, target: "gateway".parse()? },
            address: address(number).into(),
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
        targets: (1..=targets).map(target).collect::<Result<_>>()?,
        devices: Vec::new(),
        profiles: Vec::new(),
    })
}

fn of_agent(namespace: &Namespace, plan: &Plan, length: Duration) -> Result<(Spent, String)> {
    let intake = Intake::serve(namespace, INTAKE.into(), plan)?;
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
    thread::sleep(length);
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
fn of_fping(
    namespace: &Namespace,
    list: &Path,
    period: Duration,
    apart: Duration,
    length: Duration,
) -> Result<Spent> {
    let count = (millis(length) / millis(period)).to_string();
    let (period, apart) = (millis(period).to_string(), format!("{:.3}", apart.as_secs_f64() * 1e3));
    let own = || processor::time(&std::fs::read_to_string("/proc/self/stat")?, Whose::Children);
    let before = own()?;
    let count = fping::count(namespace, list, &["-c", &count, "-p", &period, "-i", &apart, "-t", "1000"])?;
    let (probes, lost) = (count.sent, count.sent - count.answered);
    Ok(Spent { probes, lost, processor: own()? - before })
}
