//! A group of rounds on its way: which probe is to be sent when, and which rounds have ended. Pure.
//!
//! The probes go out in waves, one probe of each round in each, the waves [`SPREAD`] apart or as fast as the pace lets them.
//! Guarded here: every round is told once, and only when each of its probes was answered or given up.

use std::time::Duration;

use crate::{
    icmp::Family,
    pinger::{Aim, Echo, Round, SPREAD},
};

/// After the last probe, replies are looked for once this has passed, and again after twice as long each time. The kernel
/// has stamped them, so that waiting costs no truth, and a look costs a wake-up.
const FIRST_LOOK: Duration = SPREAD;

/// A group that is being pinged.
#[derive(Debug)]
pub(super) struct Group {
    rounds: Vec<Running>,
    families: Vec<Family>,
    /// Rounds that have not ended.
    open: usize,
    ended: Vec<usize>,
    wave: u16,
    waves: u16,
    /// The round whose probe is next in this wave.
    next: usize,
    /// Before this the wave does not begin.
    wave_begins: Duration,
    /// When the last probe was sent.
    last_sent: Duration,
    /// Before this no round can have waited long enough.
    next_expiry: Duration,
}

/// One round of the group.
#[derive(Debug)]
struct Running {
    aim: Aim,
    begun: Option<Duration>,
    probes: Vec<Probe>,
    unsettled: u16,
}

#[derive(Debug, Clone, Copy)]
enum Probe {
    UnderWay { number: u32, until: Duration },
    Over(Echo),
}

/// A probe that is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) round: usize,
    pub(super) probe: u16,
    pub(super) aim: Aim,
}

/// What a group waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing: a probe is due.
    Due,
    /// Time.
    Until(Duration),
    /// Nothing any more: all rounds have ended.
    Over,
}

impl Group {
    /// A group whose first wave goes out at `begins`.
    pub(super) fn new(aims: Vec<Aim>, begins: Duration) -> Self {
        let waves = aims.iter().map(|aim| aim.probes).max().unwrap_or(0);
        let mut families: Vec<Family> = aims.iter().map(|aim| Family::of(aim.address)).collect();
        families.dedup();
        let running = |aim: Aim| Running {
            aim,
            begun: None,
            probes: Vec::with_capacity(aim.probes.into()),
            unsettled: aim.probes,
        };
        let rounds: Vec<Running> = aims.into_iter().map(running).collect();
        let ended = (0..rounds.len()).filter(|&round| rounds[round].unsettled == 0).collect::<Vec<_>>();
        let open = rounds.len() - ended.len();
        let (wave_begins, last_sent, next_expiry) = (begins, begins, Duration::MAX);
        let mut group = Group {
            rounds,
            families,
            open,
            ended,
            wave: 0,
            waves,
            next: 0,
            wave_begins,
            last_sent,
            next_expiry,
        };
        group.skip(begins);
        group
    }

    /// Whether all rounds have ended.
    pub(super) fn is_over(&self) -> bool {
        self.open == 0
    }

    /// Whether addresses of this family are asked.
    pub(super) fn asks(&self, family: Family) -> bool {
        self.families.contains(&family)
    }

    /// Who is asked in a round, and how long its probes may take.
    pub(super) fn aim(&self, round: usize) -> Aim {
        self.rounds[round].aim
    }

    /// The probe that is to be sent next, if one is due.
    pub(super) fn due(&self, now: Duration) -> Option<Due> {
        (self.wave < self.waves && self.wave_begins <= now).then(|| {
            let Running { aim, probes, .. } = &self.rounds[self.next];
            Due { round: self.next, probe: probes.len() as u16, aim: *aim }
        })
    }

    /// The probe that was due has been sent under this number.
    pub(super) fn sent(&mut self, number: u32, now: Duration) {
        let round = &mut self.rounds[self.next];
        let until = now + round.aim.timeout;
        round.probes.push(Probe::UnderWay { number, until });
        round.begun.get_or_insert(now);
        self.next_expiry = self.next_expiry.min(until);
        self.last_sent = now;
        self.proceed(now);
    }

    /// The probe that was due could not be sent.
    pub(super) fn not_sent(&mut self, echo: Echo, now: Duration) {
        let round = self.next;
        self.rounds[round].probes.push(Probe::Over(echo));
        self.rounds[round].begun.get_or_insert(now);
        self.one_less(round);
        self.proceed(now);
    }

    /// A probe that was sent has come to something.
    pub(super) fn settle(&mut self, round: usize, probe: u16, echo: Echo) {
        if let Some(probe @ Probe::UnderWay { .. }) = self.rounds[round].probes.get_mut(usize::from(probe)) {
            *probe = Probe::Over(echo);
            self.one_less(round);
        }
    }

    /// Gives up the probes that have waited long enough, and tells their numbers.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<u32> {
        let mut expired = Vec::new();
        if now < self.next_expiry {
            return expired;
        }
        self.next_expiry = Duration::MAX;
        for round in 0..self.rounds.len() {
            if self.rounds[round].unsettled == 0 {
                continue;
            }
            // A round is told when its last probe has waited: to give the others up before would only cost wake-ups.
            let mut last = None;
            for at in 0..self.rounds[round].probes.len() {
                let Probe::UnderWay { number, until } = self.rounds[round].probes[at] else { continue };
                if until <= now {
                    self.rounds[round].probes[at] = Probe::Over(Echo::Silence);
                    expired.push(number);
                    self.one_less(round);
                } else {
                    last = Some(until);
                }
            }
            self.next_expiry = self.next_expiry.min(last.unwrap_or(Duration::MAX));
        }
        expired
    }

    /// Rounds that have ended and were not told yet.
    pub(super) fn take_ended(&mut self) -> Vec<Round> {
        let told = |aim: usize| {
            let round = &mut self.rounds[aim];
            let echoes = std::mem::take(&mut round.probes).into_iter().map(|probe| match probe {
                Probe::Over(echo) => echo,
                Probe::UnderWay { .. } => Echo::Silence,
            });
            Round { aim, begun: round.begun.unwrap_or(self.wave_begins), echoes: echoes.collect() }
        };
        std::mem::take(&mut self.ended).into_iter().map(told).collect()
    }

    /// What has to happen next.
    pub(super) fn wait(&self, now: Duration) -> Wait {
        if self.open == 0 {
            return Wait::Over;
        }
        if self.wave < self.waves {
            return if self.wave_begins <= now { Wait::Due } else { Wait::Until(self.wave_begins) };
        }
        let mut look = FIRST_LOOK;
        while self.last_sent + look <= now {
            look *= 2;
        }
        Wait::Until(self.next_expiry.min(self.last_sent + look))
    }

    fn one_less(&mut self, round: usize) {
        let running = &mut self.rounds[round];
        running.unsettled -= 1;
        if running.unsettled == 0 {
            self.ended.push(round);
            self.open -= 1;
        }
    }

    fn proceed(&mut self, now: Duration) {
        self.next += 1;
        self.skip(now);
    }

    /// Passes over rounds that have no probe in this wave, and on to the next wave when it is through.
    fn skip(&mut self, now: Duration) {
        while self.wave < self.waves {
            if self.next == self.rounds.len() {
                (self.wave, self.next) = (self.wave + 1, 0);
                self.wave_begins = (self.wave_begins + SPREAD).max(now);
            } else if self.rounds[self.next].aim.probes <= self.wave {
                self.next += 1;
            } else {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Duration = Duration::from_secs(50);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn aim(probes: u16, timeout: u64) -> Aim {
        Aim { address: [10, 0, 0, 1].into(), probes, timeout: ms(timeout) }
    }

    /// Sends all that is due and tells of which round and which probe it was.
    fn send(group: &mut Group, now: Duration, numbers: &mut u32) -> Vec<(usize, u16)> {
        let mut sent = Vec::new();
        while let Some(due) = group.due(now) {
            group.sent(*numbers, now);
            *numbers += 1;
            sent.push((due.round, due.probe));
        }
        sent
    }

    #[test]
    fn probes_go_out_in_waves_and_a_round_is_told_as_soon_as_it_has_ended() {
        let mut group = Group::new(vec![aim(2, 1_000), aim(0, 1_000), aim(1, 1_000)], START);
        let mut numbers = 0;
        let told: Vec<_> =
            group.take_ended().into_iter().map(|round| (round.aim, round.echoes.len())).collect();
        assert_eq!(told, [(1, 0)], "no probes, nothing to wait for");
        assert_eq!(send(&mut group, START, &mut numbers), [(0, 0), (2, 0)]);
        assert_eq!(group.wait(START), Wait::Until(START + SPREAD));
        group.settle(2, 0, Echo::Reply { rtt_us: 7 });
        let ended = group.take_ended();
        assert_eq!(ended, [Round { aim: 2, begun: START, echoes: vec![Echo::Reply { rtt_us: 7 }] }]);
        assert_eq!(send(&mut group, START + SPREAD, &mut numbers), [(0, 1)]);
        group.settle(0, 1, Echo::Reply { rtt_us: 9 });
        // The first probe is still awaited: looked for after one spread, two, four, and given up at its time.
        assert_eq!(group.wait(START + SPREAD), Wait::Until(START + SPREAD + FIRST_LOOK));
        assert_eq!(group.wait(START + SPREAD * 2), Wait::Until(START + SPREAD + FIRST_LOOK * 2));
        assert_eq!(group.wait(START + ms(995)), Wait::Until(START + ms(1_000)));
        assert!(group.expire(START + ms(999)).is_empty());
        assert_eq!(group.expire(START + ms(1_000)), [0]);
        assert_eq!(group.take_ended()[0].echoes, [Echo::Silence, Echo::Reply { rtt_us: 9 }]);
        assert_eq!(group.wait(START + ms(1_000)), Wait::Over);
    }

    #[test]
    fn a_wave_that_the_pace_held_up_is_followed_by_the_next_without_a_pause_but_never_sooner() {
        let mut group = Group::new(vec![aim(2, 1_000), aim(2, 1_000)], START);
        assert!(group.due(START).is_some());
        group.sent(0, START);
        let late = START + SPREAD * 3;
        group.sent(1, late);
        assert_eq!(group.due(late).map(|due| (due.round, due.probe)), Some((0, 1)));
    }

    #[test]
    fn what_could_not_be_sent_is_over_at_once() {
        let mut group = Group::new(vec![aim(1, 1_000)], START);
        group.not_sent(Echo::Unsendable(std::io::ErrorKind::NetworkUnreachable), START);
        assert_eq!(group.take_ended()[0].echoes, [Echo::Unsendable(std::io::ErrorKind::NetworkUnreachable)]);
        assert_eq!(group.wait(START), Wait::Over);
    }

    proptest! {
        #[test]
        fn every_round_is_told_once_with_an_echo_for_each_probe(
            aims in prop::collection::vec((0..6u16, 50..400u64), 0..12),
            answers in prop::collection::vec((0..12usize, 0..6u16), 0..60),
            step in 1..80u64,
        ) {
            let mut group = Group::new(aims.iter().map(|&(probes, timeout)| aim(probes, timeout)).collect(), START);
            let (mut now, mut numbers, mut answers) = (START, 0, answers.into_iter());
            let mut told = vec![0; aims.len()];
            loop {
                send(&mut group, now, &mut numbers);
                if let Some((round, probe)) = answers.next().filter(|(round, _)| *round < aims.len()) {
                    group.settle(round, probe, Echo::Reply { rtt_us: 1 });
                }
                group.expire(now);
                for round in group.take_ended() {
                    prop_assert_eq!(round.echoes.len(), usize::from(aims[round.aim].0));
                    told[round.aim] += 1;
                }
                match group.wait(now) {
                    Wait::Over => break,
                    Wait::Due => {}
                    Wait::Until(moment) => now = now.max(moment) + ms(step),
                }
                prop_assert!(now < START + ms(8_000), "it never ends");
            }
            prop_assert!(told.iter().all(|&times| times == 1), "{:?}", told);
        }
    }
}
