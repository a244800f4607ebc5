//! Enrolment on the router: a code in, `agent.toml` out.
//!
//! The token is drawn here and kept beside `agent.toml` before the code is shown to anybody; the collector is told its
//! digest. The rule it guards: asking again is always safe. Whatever was cut off (the answer, the power), the same command
//! once more ends with the same token.

mod file;

use std::{path::PathBuf, time::Duration};

use kentongan_model::{
    enrolment::{Enrolled, Enrolment, EnrolmentCode, TokenDigest},
    id::Vantage,
};
use serde::Deserialize;

use crate::{
    language::Language,
    uplink::{AddressError, CallError, Said, post},
};

/// The variables that enrol an agent at its first start, where there is no shell to do it (a container).
pub const CODE_VARIABLE: &str = "KENTONGAN_CODE";
/// The collector's address for [`CODE_VARIABLE`].
pub const COLLECTOR_VARIABLE: &str = "KENTONGAN_COLLECTOR";
/// How often the collector is asked.
const TRIES: u32 = 4;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is needed to enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Base URL of the collector.
    pub collector: String,
    /// The code that `kentongan agent add` printed.
    pub code: EnrolmentCode,
    /// Where `agent.toml` is to be.
    pub config: PathBuf,
    /// CA certificates (PEM) that are trusted beside the usual ones.
    pub ca_file: Option<PathBuf>,
}

/// Why an agent is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The collector's address or the CA file cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The collector cannot be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It refuses the code.
    #[error("{}", .0.told(Language::En))]
    Refused(Refusal),
    /// It answers something that no collector says.
    #[error("the collector answered {status} to the enrolment: {said}")]
    Answer {
        /// HTTP status.
        status: u16,
        /// The beginning of what it said.
        said: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a token: {0}")]
    Random(getrandom::Error),
    /// Nothing can be written.
    #[error("cannot write {path}; run it as root, and make room there")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody gave it out, or a newer one took its place.
    Unknown,
    /// It has run out.
    Expired,
    /// Another installation has used it.
    Used,
}

impl Refusal {
    /// In words that say what to do.
    #[must_use]
    pub fn told(self, language: Language) -> &'static str {
        match (self, language) {
            (Refusal::Unknown, Language::Id) => {
                "kolektor tidak mengenal kode ini: salin lagi, atau minta kode baru (kentongan agent add <situs>); \
                 kode baru membatalkan kode lama untuk situs yang sama"
            }
            (Refusal::Unknown, Language::En) => {
                "the collector does not know this code: copy it again, or ask for a new one (kentongan agent add \
                 <site>); a new code voids the old one of the same site"
            }
            (Refusal::Expired, Language::Id) => {
                "masa berlaku kode ini sudah habis: minta kode baru (kentongan agent add <situs>)"
            }
            (Refusal::Expired, Language::En) => {
                "this code has run out: ask for a new one (kentongan agent add <site>)"
            }
            (Refusal::Used, Language::Id) => {
                "kode ini sudah dipakai oleh pemasangan lain: minta kode baru (kentongan agent add <situs>); kalau \
                 bukan Anda yang memakainya, beri tahu Kominfo sekarang juga"
            }
            (Refusal::Used, Language::En) => {
                "this code has been used by another installation: ask for a new one (kentongan agent add <site>); if \
                 it was not you who used it, tell the collector's operator at once"
            }
        }
    }
}

/// What is told when it has worked.
#[must_use]
pub fn succeeded(agent: &Vantage, order: &Order, language: Language) -> String {
    let file = order.config.display();
    match language {
        Language::Id => format!("terdaftar sebagai agen {agent}; {file} sudah ditulis"),
        Language::En => format!("enrolled as the agent of {agent}; {file} is written"),
    }
}

/// Enrols, and writes `agent.toml`. What stood there before about folders, certificates and engine stays.
///
/// # Errors
/// When the collector cannot be reached or refuses, or nothing can be written. It may be tried again.
pub async fn enrol(order: &Order) -> Result<Vantage, EnrolError> {
    let token = file::drawn_token(&order.config, &order.code)?;
    let kept = file::kept(order);
    let asked = Enrolment { code: order.code.clone(), token_sha256: TokenDigest::of(token.expose()) };
    let json = serde_json::to_string(&asked).unwrap_or_default();
    let mut tried = 1;
    loop {
        let said = post(&order.collector, kept.ca_file.as_ref(), "/api/v1/enrol", &json).await?;
        match judge(said, tried) {
            Next::Done(agent) => {
                file::write(order, &agent, &token, &kept)?;
                return Ok(agent);
            }
            Next::Again(pause) => {
                tracing::info!("the collector cannot be asked now; trying again in {} s", pause.as_secs());
                tokio::time::sleep(pause).await;
                tried += 1;
            }
            Next::Failed(error) => return Err(error),
        }
    }
}

/// Enrols at the first start where the environment says so and there is no configuration yet.
///
/// # Errors
/// As [`enrol`].
pub async fn at_first_start(config: &std::path::Path) -> Result<(), EnrolError> {
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let (Some(code), Some(collector)) = (variable(CODE_VARIABLE), variable(COLLECTOR_VARIABLE)) else {
        return Ok(());
    };
    if config.exists() {
        return Ok(());
    }
    let code = code.parse().map_err(|_| EnrolError::Refused(Refusal::Unknown))?;
    let agent = enrol(&Order { collector, code, config: config.to_owned(), ca_file: None }).await?;
    tracing::info!(%agent, "enrolled");
    Ok(())
}

/// What comes after an answer.
enum Next {
    Done(Vantage),
    Again(Duration),
    Failed(EnrolError),
}

/// What an answer means, at the n-th try.
fn judge(said: Result<Said, CallError>, tried: u32) -> Next {
    let pause = |said: Option<&Said>| {
        let asked = said.and_then(|said| said.retry_after.as_deref()?.trim().parse().ok());
        asked.map_or(Duration::from_secs(1 << tried.min(6)), Duration::from_secs).min(LONGEST_PAUSE)
    };
    match said {
        Ok(Said { status: 200, body, .. }) => match serde_json::from_str(&body) {
            Ok(Enrolled { agent }) => Next::Done(agent),
            Err(_) => Next::Failed(EnrolError::Answer { status: 200, said: shortened(&body) }),
        },
        Ok(said) if matches!(said.status, 429 | 500..=599) && tried < TRIES => {
            Next::Again(pause(Some(&said)))
        }
        Ok(said) => Next::Failed(match refusal(&said.body) {
            Some(refusal) => EnrolError::Refused(refusal),
            None => EnrolError::Answer { status: said.status, said: shortened(&said.body) },
        }),
        // A certificate does not become valid within a minute.
        Err(error @ CallError::Certificate { .. }) => Next::Failed(error.into()),
        Err(_) if tried < TRIES => Next::Again(pause(None)),
        Err(error) => Next::Failed(error.into()),
    }
}

/// The refusal that a problem document (RFC 9457) names.
fn refusal(body: &str) -> Option<Refusal> {
    #[derive(Deserialize)]
    struct Problem {
        r#type: String,
    }
    let problem: Problem = serde_json::from_str(body).ok()?;
    match problem.r#type.strip_prefix("urn:kentongan:problem:")? {
        "code-unknown" => Some(Refusal::Unknown),
        "code-expired" => Some(Refusal::Expired),
        "code-used" => Some(Refusal::Used),
        _ => None,
    }
}

fn shortened(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> Result<Said, CallError> {
        Ok(Said { status, body: body.to_owned(), date: None, retry_after: Some("7".to_owned()) })
    }

    fn told(next: Next) -> String {
        match next {
            Next::Done(agent) => format!("done {agent}"),
            Next::Again(pause) => format!("again in {pause:?}"),
            Next::Failed(error) => format!("failed: {error}"),
        }
    }

    #[test]
    fn an_answer_is_a_name_a_pause_or_a_refusal_that_says_what_to_do() {
        let problem = |name: &str| format!("{{\"type\":\"urn:kentongan:problem:{name}\",\"detail\":\"x\"}}");
        for (answer, tried, meaning) in [
            (said(200, "{\"agent\":\"kec-a\"}"), 1, "done kec-a"),
            (said(404, &problem("code-unknown")), 1, "copy it again"),
            (said(410, &problem("code-expired")), 1, "has run out"),
            (said(409, &problem("code-used")), 1, "has been used by another"),
            (said(429, &problem("too-many-tries")), 1, "again in 7s"),
            (said(503, ""), 3, "again in 7s"),
            (said(503, "besok"), TRIES, "failed: the collector answered 503 to the enrolment: besok"),
            (said(404, "<html>nginx"), 1, "answered 404"),
            (said(200, "<html>login"), 1, "answered 200"),
            (Err(CallError::Timeout("k:443".to_owned())), 1, "again in 2s"),
            (Err(CallError::Timeout("k:443".to_owned())), TRIES, "did not answer in time"),
        ] {
            let next = told(judge(answer, tried));
            assert!(next.contains(meaning), "{next}");
        }
    }
}
