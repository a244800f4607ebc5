//! From rounds and deliveries to the life of each piece of evidence, and the core's blindness.

use super::*;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Went {
    Failed,
    Poor,
    Good,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Of {
    Agent(SiteId),
    Target(Subject),
}

/// [from, to) state: the whole life of one piece of evidence.
pub(super) type Life = Vec<(Ms, Ms, State)>;

pub(super) struct Evidence {
    pub(super) vantage: Vantage,
    pub(super) of: Of,
    pub(super) interval: Ms,
    pub(super) life: Life,
}

pub(super) fn at(life: &Life, t: Ms) -> State {
    life.iter().find(|(from, to, _)| *from <= t && t < *to).map_or(State::Unknown, |part| part.2)
}

/// From the automaton to the life of evidence.
pub(super) fn live(
    rounds: &[(Ms, Went)],
    interval: Ms,
    settings: &Settings,
    bridge: Option<&[(Ms, Ms)]>,
    now: Ms,
) -> Life {
    let stale = 3 * interval;
    // Between silences.
    let mut runs: Vec<Vec<(Ms, Went)>> = Vec::new();
    for round in rounds {
        match runs.last_mut() {
            Some(run) if round.0 - run.last().unwrap().0 <= stale => run.push(*round),
            _ => runs.push(vec![*round]),
        }
    }
    // Each run on its own: what was confirmed, and from when.
    let confirmed: Vec<Vec<(Ms, State)>> = runs.iter().map(|run| confirm(run, settings)).collect();
    let mut marks: Vec<(Ms, State)> = Vec::new();
    for (k, run) in runs.iter().enumerate() {
        marks.extend(&confirmed[k]);
        let last = run.last().unwrap().0;
        let next = runs.get(k + 1).map_or(now, |run| run[0].0);
        if next - last <= stale {
            continue;
        }
        marks.push((last + interval, State::Unknown));
        let (Some(bridge), Some((_, before))) = (bridge, confirmed[k].last()) else { continue };
        // The first state that is confirmed after it, and every silence on the way there.
        let Some(behind) = (k + 1..runs.len()).find(|later| !confirmed[*later].is_empty()) else { continue };
        let all_explained = (k..behind).all(|silence| {
            let (from, to) = (runs[silence].last().unwrap().0, runs[silence + 1][0].0);
            let down: Ms = bridge.iter().map(|(f, t)| (to.min(*t) - from.max(*f)).max(0)).sum();
            to - from - down <= stale
        });
        let after = confirmed[behind][0].1;
        if all_explained && (after == *before || after.serves() && before.serves()) {
            let state = if after.serves() { State::Up } else { after };
            let begin = confirmed[behind][0].0;
            marks.push((last + interval, state));
            // Silences within the stretch are part of it.
            for run in &runs[k + 1..behind] {
                let inner = run.last().unwrap().0 + interval;
                if inner < begin {
                    marks.push((inner, state));
                }
            }
        }
    }
    // Later marks at the same moment win; inner silences of an unbridged stretch stay unknown.
    let mut by_time: BTreeMap<Ms, State> = BTreeMap::new();
    let mut bridged: BTreeMap<Ms, State> = BTreeMap::new();
    for (t, state) in marks {
        if state == State::Unknown {
            by_time.entry(t).or_insert(state);
        } else if by_time.get(&t) == Some(&State::Unknown) {
            bridged.insert(t, state);
        } else {
            by_time.insert(t, state);
        }
    }
    let mut inner: Vec<(Ms, State)> = by_time.into_iter().collect();
    for (t, state) in &mut inner {
        if let Some(kept) = bridged.get(t) {
            *state = *kept;
        }
    }
    let first_up = inner.iter().filter(|(_, state)| state.serves()).map(|(t, _)| *t).min().unwrap_or(FOREVER);
    inner.dedup_by_key(|mark| mark.1);
    let ends: Vec<Ms> = inner.iter().skip(1).map(|(t, _)| *t).chain([FOREVER]).collect();
    inner
        .iter()
        .zip(ends)
        .filter(|((t, _), _)| *t >= first_up)
        .map(|((t, state), end)| (*t, end, *state))
        .collect()
}

pub(super) fn confirm(run: &[(Ms, Went)], settings: &Settings) -> Vec<(Ms, State)> {
    let trailing = |upto: usize, fits: &dyn Fn(Went) -> bool| {
        let count = run[..=upto].iter().rev().take_while(|round| fits(round.1)).count();
        (count, run[upto + 1 - count.max(1)].0)
    };
    let (down_after, up_after) = (settings.down_after as usize, settings.up_after as usize);
    let mut state = State::Unknown;
    let mut told = Vec::new();
    for k in 0..run.len() {
        let failed = trailing(k, &|went| went == Went::Failed);
        let answered = trailing(k, &|went| went != Went::Failed);
        let poor = trailing(k, &|went| went == Went::Poor);
        let good = trailing(k, &|went| went == Went::Good);
        if failed.0 >= down_after && state != State::Down {
            state = State::Down;
            told.push((failed.1, state));
        }
        if answered.0 >= up_after && !state.serves() {
            state = State::Up;
            told.push((answered.1, state));
        }
        if state == State::Up && poor.0 >= down_after {
            state = State::Degraded;
            told.push((poor.1, state));
        } else if state == State::Degraded && good.0 >= up_after {
            state = State::Up;
            told.push((good.1, state));
        }
    }
    told
}

pub(super) fn went(round: &Round, settings: &Settings) -> Went {
    if round.rtts_us.is_empty() {
        return Went::Failed;
    }
    let lost = f64::from(round.sent) - round.rtts_us.len() as f64;
    let slow = settings.rtt_warn.is_some_and(|warn| median(round) >= warn.as_micros() as f64);
    if 100.0 * lost / f64::from(round.sent) >= settings.loss_warn || slow { Went::Poor } else { Went::Good }
}

pub(super) fn median(round: &Round) -> f64 {
    let mut rtts: Vec<f64> = round.rtts_us.iter().map(|rtt| f64::from(*rtt)).collect();
    rtts.sort_by(f64::total_cmp);
    match rtts.len() {
        0 => 0.0,
        n if n % 2 == 1 => rtts[n / 2],
        n => f64::midpoint(rtts[n / 2 - 1], rtts[n / 2]),
    }
}

pub(super) fn join(mut spans: Vec<(Ms, Ms)>) -> Vec<(Ms, Ms)> {
    spans.retain(|(from, to)| from < to);
    spans.sort_unstable();
    let mut joined: Vec<(Ms, Ms)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

pub(super) fn inside(spans: &[(Ms, Ms)], t: Ms) -> bool {
    spans.iter().any(|(from, to)| *from <= t && t < *to)
}

/// Deliveries and what the collector supplies for those that are overdue.
pub(super) fn heartbeats(
    deliveries: &BTreeSet<Ms>,
    downtimes: &[(Ms, Ms)],
    report: Ms,
    now: Ms,
) -> Vec<(Ms, Went)> {
    let mut rounds: Vec<(Ms, Went)> = deliveries.iter().map(|t| (*t, Went::Good)).collect();
    let Some(first) = deliveries.first() else { return rounds };
    let mut anchors: BTreeSet<Ms> = deliveries.iter().copied().filter(|t| !inside(downtimes, *t)).collect();
    anchors.extend(downtimes.iter().map(|(_, to)| *to).filter(|to| to >= first));
    for anchor in &anchors {
        for k in 1.. {
            let due = anchor + k * report;
            let before_limit = |limit: Ms| 2 * due + report < 2 * limit;
            let delivered = deliveries.range(anchor + 1..).next().is_some_and(|next| !before_limit(*next));
            let returned = downtimes.iter().any(|(from, _)| from >= anchor && !before_limit(*from));
            if !before_limit(now) || delivered || returned {
                break;
            }
            rounds.push((due, Went::Failed));
        }
    }
    rounds.sort_unstable_by_key(|round| round.0);
    rounds
}

pub(super) fn blindness(evidence: &[Evidence], now: Ms) -> Vec<(Ms, Ms)> {
    let references: Vec<&Evidence> = evidence
        .iter()
        .filter(|one| one.vantage == Vantage::Core && matches!(one.of, Of::Target(Subject::Reference(_))))
        .collect();
    let moments: BTreeSet<Ms> = references
        .iter()
        .flat_map(|one| one.life.iter().flat_map(|part| [part.0, part.1]))
        .chain([now])
        .collect();
    let is_blind = |t: Ms| {
        let answered: Vec<_> =
            references.iter().filter(|one| one.life.first().is_some_and(|part| part.0 <= t)).collect();
        !answered.is_empty() && answered.iter().all(|one| at(&one.life, t) == State::Down)
    };
    let list: Vec<Ms> = moments.into_iter().collect();
    join(list.windows(2).filter(|pair| is_blind(pair[0])).map(|pair| (pair[0], pair[1])).collect())
}

pub(super) fn veil(life: &Life, near: Ms, blind: &[(Ms, Ms)]) -> Life {
    let mut hidden = Vec::new();
    for (k, (from, to, state)) in life.iter().enumerate() {
        if *state != State::Down {
            continue;
        }
        let recovers = life.get(k + 1).is_some_and(|next| next.2.serves());
        for (begin, end) in blind {
            if from <= begin && begin < to && begin - from <= near {
                hidden.push((*from, *end.min(to)));
            }
            if from < end && end < to && recovers && to - end <= near {
                hidden.push((*end, *to));
            }
        }
    }
    let hidden = join(hidden);
    let moments: BTreeSet<Ms> = life
        .iter()
        .flat_map(|part| [part.0, part.1])
        .chain(hidden.iter().flat_map(|span| [span.0, span.1]))
        .collect();
    let list: Vec<Ms> = moments.into_iter().collect();
    let state = |t| if inside(&hidden, t) { State::Unknown } else { at(life, t) };
    list.windows(2).map(|pair| (pair[0], pair[1], state(pair[0]))).collect()
}
