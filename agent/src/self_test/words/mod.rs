//! A finding in words: what is so, and what to do about it.

mod english;
mod indonesian;

use std::time::Duration;

use super::found::{Found, Topic, Verdict};
use crate::language::Language;

/// A sentence, and what to do where something is to be done.
pub(super) type Told = (String, Option<String>);

pub(super) fn told(found: &Found, language: Language) -> Told {
    match language {
        Language::Id => indonesian::told(found),
        Language::En => english::told(found),
    }
}

pub(super) fn verdict(verdict: Verdict, language: Language) -> &'static str {
    match (verdict, language) {
        (Verdict::Well, Language::Id) => "baik",
        (Verdict::Well, Language::En) => "ok",
        (Verdict::Doubtful, Language::Id) => "awas",
        (Verdict::Doubtful, Language::En) => "warning",
        (Verdict::Failed, Language::Id) => "GAGAL",
        (Verdict::Failed, Language::En) => "FAILED",
    }
}

pub(super) fn topic(topic: Topic, language: Language) -> &'static str {
    match (topic, language) {
        (topic, Language::En) => topic.name(),
        (Topic::Configuration, Language::Id) => "konfigurasi",
        (Topic::Folders, Language::Id) => "folder",
        (Topic::Running, Language::Id) => "layanan",
        (Topic::Ping, Language::Id) => "ping",
        (Topic::Gateway, Language::Id) => "gateway",
        (Topic::Dns, Language::Id) => "DNS",
        (Topic::Clock, Language::Id) => "jam",
        (Topic::Connection, Language::Id) => "sambungan",
        (Topic::Tls, Language::Id) => "TLS",
        (Topic::Collector, Language::Id) => "kolektor",
        (Topic::Targets, Language::Id) => "sasaran",
        (Topic::Snmp, Language::Id) => "SNMP",
    }
}

pub(super) fn summary(well: usize, doubtful: usize, failed: usize, language: Language) -> String {
    match language {
        Language::Id => format!("{well} baik, {doubtful} perlu diperhatikan, {failed} gagal"),
        Language::En => format!("{well} ok, {doubtful} to look at, {failed} failed"),
    }
}

/// Milliseconds with a digit for what is short.
fn ms(length: Duration) -> String {
    let us = length.as_micros();
    if us < 10_000 { format!("{}.{} ms", us / 1_000, us % 1_000 / 100) } else { format!("{} ms", us / 1_000) }
}

/// Cut to what a line bears.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let mut cut: String = text.trim().chars().take(MOST).collect();
    if cut.len() < text.trim().len() {
        cut.push('…');
    }
    cut
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
