//! SNMP against a real `snmpd`, and against a device that does everything wrong.

mod fake;
mod hostile;
mod quirks;
mod snmpd;

use std::time::Duration;

use kentongan_model::plan::{Access, PlannedDevice};

use super::device::Device;

fn device(port: u16, access: Access, links: &[&str]) -> Device {
    Device::new(PlannedDevice {
        subject: "kec-a/router".parse().unwrap(),
        address: [127, 0, 0, 1].into(),
        port,
        interval_ms: 30_000,
        access,
        links: links.iter().map(|&link| link.to_owned()).collect(),
    })
}

fn v2c(community: &str) -> Access {
    Access::V2c { community: community.to_owned() }
}

const NOW: Duration = Duration::from_secs(1_000);
