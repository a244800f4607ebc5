//! What does not answer, and seen from where: why a site is degraded.

use crate::{inventory::Language, state::Kind};

/// From where it is seen that something does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// From the site that it belongs to, which is of this kind.
    FromThere(Kind),
    /// From a site of this name.
    From(String),
    /// From where the collector stands.
    FromTheCore,
}

/// Says that a target does not answer; none is the site's agent.
#[must_use]
pub fn unanswered(target: Option<&str>, seen: &Seen, language: Language) -> String {
    let what = |agent: &str| target.unwrap_or(agent).to_owned();
    match language {
        Language::Id => {
            let from = match seen {
                Seen::FromThere(Kind::Hotspot) => "titik wifi",
                Seen::FromThere(_) => "lokasi itu sendiri",
                Seen::From(name) => name,
                Seen::FromTheCore => "pusat",
            };
            format!("{} tidak terjangkau dari {from}", what("agen"))
        }
        Language::En => {
            let from = match seen {
                Seen::FromThere(Kind::Hotspot) => "the wifi point",
                Seen::FromThere(_) => "the site itself",
                Seen::From(name) => name,
                Seen::FromTheCore => "the core",
            };
            format!("{} cannot be reached from {from}", what("the agent"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_does_not_answer_and_from_where() {
        let (id, en) = (Language::Id, Language::En);
        for (target, seen, language, said) in [
            (
                Some("internet"),
                Seen::FromThere(Kind::Hotspot),
                id,
                "internet tidak terjangkau dari titik wifi",
            ),
            (Some("portal"), Seen::From("NOC".to_owned()), id, "portal tidak terjangkau dari NOC"),
            (None, Seen::FromTheCore, id, "agen tidak terjangkau dari pusat"),
            (Some("olt"), Seen::FromThere(Kind::Desa), en, "olt cannot be reached from the site itself"),
            (None, Seen::FromTheCore, en, "the agent cannot be reached from the core"),
        ] {
            assert_eq!(unanswered(target, &seen, language), said);
        }
    }
}
