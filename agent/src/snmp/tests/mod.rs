//! SNMP against a real `snmpd`, and against a device that does everything wrong.

mod fake;
mod hostile;
mod looks;
mod polls;
mod quirks;
mod snmpd;

use std::{sync::Arc, time::Duration};

use kentongan_model::plan::{Access, PlannedDevice};

use super::{Patience, device::Device};

fn planned(port: u16, access: Access, links: &[&str]) -> PlannedDevice {
    PlannedDevice {
        subject: "kec-a/router".parse().unwrap(),
        address: [127, 0, 0, 1].into(),
        port,
        interval_ms: 30_000,
        access,
        links: links.iter().map(|&link| link.to_owned()).collect(),
    }
}

fn device(port: u16, access: Access, links: &[&str]) -> Device {
    Device::new(Arc::new(planned(port, access, links)), &Arc::default(), PATIENCE)
}

/// As long as loopback needs, on a machine that is busy.
const PATIENCE: Patience = Patience { tries: 3, wait: Duration::from_millis(300) };

fn v2c(community: &str) -> Access {
    Access::V2c { community: community.to_owned() }
}

const NOW: Duration = Duration::from_secs(1_000);
