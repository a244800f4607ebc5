//! The lab itself: before it is believed about the product, it is shown that a cut cuts, a mend mends, and that the
//! witness counts.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use kentongan_lab::{
    Lab,
    district::{COMMUNITY, District, KECAMATAN_ADDRESS, TRUNK_INTERFACE},
    peers::{Influx, snmpd},
    recorder::Recorder,
    wait,
    webhook::Webhook,
};

#[test]
fn a_cut_link_loses_every_packet_and_a_mended_one_none() -> Result<()> {
    let district = District::build(&Lab::new()?, 2)?;
    let [first, second, _] = &district.leaves[..] else { unreachable!("two desa and a hotspot") };
    let answers = |address: std::net::Ipv4Addr| {
        district.noc.run("ping", &["-c", "2", "-i", "0.2", "-W", "1", &address.to_string()]).is_ok()
    };
    assert!(answers(first.address) && answers(second.address) && answers(KECAMATAN_ADDRESS));
    first.link.cut()?;
    assert!(!answers(first.address), "the cut desa still answers");
    assert!(answers(second.address), "its neighbour was cut too");
    first.link.mend()?;
    assert!(answers(first.address), "the mended desa does not answer");
    district.trunk.cut()?;
    assert!(!answers(KECAMATAN_ADDRESS) && !answers(second.address), "the cut trunk still carries");
    district.trunk.mend()?;
    assert!(answers(KECAMATAN_ADDRESS) && answers(second.address));
    Ok(())
}

#[test]
fn the_witness_counts_what_arrives_and_nothing_else() -> Result<()> {
    let district = District::build(&Lab::new()?, 1)?;
    let desa = &district.leaves[0];
    let witness = Recorder::start(&desa.router)?;
    let ping = |count: &str| {
        district.noc.run("ping", &["-c", count, "-i", "0.1", "-W", "1", &desa.address.to_string()])
    };
    ping("7")?;
    wait::until("seven requests", Duration::from_secs(5), || Ok((witness.seen().len() == 7).then_some(())))?;
    desa.link.cut()?;
    assert!(ping("3").is_err());
    desa.link.mend()?;
    ping("2")?;
    wait::until("two more", Duration::from_secs(5), || Ok((witness.seen().len() == 9).then_some(())))?;
    assert!(witness.seen().iter().all(|echo| echo.to == desa.address));
    let sequences: Vec<u16> = witness.seen().iter().map(|echo| echo.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7, 1, 2]);
    Ok(())
}

#[test]
fn the_kecamatans_router_tells_its_interfaces_over_snmp() -> Result<()> {
    let district = District::build(&Lab::new()?, 1)?;
    let _snmpd = snmpd(&district.kecamatan, "snmpd", COMMUNITY.1)?;
    let names = wait::until_ok("snmpd to answer", Duration::from_secs(30), || {
        let if_name = ["-v2c", "-c", COMMUNITY.1, "-Oqv", "10.33.0.2", "1.3.6.1.2.1.31.1.1.1.1"];
        district.noc.run("snmpwalk", &if_name)
    })?;
    assert!(names.lines().any(|name| name.trim_matches('"') == TRUNK_INTERFACE), "{names}");
    Ok(())
}

#[test]
fn what_is_posted_is_kept_in_the_order_of_arrival() -> Result<()> {
    let lab = Lab::new()?;
    let noc = lab.namespace("noc")?;
    let webhook = Webhook::listen(&noc, SocketAddr::from(([127, 0, 0, 1], 9000)))?;
    for number in ["1", "2"] {
        noc.run("curl", &["-sf", "-d", number, "http://127.0.0.1:9000/hook"])?;
    }
    let second = webhook.nth(2, Duration::from_secs(5))?;
    assert_eq!((second.path.as_str(), second.json()?), ("/hook", serde_json::json!(2)));
    Ok(())
}

#[test]
fn the_real_influxdb_answers_from_its_namespace() -> Result<()> {
    let noc = Lab::new()?.namespace("noc")?;
    let influx = Influx::start(&noc)?;
    influx.query("", "CREATE DATABASE kentongan")?;
    let write = "http://127.0.0.1:8086/write?db=kentongan";
    noc.run("curl", &["-sf", "-d", "site,site=noc up=1i 1000000000", write])?;
    let rows = influx.query("kentongan", "SELECT up FROM site")?;
    assert_eq!(rows, [[serde_json::json!(1000), serde_json::json!(1)]]);
    Ok(())
}
