//! The collector as this router sees it: its name, the way there, its certificate, its clock, and what it says to the
//! agent's token.

use std::{net::IpAddr, time::Duration};

use kentongan_model::{
    plan::Plan,
    time::{Clock, Timestamp},
};

use super::{found::Found, machine};
use crate::{
    Config,
    plan_cache::LoadedPlan,
    uplink::{Obstacle, Said, get, host},
};

/// How long a name may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// From here on two clocks do not agree. What is measured does not depend on it; TLS does, by days.
const APART_MS: i64 = 60_000;

/// Asks for the plan, and tells everything that was found on the way.
pub(super) async fn ask(config: &Config, clock: &dyn Clock, found: &mut Vec<Found>) -> Option<Plan> {
    let encrypted = config.collector.starts_with("https:");
    let Some(host) = host(&config.collector) else {
        found.push(machine::clock(clock, encrypted));
        found.push(Found::AddressUnusable { error: format!("'{}'", config.collector) });
        return None;
    };
    let known = name(&host, clock).await;
    let unknown = matches!(known, Some(Found::NameUnknown { .. }));
    found.extend(known);
    if unknown {
        found.push(machine::clock(clock, encrypted));
        return None;
    }
    let began = clock.since_boot();
    let path = format!("/api/v1/agents/{}/plan", config.agent);
    let said = match get(&config.collector, config.ca_file.as_ref(), &path, config.token.expose()).await {
        Err(error) => {
            found.push(machine::clock(clock, encrypted));
            found.push(Found::AddressUnusable { error: crate::told(&error) });
            return None;
        }
        Ok(Err(error)) => {
            found.push(machine::clock(clock, encrypted));
            found.push(Found::Unconnected { obstacle: Obstacle::of(&error), error: crate::told(&error) });
            return None;
        }
        Ok(Ok(said)) => said,
    };
    let took = clock.since_boot().saturating_sub(began);
    found.push(beside(said.date.as_deref(), clock));
    found.push(Found::Connected { encrypted, took });
    let (told, plan) = judge(&said, config);
    found.push(told);
    plan
}

/// Resolves the collector's name; nothing where it is an address.
async fn name(host: &str, clock: &dyn Clock) -> Option<Found> {
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let began = clock.since_boot();
    let unknown = |error: String| Some(Found::NameUnknown { host: host.to_owned(), error });
    let addresses: Vec<IpAddr> =
        match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, 0))).await {
            Err(_) => return unknown(format!("{} s", PATIENCE.as_secs())),
            Ok(Err(error)) => return unknown(error.to_string()),
            Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        };
    let took = clock.since_boot().saturating_sub(began);
    Some(Found::NameKnown { host: host.to_owned(), addresses, took })
}

/// This machine's clock beside the collector's, which tells whole seconds.
fn beside(date: Option<&str>, clock: &dyn Clock) -> Found {
    let told = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let since_1970 = told.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let Some(collector) = since_1970.and_then(|time| i64::try_from(time.as_millis()).ok()) else {
        return machine::clock(clock, false);
    };
    let ahead_ms = clock.now().millis_since(Timestamp::from_millis(collector));
    if ahead_ms.abs() < APART_MS { Found::Clock { ahead_ms } } else { Found::ClockOff { ahead_ms } }
}

/// What the answer means, and the plan if it is one.
fn judge(said: &Said, config: &Config) -> (Found, Option<Plan>) {
    let found = match said.status {
        200 => match LoadedPlan::read(&said.body, &config.agent) {
            Ok(LoadedPlan { plan, revision }) => {
                let (targets, devices) = (plan.targets.len(), plan.devices.len());
                let found = if targets + devices == 0 {
                    Found::EmptyPlan
                } else {
                    Found::Plan { revision, targets, devices }
                };
                return (found, Some(plan));
            }
            Err(error) => Found::PlanUnusable { error: crate::told(&error) },
        },
        401 | 403 => Found::TokenRefused,
        404 => Found::AgentUnknown,
        status => Found::Unexpected { status },
    };
    (found, None)
}
