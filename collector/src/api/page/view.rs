//! The page as the template writes it, made of what was judged. Pure: the same facts give the same page.

use std::collections::BTreeMap;

use askama::Template;
use kentongan_model::{
    id::SiteId,
    inventory::{Language, Network, Site},
    state::{Cause, Kind, State},
    time::Timestamp,
    wording,
};

use super::{
    choose::{Candidate, Offer, choose},
    words::{Words, clipped, clipped_to, escaped},
};
use crate::{api::sites::reasons, board::SiteNow, ledger::Kept};

/// The whole page stays below this.
pub(super) const PAGE_BYTES: usize = 30_000;
/// Incidents that are listed; the others are counted.
const INCIDENTS: usize = 20;
/// Sites that are named with an incident; the others are counted.
const AFFECTED: usize = 3;
/// Characters of a revision that are shown.
const REVISION: usize = 200;
/// Characters of why a site is degraded that are shown.
const REASON: usize = 100;
/// Bytes of causes and revisions that are shown in all.
const NOTES: usize = 4_000;
/// What the markup around a site costs.
const ROW_MARKUP: usize = "<li class=u> <i></i>\n".len();
/// What the markup around a group costs, with the line that counts what is not listed.
const GROUP_MARKUP: usize = "<h3> <i></i></h3>\n<ul></ul>\n<p>\n".len();
/// What the last line costs at most: groups that are left out.
const REST: usize = 250;
/// The order in which states are counted.
const STATES: [State; 5] = [State::Up, State::Degraded, State::Down, State::Unreachable, State::Unknown];

/// What the page is made of.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// The inventory.
    pub(super) network: &'a Network,
    /// The moment that it is about.
    pub(super) now: Timestamp,
    /// The sites as they were judged.
    pub(super) sites: &'a BTreeMap<SiteId, SiteNow>,
    /// The incidents that last, the latest first.
    pub(super) incidents: &'a [Kept],
    /// Uptime today in percent by the key of the group, such as `kecamatan:33.03.07`.
    pub(super) uptimes: &'a BTreeMap<String, f64>,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    words: &'static Words,
    title: String,
    operator: Option<String>,
    as_of: String,
    counts: Vec<Count>,
    incidents: Vec<Outage>,
    more_incidents: Option<String>,
    uptime: String,
    groups: Vec<Group>,
    rest: Option<String>,
}

#[derive(Debug)]
struct Count {
    class: char,
    sites: usize,
    word: &'static str,
}

#[derive(Debug)]
struct Outage {
    root: String,
    since: String,
    lasts: String,
    affected: Option<String>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Group {
    heading: String,
    uptime: Option<String>,
    rows: Vec<Row>,
    rest: Option<String>,
}

#[derive(Debug)]
struct Row {
    state: State,
    class: char,
    name: String,
    note: String,
}

/// Where a site is listed, in the order of the page.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Backbone,
    Kecamatan(&'a str),
    Nowhere,
}

impl<'a> Place<'a> {
    fn of(site: &'a Site) -> Self {
        match site.region.as_ref().and_then(|region| region.kecamatan()) {
            _ if site.kind == Kind::Backbone => Place::Backbone,
            Some(code) => Place::Kecamatan(code),
            None => Place::Nowhere,
        }
    }
}

impl Page {
    /// The page of these facts.
    pub(super) fn of(facts: &Facts<'_>, language: Language) -> Page {
        let words = Words::of(language);
        let zone = Words::zone(facts.now, &facts.network.timezone);
        let groups = facts.groups(words);
        let all: Vec<&Row> = groups.iter().flat_map(|group| &group.rows).collect();
        let more = facts.incidents.len().saturating_sub(INCIDENTS);
        let uptime = facts.uptimes.get("network");
        let mut page = Page {
            words,
            title: clipped(&facts.network.name),
            operator: facts.network.operator.as_deref().map(clipped),
            as_of: format!("{} {zone}", words.moment(facts.now, facts.now, &facts.network.timezone)),
            counts: counts(all.iter().map(|row| row.state), words),
            incidents: facts.outages(words, &zone),
            more_incidents: (more > 0).then(|| words.more(more)),
            uptime: uptime.map_or_else(|| words.no_figure.to_owned(), |pct| words.percent(*pct)),
            groups: Vec::new(),
            rest: None,
        };
        let head = page.render().map_or(PAGE_BYTES, |head| head.len());
        page.list(groups, PAGE_BYTES.saturating_sub(head + REST + 1));
        page
    }

    /// Lists of the groups what `budget` bytes have room for.
    fn list(&mut self, groups: Vec<Group>, budget: usize) {
        let offers: Vec<Offer> = groups.iter().map(|group| group.offer(self.words)).collect();
        let mut left_out = Vec::new();
        for (mut group, listed) in groups.into_iter().zip(choose(&offers, budget)) {
            let unlisted = group.rows.split_off(listed.unwrap_or(0));
            if listed.is_none() {
                left_out.push(unlisted);
            } else {
                group.rest = summary(&unlisted.iter().map(|row| row.state).collect::<Vec<_>>(), self.words);
                self.groups.push(group);
            }
        }
        let states: Vec<State> = left_out.iter().flatten().map(|row| row.state).collect();
        let groups = left_out.len();
        self.rest =
            summary(&states, self.words).map(|sum| format!("+ {groups} {}: {sum}", self.words.more_groups));
    }
}

impl Facts<'_> {
    fn groups(&self, words: &Words) -> Vec<Group> {
        let mut places: BTreeMap<Place<'_>, Vec<&Site>> = BTreeMap::new();
        for site in &self.network.sites {
            places.entry(Place::of(site)).or_default().push(site);
        }
        places.into_iter().map(|(place, sites)| self.group(&place, &sites, words)).collect()
    }

    fn group(&self, place: &Place<'_>, sites: &[&Site], words: &Words) -> Group {
        let (heading, key) = match place {
            Place::Backbone => (words.backbone.to_owned(), "kind:backbone".to_owned()),
            Place::Nowhere => (words.nowhere.to_owned(), String::new()),
            Place::Kecamatan(code) => {
                let office = sites.iter().find(|site| site.kind == Kind::Kecamatan);
                (
                    office.map_or_else(|| (*code).to_owned(), |site| clipped(&site.name)),
                    format!("kecamatan:{code}"),
                )
            }
        };
        let mut rows: Vec<(Kind, Row)> =
            sites.iter().map(|site| (site.kind, self.row(site, words))).collect();
        rows.sort_by_key(|(kind, row)| (urgency(row.state).unwrap_or(u8::MAX), *kind));
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        let uptime = self.uptimes.get(&key).map(|pct| words.percent(*pct));
        Group { heading, uptime, rows, rest: None }
    }

    fn row(&self, site: &Site, words: &Words) -> Row {
        let judged = self.sites.get(&site.id);
        let state = judged.map_or(State::Unknown, SiteNow::state);
        let note = match judged.and_then(SiteNow::current) {
            _ if state == State::Up => String::new(),
            None => words.state(state).to_lowercase(),
            Some(interval) => {
                let since = words.moment(interval.from, self.now, &self.network.timezone);
                let reasons = judged
                    .map_or_else(Vec::new, |judged| reasons(site, judged, self.network, words.language));
                let reason = reasons
                    .first()
                    .map_or_else(String::new, |reason| format!(": {}", clipped_to(reason, REASON)));
                format!("{} {} {since}{reason}", words.state(state).to_lowercase(), words.since)
            }
        };
        Row { state, class: class(state), name: clipped(&site.name), note }
    }

    fn outages(&self, words: &Words, zone: &str) -> Vec<Outage> {
        let mut room = NOTES;
        let mut outages: Vec<Outage> =
            self.incidents.iter().take(INCIDENTS).map(|kept| self.outage(kept, words, zone)).collect();
        for outage in &mut outages {
            // What is left out stands in the API.
            outage.notes.retain(|note| {
                let fits = escaped(note) <= room;
                room -= if fits { escaped(note) } else { 0 };
                fits
            });
        }
        outages
    }

    fn outage(&self, kept: &Kept, words: &Words, zone: &str) -> Outage {
        let incident = &kept.record;
        let since = words.moment(incident.started_at, self.now, &self.network.timezone);
        let named = incident.affected.iter().take(AFFECTED).map(|site| clipped(&site.name));
        let mut names: Vec<String> = named.collect();
        let (all, rest) = (incident.affected.len(), incident.affected.len() - names.len());
        if rest > 0 {
            names.push(words.more(rest));
        }
        let affected = format!("{} {all} {}: {}", words.took_down, words.site_count, names.join(", "));
        let marks = [
            (incident.maintenance, words.maintenance),
            (incident.off_hours, words.off_hours),
            (incident.flapping, words.flapping),
        ];
        let lasts = words.length(self.now.since(incident.started_at));
        let marks = marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark.to_owned());
        let revised = incident.amendments.last().map(|last| {
            let said = wording::amendment(last, &self.network.timezone, words.language);
            clipped_to(&said, REVISION)
        });
        Outage {
            root: clipped(&incident.root.name),
            since: format!("{since} {zone}"),
            lasts: std::iter::once(lasts).chain(marks).collect::<Vec<_>>().join(", "),
            affected: (all > 0).then_some(affected),
            notes: self.cause(kept, words).into_iter().chain(revised).collect(),
        }
    }

    /// What is known of the cause, and what that rests on; none when that is nothing.
    fn cause(&self, kept: &Kept, words: &Words) -> Option<String> {
        let moment = |at| words.moment(at, self.now, &self.network.timezone);
        let (cause, evidence) = (kept.record.cause, &kept.evidence);
        let dark = evidence
            .dark_port
            .as_ref()
            .map(|port| words.dark(&clipped(&port.interface), port.site.as_str(), &moment(port.since)));
        let rests = [
            evidence.booted_at.map(|at| words.booted(&moment(at))),
            evidence.measured_at.map(|at| words.measured(&moment(at))),
            dark,
        ];
        let rests: Vec<String> = rests.into_iter().flatten().collect();
        let known = wording::cause(cause, words.language);
        match (cause, rests.is_empty()) {
            (Cause::Undetermined, true) => None,
            (_, true) => Some(format!("{}: {known}", words.cause)),
            (_, false) => Some(format!("{}: {known} ({})", words.cause, rests.join("; "))),
        }
    }
}

impl Group {
    fn offer(&self, words: &Words) -> Offer {
        let states: Vec<State> = self.rows.iter().map(|row| row.state).collect();
        let counted = summary(&states, words).map_or(0, |text| text.len());
        let uptime = self.uptime.as_ref().map_or(0, String::len);
        let site = |row: &Row| Candidate {
            bytes: ROW_MARKUP + escaped(&row.name) + escaped(&row.note),
            urgency: urgency(row.state),
        };
        Offer {
            bytes: GROUP_MARKUP + escaped(&self.heading) + uptime + counted,
            sites: self.rows.iter().map(site).collect(),
        }
    }
}

/// How much a state matters: 0 most; none when nothing has to be said.
fn urgency(state: State) -> Option<u8> {
    match state {
        State::Down => Some(0),
        State::Degraded => Some(1),
        State::Unreachable => Some(2),
        State::Unknown => Some(3),
        State::Up => None,
    }
}

/// The letter of a state in the style sheet, which gives it colour and shape.
fn class(state: State) -> char {
    match state {
        State::Up => 'u',
        State::Degraded => 'g',
        State::Down => 'd',
        State::Unreachable => 'r',
        State::Unknown => 'k',
    }
}

fn counts(states: impl Iterator<Item = State>, words: &Words) -> Vec<Count> {
    let mut counts = STATES.map(|state| Count { class: class(state), sites: 0, word: words.state(state) });
    for state in states {
        let count = counts.iter_mut().find(|count| count.class == class(state));
        count.into_iter().for_each(|count| count.sites += 1);
    }
    counts.into()
}

/// How many are in which state, such as `+ 212 tersambung`; none when there are none.
fn summary(states: &[State], words: &Words) -> Option<String> {
    let counts = counts(states.iter().copied(), words).into_iter().filter(|count| count.sites > 0);
    let said: Vec<String> =
        counts.map(|count| format!("{} {}", count.sites, count.word.to_lowercase())).collect();
    (!said.is_empty()).then(|| format!("+ {}", said.join(", ")))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
