//! How honest an RTT is: what the engine and fping tell, beside the stamps that the kernel gave the same packets on a link.
//!
//! Two namespaces, a veth pair between them, and tcpdump on the near end: it keeps when the kernel handed each request to
//! the link and when it took each reply from it. What a program tells beyond that is its own doing. Once with nothing
//! else to do, one probe at a time; once with many targets at once while another program keeps a core busy.

mod capture;

use std::{net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kentongan_agent::icmp::SocketKind;
use kentongan_lab::{Lab, Namespace, Process, wait};

use crate::{
    icmp::fping::{self, Times},
    pings, table,
};
use capture::Echoes;

/// The near end, the far end, and the network behind it in which every address answers.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const BEHIND: &str = "10.78.0.0/16";

/// What the engine and fping tell, beside the kernel's stamps of the same packets (root).
#[derive(Debug, Args)]
pub(crate) struct Rtt {
    /// Targets at once while a core is busy.
    #[arg(long, default_value_t = 1_000)]
    targets: u16,
    /// Echo requests to each of them.
    #[arg(long, default_value_t = 5)]
    probes: u16,
    /// Echo requests while nothing else happens, one at a time.
    #[arg(long, default_value_t = 100)]
    single: u16,
}

/// Who probes.
#[derive(Debug, Clone, Copy)]
enum Program {
    Engine(SocketKind),
    Fping,
}

impl Rtt {
    /// Measures and prints.
    pub(crate) fn run(&self) -> Result<()> {
        let lab = Lab::quiet()?;
        let (near, far) = (lab.namespace("near")?, lab.namespace("far")?);
        let _link = lab.link((&near, "wan"), (&far, "lan"))?;
        near.address("wan", NEAR, 24)?;
        far.address("lan", FAR, 24)?;
        far.run("ip", &["route", "add", "local", BEHIND, "dev", "lo"])?;
        near.route(BEHIND, FAR)?;
        near.run("sysctl", &["-qw", "net.ipv4.ping_group_range=0\t2147483647"])?;

        let programs = [
            ("fping", Program::Fping),
            ("kentongan's engine", Program::Engine(SocketKind::Datagram)),
            ("the same, raw socket", Program::Engine(SocketKind::Raw)),
        ];
        let mut rows = Vec::new();
        for (name, program) in programs {
            let name = format!("{name}, alone");
            rows.push(self.single(&near, program, &name)?.row(name));
        }
        let _busy = near.start("busy", "sh", |sh| {
            sh.args(["-c", "while :; do :; done"]);
        })?;
        for (name, program) in programs {
            let name = format!("{name}, {} targets, a core busy", self.targets);
            rows.push(self.many(&near, program, &name)?.row(name));
        }
        let title = "RTTs on a veth pair, as told and as the kernel stamped the same packets".to_owned();
        let header = ["", "answers", "median told", "by the kernel", "told too much: median", "99 % below"];
        table::print(&title, &header, rows);
        Ok(())
    }

    fn single(&self, near: &Namespace, program: Program, name: &str) -> Result<Told> {
        let list = fping::list(near.lab(), "one", [behind(1)].into_iter())?;
        let (count, rounds) = (self.single, self.single.to_string());
        captured(near, name, || match program {
            Program::Fping => fping::times(near, &list, count, &["-p", "100", "-t", "1000"]),
            Program::Engine(kind) => engine(near, &list, 1, kind, &["--rounds", &rounds]),
        })
    }

    fn many(&self, near: &Namespace, program: Program, name: &str) -> Result<Told> {
        let list = fping::list(near.lab(), "many", (1..=self.targets).map(behind))?;
        captured(near, name, || match program {
            Program::Fping => fping::times(near, &list, self.probes, &["-i", "0", "-p", "30", "-t", "1000"]),
            Program::Engine(kind) => engine(near, &list, self.probes, kind, &[]),
        })
    }
}

/// Has the engine probe a list.
fn engine(near: &Namespace, list: &Path, probes: u16, kind: SocketKind, more: &[&str]) -> Result<Times> {
    let output = pings::command(near, list, probes, kind, true)?.args(more).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let mut times = Times::new();
    for answer in pings::read_answers(&told)? {
        times.entry(answer.address).or_default().push(f64::from(answer.rtt_us));
    }
    Ok(times)
}

/// What a program told, answer by answer, beside what the kernel stamped.
struct Told {
    told: Vec<f64>,
    stamped: Vec<f64>,
    too_much: Vec<f64>,
}

impl Told {
    fn row(mut self, name: String) -> Vec<String> {
        let micros = |figure: f64| format!("{figure:.1} µs");
        let count = self.told.len().to_string();
        let worst = quantile(&mut self.too_much, 0.99);
        vec![
            name,
            count,
            micros(quantile(&mut self.told, 0.5)),
            micros(quantile(&mut self.stamped, 0.5)),
            micros(quantile(&mut self.too_much, 0.5)),
            micros(worst),
        ]
    }
}

/// Lets a program run while tcpdump captures, and lays what it told beside what was stamped.
fn captured(near: &Namespace, name: &str, run: impl FnOnce() -> Result<Times>) -> Result<Told> {
    let file = near.lab().folder("captures")?.join(name);
    let tcpdump = near.start(&format!("tcpdump {name}"), "tcpdump", |tcpdump| {
        tcpdump
            .args(["-i", "wan", "-n", "-B", "16384", "--time-stamp-precision", "nano", "-w"])
            .arg(&file)
            .arg("icmp");
    })?;
    wait::until("tcpdump to listen", Duration::from_secs(20), || {
        Ok(tcpdump.log().contains("listening on").then_some(()))
    })?;
    let told = run()?;
    stop(tcpdump)?;
    let echoes = Echoes::read(&std::fs::read(&file)?).context("tcpdump's capture")?;
    let mut both = Told { told: Vec::new(), stamped: Vec::new(), too_much: Vec::new() };
    for (address, told) in &told {
        let stamped = echoes.rtts_us(*address);
        // An answer that one of the two has not seen would put all that follow beside the wrong one.
        if told.len() != stamped.len() {
            continue;
        }
        both.told.extend(told);
        both.too_much.extend(told.iter().zip(&stamped).map(|(told, stamped)| told - stamped));
        both.stamped.extend(stamped);
    }
    ensure!(
        both.told.len() * 10 > told.values().map(Vec::len).sum::<usize>() * 9,
        "tcpdump has lost too much"
    );
    Ok(both)
}

/// Has tcpdump write what it holds, and waits until it has.
fn stop(tcpdump: Process) -> Result<()> {
    // It hands packets out a moment after they came.
    std::thread::sleep(Duration::from_millis(1_500));
    tcpdump.interrupt().map(drop)
}

fn behind(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 78, high, low)
}

fn quantile(figures: &mut [f64], part: f64) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let last = figures.len().saturating_sub(1) as f64;
    figures.get((last * part).round() as usize).copied().unwrap_or(f64::NAN)
}
