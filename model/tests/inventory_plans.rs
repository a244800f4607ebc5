//! Who probes what: small networks, and the plans that come of them. Each line of a story is one agent: what it pings,
//! and behind `|` what it polls over SNMP.

use kentongan_model::{
    id::{CredentialId, Subject, Vantage},
    inventory::{
        Network,
        plans::{MAX_PLANNED, Plans, plan_for, vantages},
    },
    plan::{Access, Plan, Precision},
};

fn no_secrets(_: &CredentialId) -> Option<Access> {
    None
}

fn public(_: &CredentialId) -> Option<Access> {
    Some(Access::V2c { community: "public".to_owned() })
}

/// A network of `id: keys` lines; the kind is told by the first letters of the id, and every site has an address.
fn network(lines: &[&str]) -> Network {
    let mut text =
        "[network]\nname = \"Kabupaten Uji\"\n[snmp.ro]\nversion = \"2c\"\ncommunity = { env = \"RO\" }\n"
            .to_owned();
    for (n, line) in lines.iter().enumerate() {
        let (id, keys) = line.split_once(':').unwrap_or((line, ""));
        let kind = match id.split('-').next() {
            Some("kec") => "kecamatan",
            Some("desa") => "desa",
            Some("hs") => "hotspot",
            _ => "backbone",
        };
        text += &format!("[[site]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"{kind}\"\n");
        keys.split(';').for_each(|key| text += &format!("{}\n", key.trim()));
        if !keys.contains("target") {
            text += &format!("address = \"10.33.0.{n}\"\n");
        }
    }
    Network::parse(&text).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

fn told(plan: &Plan) -> String {
    let list = |subjects: Vec<&Subject>| {
        subjects.iter().map(|s| s.to_string().replace("/gateway", "")).collect::<Vec<_>>().join(" ")
    };
    let pings = list(plan.targets.iter().map(|target| &target.subject).collect());
    let polls = list(plan.devices.iter().map(|device| &device.subject).collect());
    let polls = if polls.is_empty() { polls } else { format!(" | {polls}") };
    format!("{}: {pings}{polls}", plan.agent)
}

#[track_caller]
fn story(lines: &[&str], expected: &[&str]) {
    let network = network(lines);
    let plans = Plans::of(&network);
    let told: Vec<String> =
        vantages(&network).iter().map(|vantage| told(&plans.plan(vantage, &public))).collect();
    assert_eq!(told, expected);
}

const ROUTER_AND_AP: &str = r#"target = [{ id = "router", address = "10.33.9.1", snmp = "ro" }, { id = "ap", address = "10.33.9.2", snmp = "ro" }]"#;

#[test]
fn without_any_agent_the_core_probes_everything() {
    story(
        &["noc", r#"kec-a: upstream = ["noc"]"#, r#"desa-a: upstream = ["kec-a"]"#],
        &["core: noc kec-a desa-a"],
    );
}

#[test]
fn a_gateway_is_probed_by_the_nearest_agent_above_by_its_own_and_by_those_below_that_look_up() {
    story(
        &[
            "noc: agent = true",
            r#"kec-a: upstream = ["noc"]; agent = true"#,
            r#"desa-a: upstream = ["kec-a"]"#,
            r#"desa-b: upstream = ["kec-a"]; agent = true"#,
        ],
        &["core: noc", "noc: noc kec-a", "kec-a: noc kec-a desa-a desa-b", "desa-b: kec-a desa-b"],
    );
}

#[test]
fn a_place_without_an_agent_is_looked_over_to_the_next_one_above() {
    story(
        &["noc: agent = true", r#"kec-a: upstream = ["noc"]"#, r#"desa-a: upstream = ["kec-a"]"#],
        &["core: noc", "noc: noc kec-a desa-a"],
    );
}

#[test]
fn on_a_ring_each_way_up_has_its_own_observer() {
    story(
        &[
            "noc",
            r#"kec-a: upstream = ["noc"]; agent = true"#,
            r#"kec-b: upstream = ["noc"]"#,
            r#"desa-a: upstream = ["kec-a", "kec-b"]"#,
        ],
        &["core: noc kec-a kec-b desa-a", "kec-a: noc kec-a desa-a"],
    );
}

#[test]
fn other_targets_are_probed_from_inside_where_there_is_an_agent() {
    story(
        &["noc: agent = true", &format!(r#"hs-a: upstream = ["noc"]; agent = true; {ROUTER_AND_AP}"#)],
        &["core: noc", "noc: noc hs-a/router", "hs-a: noc hs-a/router hs-a/ap | hs-a/router hs-a/ap"],
    );
}

#[test]
fn other_targets_are_probed_by_whoever_probes_the_gateway_where_there_is_none_but_polled_only_from_above() {
    story(
        &[
            "noc: agent = true",
            &format!(r#"kec-a: upstream = ["noc"]; {ROUTER_AND_AP}"#),
            r#"desa-a: upstream = ["kec-a"]; agent = true"#,
        ],
        &[
            "core: noc",
            "noc: noc kec-a/router kec-a/ap desa-a | kec-a/router kec-a/ap",
            "desa-a: kec-a/router kec-a/ap desa-a",
        ],
    );
}

#[test]
fn observed_by_replaces_all_who_look_from_outside_and_leaves_the_own_agent() {
    story(
        &[
            "noc: agent = true",
            r#"kec-a: upstream = ["noc"]; agent = true; observed_by = ["core"]"#,
            r#"desa-a: upstream = ["kec-a"]; agent = true"#,
        ],
        &["core: noc kec-a", "noc: noc", "kec-a: noc kec-a desa-a", "desa-a: desa-a"],
    );
}

#[test]
fn an_observer_without_an_agent_stands_for_those_who_look_at_it_from_above() {
    story(
        &[
            "noc",
            r#"kec-a: upstream = ["noc"]; agent = true"#,
            &format!(r#"desa-a: upstream = ["kec-a"]; observed_by = ["noc"]; {ROUTER_AND_AP}"#),
        ],
        &["core: noc kec-a desa-a/router desa-a/ap | desa-a/router desa-a/ap", "kec-a: noc kec-a"],
    );
}

#[test]
fn the_core_probes_its_references_with_the_default_settings() {
    let network = Network::parse(
        "[network]\nname = \"Uji\"\n[defaults]\ninterval = \"10s\"\nrtt_warn = \"150ms\"\nreport_interval = \"20s\"\n\
         [core]\nreferences = [\"192.168.88.1\", \"fd00::1\"]\n\
         [[site]]\nid = \"noc\"\nname = \"NOC\"\nkind = \"backbone\"\ninterval = \"5s\"\nprobes = 3\naddress = \"10.0.0.1\"\n",
    )
    .unwrap();
    let plan = plan_for(&network, &Vantage::Core, &no_secrets);
    assert_eq!(told(&plan), "core: reference/192.168.88.1 reference/fd00::1 noc");
    let shown: Vec<_> = plan.targets.iter().map(|t| (t.interval_ms, t.probes, t.rtt_warn_us)).collect();
    assert_eq!(shown, [(10_000, 5, Some(150_000)), (10_000, 5, Some(150_000)), (5_000, 3, Some(150_000))]);
    assert_eq!(plan.report_interval_ms, 20_000);
}

#[test]
fn an_agent_keeps_rtts_as_exactly_as_its_own_site_says() {
    let network =
        network(&[r#"noc: agent = true; wire = "thin""#, "kec-a: upstream = [\"noc\"]; agent = true"]);
    let precision = |vantage: &str| {
        let vantage = vantage.parse().map_or(Vantage::Core, Vantage::Site);
        plan_for(&network, &vantage, &no_secrets).precision
    };
    assert_eq!(["core", "noc", "kec-a"].map(precision), [Precision::Full, Precision::Thin, Precision::Full]);
    let told = plan_for(&network, &Vantage::Site("noc".parse().unwrap()), &no_secrets).to_json();
    assert!(told.contains(r#""precision":"thin""#), "{told}");
    assert!(!plan_for(&network, &Vantage::Core, &no_secrets).to_json().contains("precision"));
}

#[test]
fn an_agent_sends_as_much_of_a_backlog_as_its_own_site_says_and_a_usual_plan_says_nothing_of_it() {
    let network = network(&["noc: agent = true; backlog_kb_per_minute = 8"]);
    let noc = plan_for(&network, &Vantage::Site("noc".parse().unwrap()), &no_secrets);
    assert_eq!(noc.backlog_bytes_per_minute, 8_000);
    let core = plan_for(&network, &Vantage::Core, &no_secrets).to_json();
    assert!(!core.contains("backlog"), "{core}");
    let read: Plan = serde_json::from_str(&core).unwrap();
    assert_eq!(read.backlog_bytes_per_minute, 64_000);
}

#[test]
fn a_device_is_polled_at_most_every_thirty_seconds_and_only_with_its_secret() {
    let network = network(&[
        &format!(r#"hs-a: interval = "5s"; {ROUTER_AND_AP}"#),
        &format!(r#"hs-b: interval = "2m"; {}"#, ROUTER_AND_AP.replace("33.9", "33.8")),
    ]);
    let plan = plan_for(&network, &Vantage::Core, &public);
    let shown: Vec<_> = plan.devices.iter().map(|d| (d.subject.to_string(), d.interval_ms, d.port)).collect();
    let device = |name: &str, ms| (name.to_owned(), ms, 161);
    assert_eq!(
        shown,
        [
            device("hs-a/router", 30_000),
            device("hs-a/ap", 30_000),
            device("hs-b/router", 120_000),
            device("hs-b/ap", 120_000)
        ]
    );
    let without = plan_for(&network, &Vantage::Core, &no_secrets);
    assert_eq!((without.targets.len(), without.devices.len()), (4, 0));
}

#[test]
fn the_plan_of_a_place_without_an_agent_is_empty() {
    let network = network(&["noc"]);
    for place in ["noc", "kec-z"] {
        let plan = plan_for(&network, &place.parse().unwrap(), &public);
        assert_eq!(told(&plan), format!("{place}: "));
    }
}

#[test]
fn what_does_not_fit_into_a_plan_is_counted() {
    let mut text = "[network]\nname = \"Uji\"\n[core]\nreferences = [\"192.168.88.1\"]\n".to_owned();
    for n in 0..MAX_PLANNED + 4 {
        let address = std::net::Ipv4Addr::from(0x0a00_0001 + u32::try_from(n).unwrap());
        text += &format!("[[site]]\nid = \"d{n}\"\nname = \"D\"\nkind = \"desa\"\naddress = \"{address}\"\n");
    }
    let network = Network::parse(&text).unwrap();
    let plans = Plans::of(&network);
    assert_eq!(plans.plan(&Vantage::Core, &no_secrets).targets.len(), MAX_PLANNED);
    assert_eq!(plans.left_out(&Vantage::Core), 5);
    assert_eq!(plans.left_out(&"d1".parse().unwrap()), 0);
}

#[test]
fn the_gateways_right_above_and_all_below_are_witnesses_when_one_falls_silent() {
    let network = Network::parse(
        "[network]\nname = \"Uji\"\n[core]\nreferences = [\"192.168.88.1\"]\n\
         [[site]]\nid = \"desa\"\nname = \"Desa\"\nkind = \"desa\"\nupstream = [\"kec-a\", \"kec-b\"]\naddress = \"10.0.0.4\"\n\
         [[site]]\nid = \"kec-a\"\nname = \"A\"\nkind = \"kecamatan\"\nupstream = [\"noc\"]\naddress = \"10.0.0.2\"\n\
         [[site]]\nid = \"kec-b\"\nname = \"B\"\nkind = \"kecamatan\"\nupstream = [\"noc\"]\naddress = \"10.0.0.3\"\n\
         [[site]]\nid = \"noc\"\nname = \"NOC\"\nkind = \"backbone\"\naddress = \"10.0.0.1\"\n",
    )
    .unwrap();
    let plan = plan_for(&network, &Vantage::Core, &no_secrets);
    assert_eq!(told(&plan), "core: reference/192.168.88.1 desa kec-a kec-b noc");
    let witnesses: Vec<Vec<u16>> =
        plan.targets.iter().map(|target| sorted(target.witnesses.clone())).collect();
    assert_eq!(witnesses, [vec![], vec![2, 3], vec![1, 4], vec![1, 4], vec![1, 2, 3]]);
}

fn sorted(mut numbers: Vec<u16>) -> Vec<u16> {
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_service_is_asked_once_a_round_and_has_longer_to_answer() {
    let targets = r#"probes = 7; target = [{ id = "router", address = "10.33.9.1" },
        { id = "internet", address = "1.1.1.1", probe = { http = "http://cek.example/204", status = 204 } },
        { id = "bank", address = "10.40.1.7", probe = { tcp = 443 }, timeout = "3s" }]"#;
    let network = network(&[&format!("hs-a: agent = true; {targets}")]);
    let plan = plan_for(&network, &"hs-a".parse().unwrap(), &no_secrets);
    let told: Vec<(String, u16, u64)> =
        plan.targets.iter().map(|it| (it.probe.to_string(), it.probes, it.timeout_ms)).collect();
    assert_eq!(
        told,
        [
            ("icmp".to_owned(), 7, 1_000),
            ("http://cek.example/204".to_owned(), 1, 5_000),
            ("tcp:443".to_owned(), 1, 3_000),
        ]
    );
    let json = plan.to_json();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    assert_eq!(json.matches("probe\"").count(), 2, "what is pinged says nothing of it: {json}");
}
