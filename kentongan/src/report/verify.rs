//! `kentongan report --verify FILE`: whether a report still holds.
//!
//! Computes it again from the raw observations, up to the place of the journal that its seal names, prints it again, and
//! holds the file against that byte for byte. Rule guarded here: what arrived later is told apart from what was changed.

use std::path::{Path, PathBuf};

use kentongan_collector::{AgainError, MonthlyError, monthly_again, monthly_until, proof::Moment};
use kentongan_press::{Asked, find_seal};
use kentongan_reports::{Report, Seal};
use kentongan_timeline::By;

use crate::verify::{bar, show};

/// Sites with other figures now that are named; all are counted.
const NAMED: usize = 5;

/// Why a report cannot be held against anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} carries no seal of a report; it is none, or its seal was taken out", .0.display())]
    NoSeal(PathBuf),
    #[error("the seal of {} asks for sites by '{by}', which no report has", path.display())]
    By { path: PathBuf, by: String },
    #[error(transparent)]
    Again(#[from] AgainError),
    #[error(transparent)]
    Print(#[from] kentongan_press::PrintError),
}

/// What a file is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Figures and bytes are what comes out again.
    Holds,
    /// The figures come out again as its seal says, but the file is not what was printed.
    Altered,
    /// The figures come out again, but another version of the program printed the file than this one.
    PrintedByOther,
    /// Something else comes out than its seal says.
    Differs(Vec<&'static str>),
}

/// Holds the file against what is computed again; prints what comes out of it.
pub(crate) fn verify(file: &Path, data: &Path) -> Result<Verdict, VerifyError> {
    let bytes = std::fs::read(file).map_err(|source| VerifyError::Read { path: file.to_owned(), source })?;
    let asked = find_seal(&bytes).ok_or_else(|| VerifyError::NoSeal(file.to_owned()))?;
    let by: By =
        asked.by.parse().map_err(|_| VerifyError::By { path: file.to_owned(), by: asked.by.clone() })?;
    let moment = Moment {
        position: asked.seal.journal_position,
        as_of: asked.seal.made_at,
        inventory: Some(asked.seal.inventory_digest.clone()),
    };
    let bar = bar("deliveries");
    let again = monthly_again(data, asked.month, by, &moment, &mut |done, all| show(&bar, done, all));
    bar.finish_and_clear();
    let mut again = again?;
    // The program's version is told, and decides nothing.
    let version = std::mem::replace(&mut again.seal.version, asked.seal.version.clone());
    let printed = kentongan_press::print(&again, asked.format, asked.language)?;
    let verdict = match judge(&asked, &again, printed == bytes) {
        Verdict::Altered if version != asked.seal.version => Verdict::PrintedByOther,
        verdict => verdict,
    };
    println!("{}", told(file, &asked, &verdict));
    later(data, &asked, by, &again);
    Ok(verdict)
}

/// What comes of comparing.
fn judge(asked: &Asked, again: &Report, same_bytes: bool) -> Verdict {
    let (then, now) = (&asked.seal, &again.seal);
    let parts = [
        ("the journal", &then.journal_digest, &now.journal_digest),
        ("the inventory", &then.inventory_digest, &now.inventory_digest),
        ("the time zone data", &then.tzdata, &now.tzdata),
        ("the figures", &then.figures_digest, &now.figures_digest),
    ];
    let differing: Vec<_> =
        parts.into_iter().filter(|(_, then, now)| then != now).map(|(name, ..)| name).collect();
    match (differing.is_empty(), same_bytes) {
        (true, true) => Verdict::Holds,
        (true, false) => Verdict::Altered,
        (false, _) => Verdict::Differs(differing),
    }
}

fn told(file: &Path, asked: &Asked, verdict: &Verdict) -> String {
    let file = file.display();
    let Seal { made_at, journal_position, .. } = &asked.seal;
    match verdict {
        Verdict::Holds => format!(
            "{file} holds: computed again from {journal_position} journal entries as of {made_at}, it is the same to the last byte."
        ),
        Verdict::Altered => format!(
            "{file} was altered: its seal holds (the figures of {} come out again as of {made_at}), but the file is not what was printed then.",
            asked.month
        ),
        Verdict::PrintedByOther => format!(
            "{file} cannot be held to the last byte: its seal holds (the figures of {} come out again as of {made_at}), but version {} made it, and this one prints it otherwise. Ask that version whether it was altered.",
            asked.month, asked.seal.version
        ),
        Verdict::Differs(parts) => format!(
            "{file} does not hold: {} of {made_at} (entry {journal_position}) are not what its seal says.",
            parts.join(", ")
        ),
    }
}

/// Tells whether what became known later changes the figures up to the sealed moment, and of which sites.
fn later(data: &Path, asked: &Asked, by: By, then: &Report) {
    let now = match monthly_until(data, asked.month, by, asked.seal.made_at) {
        Ok(now) => now.report,
        Err(MonthlyError::NotJudged) => return,
        Err(error) => {
            println!("What became known later cannot be told: {}", crate::chain(&error));
            return;
        }
    };
    let before = |id| then.sites.iter().find(|site| site.id == id);
    let moved: Vec<&str> = now
        .sites
        .iter()
        .filter(|site| before(site.id.clone()).is_none_or(|before| before != *site))
        .map(|site| site.id.as_str())
        .collect();
    if moved.is_empty() {
        println!("Nothing that became known later changes it.");
    } else {
        let more = if moved.len() > NAMED { ", …" } else { "" };
        let named = moved[..moved.len().min(NAMED)].join(", ");
        println!("What is known now changes the figures of {} sites: {named}{more}.", moved.len());
    }
}
