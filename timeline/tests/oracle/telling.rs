//! The document: maintenance, figures, groups, incidents and their causes.

use super::*;

impl World<'_> {
    pub(super) fn under_maintenance(&self, site: &SiteId, t: Ms) -> bool {
        let own =
            self.network.maintenance.iter().any(|window| {
                window.site == *site && window.from.as_millis() <= t && t < window.to.as_millis()
            });
        let ups = &self.site(site).upstream;
        own || !ups.is_empty() && ups.iter().all(|up| self.under_maintenance(up, t))
    }

    pub(super) fn tell(&self, timelines: &BTreeMap<SiteId, Vec<Stay>>) -> Value {
        let mut sites = Map::new();
        let mut groups: BTreeMap<String, Vec<(&Site, [Ms; 5])>> = BTreeMap::new();
        let mut cut_lines: BTreeMap<SiteId, Vec<Stay>> = BTreeMap::new();
        for (id, timeline) in timelines {
            let site = self.site(id);
            let begin = site.since.map_or(self.from, |since| since.as_millis().max(self.from));
            let cut: Vec<Stay> = timeline
                .iter()
                .map(|stay| Stay { from: stay.from.max(begin), ..stay.clone() })
                .filter(|s| s.from < s.to)
                .collect();
            let (figures, sums) = self.figures(site, &cut, begin);
            let shown: Vec<Value> = cut.iter().map(show).collect();
            let marks: Vec<Value> = self
                .marks(id, begin)
                .iter()
                .map(|(from, to)| json!({"from": time(*from), "to": time(*to)}))
                .collect();
            sites.insert(id.to_string(), json!({"timeline": shown, "maintenance": marks, "uptime": figures}));
            let mut keys = vec!["network".to_owned(), format!("kind:{}", site.kind)];
            keys.extend(site.provider.as_ref().map(|provider| format!("provider:{provider}")));
            let parts: Vec<&str> =
                site.region.as_ref().map_or(vec![], |code| code.as_str().split('.').collect());
            keys.extend((parts.len() >= 3).then(|| format!("kecamatan:{}", parts[..3].join("."))));
            for key in keys {
                groups.entry(key).or_default().push((site, sums));
            }
            cut_lines.insert(id.clone(), cut);
        }
        let groups: Map<String, Value> =
            groups.into_iter().map(|(key, sites)| (key, group(&sites))).collect();
        json!({
            "network": self.network.name, "from": time(self.from), "until": time(self.now),
            "sites": sites, "groups": groups, "incidents": self.incidents(&cut_lines),
        })
    }

    pub(super) fn marks(&self, id: &SiteId, begin: Ms) -> Vec<(Ms, Ms)> {
        let windows = self.network.maintenance.iter().flat_map(|w| [w.from.as_millis(), w.to.as_millis()]);
        let moments: BTreeSet<Ms> =
            windows.filter(|t| begin < *t && *t < self.now).chain([begin, self.now]).collect();
        let list: Vec<Ms> = moments.into_iter().collect();
        join(
            list.windows(2)
                .filter(|pair| self.under_maintenance(id, pair[0]))
                .map(|pair| (pair[0], pair[1]))
                .collect(),
        )
        .into_iter()
        .filter(|_| begin < self.now)
        .collect()
    }

    /// Up, down, unreachable, unknown, maintenance.
    pub(super) fn figures(&self, site: &Site, timeline: &[Stay], begin: Ms) -> (Value, [Ms; 5]) {
        let marks = self.marks(&site.id, begin);
        let outside = |from: Ms, to: Ms| {
            to - from - marks.iter().map(|(f, t)| (to.min(*t) - from.max(*f)).max(0)).sum::<Ms>()
        };
        let mut sums = [0; 5];
        for stay in timeline {
            let place = match stay.state {
                State::Up | State::Degraded => 0,
                State::Down => 1,
                State::Unreachable => 2,
                State::Unknown => 3,
            };
            sums[place] += outside(stay.from, stay.to);
        }
        sums[4] = marks.iter().map(|(from, to)| to - from).sum();
        assert_eq!(sums.iter().sum::<Ms>(), (self.now - begin).max(0), "the figures add up to the period");
        let bad = timeline.iter().filter(|stay| matches!(stay.state, State::Down | State::Unreachable));
        let episodes = join(bad.map(|stay| (stay.from, stay.to)).collect());
        let lengths: Vec<Ms> =
            episodes.iter().map(|(from, to)| outside(*from, *to)).filter(|length| *length > 0).collect();
        let judged = sums[0] + sums[1] + sums[2];
        let observed = percent(judged, judged + sums[3]);
        let uptime = percent(sums[0], judged);
        let met = observed
            .filter(|observed| *observed >= 90.0)
            .and(uptime)
            .map(|uptime| uptime >= site.settings.sla);
        let mean = |sum: Ms| (!lengths.is_empty()).then(|| sum as f64 / 1000.0 / lengths.len() as f64);
        let figures = json!({
            "up_s": seconds(sums[0]), "down_s": seconds(sums[1]), "unreachable_s": seconds(sums[2]),
            "unknown_s": seconds(sums[3]), "maintenance_s": seconds(sums[4]),
            "uptime_pct": uptime, "own_uptime_pct": percent(sums[0] + sums[2], judged), "observed_pct": observed,
            "outages": lengths.len(), "mttr_s": mean(sums[1] + sums[2]).map(milli), "mtbf_s": mean(sums[0]).map(milli),
            "longest_s": seconds(lengths.iter().copied().max().unwrap_or(0)), "sla_met": met,
        });
        (figures, sums)
    }

    pub(super) fn incidents(&self, timelines: &BTreeMap<SiteId, Vec<Stay>>) -> Vec<Value> {
        let mut found: Vec<(Ms, SiteId, Value)> = Vec::new();
        for (id, timeline) in timelines {
            let mut rest = timeline.iter();
            while let Some(stay) = rest.find(|stay| stay.state == State::Down) {
                let started = stay.from;
                let ended = rest.find(|stay| stay.state.serves()).map(|stay| stay.from);
                let end = ended.unwrap_or(self.now);
                let hit = |stay: &Stay| stay.roots.contains(id) && stay.from < end && started < stay.to;
                let affected: Vec<String> = timelines
                    .iter()
                    .filter(|(_, stays)| stays.iter().any(hit))
                    .map(|(id, _)| id.to_string())
                    .collect();
                let marks = self.marks(id, FOREVER.min(started));
                let wholly = marks.iter().any(|(from, to)| *from <= started && end <= *to);
                found.push((started, id.clone(), json!({
                    "root": id.to_string(), "started_at": time(started), "ended_at": ended.map(time), "affected": affected,
                    "cause": self.cause(id, started, ended), "maintenance": wholly,
                })));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        found.into_iter().map(|incident| incident.2).collect()
    }

    pub(super) fn cause(&self, id: &SiteId, started: Ms, ended: Option<Ms>) -> &'static str {
        let blink = started - self.correlate_ms(self.site(id));
        let after: Vec<Ms> = self
            .boots
            .iter()
            .filter(|(site, _, seen)| site == id && ended.is_some_and(|ended| *seen >= ended))
            .map(|(_, boot, _)| *boot)
            .collect();
        let rounds = self
            .measured
            .iter()
            .any(|(site, t)| site == id && started <= *t && *t < ended.unwrap_or(self.now));
        if after.iter().any(|boot| blink <= *boot && ended.is_some_and(|ended| *boot < ended)) {
            "power"
        } else if rounds || after.iter().any(|boot| *boot < blink) {
            "link"
        } else {
            "undetermined"
        }
    }
}

pub(super) fn show(stay: &Stay) -> Value {
    let mut shown = json!({"state": stay.state.as_str(), "from": time(stay.from), "to": time(stay.to)});
    if stay.state == State::Unreachable {
        shown["roots"] = stay.roots.iter().map(ToString::to_string).collect();
    }
    shown
}

pub(super) fn group(sites: &[(&Site, [Ms; 5])]) -> Value {
    let mut sums = [0; 5];
    for (_, one) in sites {
        (0..5).for_each(|k| sums[k] += one[k]);
    }
    let judged = |sums: &[Ms; 5]| sums[0] + sums[1] + sums[2];
    let uptime = |sums: &[Ms; 5]| percent(sums[0], judged(sums));
    let mut known: Vec<(f64, &SiteId)> =
        sites.iter().filter_map(|(site, sums)| Some((uptime(sums)?, &site.id))).collect();
    known.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let n = known.len();
    let median = (n > 0).then(|| f64::midpoint(known[(n - 1) / 2].0, known[n / 2].0));
    let peopled: Vec<(f64, f64)> =
        sites.iter().filter_map(|(site, sums)| Some((site.population? as f64, uptime(sums)?))).collect();
    let people: f64 = peopled.iter().map(|(people, _)| people).sum();
    let weighted: f64 = peopled.iter().map(|(people, pct)| people * pct).sum();
    json!({
        "sites": sites.len(), "up_s": seconds(sums[0]), "down_s": seconds(sums[1]), "unreachable_s": seconds(sums[2]),
        "unknown_s": seconds(sums[3]), "maintenance_s": seconds(sums[4]), "uptime_pct": uptime(&sums),
        "own_uptime_pct": percent(sums[0] + sums[2], judged(&sums)),
        "observed_pct": percent(judged(&sums), judged(&sums) + sums[3]), "median_uptime_pct": median,
        "worst_site": known.first().map(|(_, id)| id.to_string()),
        "population_uptime_pct": (people > 0.0).then(|| weighted / people),
    })
}

pub(super) fn percent(part: Ms, whole: Ms) -> Option<f64> {
    (whole != 0).then(|| 100.0 * part as f64 / whole as f64)
}

pub(super) fn seconds(ms: Ms) -> f64 {
    ms as f64 / 1000.0
}

pub(super) fn milli(seconds: f64) -> f64 {
    format!("{seconds:.3}").parse().unwrap()
}

pub(super) fn time(ms: Ms) -> String {
    kentongan_model::time::Timestamp::from_millis(ms).to_string()
}
