//! Enrolments: codes that are exchanged for the right to deliver, once and within their time.
//!
//! The rule it guards: whoever used a code has it, and nobody else. The same agent may ask again (its answer was lost)
//! and is told the same; another one is refused. A code gives nobody's token away: the agent's own token, if it has one,
//! stays in force until its code is used.
//!
//! Limits: one code for each agent, as a new one takes the place of the one before; they stay as long as their agents
//! may, which are as many as the inventory ever had.

use std::time::Duration;

use kentongan_model::{
    enrolment::{Enrolment, EnrolmentCode},
    id::Vantage,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, agents};

/// How long a code may be good for: what is good for longer is a password.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// What came of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The agent may deliver from now on.
    Enrolled(Vantage),
    /// It was enrolled before, by this very request.
    Again(Vantage),
    /// It may not.
    Refused(Refusal),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "no enrolment has this code; a newer one for the same site takes its place. Make another one at the collector \
         with `kentongan agent add <site>`"
    )]
    Unknown,
    #[error(
        "the code was good until {0}; make another one at the collector with `kentongan agent add <site>`"
    )]
    Expired(Timestamp),
    #[error(
        "the code was used at {0}, by another installation; if that was not yours, somebody else's agent delivers for \
         this site: make another code at once with `kentongan agent add <site>`"
    )]
    Used(Timestamp),
}

/// Draws a code.
pub(crate) fn draw() -> Result<EnrolmentCode, getrandom::Error> {
    let mut bytes = [0; kentongan_model::enrolment::CODE_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(EnrolmentCode::from_random(bytes))
}

/// Lets whoever shows this code enrol as that agent until then; the code that it had before is void.
pub(crate) fn put(
    conn: &Connection,
    vantage: &Vantage,
    code: &EnrolmentCode,
    now: Timestamp,
    valid: Duration,
) -> Result<Timestamp, StoreError> {
    let expires_at = now + valid.min(LONGEST);
    conn.prepare_cached(
        "INSERT OR REPLACE INTO enrolments (vantage, code_digest, added_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        vantage.to_string(),
        code.digest().as_slice(),
        now.as_millis(),
        expires_at.as_millis()
    ])?;
    Ok(expires_at)
}

/// Voids the code of an agent, if it has one.
pub(crate) fn void(conn: &Connection, vantage: &Vantage) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM enrolments WHERE vantage = ?1")?.execute([vantage.to_string()])?;
    Ok(())
}

/// Exchanges a code for the right to deliver with the token whose digest is shown.
pub(crate) fn exchange(conn: &Connection, asked: &Enrolment, now: Timestamp) -> Result<Outcome, StoreError> {
    let Some(kept) = find(conn, &asked.code)? else { return Ok(Outcome::Refused(Refusal::Unknown)) };
    let outcome = kept.answer(asked, now);
    if let Outcome::Enrolled(vantage) = &outcome {
        let digest = asked.token_sha256.as_bytes();
        conn.prepare_cached("UPDATE enrolments SET token_digest = ?2, used_at = ?3 WHERE vantage = ?1")?
            .execute(params![vantage.to_string(), digest.as_slice(), now.as_millis()])?;
        agents::put_digest(conn, vantage, &asked.token_sha256, now)?;
    }
    Ok(outcome)
}

/// A code as it is kept.
struct Kept {
    vantage: Vantage,
    expires_at: Timestamp,
    used: Option<(Timestamp, Vec<u8>)>,
}

impl Kept {
    fn answer(self, asked: &Enrolment, now: Timestamp) -> Outcome {
        match self.used {
            Some((_, token)) if token == asked.token_sha256.as_bytes() => Outcome::Again(self.vantage),
            Some((at, _)) => Outcome::Refused(Refusal::Used(at)),
            None if now >= self.expires_at => Outcome::Refused(Refusal::Expired(self.expires_at)),
            None => Outcome::Enrolled(self.vantage),
        }
    }
}

fn find(conn: &Connection, code: &EnrolmentCode) -> Result<Option<Kept>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT vantage, expires_at, used_at, token_digest FROM enrolments WHERE code_digest = ?1",
    )?;
    let row = query.query_row([code.digest().as_slice()], |row| {
        let (vantage, expires_at): (String, i64) = (row.get(0)?, row.get(1)?);
        let (used_at, token): (Option<i64>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
        Ok((vantage, expires_at, used_at.zip(token)))
    });
    let Some((vantage, expires_at, used)) = row.optional()? else { return Ok(None) };
    Ok(Some(Kept {
        vantage: vantage.parse().map_err(|_| StoreError::Damaged { what: "enrolment" })?,
        expires_at: Timestamp::from_millis(expires_at),
        used: used.map(|(at, token)| (Timestamp::from_millis(at), token)),
    }))
}

#[cfg(test)]
mod tests {
    use kentongan_model::enrolment::TokenDigest;

    use super::*;
    use crate::store::{JOURNAL_STEPS, open};

    const DAY: Duration = Duration::from_secs(86_400);

    fn journal() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        (dir, conn)
    }

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    fn ask(code: &EnrolmentCode, token: &str) -> Enrolment {
        Enrolment { code: code.clone(), token_sha256: TokenDigest::of(token) }
    }

    #[test]
    fn a_code_is_good_once_and_whoever_used_it_may_ask_again() {
        let (_dir, conn) = journal();
        let kec: Vantage = "kec-a".parse().unwrap();
        let code = draw().unwrap();
        assert_eq!(put(&conn, &kec, &code, second(0), DAY).unwrap(), second(86_400));
        assert!(!agents::admits(&conn, &kec, "satu").unwrap());
        let asked = |token, at| exchange(&conn, &ask(&code, token), at).unwrap();
        assert_eq!(asked("satu", second(10)), Outcome::Enrolled(kec.clone()));
        assert!(agents::admits(&conn, &kec, "satu").unwrap());
        assert_eq!(asked("dua", second(11)), Outcome::Refused(Refusal::Used(second(10))));
        assert!(!agents::admits(&conn, &kec, "dua").unwrap());
        // The answer was lost, and the router came back after the code had run out.
        assert_eq!(asked("satu", second(86_500)), Outcome::Again(kec));
    }

    #[test]
    fn a_code_runs_out_and_a_newer_one_takes_its_place_while_the_agent_goes_on() {
        let (_dir, conn) = journal();
        let kec: Vantage = "kec-a".parse().unwrap();
        agents::put(&conn, &kec, &kentongan_model::secret::Secret::new("lama"), second(0)).unwrap();
        let (first, second_code) = (draw().unwrap(), draw().unwrap());
        put(&conn, &kec, &first, second(0), DAY * 400).unwrap();
        let over = second(30 * 86_400);
        assert_eq!(
            exchange(&conn, &ask(&first, "x"), over).unwrap(),
            Outcome::Refused(Refusal::Expired(over)),
            "a code is good for 30 days at most"
        );
        put(&conn, &kec, &second_code, over, DAY).unwrap();
        assert_eq!(exchange(&conn, &ask(&first, "x"), over).unwrap(), Outcome::Refused(Refusal::Unknown));
        assert!(agents::admits(&conn, &kec, "lama").unwrap(), "nobody has used the code yet");
        assert_eq!(
            exchange(&conn, &ask(&second_code, "baru"), over).unwrap(),
            Outcome::Enrolled(kec.clone())
        );
        assert!(!agents::admits(&conn, &kec, "lama").unwrap());
        void(&conn, &kec).unwrap();
        assert_eq!(
            exchange(&conn, &ask(&second_code, "baru"), over).unwrap(),
            Outcome::Refused(Refusal::Unknown)
        );
    }

    #[test]
    fn neither_code_nor_token_is_on_disk() {
        let (dir, conn) = journal();
        let code = draw().unwrap();
        put(&conn, &"kec-a".parse().unwrap(), &code, second(0), DAY).unwrap();
        exchange(&conn, &ask(&code, "kunci-rahasia"), second(1)).unwrap();
        drop(conn);
        let file = std::fs::read(dir.path().join("journal.db")).unwrap();
        let code = code.to_string();
        for secret in [code.as_str(), &code.replace('-', ""), "kunci-rahasia"] {
            assert!(!file.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
        }
    }
}
