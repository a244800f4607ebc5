//! The plan on disk: an agent that starts without reaching its collector runs on what it was told last.
//!
//! The file holds SNMP secrets, so it has mode 0600, and it is replaced whole or not at all. A plan that this agent cannot
//! follow is refused as a whole, and the one before stays; but a device profile that it does not understand, as a newer
//! collector may have, is left out alone.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use kentongan_model::{
    id::Vantage,
    plan::{Access, Plan, PlanRevision},
    profile::Profile,
};
use serde_json::value::RawValue;

use crate::spool::write_whole;

/// Most echo requests in a round that a plan may ask for.
const MAX_PROBES: u16 = 1_000;

/// A plan that can be followed, with the revision that its JSON has.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedPlan {
    /// What to do.
    pub plan: Plan,
    /// Which plan it is.
    pub revision: PlanRevision,
}

/// Why a plan cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no plan.
    #[error("the collector's plan cannot be read; run the same version of Kentongan here and there")]
    Json(#[from] serde_json::Error),
    /// It is somebody else's.
    #[error("the plan is that of '{told}', not of '{own}'; give this agent the token and id of its own site")]
    Foreign {
        /// Whose it is.
        told: Vantage,
        /// Whose it should be.
        own: Vantage,
    },
    /// It has more entries than a batch can name.
    #[error("the plan has more than 65,535 targets, devices or links of a device")]
    TooLarge,
    /// An entry makes no sense.
    #[error("the plan asks for the impossible at {subject}: {what}")]
    Entry {
        /// The target.
        subject: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl LoadedPlan {
    /// Reads and checks a plan.
    ///
    /// # Errors
    /// When this agent cannot follow it.
    pub fn read(json: &str, own: &Vantage) -> Result<Self, PlanError> {
        let plan: Plan<Box<RawValue>> = serde_json::from_str(json)?;
        let plan = plan.with_profiles(|profiles| profiles.iter().filter_map(|raw| understood(raw)).collect());
        check(&plan, own)?;
        Ok(LoadedPlan { revision: PlanRevision::of_json(json), plan })
    }

    /// How often to deliver; at least a second.
    #[must_use]
    pub fn report_interval(&self) -> Duration {
        Duration::from_millis(self.plan.report_interval_ms.max(1_000))
    }
}

/// A profile, unless it says what this agent does not know.
fn understood(raw: &RawValue) -> Option<Profile> {
    let read = serde_json::from_str(raw.get());
    read.inspect_err(|error| {
        tracing::warn!(
            profile = name(raw),
            "a device profile of the plan is left out, for this agent does not understand it; install the collector's \
             version of it: {error}"
        );
    })
    .ok()
}

/// What a profile is called, which a collector writes first.
fn name(raw: &RawValue) -> &str {
    let behind = raw.get().strip_prefix("{\"name\":\"").unwrap_or_default();
    behind.split('"').next().unwrap_or_default()
}

fn check(plan: &Plan, own: &Vantage) -> Result<(), PlanError> {
    if plan.agent != *own {
        return Err(PlanError::Foreign { told: plan.agent.clone(), own: own.clone() });
    }
    let lengths = [plan.targets.len(), plan.devices.len()];
    let links = plan.devices.iter().map(|device| device.links.len());
    if links.chain(lengths).any(|length| length > usize::from(u16::MAX)) {
        return Err(PlanError::TooLarge);
    }
    for target in &plan.targets {
        let what = match target {
            target if target.interval_ms < 100 => "an interval under 100 ms",
            target if target.probes == 0 || target.probes > MAX_PROBES => {
                "no probes, or more than 1,000 in a round"
            }
            target if target.timeout_ms == 0 || target.timeout_ms > 60_000 => {
                "no timeout, or more than a minute"
            }
            _ => continue,
        };
        return Err(PlanError::Entry { subject: target.subject.to_string(), what });
    }
    for device in &plan.devices {
        let what = match &device.access {
            _ if device.interval_ms < 1_000 => "an SNMP interval under 1 s",
            Access::V3 { auth: None, privacy: Some(_), .. } => "SNMP privacy without authentication",
            Access::V3 { auth: Some((_, password)), .. } if password.is_empty() => "an empty SNMP password",
            Access::V3 { privacy: Some((_, password)), .. } if password.is_empty() => {
                "an empty SNMP password"
            }
            _ => continue,
        };
        return Err(PlanError::Entry { subject: device.subject.to_string(), what });
    }
    Ok(())
}

/// The file of the plan.
#[derive(Debug, Clone)]
pub struct PlanCache {
    path: PathBuf,
}

impl PlanCache {
    /// The plan's file in the state folder.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        PlanCache { path: state_dir.join("plan.json") }
    }

    /// The plan that was kept last, unless there is none or it cannot be followed.
    #[must_use]
    pub fn load(&self, own: &Vantage) -> Option<LoadedPlan> {
        let json = match std::fs::read_to_string(&self.path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("cannot read the plan kept in {}: {error}", self.path.display());
                return None;
            }
        };
        LoadedPlan::read(&json, own)
            .inspect_err(|error| {
                tracing::warn!("the plan kept in {} is not used: {error}", self.path.display());
            })
            .ok()
    }

    /// Keeps a plan, as the JSON that it came as.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn store(&self, json: &str) -> io::Result<()> {
        write_whole(&self.path, &[json.as_bytes()], 0o600)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PLAN: &str = r#"{"agent":"kec-a","report_interval_ms":30000,"targets":[{"subject":"kec-a/router","address":"127.0.0.1","interval_ms":5000,"probes":5,"timeout_ms":1000,"down_after":3,"up_after":2,"loss_warn":20.0}],"devices":[]}"#;

    #[test]
    fn a_kept_plan_is_for_its_owner_only_and_reads_back_with_the_same_revision() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, own) = (PlanCache::new(folder.path()), "kec-a".parse().unwrap());
        assert_eq!(cache.load(&own), None);
        cache.store(PLAN).unwrap();
        assert_eq!(cache.load(&own).unwrap().revision, PlanRevision::of_json(PLAN));
        let mode = std::fs::metadata(folder.path().join("plan.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.path().join("plan.json"), &PLAN[..50]).unwrap();
        assert_eq!(cache.load(&own), None);
    }

    #[test]
    fn a_plan_that_cannot_be_followed_is_refused_with_the_reason() {
        let own = "kec-a".parse().unwrap();
        for (from, to, reason) in [
            ("\"agent\":\"kec-a\"", "\"agent\":\"kec-b\"", "not of 'kec-a'"),
            ("\"probes\":5", "\"probes\":0", "no probes"),
            ("\"interval_ms\":5000", "\"interval_ms\":0", "interval under 100 ms"),
            ("\"timeout_ms\":1000", "\"timeout_ms\":0", "no timeout"),
            ("\"targets\"", "\"sasaran\"", "same version"),
        ] {
            let error = LoadedPlan::read(&PLAN.replace(from, to), &own).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(LoadedPlan::read(PLAN, &own).is_ok());
    }

    #[test]
    fn a_profile_that_is_not_understood_is_left_out_and_the_rest_of_the_plan_is_followed() {
        let own = "kec-a".parse().unwrap();
        let known =
            r#"{"name":"lama","table":[{"oid":"1.3.6.1.4.1.9.1","gauge":[{"kind":"celsius","column":2}]}]}"#;
        let profiles = [
            known.to_owned(),
            known.replace("\"name\"", "\"sejak\":9,\"name\""),
            known.replace("\"column\":2", "\"column\":2,\"kuadrat\":true"),
            known.replace("celsius", "kelembapan"),
            known.replace("lama", "baru"),
            "7".to_owned(),
        ];
        let json =
            PLAN.replace("\"devices\":[]", &format!("\"devices\":[],\"profiles\":[{}]", profiles.join(",")));
        let read = LoadedPlan::read(&json, &own).unwrap();
        let names: Vec<&str> = read.plan.profiles.iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["lama", "baru"]);
        assert_eq!((read.plan.targets.len(), read.revision), (1, PlanRevision::of_json(&json)));
        let baru: Box<RawValue> =
            serde_json::from_str(&serde_json::to_string(&read.plan.profiles[1]).unwrap()).unwrap();
        assert_eq!(name(&baru), "baru", "as it is told");
        assert!(serde_json::from_str::<Plan>(&json).is_err(), "the collector is as strict as it was");
    }
}
