//! A self-test as text for a person and as JSON for a program. Pure.

use serde::Serialize;

use super::{
    found::{Found, Topic, Verdict},
    words,
};
use crate::language::Language;

/// All that was found, in the order in which it was looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub(super) found: Vec<Found>,
}

/// Width of the two columns before a sentence.
const MARGIN: usize = 22;

#[derive(Serialize)]
struct Json<'a> {
    passed: bool,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    name: &'a str,
    verdict: &'a str,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Report {
    /// Whether nothing fails. What is doubtful does not count.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.found.iter().all(|found| found.verdict() != Verdict::Failed)
    }

    /// For a person, a line for each finding and one for what to do about it.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let mut text = String::new();
        for found in &self.found {
            let verdict = words::verdict(found.verdict(), language);
            let topic = words::topic(found.topic(), language);
            let (sentence, remedy) = words::told(found, language);
            text.push_str(&format!("{verdict:<7} {topic:<13} {}\n", one_line(&sentence)));
            if let Some(remedy) = remedy {
                text.push_str(&format!("{:MARGIN$}→ {}\n", "", one_line(&remedy)));
            }
        }
        let count = |verdict| self.found.iter().filter(|found| found.verdict() == verdict).count();
        let [well, doubtful, failed] = [Verdict::Well, Verdict::Doubtful, Verdict::Failed].map(count);
        text.push_str(&words::summary(well, doubtful, failed, language));
        text.push('\n');
        text
    }

    /// For a program. Names and verdicts are always English.
    #[must_use]
    pub fn json(&self, language: Language) -> String {
        let checks = self.found.iter().map(|found| {
            let (sentence, remedy) = words::told(found, language);
            let verdict = match found.verdict() {
                Verdict::Well => "ok",
                Verdict::Doubtful => "warn",
                Verdict::Failed => "fail",
            };
            Check { name: found.topic().name(), verdict, sentence, remedy }
        });
        serde_json::to_string(&Json { passed: self.passed(), checks: checks.collect() }).unwrap_or_default()
    }

    /// What was found about a topic.
    #[must_use]
    pub fn verdicts(&self, topic: Topic) -> Vec<Verdict> {
        self.found.iter().filter(|found| found.topic() == topic).map(Found::verdict).collect()
    }
}

/// What a device or a library said may hold anything; a terminal gets one line of it.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
