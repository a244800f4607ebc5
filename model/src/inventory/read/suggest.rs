//! "Did you mean": the known word that is most like the one that was written.

/// Longer words are not compared: no key, id or time zone is that long.
const LONGEST: usize = 80;

/// The candidate that `word` was probably meant to be: the same but for a part that was left out in front or behind
/// (`kutoarjo` for `kec-kutoarjo`), or with at most a third of it mistyped.
pub(in crate::inventory) fn closest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    const SHORTEST_PART: usize = 3;
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let likeness = |candidate: &'c str| {
        let lower = candidate.to_lowercase();
        let part = word.len() >= SHORTEST_PART && (lower.starts_with(&word) || lower.ends_with(&word));
        if !part && lower.len().abs_diff(word.len()) > LONGEST / 3 {
            return None;
        }
        let distance = strsim::osa_distance(&word, &lower);
        (part || distance * 3 <= word.len().max(3)).then_some((!part, distance, candidate))
    };
    candidates.into_iter().filter_map(likeness).min().map(|(_, _, candidate)| candidate)
}

/// The same, as a sentence.
pub(super) fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    closest(word, candidates).map(|candidate| format!("did you mean '{candidate}'?"))
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        let ids = ["noc", "kec-kutoarjo", "kec-purworejo", "desa-wirun"];
        for (written, meant) in [
            ("kec-kutoarja", Some("kec-kutoarjo")),
            ("Kec-Kutoarjo", Some("kec-kutoarjo")),
            ("kutoarjo", Some("kec-kutoarjo")),
            ("nco", Some("noc")),
            ("desa-pacor", None),
            ("x", None),
            ("wirun", Some("desa-wirun")),
            ("", None),
        ] {
            assert_eq!(closest(written, ids), meant, "{written}");
        }
        assert_eq!(closest(&"x".repeat(1 << 20), ids), None);
    }
}
