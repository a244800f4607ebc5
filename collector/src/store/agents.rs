//! The agents that may deliver, and their tokens.
//!
//! The rule it guards: a token is 256 random bits, drawn by its agent (`enrolments`) or drawn here and shown once; only
//! its SHA-256 is kept, and it is compared in a time that tells nothing.

use kentongan_model::{enrolment::TokenDigest, id::Vantage, secret::Secret, time::Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use subtle::ConstantTimeEq;

use super::StoreError;

/// Draws a token.
pub(crate) fn draw() -> Result<Secret, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(hex::encode(bytes)))
}

/// Lets an agent deliver with this token; a token that it had before is void from now on.
pub(crate) fn put(
    conn: &Connection,
    vantage: &Vantage,
    token: &Secret,
    now: Timestamp,
) -> Result<(), StoreError> {
    put_digest(conn, vantage, &TokenDigest::of(token.expose()), now)
}

/// The same, of a token that only its agent knows.
pub(crate) fn put_digest(
    conn: &Connection,
    vantage: &Vantage,
    token: &TokenDigest,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO agents (vantage, token_digest, added_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (vantage) DO UPDATE SET token_digest = ?2, added_at = ?3",
    )?
    .execute(params![vantage.to_string(), token.as_bytes().as_slice(), now.as_millis()])?;
    Ok(())
}

/// Whether this is the agent's token. An agent that was never added has none.
pub(crate) fn admits(conn: &Connection, vantage: &Vantage, token: &str) -> Result<bool, StoreError> {
    let kept: Option<Vec<u8>> = conn
        .prepare_cached("SELECT token_digest FROM agents WHERE vantage = ?1")?
        .query_row([vantage.to_string()], |row| row.get(0))
        .optional()?;
    let known = kept.is_some();
    let matches = TokenDigest::of(token).as_bytes().as_slice().ct_eq(&kept.unwrap_or_else(|| vec![0; 32]));
    Ok(known && bool::from(matches))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JOURNAL_STEPS, open};

    #[test]
    fn a_token_opens_for_its_agent_alone_and_only_until_it_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let conn = open(&path, JOURNAL_STEPS).unwrap();
        let (noc, core): (Vantage, Vantage) = ("noc".parse().unwrap(), Vantage::Core);
        let (first, second) = (draw().unwrap(), draw().unwrap());
        assert_eq!(first.expose().len(), 64);
        put(&conn, &noc, &first, Timestamp::default()).unwrap();
        assert!(admits(&conn, &noc, first.expose()).unwrap());
        assert!(!admits(&conn, &core, first.expose()).unwrap());
        assert!(!admits(&conn, &noc, "").unwrap());
        put(&conn, &noc, &second, Timestamp::default()).unwrap();
        assert!(!admits(&conn, &noc, first.expose()).unwrap());
        assert!(admits(&conn, &noc, second.expose()).unwrap());
        drop(conn);
        let file = std::fs::read(path).unwrap();
        let shown = second.expose().as_bytes();
        assert!(!file.windows(shown.len()).any(|bytes| bytes == shown), "the token itself is on disk");
    }
}
