//! What the agent takes of a router: flash, memory, threads and processor, beside collectd given the same job.
//!
//! Both run for the same minutes, each in a namespace of its own with a real `snmpd` and eight interfaces. The agent is the
//! static program of `make agents`; it delivers over TLS through nginx to a real collector. collectd sends what it
//! measured by its own binary protocol, which is the cheapest way it has.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kentongan_lab::{
    Lab, Link, Namespace, Process,
    district::COMMUNITY,
    front::Front,
    peers,
    product::{FieldAgent, Office},
    wait,
};

use crate::{processor, table};

/// Interfaces that are read, with six counters each.
const INTERFACES: u8 = 8;
const COUNTERS_OF_EACH: u8 = 6;
/// From the start until everything is decided, found and connected.
const WARM_UP: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(60);
const COLLECTOR: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
/// Where collectd sends to.
const SINK: ([u8; 4], u16) = ([127, 0, 0, 1], 25_826);
const SITE: &str = "kec-ukur";

/// Flash, memory, threads and processor time of the agent for routers, beside collectd (root).
#[derive(Debug, Args)]
pub(crate) struct Footprint {
    /// Addresses to ping, one request every 5 s
    #[arg(long, default_value_t = 50)]
    targets: u8,
    /// Seconds that both are measured
    #[arg(long, default_value_t = 300)]
    seconds: u64,
}

/// What one program took.
struct Taken {
    on_disk: u64,
    resident_kb: u64,
    threads: u64,
    wake_ups_a_second: f64,
    processor_an_hour: Duration,
}

impl Taken {
    fn row(&self, name: &str, peer: &Taken) -> Vec<String> {
        let seconds = self.processor_an_hour.as_secs_f64();
        vec![
            name.to_owned(),
            format!("{:.2} MB", self.on_disk as f64 / 1e6),
            format!("{:.1} MiB", self.resident_kb as f64 / 1024.0),
            self.threads.to_string(),
            format!("{:.1}", self.wake_ups_a_second),
            format!("{seconds:.2} s"),
            format!("{:.2}", seconds / peer.processor_an_hour.as_secs_f64()),
        ]
    }
}

impl Footprint {
    /// Measures and prints.
    pub(crate) fn run(&self) -> Result<()> {
        let lab = Lab::quiet()?;
        let (ours, theirs) = (router(&lab, "agent")?, router(&lab, "collectd")?);
        let (office, agent, _running) = self.start_agent(&ours.namespace)?;
        let (collectd, sink) = self.start_collectd(&theirs.namespace)?;

        thread::sleep(WARM_UP);
        let before = [processor::spent(agent.id())?, processor::spent(collectd.id())?];
        thread::sleep(Duration::from_secs(self.seconds));
        let after = [processor::spent(agent.id())?, processor::spent(collectd.id())?];

        // Between two reports, 30 s apart, states of rounds every 5 s are unknown for a while.
        wait::until("every target to be up", PATIENCE, || {
            let sites = office.api("sites")?;
            let sites = sites["sites"].as_array().context("a list of sites")?;
            let up = sites.iter().filter(|site| site["state"] == "up").count();
            Ok((up == usize::from(self.targets)).then_some(()))
        })
        .with_context(|| agent.log())?;
        sink.set_nonblocking(true)?;
        ensure!(sink.recv(&mut [0; 2048]).is_ok(), "collectd sent nothing:\n{}", collectd.log());

        let ours = self.taken(&agent, before[0], after[0])?;
        let theirs = self.taken(&collectd, before[1], after[1])?;
        let counters = INTERFACES * COUNTERS_OF_EACH;
        let title = format!(
            "{} targets every 5 s and {counters} SNMP counters every 30 s, {} s measured",
            self.targets, self.seconds
        );
        let header =
            ["", "on disk", "resident", "threads", "wake-ups a second", "CPU an hour", "to collectd's"];
        let promised = ["promised", "2.00 MB", "4.0 MiB", "1", "", "1.00 s", ""].map(str::to_owned).to_vec();
        let rows = vec![
            ours.row("kentongan-agent, static, with TLS", &theirs),
            promised,
            theirs.row("collectd, with its libraries", &theirs),
        ];
        table::print(&title, &header, rows);
        Ok(())
    }

    fn taken(&self, process: &Process, before: (Duration, u64), after: (Duration, u64)) -> Result<Taken> {
        let status = process.proc("status")?;
        let an_hour = 3_600.0 / self.seconds as f64;
        Ok(Taken {
            on_disk: processor::on_disk(&process.proc("maps")?),
            resident_kb: processor::kilobytes(&status, "VmRSS").context("no VmRSS")?,
            threads: processor::number(&status, "Threads").context("no Threads")?,
            wake_ups_a_second: after.1.saturating_sub(before.1) as f64 / self.seconds as f64,
            processor_an_hour: after.0.saturating_sub(before.0).mul_f64(an_hour),
        })
    }

    fn addresses(&self) -> impl Iterator<Item = String> {
        (1..=self.targets).map(|number| format!("127.1.0.{number}"))
    }

    fn start_agent(&self, router: &Namespace) -> Result<(Office, Process, (Process, Front))> {
        let mut inventory = String::from(
            "[network]\nname = 'Ukur'\n[defaults]\ninterval = '5s'\nprobes = 1\nreport_interval = '30s'\n",
        );
        let links = (0..INTERFACES).fold(String::new(), |mut links, number| {
            let _ = write!(links, "{{ interface = '{}' }}, ", interface(number));
            links
        });
        for (number, address) in self.addresses().enumerate() {
            let of_agent = format!(
                "id = '{SITE}'\nname = 'Ukur'\nkind = 'kecamatan'\nagent = true\n\
                 [[site.target]]\nid = 'router'\naddress = '{address}'\nsnmp = 'routers'\nlinks = [{links}]\n"
            );
            let of_village = format!(
                "id = 'desa-{number}'\nname = 'Desa {number}'\nkind = 'desa'\nupstream = ['{SITE}']\n\
                 observed_by = ['{SITE}']\naddress = '{address}'\n"
            );
            let _ = write!(inventory, "[[site]]\n{}", if number == 0 { of_agent } else { of_village });
        }
        let _ =
            write!(inventory, "[snmp.routers]\nversion = '2c'\ncommunity = {{ env = '{}' }}\n", COMMUNITY.0);
        let collector = SocketAddr::from(COLLECTOR);
        let office = Office::install(router, collector, &inventory, "")?;
        let running = office.up()?;
        wait::until_ok("the collector to answer", PATIENCE, || office.api("network"))
            .with_context(|| running.log())?;
        let front = Front::start(router, collector)?;
        let lines = office.run(&["agent", "add", SITE, "--token", "--url", Front::URL])?;
        let lines = format!("{lines}\nca_file = {:?}\n", front.authority);
        let agent = FieldAgent::install(router, SITE, &lines)?.start_program(&static_agent()?)?;
        Ok((office, agent, (running, front)))
    }

    fn start_collectd(&self, router: &Namespace) -> Result<(Process, std::net::UdpSocket)> {
        let (address, port) = SINK;
        let sink = router.enter(|| std::net::UdpSocket::bind(SocketAddr::from(SINK)))??;
        let hosts = self.addresses().fold(String::new(), |mut hosts, address| {
            let _ = writeln!(hosts, "Host \"{address}\"");
            hosts
        });
        // IF-MIB (RFC 2863): columns of ifXTable and ifTable; a row's name is its ifName.
        let data = [
            ("octets", "if_octets", "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.31.1.1.1.10"),
            ("packets", "if_packets", "1.3.6.1.2.1.31.1.1.1.7", "1.3.6.1.2.1.31.1.1.1.11"),
            ("errors", "if_errors", "1.3.6.1.2.1.2.2.1.14", "1.3.6.1.2.1.2.2.1.20"),
        ]
        .map(|(name, kind, received, sent)| {
            format!(
                "<Data \"{name}\">\nType \"{kind}\"\nTable true\nTypeInstanceOID \"1.3.6.1.2.1.31.1.1.1.1\"\n\
                 Values \"{received}\" \"{sent}\"\n</Data>\n"
            )
        });
        let community = COMMUNITY.1;
        let config = format!(
            "Hostname \"router\"\nFQDNLookup false\nInterval 5\nReadThreads 1\nWriteThreads 1\n\
             TypesDB \"/usr/share/collectd/types.db\"\nPIDFile \"/dev/null\"\n\
             LoadPlugin ping\n<Plugin ping>\n{hosts}Interval 5\nTimeout 1\n</Plugin>\n\
             LoadPlugin network\n<Plugin network>\nServer \"{}\" \"{port}\"\n</Plugin>\n\
             <LoadPlugin snmp>\nInterval 30\n</LoadPlugin>\n<Plugin snmp>\n{}\
             <Host \"router\">\nAddress \"127.0.0.1\"\nVersion 2\nCommunity \"{community}\"\nInterval 30\n\
             Collect \"octets\" \"packets\" \"errors\"\n</Host>\n</Plugin>\n",
            std::net::Ipv4Addr::from(address),
            data.concat()
        );
        let config = router.lab().write("collectd.conf", &config)?;
        let program = "/usr/sbin/collectd";
        ensure!(PathBuf::from(program).is_file(), "collectd is needed here: install it with `make peers`");
        let collectd = router.start("collectd", program, |command| {
            command.arg("-f").arg("-C").arg(config);
        })?;
        Ok((collectd, sink))
    }
}

/// A router with its interfaces and their `snmpd`.
struct Router {
    namespace: Namespace,
    _snmpd: Process,
    _links: Vec<Link>,
}

fn router(lab: &Lab, name: &str) -> Result<Router> {
    let (namespace, far) = (lab.namespace(name)?, lab.namespace(&format!("{name}-far"))?);
    let link = |number| lab.link((&namespace, &interface(number)), (&far, &interface(number)));
    let links = (0..INTERFACES).map(link).collect::<Result<_>>()?;
    // collectd resolves addresses only of families that it has beyond the loopback.
    namespace.address(&interface(0), std::net::Ipv4Addr::new(10, 33, 0, 1), 24)?;
    let snmpd = peers::snmpd(&namespace, &format!("{name}-snmpd"), COMMUNITY.1)?;
    Ok(Router { namespace, _snmpd: snmpd, _links: links })
}

fn interface(number: u8) -> String {
    format!("sfp{number}")
}

/// The program for routers of this machine's own kind.
fn static_agent() -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let path = PathBuf::from(format!("target/agents/{triple}/kentongan-agent"));
    ensure!(path.is_file(), "{} is missing: make agents TARGETS={triple}", path.display());
    Ok(path.canonicalize()?)
}
