//! Work is planned while the program runs: what goes down under it is in the books and wakes nobody. Then the month is
//! written down in every format, and each file still holds when it is computed again.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    Lab,
    district::{District, NOC_ADDRESS},
    product::Office,
    wait,
    webhook::Webhook,
};
use kentongan_model::time::{Clock, SystemClock};

use crate::told::{all_up, only_messages};

/// No step takes longer, or something is broken.
const PATIENCE: Duration = Duration::from_secs(120);
/// Long enough for a superfluous message to be sent.
const QUIET: Duration = Duration::from_secs(15);
/// Asia/Jakarta, whose months the network counts by.
const WIB: Duration = Duration::from_secs(7 * 3600);

#[test]
fn planned_work_wakes_nobody_and_the_month_can_be_proved_in_every_format() -> Result<()> {
    let district = District::build(&Lab::new()?, 1)?;
    let (desa, hotspot) = (&district.leaves[0], &district.leaves[1]);
    let webhook = Webhook::listen(&district.noc, SocketAddr::from((NOC_ADDRESS, 9000)))?;
    let settings = format!(
        "[[channel]]\nkind = \"webhook\"\nname = \"helpdesk\"\nurl = \"http://{NOC_ADDRESS}:9000/kentongan\"\n"
    );
    // Without an agent in the field: the core reaches everyone itself.
    let inventory = district.inventory("1s").replace("agent = true\n", "");
    let office =
        Office::install(&district.noc, SocketAddr::from((NOC_ADDRESS, 8080)), &inventory, &settings)?;
    let _office = office.up()?;
    all_up(&office)?;

    let planned = ["--from", "now", "--for", "2h", "--reason", "ganti adaptor"];
    office.run(&[&["maintenance", "add", &desa.id][..], &planned].concat())?;
    let listed = office.run(&["maintenance", "list"])?;
    ensure!(listed.contains(&desa.id) && listed.contains("ganti adaptor"), "{listed}");
    desa.link.cut()?;
    let incident = wait::until_ok("the outage to be in the books", PATIENCE, || {
        let list = office.api("incidents")?;
        let first = list["incidents"][0].clone();
        ensure!(first["root"]["id"] == desa.id.as_str(), "{list}");
        Ok(first)
    })?;
    ensure!(incident["maintenance"] == true, "{incident}");
    desa.link.mend()?;
    all_up(&office)?;

    // What is not planned is told, as the first message of all.
    hotspot.link.cut()?;
    let told = webhook.nth(1, PATIENCE)?.json()?;
    ensure!(told["incident"]["root"]["id"] == hotspot.id.as_str(), "{told}");
    hotspot.link.mend()?;
    all_up(&office)?;
    only_messages(&webhook, 2, QUIET)?;

    let month = (SystemClock::new().now() + WIB).to_string();
    let month = month.get(..7).context("a year and a month")?;
    for format in ["json", "csv", "xlsx", "pdf", "html"] {
        let file = format!("laporan.{format}");
        office.run(&["report", "--month", month, "--by", "kecamatan", "-o", &file])?;
        office.run(&["report", "--verify", &file]).with_context(|| format!("{file} does not hold"))?;
    }
    office.run(&["verify"]).map(drop)
}
