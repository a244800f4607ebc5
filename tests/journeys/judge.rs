//! Holds the journal against what the witnesses saw: which rounds must be there, which may, and which must not. Pure.
//!
//! Requests of one run to one place that follow each other closely are a round. A round counts as measured when all its
//! requests had arrived (and been answered, for no link is cut here) half a second before the agent was killed: what is
//! shorter before the kill was in flight, and may be in the journal once or not at all. A round that the kill broke
//! off must not be there.

use std::time::Duration;

use kentongan_model::wire::MeasuredRound;

/// Echo requests in a round, as the inventory has it by default.
const PROBES: usize = 5;
/// Requests of one round are closer together than this, rounds further apart (1 s at least).
const WITHIN_A_ROUND: Duration = Duration::from_millis(400);
/// What is answered this long before a kill was measured.
const IN_FLIGHT: Duration = Duration::from_millis(500);
/// How far witness and agent may differ about the moment of a round's first request.
const SAME: Duration = Duration::from_millis(450);
/// A round as the witness saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    first: Duration,
    last: Duration,
    requests: usize,
}

/// What a round must be in the journal.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// There, once.
    Once,
    /// There once, or not.
    AtMostOnce,
    /// Not there.
    Never,
}

impl Seen {
    fn due(&self, kills: &[Duration]) -> Due {
        let killed_before = |end: Duration| kills.iter().any(|&kill| self.first <= kill && kill < end);
        match self.requests {
            PROBES if killed_before(self.last + IN_FLIGHT) => Due::AtMostOnce,
            PROBES => Due::Once,
            _ => Due::Never,
        }
    }
}

/// Groups one place's requests into rounds. Each run of the agent has an identifier of its own.
pub(crate) fn rounds_of(requests: impl IntoIterator<Item = (u16, Duration)>) -> Vec<Seen> {
    let mut rounds = Vec::<(u16, Seen)>::new();
    for (ident, at) in requests {
        match rounds.last_mut() {
            Some((run, round)) if *run == ident && at.saturating_sub(round.last) < WITHIN_A_ROUND => {
                round.last = at;
                round.requests += 1;
            }
            _ => rounds.push((ident, Seen { first: at, last: at, requests: 1 })),
        }
    }
    rounds.into_iter().map(|(_, round)| round).collect()
}

/// Everything that is wrong with the journal's rounds of one place, in the light of what its witness has seen. What
/// ended after `until` need not have arrived yet.
pub(crate) fn faults(
    place: &str,
    seen: &[Seen],
    journal: &[MeasuredRound],
    kills: &[Duration],
    until: Duration,
) -> Vec<String> {
    let (mut faults, mut entries) = (Vec::new(), vec![0; seen.len()]);
    for entry in journal {
        let apart = |round: &Seen| Duration::from_millis(entry.mono_ms).abs_diff(round.first);
        let nearest = seen.iter().enumerate().min_by_key(|(_, round)| apart(round));
        match nearest.filter(|(_, round)| apart(round) < SAME) {
            Some((its, _)) => entries[its] += 1,
            None => faults.push(format!("{place}: {entry:?} was never measured")),
        }
        if usize::from(entry.sent) != PROBES || entry.rtts_us.len() != PROBES {
            faults.push(format!("{place}: {entry:?}, and every request was answered"));
        }
    }
    for (round, entries) in seen.iter().zip(entries) {
        let due = round.due(kills);
        let right = match due {
            Due::Once => entries == 1,
            Due::AtMostOnce => entries <= 1,
            Due::Never => entries == 0,
        } || (round.last >= until && entries <= 1);
        if !right {
            faults.push(format!("{place}: {round:?} is {entries} times in the journal, due {due:?}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn entry(mono_ms: u64) -> MeasuredRound {
        MeasuredRound { target: 0, mono_ms, sent: 5, rtts_us: vec![100; 5] }
    }

    fn told(journal: &[MeasuredRound], kills: &[Duration]) -> usize {
        let round = |start: u64, requests: u64| (0..requests).map(move |n| (7, at(start + 30 * n)));
        let seen = rounds_of(round(10_000, 5).chain(round(12_000, 5)).chain(round(14_000, 2)));
        faults("desa", &seen, journal, kills, at(60_000)).len()
    }

    #[test]
    fn the_judge_of_this_journey_sees_what_is_missing_double_or_made_up() {
        let kills = [at(14_050)];
        assert_eq!(told(&[entry(10_002), entry(11_990)], &kills), 0);
        assert_eq!(told(&[entry(10_002)], &kills), 1, "missing");
        assert_eq!(told(&[entry(10_002), entry(10_002), entry(12_000)], &kills), 1, "double");
        assert_eq!(told(&[entry(10_002), entry(12_000), entry(14_000)], &kills), 1, "broken off");
        assert_eq!(told(&[entry(10_002), entry(11_000), entry(12_000)], &kills), 1, "made up");
    }

    #[test]
    fn only_what_was_in_flight_at_the_kill_may_be_lost() {
        assert_eq!(told(&[entry(10_002)], &[at(12_300)]), 0, "its replies had hardly come");
        assert_eq!(told(&[entry(10_002)], &[at(13_500)]), 1, "it was measured long before");
        assert_eq!(told(&[entry(10_002)], &[at(11_900)]), 1, "it began after the kill");
    }

    #[test]
    fn a_round_that_a_kill_broke_off_is_not_taken_for_the_first_of_the_next_run() {
        let broken = (0..2).map(|n| (7, at(10_000 + 30 * n)));
        let next = (0..5).map(|n| (8, at(10_200 + 30 * n)));
        let seen = rounds_of(broken.chain(next));
        assert_eq!(seen.len(), 2);
        let told = faults("desa", &seen, &[entry(10_199)], &[at(10_050)], at(60_000));
        assert!(told.is_empty(), "{told:?}");
    }
}
