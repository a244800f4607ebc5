//! A month's report computed again from the raw observations: the journal as it was, judged by the inventories that were
//! in force then.
//!
//! The rule it guards: nothing of the stored state is used, so that a report is held against the journal and not against
//! what the collector made of it.

use std::path::Path;

use kentongan_model::time::Timestamp;
use kentongan_reports::{Fault, Known, Month, NoReport, Origin, Report, compose, tzdata};
use kentongan_timeline::{By, Span};

use crate::proof::{Archive, Moment, Progress, ProofError, Replayed};

/// Why a report cannot be computed again.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// The journal cannot be gone through.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// It tells nothing of that month.
    #[error(transparent)]
    NoReport(#[from] NoReport),
    /// What is kept of it begins too late.
    #[error(
        "the journal is no longer kept from the beginning of {month}; what it gives holds from {from} (UTC)"
    )]
    Gone {
        /// The month.
        month: Month,
        /// From when on.
        from: Timestamp,
    },
}

/// The report of `month` as it was at `moment`, from the journal of the data folder `data`.
///
/// # Errors
/// When the journal cannot be read, or is not kept far enough back.
pub fn monthly_again(
    data: &Path,
    month: Month,
    by: By,
    moment: &Moment,
    progress: Progress<'_>,
) -> Result<Report, AgainError> {
    let archive = Archive::open(data)?;
    let replayed = archive.replay(moment, progress)?;
    let inventory = archive.inventory(moment)?;
    let period = month.period(&inventory.network.timezone);
    let begins = replayed.timelines.values().filter_map(|timeline| Some(timeline.first()?.from)).min();
    if begins.is_some_and(|begins| begins < replayed.from && period.from < replayed.from) {
        return Err(AgainError::Gone { month, from: replayed.from });
    }
    let Replayed { timelines, incidents, as_of, inventory: digest, .. } = replayed;
    let faults: Vec<Fault> = incidents
        .into_iter()
        .map(|incident| Fault {
            span: Span::new(incident.started_at, incident.ended_at.unwrap_or(as_of)),
            root: incident.root,
            cause: incident.cause,
        })
        .collect();
    let timelines = timelines.into_iter().collect();
    let known = Known {
        network: &inventory.network,
        maintenance: inventory.all_maintenance(),
        timelines: &timelines,
        faults: &faults,
        begins,
        as_of,
    };
    let origin = Origin {
        journal_position: moment.position,
        journal_digest: archive.digest(moment.position)?,
        inventory_digest: digest,
        tzdata: tzdata().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(compose(&known, month, by, origin)?)
}
