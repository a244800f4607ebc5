//! What a receiver's answer means for the message that waits: one pure function.
//!
//! Guards the rule that only two answers end a message: it was taken, or it can never be taken. What a repaired
//! configuration would cure (a wrong token, a chat that is not there yet) is tried again until the message is too old.

use std::time::Duration;

use kentongan_model::time::Timestamp;

/// The longest pause that a receiver can ask for.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What is done with a message after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It arrived.
    Delivered,
    /// The receiver wants a pause, and the whole channel keeps it.
    RetryAfter {
        /// How long.
        pause: Duration,
        /// What was said.
        trouble: String,
    },
    /// It is tried again after a while.
    Retry {
        /// What went wrong.
        trouble: String,
    },
    /// It can never be taken.
    GiveUp {
        /// What was said.
        trouble: String,
    },
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A webhook.
    Webhook,
    /// The Telegram Bot API.
    Telegram,
}

/// An HTTP answer, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The pause that the receiver asks for.
    pub pause: Option<Duration>,
    /// What it said in its own words, shortened.
    pub said: String,
}

/// Names what an HTTP answer means.
#[must_use]
pub fn classify(speaker: Speaker, reply: &Reply) -> Action {
    let trouble = match reply.said.as_str() {
        "" => format!("the receiver answered {}", reply.status),
        said => format!("the receiver answered {}: {said}", reply.status),
    };
    match (reply.status, reply.pause) {
        (200..=299, _) => Action::Delivered,
        (429 | 503, Some(pause)) => Action::RetryAfter { pause: pause.min(LONGEST_PAUSE), trouble },
        // Telegram says 400 for a chat that is not there, too; our plain texts give it no other reason.
        (400, _) if speaker == Speaker::Telegram => Action::Retry { trouble },
        (400 | 406 | 410 | 413 | 415 | 422, _) => Action::GiveUp { trouble },
        _ => Action::Retry { trouble },
    }
}

/// Reads a `Retry-After` header (RFC 9110, section 10.2.3): seconds or a date.
#[must_use]
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?;
    Some(Timestamp::from(date.timestamp()).since(now))
}

/// Names what the failure of a mail server means: `code` is its reply, none when it did not get that far.
#[must_use]
pub fn classify_mail(code: Option<u16>, trouble: String) -> Action {
    match code {
        // 53x: the login is wrong, and 550/551: the mailbox is not there. Both are cured at the receiver or in our file.
        Some(552 | 554 | 555) => Action::GiveUp { trouble },
        _ => Action::Retry { trouble },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_one_meaning() {
        let five = Some(Duration::from_secs(5));
        let year = Some(Duration::from_secs(31_536_000));
        for (speaker, status, pause, expected) in [
            (Speaker::Webhook, 200, None, "delivered"),
            (Speaker::Webhook, 204, None, "delivered"),
            (Speaker::Webhook, 302, None, "retry"),
            (Speaker::Webhook, 400, None, "give up"),
            (Speaker::Telegram, 400, None, "retry"),
            (Speaker::Webhook, 401, None, "retry"),
            (Speaker::Webhook, 404, None, "retry"),
            (Speaker::Webhook, 410, None, "give up"),
            (Speaker::Webhook, 413, None, "give up"),
            (Speaker::Webhook, 422, five, "give up"),
            (Speaker::Webhook, 429, None, "retry"),
            (Speaker::Webhook, 429, five, "after 5"),
            (Speaker::Telegram, 429, five, "after 5"),
            (Speaker::Webhook, 503, year, "after 3600"),
            (Speaker::Webhook, 500, five, "retry"),
        ] {
            let got = match classify(speaker, &Reply { status, pause, said: String::new() }) {
                Action::Delivered => "delivered".to_owned(),
                Action::RetryAfter { pause, .. } => format!("after {}", pause.as_secs()),
                Action::Retry { .. } => "retry".to_owned(),
                Action::GiveUp { .. } => "give up".to_owned(),
            };
            assert_eq!(got, expected, "{speaker:?} {status} {pause:?}");
        }
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!(retry_after(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 01 Nov 2026 00:02:00 GMT", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sat, 31 Oct 2026 00:02:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("nanti", now), None);
    }

    #[test]
    fn a_mail_is_given_up_only_when_its_content_is_refused() {
        let meaning = |code| matches!(classify_mail(code, String::new()), Action::GiveUp { .. });
        assert!(meaning(Some(554)) && meaning(Some(552)));
        assert!(!meaning(Some(550)) && !meaning(Some(535)) && !meaning(Some(451)) && !meaning(None));
    }
}
