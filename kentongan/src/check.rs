//! `kentongan check FILE`: every fault of an inventory in its place, or what the inventory comes to.
//!
//! Nothing is probed and no secret is read: what is checked on a laptop holds at the collector.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, stderr},
    net::IpAddr,
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use kentongan_model::{
    id::Vantage,
    inventory::{Contract, Fault, Faults, Kind, Network, plans::Plans},
    probe::Probe,
    state::Cause,
};

use crate::inventory_file;

/// Lines of the file that are shown for one fault.
const SHOWN_LINES: usize = 3;
/// Addresses that are named when several targets share one.
const SHOWN_ADDRESSES: usize = 5;

/// Contracts that are told one by one.
const SHOWN_CONTRACTS: usize = 10;

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The inventory
    #[arg(default_value = "hotspots.toml")]
    pub(crate) file: PathBuf,
}

/// Prints the faults on standard error (exit code 1; 2 when the file cannot be read), or a summary (0).
pub(crate) fn run(path: &Path) -> ExitCode {
    match inventory_file::read(path) {
        Ok(network) => {
            print!("{}", summary(path, &network));
            let folder = kentongan_collector::profiles::folder_beside(path);
            match kentongan_collector::profiles::read(&folder) {
                Ok(_) => ExitCode::SUCCESS,
                Err(faults) => {
                    eprintln!("{faults}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(code) => code,
    }
}

/// The faults of a file as they are shown on standard error, in colour where it is a terminal that wants some.
pub(crate) fn render_faults(path: &Path, text: &str, faults: &Faults) -> String {
    let colourful = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let renderer = if colourful { Renderer::styled() } else { Renderer::plain() };
    render(path, text, faults, &renderer)
}

/// Every fault with the lines that it is in, and their number.
fn render(path: &Path, text: &str, faults: &Faults, renderer: &Renderer) -> String {
    let name = path.display().to_string();
    let mut shown: String =
        faults.list.iter().map(|fault| render_fault(&name, text, fault, renderer)).collect();
    let number = faults.list.len() + faults.left_out;
    if faults.left_out > 0 {
        shown += &format!("the first {} are shown; ", faults.list.len());
    }
    shown + &format!("{} in {name}\n", count(number, "fault"))
}

fn render_fault(name: &str, text: &str, fault: &Fault, renderer: &Renderer) -> String {
    let lines = lines_around(text, &fault.span);
    let within = fault.span.start - lines.start..fault.span.end.min(lines.end) - lines.start;
    let snippet = Snippet::source(&text[lines])
        .path(name)
        .line_start(fault.line)
        .annotation(AnnotationKind::Primary.span(within));
    let mut group = Level::ERROR.primary_title(&fault.message).element(snippet);
    if let Some(help) = &fault.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group]) + "\n\n"
}

/// The first few whole lines that a span touches.
fn lines_around(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let ends = text[start..].match_indices('\n').map(|(at, _)| start + at).chain([text.len()]);
    let wanted = ends.take(SHOWN_LINES).find(|end| *end >= span.end);
    let end =
        wanted.or_else(|| text[span.start..].find('\n').map(|at| span.start + at)).unwrap_or(text.len());
    start..end
}

/// What an inventory comes to.
fn summary(path: &Path, network: &Network) -> String {
    let kinds = Kind::ALL.map(|kind| {
        let of_kind = network.sites.iter().filter(|site| site.kind == kind).count();
        format!("{of_kind} {kind}")
    });
    let targets = || network.sites.iter().flat_map(|site| &site.targets);
    let agents = network.sites.iter().filter(|site| site.agent).count();
    let plans = Plans::of(network);
    let core = plans.plan(&Vantage::Core, &|_| None);
    let lines = [
        format!("{} is fine: {}", path.display(), network.name),
        format!("  {}: {}", count(network.sites.len(), "site"), kinds.join(", ")),
        format!("  {} at sites, and the core's", count(agents, "agent")),
        format!(
            "  {}, {} polled over SNMP, {} named",
            count(targets().count(), "target"),
            targets().filter(|target| target.snmp.is_some()).count(),
            count(targets().map(|target| target.links.len()).sum(), "link"),
        ),
        format!(
            "  {}, {}, {}",
            count(network.maintenance.len(), "maintenance window"),
            count(network.sites.iter().filter(|site| site.service_hours.is_some()).count(), "site")
                + " with service hours",
            count(network.contracts.len(), "contract"),
        ),
    ];
    let asked = |which: fn(&Probe) -> bool| targets().filter(|target| which(&target.probe)).count();
    let services = [
        (asked(|probe| matches!(probe, Probe::Tcp { .. })), "over TCP"),
        (asked(|probe| matches!(probe, Probe::Dns { .. })), "for names"),
        (asked(|probe| matches!(probe, Probe::Http(_))), "for pages"),
    ];
    let services: Vec<String> =
        services.iter().filter(|(n, _)| *n > 0).map(|(n, how)| format!("{n} asked {how}")).collect();
    let services = (!services.is_empty()).then(|| format!("  not pinged: {}", services.join(", ")));
    let core = format!(
        "  the core probes {}, {} among them",
        count(core.targets.len(), "address"),
        count(network.references.len(), "reference"),
    );
    let contracts = network.contracts.iter().take(SHOWN_CONTRACTS).map(|contract| told(contract, network));
    let more = network.contracts.len().saturating_sub(SHOWN_CONTRACTS);
    let more = (more > 0).then(|| format!("    and {more} more"));
    let lines = lines.into_iter().chain(services).chain(contracts).chain(more).chain([core]);
    lines.chain(remarks(network, &plans)).map(|line| line + "\n").collect()
}

/// What a contract says, and whom it covers.
fn told(contract: &Contract, network: &Network) -> String {
    let Contract { provider, target, min_outage, not_counted, restitution } = contract;
    let sites = network.sites.iter().filter(|site| site.provider.as_ref() == Some(provider)).count();
    let mut told = format!("    {provider}: {target} % a month at {}", count(sites, "site"));
    if !min_outage.is_zero() {
        told += &format!(", not counting outages under {} s", min_outage.as_secs_f64());
    }
    if !not_counted.is_empty() {
        let causes: Vec<&str> = not_counted.iter().map(|cause| named(*cause)).collect();
        told += &format!(", nor those of {}", causes.join(" and "));
    }
    if let Some(percent) = restitution {
        told += &format!(", {percent} % back for each percent missed");
    }
    told
}

/// A cause as the inventory writes it.
fn named(cause: Cause) -> &'static str {
    match cause {
        Cause::Power => "power",
        Cause::Link => "link",
        Cause::Undetermined => "undetermined",
    }
}

/// What is no fault, and still worth a look.
fn remarks(network: &Network, plans: &Plans<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    let sites = network.sites.iter().filter(|site| site.agent).map(|site| Vantage::Site(site.id.clone()));
    for vantage in std::iter::once(Vantage::Core).chain(sites) {
        match plans.left_out(&vantage) {
            0 => {}
            n => remarks.push(format!(
                "note: {n} more than fit into the plan of {vantage} are not probed by it; put agents further down"
            )),
        }
    }
    let mut holders: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    for site in &network.sites {
        for target in &site.targets {
            holders.entry(target.address).or_default().push(format!("{}/{}", site.id, target.id));
        }
    }
    let shared: Vec<_> = holders.into_iter().filter(|(_, holders)| holders.len() > 1).collect();
    for (address, holders) in shared.iter().take(SHOWN_ADDRESSES) {
        let (first, second) = (&holders[0], &holders[1]);
        let more = if holders.len() > 2 { format!(" and {} more", holders.len() - 2) } else { String::new() };
        remarks.push(format!("note: {first} and {second}{more} have the same address {address}"));
    }
    if shared.len() > SHOWN_ADDRESSES {
        remarks.push(format!(
            "note: {} more addresses stand for several targets",
            shared.len() - SHOWN_ADDRESSES
        ));
    }
    remarks
}

/// `1 site`, `2 sites`.
fn count(n: usize, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        _ if noun.ends_with('s') => format!("{n} {noun}es"),
        _ => format!("{n} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let faults = Network::parse(text).expect_err("a text with faults");
        render(Path::new("hotspots.toml"), text, &faults, &Renderer::plain())
    }

    #[test]
    fn each_fault_is_shown_in_its_place_and_counted() {
        let text = [
            "[network]\nname = \"Kabupaten Purworejo\"\nlanguange = \"id\"\n",
            "\n[[site]]\nid = \"noc\"\nname = \"NOC — é\"\nkind = \"backbone\"\naddress = \"10.33.6.1\"\n",
            "\n[[site]]\nid = \"desa-a\"\nname = \"Désa Á\"\nkind = \"desa\"\nupstream = [\n  \"nok\",\n]\n",
            "address = \"10.33.6.256\"\n",
        ];
        insta::assert_snapshot!(rendered(&text.concat()), @r#"
        error: unknown key `languange` in [network]
         --> hotspots.toml:3:1
          |
        3 | languange = "id"
          | ^^^^^^^^^
          |
          = help: did you mean `language`?

        error: `upstream`: no site has the id 'nok'
          --> hotspots.toml:16:3
           |
        16 |   "nok",
           |   ^^^^^
           |
           = help: did you mean 'noc'?

        error: `address`: '10.33.6.256' is not an IPv4 or IPv6 address such as 10.33.0.1 or fd00::1
          --> hotspots.toml:18:11
           |
        18 | address = "10.33.6.256"
           |           ^^^^^^^^^^^^^

        3 faults in hotspots.toml
        "#);
    }

    #[test]
    fn a_fault_without_a_place_and_one_with_too_many_lines_are_shown() {
        insta::assert_snapshot!(rendered(""), @r"
        error: the file lacks `network`
         --> hotspots.toml:1:1
          |
        1 |
          | ^
          |
          = help: add [network] with the name of what is watched

        1 fault in hotspots.toml
        ");
        let many = "  \"10.33.0.1\",\n".repeat(100);
        let site = "[network]\nname = \"Uji\"\n[[site]]\nid = \"a\"\nname = \"A\"\nkind = \"desa\"\n";
        insta::assert_snapshot!(rendered(&format!("{site}address = [\n{many}]\n")), @r"
        error: `address`: expected an IP address in quotes, found a list
         --> hotspots.toml:7:11
          |
        7 | address = [
          |           ^

        1 fault in hotspots.toml
        ");
    }

    #[test]
    fn what_an_inventory_comes_to_is_told_in_a_few_lines() {
        let site = |id: &str, kind: &str, more: &str| {
            format!("[[site]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"{kind}\"\n{more}")
        };
        let text = [
            "[network]\nname = \"Kabupaten Uji\"\n[core]\nreferences = [\"192.168.88.1\"]\n".to_owned(),
            site("noc", "backbone", "agent = true\naddress = \"10.0.0.1\"\n"),
            site("desa-a", "desa", "upstream = [\"noc\"]\naddress = \"10.0.0.2\"\n"),
            site("desa-b", "desa", "upstream = [\"noc\"]\naddress = \"10.0.0.2\"\n"),
        ];
        let network = Network::parse(&text.concat()).expect("no fault");
        insta::assert_snapshot!(summary(Path::new("hotspots.toml"), &network), @r"
        hotspots.toml is fine: Kabupaten Uji
          3 sites: 1 backbone, 0 kecamatan, 2 desa, 0 hotspot
          1 agent at sites, and the core's
          3 targets, 0 polled over SNMP, 0 links named
          0 maintenance windows, 0 sites with service hours, 0 contracts
          the core probes 2 addresses, 1 reference among them
        note: desa-a/gateway and desa-b/gateway have the same address 10.0.0.2
        ");
    }

    #[test]
    fn services_are_told_beside_what_is_pinged() {
        let text = "[network]\nname = \"Kabupaten Uji\"\n\
            [[site]]\nid = \"hs-a\"\nname = \"Kantor\"\nkind = \"hotspot\"\n\
            [[site.target]]\nid = \"router\"\naddress = \"10.0.0.1\"\n\
            [[site.target]]\nid = \"internet\"\naddress = \"1.1.1.1\"\nprobe = { dns = \"www.go.id\" }\n\
            [[site.target]]\nid = \"portal\"\naddress = \"10.0.0.2\"\nprobe = { http = \"http://a.example\" }\n";
        let told = summary(Path::new("hotspots.toml"), &Network::parse(text).expect("no fault"));
        assert!(told.contains("\n  not pinged: 1 asked for names, 1 asked for pages\n"), "{told}");
    }

    #[test]
    fn what_providers_have_promised_is_told() {
        let text = "[network]\nname = \"Kabupaten Uji\"\n\
            [[site]]\nid = \"hs-a\"\nname = \"Kantor\"\nkind = \"hotspot\"\naddress = \"10.0.0.1\"\nprovider = \"Icon+\"\n\
            service_hours = \"Sen-Jum 07.00-17.00\"\n\
            [[contract]]\nprovider = \"Icon+\"\ntarget = 99.5\nmin_outage = \"5m\"\nnot_counted = [\"power\"]\nrestitution = 5\n";
        let told = summary(Path::new("hotspots.toml"), &Network::parse(text).expect("no fault"));
        let lines: Vec<&str> = told.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "  0 maintenance windows, 1 site with service hours, 1 contract",
                "    Icon+: 99.5 % a month at 1 site, not counting outages under 300 s, nor those of power, \
                 5 % back for each percent missed",
                "  the core probes 1 address, 0 references among them",
            ]
        );
    }
}
