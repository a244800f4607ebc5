//! What an SNMP poll costs: the agent's engine beside net-snmp's C library, used asynchronously in one process.
//!
//! Both ask the same questions of the same devices (sysUpTime and 7 columns of 26 interfaces in one GETBULK, 183 objects),
//! as many at a time, and look at every value. A thread here stands for the devices: it sends one answer, with the
//! question's number in it, so that neither waits for it. Each is a process of its own; its processor time is that
//! from the first question to the last answer. The engine asks through one socket, the library opens one for each device,
//! as its sessions do.

use std::{
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kentongan_agent::snmp::{Client, Exchange, Patience, Value};
use kentongan_model::{plan::Access, profile::ObjectId};

use crate::{processor, table};

/// What is asked: sysUpTime, then columns of ifTable and ifXTable.
const ASKED: [&str; 8] = [
    "1.3.6.1.2.1.1.3",
    "1.3.6.1.2.1.2.2.1.8",
    "1.3.6.1.2.1.2.2.1.14",
    "1.3.6.1.2.1.2.2.1.20",
    "1.3.6.1.2.1.31.1.1.1.6",
    "1.3.6.1.2.1.31.1.1.1.10",
    "1.3.6.1.2.1.31.1.1.1.15",
    "1.3.6.1.2.1.31.1.1.1.1",
];
/// Interfaces of a device.
const INTERFACES: u16 = 26;
/// Polls under way at a time.
const AT_ONCE: usize = 50;

/// Processor time of an SNMP poll, and memory, beside net-snmp's C library.
#[derive(Debug, Args)]
pub(crate) struct Snmp {
    /// Polls of each.
    #[arg(long, default_value_t = 20_000)]
    polls: usize,
    /// How many times both are measured, one after the other; the medians are compared.
    #[arg(long, default_value_t = 5)]
    times: usize,
}

/// The engine's half: what `snmp` starts.
#[derive(Debug, Args)]
pub(crate) struct Polls {
    address: SocketAddr,
    devices: usize,
    polls: usize,
}

/// What one of them spent.
#[derive(Debug, Clone, Copy)]
struct Spent {
    polls: u64,
    objects: u64,
    processor_us: u64,
    memory_kb: u64,
}

impl Spent {
    fn each_us(&self) -> f64 {
        self.processor_us as f64 / self.polls.max(1) as f64
    }

    fn row(&self, name: &str, devices: usize) -> Vec<String> {
        vec![
            name.to_owned(),
            devices.to_string(),
            self.polls.to_string(),
            self.objects.to_string(),
            format!("{:.1} µs", self.each_us()),
            format!("{:.1} MB", self.memory_kb as f64 / 1_024.0),
        ]
    }
}

impl Snmp {
    pub(crate) fn run(self) -> Result<()> {
        let peer = build_peer()?;
        let devices = stand_for_devices()?;
        let us = std::env::current_exe()?;
        let address = devices.to_string();
        let mut rows = Vec::new();
        let mut ratios = Vec::new();
        for of in [AT_ONCE, 500] {
            let (of_text, polls) = (of.to_string(), self.polls.to_string());
            let mut spent: [Vec<Spent>; 2] = [Vec::new(), Vec::new()];
            for _ in 0..self.times.max(1) {
                let at_once = AT_ONCE.to_string();
                let interfaces = INTERFACES.to_string();
                spent[0].push(outcome(Command::new(&peer).args([
                    &address,
                    &of_text,
                    &at_once,
                    &polls,
                    &interfaces,
                ]))?);
                spent[1].push(outcome(Command::new(&us).args(["snmp-polls", &address, &of_text, &polls]))?);
            }
            let [theirs, ours] = spent.map(median);
            ensure!(theirs.objects == ours.objects, "both look at the same objects");
            ratios.push((of, ours.each_us() / theirs.each_us()));
            rows.push(theirs.row("net-snmp, asynchronous", of));
            rows.push(ours.row("kentongan-agent's engine", of));
        }
        let title = format!(
            "SNMP: a poll is sysUpTime and 7 columns of {INTERFACES} interfaces; {AT_ONCE} under way at a time; the median of {}",
            self.times.max(1)
        );
        table::print(
            &title,
            &["", "devices", "polls", "objects", "processor a poll", "memory at most"],
            rows,
        );
        for (devices, ratio) in ratios {
            println!(
                "{devices} devices: {ratio:.2} of net-snmp's processor time a poll (at most 0.60 is wanted)"
            );
        }
        Ok(())
    }
}

fn median(mut all: Vec<Spent>) -> Spent {
    all.sort_by_key(|spent| spent.processor_us);
    all[all.len() / 2]
}

fn outcome(command: &mut Command) -> Result<Spent> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [polls, objects, processor_us, memory_kb, ..] = numbers[..] else {
        anyhow::bail!("no figures: {text}")
    };
    Ok(Spent { polls, objects, processor_us, memory_kb })
}

/// Builds the C half beside this program.
fn build_peer() -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snmp/peer.c");
    let program = std::env::current_exe()?.with_file_name("snmp-peer");
    let built = Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(&source).arg("-lnetsnmp").output();
    let built = built.context("a C compiler is needed here: `make peers` installs it")?;
    ensure!(
        built.status.success(),
        "cannot build the peer; `make peers` installs libsnmp-dev: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    Ok(program)
}

impl Polls {
    /// Polls, and prints what it took as the peer does.
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (objects, processor) = runtime.block_on(self.poll())?;
        let status = std::fs::read_to_string("/proc/self/status")?;
        let memory = processor::kilobytes(&status, "VmHWM").unwrap_or(0);
        println!("{} {objects} {} {memory}", self.polls, processor.as_micros());
        Ok(())
    }

    async fn poll(&self) -> Result<(u64, Duration)> {
        let exchange = Arc::new(Exchange::default());
        let access = Access::V2c { community: "public".to_owned() };
        let patience = Patience { tries: 3, wait: Duration::from_secs(5) };
        let new = |_| Client::new(Arc::clone(&exchange), self.address, &access, patience);
        let mut clients: Vec<Client> = (0..self.devices).map(new).collect();
        let asked: Arc<[ObjectId]> = ASKED.iter().map(|oid| oid.parse()).collect::<Result<_, _>>()?;
        let before = processor_time();
        let lanes = AT_ONCE.min(self.devices);
        let each = self.devices / lanes;
        let polls = self.polls / lanes;
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..lanes {
            let mut own: Vec<Client> = clients.drain(..each).collect();
            let asked = Arc::clone(&asked);
            running.spawn(async move {
                let oids: Vec<&[u8]> = asked.iter().map(ObjectId::as_ber).collect();
                let (mut objects, mut sum) = (0u64, 0u64);
                for n in 0..polls {
                    let answer = own[n % each].bulk(&oids, 1, INTERFACES).await?;
                    for (oid, value) in answer.objects() {
                        objects += 1;
                        sum = sum.wrapping_add(u64::from(oid.last().copied().unwrap_or(0)) + look_at(value));
                    }
                }
                anyhow::Ok((objects, sum))
            });
        }
        let (mut objects, mut sum) = (0, 0u64);
        while let Some(done) = running.join_next().await {
            let (seen, looked) = done??;
            objects += seen;
            sum = sum.wrapping_add(looked);
        }
        ensure!(sum != 1, "nothing was looked at");
        Ok((objects, processor_time().saturating_sub(before)))
    }
}

fn look_at(value: Value<'_>) -> u64 {
    match value {
        Value::Integer(number) => number.cast_unsigned(),
        Value::Unsigned(number) => number,
        Value::Text(bytes) | Value::Id(bytes) => bytes.len() as u64,
        Value::Missing | Value::Other => 0,
    }
}

/// Processor time of this process.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A thread that answers as a device with so many interfaces would, until this program ends.
fn stand_for_devices() -> Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let objects = objects()?;
    thread::spawn(move || {
        let mut question = vec![0; 65_536];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(id) = request_id(&question[..length]) {
                let _ = socket.send_to(&answer(id, &objects), from);
            }
        }
    });
    Ok(address)
}

/// The request-id of a v2c message, as it is written: it follows version, community and three heads.
fn request_id(message: &[u8]) -> Option<&[u8]> {
    let after_head = |bytes: &[u8]| {
        let first = *bytes.get(1)?;
        Some(if first & 0x80 == 0 { 2 } else { 2 + usize::from(first & 0x7f) })
    };
    let mut rest = message.get(after_head(message)?..)?;
    for _ in 0..2 {
        rest = rest.get(2 + usize::from(*rest.get(1)?)..)?;
    }
    rest = rest.get(after_head(rest)?..)?;
    rest.get(..2 + usize::from(*rest.get(1)?))
}

fn answer(id: &[u8], objects: &[u8]) -> Vec<u8> {
    let pdu = element(0xa2, &[id, &[2, 1, 0, 2, 1, 0], &element(0x30, objects)].concat());
    element(0x30, &[&[2, 1, 1][..], &element(4, b"public"), &pdu].concat())
}

/// The objects of the answer: sysUpTime, then row by row.
fn objects() -> Result<Vec<u8>> {
    let oid = |n: usize, index: u8| -> Result<Vec<u8>> {
        let column: ObjectId = ASKED[n].parse()?;
        Ok(element(6, &[column.as_ber(), &[index]].concat()))
    };
    let object = |oid: Vec<u8>, value: Vec<u8>| element(0x30, &[oid, value].concat());
    let mut objects = object(oid(0, 0)?, element(0x43, &[0x12, 0x34, 0x56]));
    for index in 1..=INTERFACES as u8 {
        let name = format!("GigabitEthernet0/0/{index}");
        let values = [
            element(2, &[1]),
            element(0x41, &[0]),
            element(0x41, &[index]),
            element(0x46, &[0x01, 0x23, 0x45, 0x67, 0x89, index]),
            element(0x46, &[0x23, 0x45, 0x67, 0x89, index]),
            element(0x42, &[3, 0xe8]),
            element(4, name.as_bytes()),
        ];
        for (n, value) in values.into_iter().enumerate() {
            objects.extend(object(oid(n + 1, index)?, value));
        }
    }
    Ok(objects)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [&head, content].concat()
}
