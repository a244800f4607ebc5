//! The whole report: sites, groups, the worst, contracts, put together from what is stored.
//!
//! The rule guarded here: it is a pure function of what is known, so that whoever has the same journal gets the same
//! report, to the last digit.

use std::collections::{BTreeMap, HashMap};

use kentongan_model::{
    id::SiteId,
    inventory::{Network, Site},
    state::{Kind, State},
    time::Timestamp,
};
use kentongan_timeline::{By, Interval, Span, service, uptime_within, within};

use crate::{
    causes::{Causes, Fault},
    contract::{self, Judged},
    day,
    digest::digest,
    figures::{Member, figures, group_report, worst},
    month::Month,
    outage::{Counting, episodes, split},
    report::{GroupReport, Report, SiteReport},
    seal::Origin,
};

/// What is known of a network.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The inventory in force.
    pub network: &'a Network,
    /// When each site is under maintenance, joined, as [`kentongan_timeline::maintenance`] gives it.
    pub maintenance: &'a BTreeMap<SiteId, Vec<Span>>,
    /// The stored timelines: at least what overlaps or touches the month, and with an outage at its edge all of that.
    pub timelines: &'a HashMap<SiteId, Vec<Interval>>,
    /// The incidents that overlap those.
    pub faults: &'a [Fault],
    /// Where the first of what was ever stored begins; none when there is nothing.
    pub begins: Option<Timestamp>,
    /// The moment of asking.
    pub as_of: Timestamp,
}

/// Why there is no report of a month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReport {
    /// It has not begun.
    #[error("the month {month} has not begun; it is {as_of} (UTC) as far as is known")]
    Future {
        /// The month.
        month: Month,
        /// The moment of asking.
        as_of: Timestamp,
    },
    /// It was over before anything was observed.
    #[error("nothing is known of the month {month}; what is stored begins on {begins} (UTC)")]
    Before {
        /// The month.
        month: Month,
        /// Where it begins.
        begins: Timestamp,
    },
    /// Nothing was ever observed.
    #[error("nothing is known of the month {month}; nothing was ever stored")]
    Nothing {
        /// The month.
        month: Month,
    },
}

/// The report of a month, its sites put together `by`.
///
/// # Errors
/// When nothing can be known of that month.
pub fn compose(known: &Known<'_>, month: Month, by: By, origin: Origin) -> Result<Report, NoReport> {
    let Known { network, as_of, .. } = *known;
    let period = month.period(&network.timezone);
    if as_of <= period.from {
        return Err(NoReport::Future { month, as_of });
    }
    match known.begins {
        None => return Err(NoReport::Nothing { month }),
        Some(begins) if begins >= period.to => return Err(NoReport::Before { month, begins }),
        Some(_) => {}
    }
    let asked = Span::new(period.from, period.to.min(as_of));
    let days = month.days(&network.timezone);
    let causes = Causes::of(known.faults);

    let mut in_order: Vec<&Site> = network.sites.iter().collect();
    in_order.sort_unstable_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    let mut members = Vec::with_capacity(in_order.len());
    let mut sites = Vec::with_capacity(in_order.len());
    let mut judged: HashMap<&str, Vec<(usize, Judged)>> = HashMap::new();
    for (place, site) in in_order.into_iter().enumerate() {
        let told = Told::of(known, site, asked, &days, &causes);
        sites.push(told.report);
        members.push(told.member);
        if let Some((provider, contract)) = told.contract {
            sites[place].contract = Some(contract.shown.clone());
            judged.entry(provider).or_default().push((place, contract));
        }
    }
    let everyone: Vec<&Member<'_>> = members.iter().collect();
    let contracts = network.contracts.iter().map(|contract| {
        let theirs = judged.get(contract.provider.as_str()).map_or(&[][..], Vec::as_slice);
        let theirs: Vec<_> = theirs.iter().map(|(place, judged)| (&members[*place], judged)).collect();
        contract::result(contract, &theirs)
    });
    let mut report = Report {
        seal: origin.at(as_of),
        network: network.name.clone(),
        operator: network.operator.clone(),
        month,
        timezone: network.timezone.iana_name().unwrap_or("UTC").to_owned(),
        period,
        as_of: asked.to,
        by: word(by).to_owned(),
        summary: group_report("network".to_owned(), network.name.clone(), &everyone),
        groups: if matches!(by, By::Site | By::Network) { Vec::new() } else { groups(by, network, &members) },
        worst: worst(&members),
        contracts: contracts.collect(),
        sites,
    };
    report.seal.figures_digest = digest(&report);
    Ok(report)
}

/// What is told of one site.
struct Told<'a> {
    report: SiteReport,
    member: Member<'a>,
    contract: Option<(&'a str, Judged)>,
}

impl<'a> Told<'a> {
    fn of(known: &Known<'a>, site: &'a Site, asked: Span, days: &[Span], causes: &Causes<'_>) -> Told<'a> {
        let network = known.network;
        let period = Span::new(site.since.unwrap_or(asked.from).clamp(asked.from, asked.to), asked.to);
        let maintenance = known.maintenance.get(&site.id).map_or(&[][..], Vec::as_slice);
        let counting = counting(service(site, &network.timezone, period), period, maintenance);
        let stored = known.timelines.get(&site.id).map_or(&[][..], Vec::as_slice);
        let timeline = whole(stored, period);
        let uptime = uptime_within(&timeline, maintenance, &counting.service, site.settings.sla);
        let episodes = episodes(&site.id, &timeline, &counting, causes);
        let causes = split(&episodes);
        let contract = site.provider.as_deref().and_then(|provider| {
            let contract = network.contracts.iter().find(|contract| contract.provider == provider)?;
            let judged = contract::judge((contract, network), site, &counting, &uptime.sums, &episodes);
            Some((provider, judged))
        });
        let report = SiteReport {
            id: site.id.clone(),
            name: site.name.clone(),
            kind: site.kind,
            kecamatan: site.region.as_ref().and_then(|code| code.kecamatan()).map(str::to_owned),
            provider: site.provider.clone(),
            period,
            service_hours: site.service_hours.is_some(),
            figures: figures(&uptime, causes),
            sla: site.settings.sla,
            sla_met: uptime.sla_met(),
            days: day::days(days, &timeline, &counting),
            outages: episodes.iter().map(|episode| episode.shown(&site.id)).collect(),
            contract: None,
        };
        Told { report, member: Member { site, uptime, causes }, contract }
    }
}

/// What of a site's period counts.
fn counting(service: Vec<Span>, period: Span, maintenance: &[Span]) -> Counting {
    let mut open = Vec::with_capacity(service.len());
    for stretch in &service {
        let mut from = stretch.from;
        for work in within(maintenance, *stretch) {
            if from < work.from {
                open.push(Span::new(from, work.from));
            }
            from = work.to;
        }
        if from < stretch.to {
            open.push(Span::new(from, stretch.to));
        }
    }
    Counting { period, service, open }
}

/// A stored timeline with unknown where nothing is stored of the period.
fn whole(stored: &[Interval], period: Span) -> std::borrow::Cow<'_, [Interval]> {
    let joins = stored.windows(2).all(|pair| pair[0].to == pair[1].from);
    let covers = stored.first().is_some_and(|first| first.from <= period.from)
        && stored.last().is_some_and(|last| last.to >= period.to);
    if joins && (covers || period.is_empty()) {
        return stored.into();
    }
    let mut all: Vec<Interval> = Vec::with_capacity(stored.len() + 2);
    let mut reached = period.from;
    for interval in stored {
        if reached < interval.from && reached < period.to {
            all.push(unknown(reached, interval.from));
        }
        reached = reached.max(interval.to);
        all.push(interval.clone());
    }
    if reached < period.to {
        all.push(unknown(reached, period.to));
    }
    all.into()
}

fn unknown(from: Timestamp, to: Timestamp) -> Interval {
    Interval { state: State::Unknown, from, to, roots: Vec::new() }
}

/// The groups, worst uptime first, those without enough data last.
fn groups(by: By, network: &Network, members: &[Member<'_>]) -> Vec<GroupReport> {
    let mut keyed: BTreeMap<String, Vec<&Member<'_>>> = BTreeMap::new();
    for member in members {
        if let Some(key) = by.key(member.site) {
            keyed.entry(key).or_default().push(member);
        }
    }
    let mut groups: Vec<GroupReport> = keyed
        .into_iter()
        .map(|(key, members)| {
            let name = name(by, &key, network);
            group_report(key, name, &members)
        })
        .collect();
    let rank = |group: &GroupReport| group.figures.uptime_pct.unwrap_or(f64::INFINITY);
    groups.sort_by(|a, b| rank(a).total_cmp(&rank(b)).then_with(|| a.key.cmp(&b.key)));
    groups
}

/// A group's name: of a kecamatan the name of the site that stands for it, of others what follows the colon.
fn name(by: By, key: &str, network: &Network) -> String {
    let word = key.split_once(':').map_or(key, |(_, word)| word);
    let stands_for = |site: &&Site| {
        site.kind == Kind::Kecamatan && site.region.as_ref().is_some_and(|region| region.as_str() == word)
    };
    let office = network.sites.iter().find(|site| by == By::Kecamatan && stands_for(site));
    office.map_or(word, |site| site.name.as_str()).to_owned()
}

/// The word of a grouping.
fn word(by: By) -> &'static str {
    match by {
        By::Network => "network",
        By::Kind => "kind",
        By::Provider => "provider",
        By::Kecamatan => "kecamatan",
        By::Site => "site",
    }
}
