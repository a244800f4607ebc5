//! What the plan names: whether its targets answer a ping, and its devices an SNMP request.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use kentongan_model::plan::{Access, PlannedDevice, PlannedTarget};

use super::found::Found;
use crate::{
    icmp::IcmpPinger,
    pinger::{Aim, Pinger},
    snmp::{Exchange, describe},
};

/// Devices that are asked at a time.
const AT_A_TIME: usize = 8;
/// Targets that are pinged, the first ones of the plan: a test is no round.
const MOST_TARGETS: usize = 200;
/// Devices that are asked, the first ones of the plan; the others are counted.
const MOST_DEVICES: usize = 100;
/// How often a target is asked.
const TRIES: u16 = 2;
/// Silent targets that are named; the others are counted.
const NAMED: usize = 5;

/// Pings the targets of the plan that are pinged.
pub(super) async fn targets(pinger: &Arc<IcmpPinger>, targets: &[PlannedTarget]) -> Option<Found> {
    let pinged: Vec<&PlannedTarget> = targets
        .iter()
        .filter(|target| target.probe.is_icmp() && pinger.reaches(target.address))
        .take(MOST_TARGETS)
        .collect();
    let of = pinged.len();
    let aim = |target: &&PlannedTarget| Aim {
        address: target.address,
        probes: TRIES,
        timeout: Duration::from_millis(target.timeout_ms),
    };
    let mut rounds = Arc::clone(pinger).ping_group(pinged.iter().map(aim).collect());
    let mut answers = vec![false; of];
    while let Some(ended) = rounds.next().await {
        for round in ended {
            answers[round.aim] = round.echoes.iter().any(|echo| echo.rtt_us().is_some());
        }
    }
    let silent = pinged.iter().zip(answers).filter(|(_, answers)| !answers);
    let mut silent: Vec<_> = silent.map(|(target, _)| target.subject.clone()).collect();
    match silent.len() {
        _ if of == 0 => None,
        0 => Some(Found::TargetsAnswer { count: of }),
        count => {
            silent.truncate(NAMED);
            Some(Found::TargetsSilent { more: count - silent.len(), silent, of })
        }
    }
}

/// Asks each device of the plan who it is.
pub(super) async fn devices(devices: &[PlannedDevice], now: Duration) -> Vec<Found> {
    let exchange = Arc::new(Exchange::default());
    let asked = &devices[..devices.len().min(MOST_DEVICES)];
    let mut found: Vec<Found> =
        stream::iter(asked).map(|one| device(&exchange, one, now)).buffered(AT_A_TIME).collect().await;
    let count = devices.len() - asked.len();
    if count > 0 {
        found.push(Found::DevicesLeftOut { count });
    }
    found
}

async fn device(exchange: &Arc<Exchange>, device: &PlannedDevice, now: Duration) -> Found {
    let (subject, address) = (device.subject.clone(), device.address);
    match describe(exchange, device, now).await {
        Ok(description) => Found::Device { subject, address, description },
        Err(error) => Found::DeviceSilent {
            subject,
            address,
            access: access(&device.access),
            error: crate::told(&error),
        },
    }
}

/// The credential as far as it is no secret.
fn access(access: &Access) -> String {
    match access {
        Access::V1 { .. } => "SNMP v1".to_owned(),
        Access::V2c { .. } => "SNMP v2c".to_owned(),
        Access::V3 { user, .. } => format!("SNMP v3 ({user})"),
    }
}
