//! The JSON body of a webhook, version 1 (described in `docs/alerts.md`), and its signature.
//!
//! Fields are added, never renamed or removed; anything else is a new version.

use hmac::{Hmac, KeyInit, Mac};
use kentongan_model::{
    event::{Amendment, EventKind, IncidentRecord, SiteRef},
    secret::Secret,
    state::{Cause, State},
    time::Timestamp,
};
use serde::Serialize;
use sha2::Sha256;

use crate::{message::Message, reason::Says};

/// The most affected sites in a body; `affected_total` counts them all.
const MOST_AFFECTED: usize = 1_000;

/// What a webhook posts.
#[derive(Debug, Serialize)]
pub struct Payload<'a> {
    version: u32,
    id: &'a str,
    #[serde(rename = "type")]
    says: Says,
    network: &'a str,
    title: &'a str,
    text: &'a str,
    incident: Option<Incident<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flapping: Option<Flapping<'a>>,
}

/// The flapping of a site: `state` once it is stable.
#[derive(Debug, Serialize)]
struct Flapping<'a> {
    site: &'a SiteRef,
    since: Timestamp,
    changes: u32,
    state: Option<State>,
}

impl<'a> Flapping<'a> {
    fn of(told: &'a EventKind) -> Option<Self> {
        match told {
            EventKind::SiteFlapping { site, changes, since, .. } => {
                Some(Flapping { site, since: *since, changes: *changes, state: None })
            }
            EventKind::SiteSteady { site, changes, since, state, .. } => {
                Some(Flapping { site, since: *since, changes: *changes, state: Some(*state) })
            }
            _ => None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Incident<'a> {
    id: i64,
    root: &'a SiteRef,
    affected: &'a [SiteRef],
    affected_total: usize,
    started_at: Timestamp,
    confirmed_at: Timestamp,
    ended_at: Option<Timestamp>,
    cause: Cause,
    revision: u32,
    amendments: &'a [Amendment],
}

impl<'a> Payload<'a> {
    /// Puts a body together. `id` names the message for good: a repetition has the same.
    #[must_use]
    pub fn new(
        id: &'a str,
        says: Says,
        network: &'a str,
        message: &'a Message,
        (record, flapping): (Option<&'a IncidentRecord>, Option<&'a EventKind>),
    ) -> Self {
        let incident = record.map(|record| Incident {
            id: record.id,
            root: &record.root,
            affected: &record.affected[..record.affected.len().min(MOST_AFFECTED)],
            affected_total: record.affected.len(),
            started_at: record.started_at,
            confirmed_at: record.confirmed_at,
            ended_at: record.ended_at,
            cause: record.cause,
            revision: record.revision,
            amendments: &record.amendments,
        });
        let flapping = flapping.and_then(Flapping::of);
        Payload {
            version: 1,
            id,
            says,
            network,
            title: &message.title,
            text: &message.body,
            incident,
            flapping,
        }
    }
}

/// `sha256=` and the hexadecimal HMAC-SHA256 (RFC 2104) of `<timestamp>.<body>`: the moment of sending is signed too, so
/// that nobody can play an old message again.
///
/// # Panics
/// Never: HMAC takes keys of any length.
#[must_use]
pub fn sign(secret: &Secret, unix_seconds: i64, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{unix_seconds}.").as_bytes());
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        // printf '1793491200.{"version":1}' | openssl dgst -sha256 -hmac kunci
        assert_eq!(
            sign(&Secret::new("kunci"), 1_793_491_200, br#"{"version":1}"#),
            "sha256=9db9de20f1240265003262b9d8318fa8e3ee8bc57eed6d8e25f181704da55050"
        );
    }
}
