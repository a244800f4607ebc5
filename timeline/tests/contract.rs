//! Sentences of the contract, each with a small story made by hand.
//!
//! Every story is told by the crate and by the second reading of the contract (`oracle`), and both have to tell what is
//! written here. Seconds throughout; probes every 10 s, down after 3, up after 2.

use kentongan_model::{inventory::Network, observation::Observation, time::Timestamp};
use kentongan_timeline::replay;
use serde_json::Value;

mod compare;
mod oracle;
#[allow(dead_code, reason = "stories are written here, not made up")]
mod story;
mod written;

use story::log;
use written::observations;

/// What is told at the end of a story.
struct Told(Value);

const START: i64 = 1_793_491_200_000;

fn second(value: &Value) -> i64 {
    let at: Timestamp = value.as_str().unwrap().parse().unwrap();
    (at.as_millis() - START) / 1000
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect()
}

impl Told {
    /// `sites` are tables of an inventory, `lines` as in [`written`].
    fn of(sites: &str, lines: &str, until: i64) -> Self {
        let head = "[network]\nname = \"Uji\"\n\n[defaults]\ninterval = \"10s\"\nreport_interval = \"10s\"\n";
        let network = Network::parse(&format!("{head}{sites}")).unwrap();
        let observed: Vec<Observation> = observations(lines, START);
        let until = Timestamp::from_millis(START + until * 1000);
        let mut text = Vec::new();
        replay::run(&network, log(&observed).as_bytes(), until).unwrap().write(&mut text).unwrap();
        let told: Value = serde_json::from_slice(&text).unwrap();
        let mut found = Vec::new();
        let expected = oracle::document(&network, &observed, until.as_millis());
        compare::differences("", &told, &expected, &mut found);
        assert!(found.is_empty(), "two readings differ:\n{}", found.join("\n"));
        Told(told)
    }

    /// The timeline of a site: `0=up 60=unreachable(noc)`.
    fn site(&self, id: &str) -> String {
        let stays = self.0["sites"][id]["timeline"].as_array().unwrap().iter().map(|stay| {
            let roots = list(&stay["roots"]);
            let roots = if roots.is_empty() { String::new() } else { format!("({})", roots.join(",")) };
            format!("{}={}{roots}", second(&stay["from"]), stay["state"].as_str().unwrap())
        });
        stays.collect::<Vec<_>>().join(" ")
    }

    /// When a site is under maintenance: `0-60`.
    fn maintenance(&self, id: &str) -> String {
        let marks = self.0["sites"][id]["maintenance"].as_array().unwrap().iter();
        let marks = marks.map(|mark| format!("{}-{}", second(&mark["from"]), second(&mark["to"])));
        marks.collect::<Vec<_>>().join(" ")
    }

    /// The incidents: `noc 60-200 link takes kec`.
    fn incidents(&self) -> Vec<String> {
        let incidents = self.0["incidents"].as_array().unwrap().iter().map(|incident| {
            let ended = &incident["ended_at"];
            let ended = if ended.is_null() { String::new() } else { second(ended).to_string() };
            let words = [
                incident["root"].as_str().unwrap().to_owned(),
                format!("{}-{ended}", second(&incident["started_at"])),
                incident["cause"].as_str().unwrap().to_owned(),
                format!("takes {}", list(&incident["affected"]).join(",")),
            ];
            words.join(" ").trim_end_matches(" takes ").to_owned()
        });
        incidents.collect()
    }
}

/// A site of the inventory; `more` are further keys of it.
fn site(id: &str, kind: &str, upstream: &[&str], more: &str) -> String {
    let number = id.bytes().map(u32::from).sum::<u32>() % 250 + 1;
    format!(
        "\n[[site]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"{kind}\"\nupstream = {upstream:?}\n\
         {more}\n\n[[site.target]]\nid = \"gw\"\naddress = \"10.0.0.{number}\"\n"
    )
}

/// Kecamatan kec on the core, desa behind it.
fn row() -> String {
    site("kec", "kecamatan", &[], "") + &site("desa", "desa", &["kec"], "")
}

#[test]
fn a_child_that_fails_shortly_before_its_parent_or_recovers_shortly_after_it_shares_its_fate() {
    let table = [
        (45, 215, "0=unknown 5=up 45=unreachable(kec) 215=up"),
        (45, 225, "0=unknown 5=up 45=unreachable(kec) 200=down 225=up"),
        (35, 215, "0=unknown 5=up 35=down 60=unreachable(kec) 215=up"),
        (65, 195, "0=unknown 5=up 65=unreachable(kec) 195=up"),
    ];
    for (fails, recovers, told) in table {
        let (good, bad, rest) = ((fails - 5) / 10, (recovers - fails) / 10, (305 - recovers) / 10);
        let lines = format!("core kec 0 6g 14f 10g\ncore desa 5 {good}g {bad}f {rest}g");
        assert_eq!(Told::of(&row(), &lines, 300).site("desa"), told);
    }
}

#[test]
fn an_unknown_stay_beside_an_unreachable_one_belongs_to_it_when_it_is_short_and_only_then() {
    // Nobody probes desa while kec is down; its own silence begins before or after the fall of kec.
    for (good, told) in [
        (5, "0=unknown 5=up 55=unreachable(kec) 205=up"),
        (3, "0=unknown 5=up 35=unknown 60=unreachable(kec) 205=up"),
    ] {
        let lines = format!("core kec 0 6g 14f 10g\ncore desa 5 {good}g {}- 10g", 20 - good);
        assert_eq!(Told::of(&row(), &lines, 300).site("desa"), told, "{good}");
    }
}

#[test]
fn evidence_that_was_never_up_counts_for_nothing_and_an_upstream_of_which_nothing_is_known_is_no_root() {
    let told = Told::of(&row(), "core kec 0 30f\ncore desa 0 10g 10f 10g", 300);
    assert_eq!(told.site("kec"), "0=unknown");
    assert_eq!(told.site("desa"), "0=up 100=down 200=up");
    assert_eq!(told.incidents(), ["desa 100-200 undetermined"]);
}

#[test]
fn what_falls_just_before_the_core_is_blind_and_recovers_just_after_it_is_nobodys_fault() {
    let network = format!("\n[core]\nreferences = [\"192.0.2.1\"]\n{}", site("noc", "backbone", &[], ""));
    let table = [
        // (answers until it falls, failures): blind from 60 to 160
        (5, 12, "0=up 50=unknown 170=up"),
        (4, 14, "0=up 40=unknown 180=up"),
        (3, 14, "0=up 30=down 60=unknown 170=up"),
        (5, 14, "0=up 50=unknown 160=down 190=up"),
        (8, 9, "0=up 60=unknown 170=up"),
        (20, 3, "0=up 60=unknown 160=up 200=down 230=up"),
    ];
    for (good, bad, told) in table {
        let lines =
            format!("core reference/192.0.2.1 0 6g 10f 14g\ncore noc 0 {good}g {bad}f {}g", 30 - good - bad);
        assert_eq!(Told::of(&network, &lines, 300).site("noc"), told, "{good} {bad}");
    }
}

#[test]
fn a_reference_that_never_answered_does_not_keep_the_core_from_being_blind() {
    let head = "\n[core]\nreferences = [\"192.0.2.1\", \"192.0.2.2\"]\n";
    let network = format!("{head}{}", site("noc", "backbone", &[], ""));
    let never = "core reference/192.0.2.1 0 6g 10f 14g\ncore reference/192.0.2.2 0 30f\ncore noc 0 30g";
    assert_eq!(Told::of(&network, never, 300).site("noc"), "0=up 60=unknown 160=up");
    let fell_silent = "core reference/192.0.2.1 0 6g 10f 14g\ncore reference/192.0.2.2 0 3g\ncore noc 0 30g";
    assert_eq!(Told::of(&network, fell_silent, 300).site("noc"), "0=up", "it is not down, nobody knows");
}

#[test]
fn the_collectors_downtime_is_bridged_for_what_hangs_directly_on_the_core_and_for_nothing_else() {
    let lines = "collector 58 198\ncore kec 0 6g 14- 10g\ncore desa 0 6g 14- 10g";
    let told = Told::of(&row(), lines, 300);
    assert_eq!(told.site("kec"), "0=up");
    assert_eq!(told.site("desa"), "0=up 60=unknown 200=up");
    let changed = Told::of(&row(), "collector 58 198\ncore kec 0 6g 14- 10f", 300);
    assert_eq!(changed.site("kec"), "0=up 60=unknown 200=down", "another state was confirmed behind it");
    let down = Told::of(&row(), "collector 88 198\ncore kec 0 6g 3f 11- 5f 5g", 300);
    assert_eq!(down.site("kec"), "0=up 60=down 250=up");
    assert_eq!(
        down.incidents(),
        ["kec 60-250 undetermined takes desa"],
        "the same incident across a restart"
    );
    let unexplained = Told::of(&row(), "collector 100 150\ncore kec 0 6g 14- 10g", 300);
    assert_eq!(unexplained.site("kec"), "0=up 60=unknown 200=up");
}

#[test]
fn what_an_agent_measured_bridges_the_collectors_downtime_further_down() {
    let network = site("kec", "kecamatan", &[], "agent = true") + &site("desa", "desa", &["kec"], "");
    let lines = "collector 58 198\nbeat kec 0 10 20 30 40 50 200 210 220 230 240 250 260 270 280 290\n\
                 core kec 0 6g 14- 10g\nkec desa 0 9g 4f 17g";
    let told = Told::of(&network, lines, 300);
    assert_eq!(told.site("desa"), "0=up 90=down 130=up");
}

#[test]
fn silence_is_unknown_from_one_interval_after_the_last_round() {
    let noc = site("noc", "backbone", &[], "");
    assert_eq!(Told::of(&noc, "core noc 0 6g", 80).site("noc"), "0=up", "80 is not more than 30 after 50");
    assert_eq!(Told::of(&noc, "core noc 0 6g", 81).site("noc"), "0=up 60=unknown");
    let anew = Told::of(&noc, "core noc 0 6g 2f 5- 1f 2g", 200);
    assert_eq!(anew.site("noc"), "0=up 80=unknown 140=up 160=unknown", "the automaton starts anew");
}

#[test]
fn an_agent_that_nobody_can_ping_is_known_by_its_deliveries() {
    let noc = site("noc", "backbone", &[], "agent = true");
    let beats = "beat noc 0 10 20 30 40 50 60";
    assert_eq!(Told::of(&noc, beats, 95).site("noc"), "0=up", "the third is overdue at 95, not before");
    assert_eq!(Told::of(&noc, beats, 96).site("noc"), "0=up 70=down");
    let again = Told::of(&noc, "beat noc 0 10 20 30 40 50 60 125 135 145", 150);
    assert_eq!(again.site("noc"), "0=up 70=down 125=up");
    assert_eq!(again.incidents(), ["noc 70-125 undetermined"]);
}

#[test]
fn a_site_is_degraded_by_what_lies_above_it_and_never_by_what_hangs_behind_it() {
    let network = site("noc", "backbone", &[], "agent = true")
        + &site("kec", "kecamatan", &["noc"], "agent = true")
        + &site("desa", "desa", &["kec"], "");
    let beats = "beat noc 0 10 20 30 40 50 60 70 80 90 100 110 120 130 140 150 160 170 180 190 200";
    // The core reaches desa all the while; kec no longer does from 60 to 100.
    let lines = format!("{beats}\ncore noc 0 20g\nnoc kec 0 20g\nkec desa 0 6g 4f 10g\ncore desa 0 20g");
    let told = Told::of(&network, &lines, 200);
    assert_eq!(told.site("desa"), "0=up 60=degraded 100=up");
    assert_eq!((told.site("kec"), told.site("noc")), ("0=up".into(), "0=up".into()));
    // Its only edge upwards is lossy; that it sees desa well does not help.
    let lossy =
        Told::of(&network, &format!("{beats}\ncore noc 0 20g\nnoc kec 0 6g 4p 10g\nkec desa 0 20g"), 200);
    assert_eq!(lossy.site("kec"), "0=up 60=degraded 100=up");
    // With a second edge upwards that is good it is not degraded; nor is a heartbeat such an edge.
    let both = format!("{beats}\ncore noc 0 20g\nnoc kec 0 6g 4p 10g\ncore kec 0 20g");
    assert_eq!(Told::of(&network, &both, 200).site("kec"), "0=up");
    let beating = format!("{beats}\n{}\ncore noc 0 20g\nnoc kec 0 6g 4p 10g", beats.replace("noc", "kec"));
    assert_eq!(Told::of(&network, &beating, 200).site("kec"), "0=up 60=degraded 100=up");
}

#[test]
fn another_target_that_is_down_or_a_dark_link_makes_a_site_degraded() {
    let network = "\n[snmp.r]\nversion = \"2c\"\ncommunity = { env = \"X\" }\n".to_owned()
        + &site("noc", "backbone", &[], "")
        + "snmp = \"r\"\nlinks = [{ interface = \"sfp1\", to = \"kec\" }]\n"
        + "\n[[site.target]]\nid = \"cam\"\naddress = \"10.9.0.1\"\n"
        + &site("kec", "kecamatan", &["noc"], "");
    let camera = Told::of(&network, "core noc 0 20g\ncore noc/cam 0 6g 4f 10g", 200);
    assert_eq!(camera.site("noc"), "0=up 60=degraded 100=up");
    let dark = Told::of(&network, "core noc 0 150g\nport noc sfp1 60 down\nport noc sfp1 90 up", 1500);
    assert_eq!(dark.site("noc"), "0=up 60=degraded 90=up");
    let unrefuted = Told::of(&network, "core noc 0 150g\nport noc sfp1 60 down", 1500);
    assert_eq!(unrefuted.site("noc"), "0=up 60=degraded 960=up", "15 minutes at most");
}

#[test]
fn local_evidence_says_that_a_site_had_power_and_never_that_it_was_connected() {
    let network = site("noc", "backbone", &[], "agent = true");
    let told = Told::of(&network, "core noc 0 6g 9f 5g\nnoc noc 0 20g", 200);
    assert_eq!(told.site("noc"), "0=up 60=down 150=up");
    assert_eq!(told.incidents(), ["noc 60-150 link"]);
}

#[test]
fn a_hotspot_is_down_when_all_its_access_points_are_unless_it_is_unreachable() {
    let network = site("kec", "kecamatan", &[], "")
        + &site("hs", "hotspot", &["kec"], "agent = true")
        + "\n[[site.target]]\nid = \"ap1\"\nrole = \"ap\"\naddress = \"10.9.0.1\"\n"
        + "\n[[site.target]]\nid = \"ap2\"\nrole = \"ap\"\naddress = \"10.9.0.2\"\n";
    let tell = |kec: &str, gateway: &str, rest: &str| {
        Told::of(&network, &format!("core kec 0 {kec}\ncore hs 0 {gateway}\n{rest}"), 300).site("hs")
    };
    let one = "core hs/ap1 0 6g 9f 15g\ncore hs/ap2 0 30g";
    assert_eq!(tell("30g", "30g", one), "0=up 60=degraded 150=up");
    let both = "core hs/ap1 0 6g 9f 15g\ncore hs/ap2 0 8g 9f 13g";
    assert_eq!(tell("30g", "30g", both), "0=up 60=degraded 80=down 150=degraded 170=up");
    let unproven = "core hs/ap1 0 6g 9f 15g\ncore hs/ap2 0 30f";
    assert_eq!(tell("30g", "30g", unproven), "0=up 60=degraded 150=up", "of one nothing is known");
    let seen = "core hs/ap1 0 6g 9f 15g\ncore hs/ap2 0 6g 9f 15g\nhs hs/ap2 0 30g";
    assert_eq!(tell("30g", "30g", seen), "0=up 60=degraded 150=up", "one is seen by its own agent");
    let cut = "core hs/ap1 0 6g 9f 15g\ncore hs/ap2 0 6g 9f 15g";
    assert_eq!(tell("6g 9f 15g", "6g 9f 15g", cut), "0=up 60=unreachable(kec) 150=up");
}

#[test]
fn the_roots_are_the_nearest_down_sites_on_all_upstream_paths() {
    let network = site("a", "kecamatan", &[], "")
        + &site("b", "kecamatan", &[], "")
        + &site("c", "desa", &["b"], "")
        + &site("d", "desa", &["a", "c"], "");
    let lines = "core a 0 6g 14f 10g\ncore b 0 8g 10f 12g\ncore c 0 8g 10f 12g\ncore d 0 8g 10f 12g";
    let told = Told::of(&network, lines, 300);
    assert_eq!(told.site("c"), "0=up 80=unreachable(b) 180=up");
    assert_eq!(told.site("d"), "0=up 80=unreachable(a,b) 180=up");
    assert_eq!(told.incidents(), ["a 60-200 undetermined takes d", "b 80-180 undetermined takes c,d"]);
    // While one way is open, what fails is the site's own fault.
    let open = "core a 0 30g\ncore b 0 8g 10f 12g\ncore c 0 8g 10f 12g\ncore d 0 8g 10f 12g";
    assert_eq!(Told::of(&network, open, 300).site("d"), "0=up 80=down 180=up");
}

#[test]
fn maintenance_counts_behind_a_site_only_while_every_upstream_path_passes_a_window() {
    let window = |site: &str, from: i64, to: i64| {
        let at = |second: i64| Timestamp::from_millis(START + second * 1000);
        format!("\n[[maintenance]]\nsite = \"{site}\"\nfrom = {}\nto = {}\n", at(from), at(to))
    };
    let network = site("a", "kecamatan", &[], "")
        + &site("b", "kecamatan", &[], "")
        + &site("d", "desa", &["a", "b"], "")
        + &site("e", "hotspot", &["d"], "")
        + &window("a", 30, 150)
        + &window("b", 90, 200)
        + &window("e", 100, 110);
    let told = Told::of(&network, "core a 0 30g\ncore b 0 30g\ncore d 0 10g 3f 17g\ncore e 0 30g", 300);
    assert_eq!(told.maintenance("a"), "30-150");
    assert_eq!(told.maintenance("d"), "90-150");
    assert_eq!(told.maintenance("e"), "90-150");
    assert_eq!(told.site("d"), "0=up 100=down 130=up", "a mark is no state");
    assert_eq!(told.0["incidents"][0]["maintenance"], true);
    assert_eq!(told.0["sites"]["d"]["uptime"]["outages"], 0);
}

#[test]
fn an_outage_is_one_incident_until_the_site_serves_again_whatever_lies_between() {
    let noc = site("noc", "backbone", &[], "");
    let told = Told::of(&noc, "core noc 0 6g 4f 6- 4f 3p 7g", 300);
    assert_eq!(told.site("noc"), "0=up 60=down 100=unknown 160=down 200=degraded 230=up");
    assert_eq!(told.incidents(), ["noc 60-200 undetermined"]);
}

#[test]
fn a_boot_in_the_outage_or_just_before_it_is_power_and_one_before_that_a_link() {
    let network = "\n[snmp.r]\nversion = \"2c\"\ncommunity = { env = \"X\" }\n".to_owned()
        + &site("noc", "backbone", &[], "agent = true")
        + "snmp = \"r\"\n";
    let table = [
        ("boot noc 160 70", "power"),
        ("boot noc 160 40", "power"),
        ("boot noc 160 39", "link"),
        ("boot noc 140 70", "undetermined"),
        ("beat noc 160\nboot noc 160 155", "undetermined"),
        ("boot noc 160 39\nboot noc 170 100", "power"),
    ];
    for (line, cause) in table {
        let told = Told::of(&network, &format!("core noc 0 6g 9f 5g\n{line}"), 200);
        assert_eq!(told.incidents(), [format!("noc 60-150 {cause}")], "{line}");
    }
}

#[test]
fn deliveries_that_do_not_reach_a_blind_core_blame_nobody_either() {
    let network =
        format!("\n[core]\nreferences = [\"192.0.2.1\"]\n{}", site("noc", "backbone", &[], "agent = true"));
    let blind = "core reference/192.0.2.1 0 6g 10f 14g";
    let again = "170 180 190 200 210 220 230 240 250 260 270 280 290";
    let told = Told::of(&network, &format!("{blind}\nbeat noc 0 10 20 30 {again}"), 300);
    assert_eq!(told.site("noc"), "0=up 40=unknown 170=up");
    assert!(told.incidents().is_empty());
    let before = Told::of(&network, &format!("{blind}\nbeat noc 0 10 20 {again}"), 300);
    assert_eq!(before.site("noc"), "0=up 30=down 60=unknown 170=up");
}

#[test]
fn of_two_lost_upstreams_the_one_that_is_known_to_be_down_is_the_root() {
    let network = site("a", "kecamatan", &[], "")
        + &site("b", "kecamatan", &[], "")
        + &site("d", "desa", &["a", "b"], "");
    // Nobody hears of b any more from 60 on; a falls at 80.
    let told = Told::of(&network, "core a 0 8g 12f 10g\ncore b 0 6g 16- 8g\ncore d 0 8g 12f 10g", 300);
    assert_eq!(told.site("b"), "0=up 60=unknown 220=up");
    assert_eq!(told.site("d"), "0=up 80=unreachable(a) 200=up");
    // Of neither anything is known: then it is its own fault.
    let silent = Told::of(&network, "core a 0 8g 12- 10g\ncore b 0 6g 16- 8g\ncore d 0 8g 12f 10g", 300);
    assert_eq!(silent.site("d"), "0=up 80=down 200=up");
}

#[test]
fn a_site_counts_from_its_since_on_and_so_does_an_outage_that_was_there_before() {
    let since = Timestamp::from_millis(START + 100_000);
    let told =
        Told::of(&site("noc", "backbone", &[], &format!("since = {since}")), "core noc 0 6g 9f 15g", 300);
    assert_eq!(told.site("noc"), "100=down 150=up");
    assert_eq!(told.incidents(), ["noc 100-150 undetermined"]);
}
