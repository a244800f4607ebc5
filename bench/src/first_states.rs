//! From the start of `kentongan up` on the sample inventory to the moment the API tells a state of every site.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kentongan_lab::{Lab, product::Office};
use kentongan_model::time::{Clock, SystemClock};

use crate::table;

/// The sample that lies at the top of the repository.
const SAMPLE: &str = include_str!("../../hotspots.toml");
/// How closely is looked.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// From the start of the program to a state of every site of the sample (root).
#[derive(Debug, Args)]
pub(crate) struct FirstStates {
    /// Starts with an empty data folder.
    #[arg(long, default_value_t = 5)]
    starts: u32,
}

impl FirstStates {
    /// Measures and prints.
    pub(crate) fn run(&self) -> Result<()> {
        let mut took = (0..self.starts).map(|_| once()).collect::<Result<Vec<_>>>()?;
        took.sort_unstable();
        let header = ["", "starts", "median", "fastest", "slowest"];
        table::print(
            "From the start of `kentongan up` to a state of every site",
            &header,
            vec![table::spread("sample inventory", &took)],
        );
        Ok(())
    }
}

fn once() -> Result<Duration> {
    let machine = Lab::quiet()?.namespace("laptop")?;
    let office = Office::install(&machine, SocketAddr::from(([127, 0, 0, 1], 8080)), SAMPLE, "")?;
    let clock = SystemClock::new();
    let start = clock.since_boot();
    let running = office.up()?;
    loop {
        let took = clock.since_boot() - start;
        ensure!(took < PATIENCE, "no state of every site within {PATIENCE:?}:\n{}", running.log());
        let Ok(listing) = office.api("sites") else {
            thread::sleep(LOOK);
            continue;
        };
        let sites = listing["sites"].as_array().context("a list of sites")?;
        if !sites.is_empty() && sites.iter().all(|site| site["state"] != "unknown") {
            return Ok(took);
        }
        thread::sleep(LOOK);
    }
}
