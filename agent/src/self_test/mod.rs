//! `kentongan-agent --self-test`: what works on this router and what does not, in plain words.
//!
//! It looks at everything that an agent needs, in the order in which it needs it, and goes on after a failure. The rule
//! it guards: it may be run at any time, beside a running agent and before there is a plan; it changes nothing, shows no
//! secret, and says of every failure what to do.

mod collector;
mod devices;
mod found;
mod machine;
mod report;
mod words;

use std::{path::Path, sync::Arc};

use kentongan_model::time::Clock;

use crate::{Config, icmp::IcmpPinger, plan_cache::PlanCache};
use found::Found;
pub use found::{Topic, Verdict};
pub use report::Report;

/// Looks at all there is, with the configuration that an agent would run on.
pub async fn run(config: &Path, clock: Arc<dyn Clock>) -> Report {
    let configured = Config::read(config);
    let mut found = vec![match &configured {
        Ok(config) => Found::Configured { agent: config.agent.clone(), collector: config.collector.clone() },
        Err(error) => Found::Unconfigured { error: crate::told(error) },
    }];
    let config = configured.ok();
    if let Some(config) = &config {
        found.extend(machine::folders(&config.state_dir, &config.memory_dir).await);
    }
    let engine = config.as_ref().map(|config| config.engine).unwrap_or_default();
    let pinger = match IcmpPinger::open(engine, &clock) {
        Ok(pinger) => {
            let pinger = Arc::new(pinger);
            found.extend(machine::ping(&pinger).await);
            Some(pinger)
        }
        Err(error) => {
            found.push(Found::MayNotPing { error: crate::told(&error) });
            None
        }
    };
    found.extend(machine::gateway(pinger.as_ref()).await);
    let Some(config) = config else {
        found.push(machine::clock(clock.as_ref(), false));
        return Report { found };
    };
    let fetched = collector::ask(&config, clock.as_ref(), &mut found).await;
    let plan = fetched.or_else(|| {
        let kept = PlanCache::new(&config.state_dir).load(&config.agent).map(|kept| kept.plan);
        found.push(kept.as_ref().map_or(Found::NoPlan, |plan| Found::KeptPlan {
            targets: plan.targets.len(),
            devices: plan.devices.len(),
        }));
        kept
    });
    if let Some(plan) = plan {
        if let Some(pinger) = &pinger {
            found.extend(devices::targets(pinger, &plan.targets).await);
        }
        found.extend(devices::devices(&plan.devices, clock.since_boot()).await);
    }
    Report { found }
}

#[cfg(test)]
mod tests;
