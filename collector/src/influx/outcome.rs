//! What a database's answer to a write means: status, headers and body in, one named outcome out. Pure.
//!
//! The rule: only an answer that a database itself gives about lines may cost points. Whatever else goes wrong (a proxy,
//! a wrong path, a lost token) keeps them and is tried again.

use std::time::Duration;

use kentongan_model::time::Timestamp;

/// The longest wait that a server may ask for.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(15 * 60);
/// How much of an answer's body is told, in characters.
const TOLD_CHARS: usize = 300;

/// An answer as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// The header `Retry-After`.
    pub(super) retry_after: Option<&'a str>,
    /// The header `Location`.
    pub(super) location: Option<&'a str>,
    pub(super) body: &'a str,
}

/// What became of the lines of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All were taken.
    Written,
    /// The database refuses some or all of them for good.
    Refused(Refusal),
    /// They were too many for one request.
    TooLarge,
    /// None is decided; ask again.
    Retry {
        /// What is wrong.
        trouble: Trouble,
        /// How long the server wants to be left alone.
        after: Option<Duration>,
    },
}

/// Lines that a database will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Why, in the database's words.
    pub(super) reason: String,
    /// How many they are, where the database tells and has written all the others.
    pub(super) dropped: Option<u64>,
}

/// Why a request has to be made again, said so that one can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error(
        "the database refuses the token or user ({status}: {body}); check `token`, or `username` and `password`"
    )]
    Unauthorised { status: u16, body: String },
    #[error(
        "the database does not know the place to write to ({body}); create it, or mend `org` and `bucket` or `database`"
    )]
    Missing { body: String },
    #[error("the database is busy ({status}: {body})")]
    Busy { status: u16, body: String },
    #[error("the server sends us elsewhere, to {location}; put the final address into `url`")]
    Redirected { location: String },
    #[error(
        "what answers at `url` is no database that takes points there ({status}: {body}); check its path"
    )]
    Misrouted { status: u16, body: String },
    #[error("the database fails ({status}: {body})")]
    Failing { status: u16, body: String },
    #[error("no answer from the database ({0})")]
    Network(String),
    #[error("the secret cannot be read ({0})")]
    Secret(String),
}

/// Tells what an answer means.
pub(super) fn classify(answer: Answer<'_>, now: Timestamp) -> Outcome {
    let Answer { status, .. } = answer;
    let body = || shorten(&message(answer.body).unwrap_or_else(|| answer.body.trim().to_owned()));
    let after = answer.retry_after.and_then(|text| parse_wait(text, now));
    let retry = |trouble| Outcome::Retry { trouble, after };
    match status {
        200..=299 => Outcome::Written,
        300..=399 => retry(Trouble::Redirected {
            location: shorten(answer.location.unwrap_or("an address it does not tell")),
        }),
        400 | 422 => match message(answer.body) {
            Some(reason) => {
                let dropped = dropped(&reason);
                Outcome::Refused(Refusal { reason: shorten(&reason), dropped })
            }
            // Every InfluxDB tells in JSON what is wrong with lines.
            None => retry(Trouble::Misrouted { status, body: body() }),
        },
        401 | 403 => retry(Trouble::Unauthorised { status, body: body() }),
        404 if message(answer.body).is_some() => retry(Trouble::Missing { body: body() }),
        413 => Outcome::TooLarge,
        429 | 503 => retry(Trouble::Busy { status, body: body() }),
        402..=499 => retry(Trouble::Misrouted { status, body: body() }),
        _ => retry(Trouble::Failing { status, body: body() }),
    }
}

/// What a database says: `error` (1.x, 3.x) or `message` (2.x) of a JSON body, with the first of 3.x's line errors.
fn message(body: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(body).ok()?;
    let said = json.get("message").or_else(|| json.get("error"))?.as_str()?;
    let line = json.pointer("/data/0/error_message").and_then(serde_json::Value::as_str);
    Some(line.map_or_else(|| said.to_owned(), |line| format!("{said}: {line}")))
}

/// The number behind `dropped=` in a partial write, in which everything else was written. Parse errors say 0 there,
/// which is not meant.
fn dropped(reason: &str) -> Option<u64> {
    let (before, count) = reason.rsplit_once("dropped=")?;
    let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|&count| count > 0 && before.contains("partial write"))
}

/// Seconds, or an HTTP date (RFC 9110, section 10.2.3); at most [`MAX_WAIT`].
fn parse_wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Timestamp::from(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()).since(now),
    };
    Some(wait.min(MAX_WAIT))
}

fn shorten(text: &str) -> String {
    let mut shown: String =
        text.chars().take(TOLD_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(status: u16, body: &str) -> Outcome {
        classify(Answer { status, retry_after: None, location: None, body }, Timestamp::default())
    }

    fn trouble(outcome: Outcome) -> Trouble {
        match outcome {
            Outcome::Retry { trouble, .. } => trouble,
            other => panic!("{other:?} is not tried again"),
        }
    }

    #[test]
    fn only_a_database_s_own_word_about_lines_costs_points() {
        let v1 = r#"{"error":"partial write: field type conflict: input field \"loss\" dropped=3"}"#;
        let v1_parse = r#"{"error":"partial write: unable to parse 'x': missing fields dropped=0"}"#;
        let v2 = r#"{"code":"invalid","message":"unable to parse 'x': missing fields"}"#;
        let v3 = r#"{"error":"partial write of line protocol occurred","data":[{"line_number":1,"error_message":"no fields"}]}"#;
        for (status, body, dropped, reason) in [
            (400, v1, Some(3), "field type conflict"),
            (400, v1_parse, None, "missing fields"),
            (400, v2, None, "missing fields"),
            (422, v2, None, "missing fields"),
            (400, v3, None, "no fields"),
        ] {
            let Outcome::Refused(refusal) = at(status, body) else { panic!("{body}") };
            assert_eq!(refusal.dropped, dropped, "{body}");
            assert!(refusal.reason.contains(reason), "{}", refusal.reason);
        }
        for (status, body) in [(400, "unsupported path requested"), (400, ""), (422, "<html>"), (400, "[1]")]
        {
            assert!(matches!(trouble(at(status, body)), Trouble::Misrouted { .. }));
        }
    }

    #[test]
    fn everything_else_is_tried_again_and_says_what_to_do() {
        for status in [401, 403] {
            assert!(trouble(at(status, r#"{"error":"authorization failed"}"#)).to_string().contains("token"));
        }
        let missing = trouble(at(404, r#"{"error":"database not found: \"x\""}"#));
        assert!(missing.to_string().contains("create it"));
        assert!(matches!(trouble(at(404, "404 page not found")), Trouble::Misrouted { .. }));
        assert!(matches!(trouble(at(405, "")), Trouble::Misrouted { .. }));
        assert!(matches!(trouble(at(307, "")), Trouble::Redirected { .. }));
        assert!(matches!(trouble(at(500, "timeout")), Trouble::Failing { .. }));
        assert_eq!(at(413, ""), Outcome::TooLarge);
        assert_eq!(at(204, ""), Outcome::Written);
        assert_eq!(at(200, ""), Outcome::Written);
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_honoured_up_to_a_quarter_of_an_hour() {
        let now: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        for (header, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("86400", Some(900)),
            ("Sun, 01 Nov 2026 00:00:30 GMT", Some(30)),
            ("Sat, 31 Oct 2026 00:00:30 GMT", Some(0)),
            ("nanti", None),
            ("-1", None),
        ] {
            let answer = Answer { status: 503, retry_after: Some(header), location: None, body: "" };
            let Outcome::Retry { after, .. } = classify(answer, now) else { panic!() };
            assert_eq!(after, seconds.map(Duration::from_secs), "{header}");
        }
    }

    #[test]
    fn a_long_answer_is_told_in_short_and_on_one_line() {
        let told = trouble(at(500, &format!("a\nb{}", "x".repeat(10_000)))).to_string();
        assert!(told.len() < 500 && !told.contains('\n'));
    }
}
