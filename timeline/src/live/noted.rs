//! An observation as it is understood on arrival: names are places, outcomes are decided.
//!
//! Rule guarded here: what the inventory does not have, and what no set clock would say, is refused with its reason.

use kentongan_model::{
    observation::{Observation, Oper},
    time::Timestamp,
};

use super::kept::Kept;
use crate::{
    links::told,
    places::{About, Place, Places},
    round::{Outcome, Sample},
    span::Span,
};

/// Why an observation is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The inventory does not have what it is about.
    Unknown,
    /// It is dated before 1970 or after 2109.
    Misdated,
}

/// An observation that is understood: names are places, outcomes are decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Noted {
    Round { vantage: Place, about: About, round: Kept },
    Delivery { site: usize, delivery: Kept, boot_at: Option<Timestamp> },
    Answer { at: Timestamp, about: About, boot_at: Option<Timestamp>, links: Vec<(u32, Oper)> },
    Downtime(Span),
}

impl Noted {
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Noted::Round { round, .. } => round.at(),
            Noted::Delivery { delivery, .. } => delivery.at(),
            Noted::Answer { at, .. } => *at,
            Noted::Downtime(span) => span.from,
        }
    }

    /// Understands an observation.
    pub(super) fn of(places: &Places, observation: &Observation) -> Result<Self, Refusal> {
        match observation {
            Observation::Round(round) => {
                let vantage = places.place_of(&round.vantage).ok_or(Refusal::Unknown)?;
                let about = places.subject(&round.target).ok_or(Refusal::Unknown)?;
                let sample = Sample::new(round.at, round.sent, &mut round.rtts_us.clone());
                let outcome = sample.outcome(places.limits(about));
                let kept = Kept::new(round.at, round.rtts_us.len(), round.sent, outcome);
                Ok(Noted::Round { vantage, about, round: kept.ok_or(Refusal::Misdated)? })
            }
            Observation::Heartbeat(heartbeat) => {
                let site = places.site(&heartbeat.agent).ok_or(Refusal::Unknown)?;
                let delivery = Kept::new(heartbeat.at, 1, 1, Outcome::Good).ok_or(Refusal::Misdated)?;
                Ok(Noted::Delivery { site, delivery, boot_at: heartbeat.boot_at })
            }
            Observation::Snmp(answer) => {
                places.place_of(&answer.vantage).ok_or(Refusal::Unknown)?;
                let about = places.target(&answer.site, &answer.target).ok_or(Refusal::Unknown)?;
                let named = (0..).zip(places.links(about));
                let links =
                    named.filter_map(|(k, link)| Some((k, told(&link.interface, &answer.interfaces)?)));
                Ok(Noted::Answer { at: answer.at, about, boot_at: answer.boot_at, links: links.collect() })
            }
            Observation::CollectorDown(down) => Ok(Noted::Downtime(Span::new(down.from, down.to))),
        }
    }
}
