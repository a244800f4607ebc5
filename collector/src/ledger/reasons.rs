//! Why the past may look different than before: what has arrived or was edited since the last judgement.
//!
//! The judge notes it while it reads on; an amendment quotes what of it can have had a part. Rule guarded here: a
//! reason is named only when it touches the incident by its time and its place; when none does, time has passed.
//!
//! Limits: as many late agents as the inventory has; [`MOST_WINDOWS`] windows, those beyond count as an edit.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kentongan_model::{
    event::{MOST_NAMED, Reason},
    id::{SiteId, Vantage},
    inventory::{MaintenanceWindow, Network, Site},
    time::Timestamp,
};
use kentongan_timeline::Span;

use crate::unfold::Unfolded;

/// Windows that are told one by one.
const MOST_WINDOWS: usize = 100;
/// What was measured this long before an incident can still have moved its beginning.
const BEFORE: Duration = Duration::from_secs(5 * 60);

/// What arrived late of one agent.
#[derive(Debug, Clone)]
struct Late {
    span: Span,
    late: Duration,
}

/// Everything that can have changed the past since the last judgement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasons {
    late: BTreeMap<Vantage, Late>,
    windows: Vec<(MaintenanceWindow, Edit)>,
    inventory: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Added,
    Removed,
}

impl Reasons {
    /// A delivery was read. It is late when its latest measurement is older than one and a half times as long as its
    /// agent takes from one delivery to the next: then one before it was overdue.
    pub(crate) fn delivered(&mut self, received_at: Timestamp, delivery: &Unfolded, network: &Network) {
        let rounds = delivery.rounds.iter().map(|round| (&round.vantage, round.at));
        let answers = delivery.answers.iter().map(|answer| (&answer.vantage, answer.at));
        let Some((vantage, span)) =
            rounds.chain(answers).fold(None, |seen: Option<(_, Span)>, (vantage, at)| {
                let span =
                    seen.map_or(Span::new(at, at), |(_, span)| Span::new(span.from.min(at), span.to.max(at)));
                Some((vantage, span))
            })
        else {
            return;
        };
        let settings = match vantage {
            Vantage::Core => Some(&network.defaults),
            Vantage::Site(id) => network.site(id).map(|site| &site.settings),
        };
        let usual = settings.unwrap_or(&network.defaults).report_interval;
        let late = received_at.since(span.to);
        if late <= usual + usual / 2 {
            return;
        }
        let known = self.late.entry(vantage.clone()).or_insert(Late { span, late });
        known.span = Span::new(known.span.from.min(span.from), known.span.to.max(span.to));
        known.late = known.late.max(late);
    }

    /// Another inventory is in force. `edited`: something else than the windows added by command may differ.
    pub(crate) fn inventory(&mut self, before: &Network, now: &Network, edited: bool) {
        let (old, new) = (&before.maintenance, &now.maintenance);
        let added = new.iter().filter(|window| !old.contains(window)).map(|window| (window, Edit::Added));
        let removed = old.iter().filter(|window| !new.contains(window)).map(|window| (window, Edit::Removed));
        self.windows.extend(added.chain(removed).map(|(window, edit)| (window.clone(), edit)));
        self.inventory |= edited || self.windows.len() > MOST_WINDOWS;
        self.windows.truncate(MOST_WINDOWS);
    }

    /// Whether an agent delivered late what it had measured in `span`.
    pub(super) fn is_late(&self, span: Span, near: &BTreeSet<&SiteId>) -> bool {
        self.late_in(span, near).next().is_some()
    }

    /// The edits that can have had a part in what changed of an incident in `span`.
    pub(super) fn edits(&self, span: Span, near: &BTreeSet<&SiteId>) -> Vec<Reason> {
        let touching = self.windows.iter().filter(|(window, _)| {
            near.contains(&window.site) && window.from < span.to && span.from < window.to
        });
        let told = touching.take(MOST_NAMED).map(|(window, edit)| Reason::Window {
            site: window.site.to_string(),
            from: window.from,
            to: window.to,
            removed: *edit == Edit::Removed,
        });
        told.chain(self.inventory.then_some(Reason::Inventory)).collect()
    }

    /// The late data that can have had a part in it, the latest first.
    pub(super) fn late(&self, span: Span, near: &BTreeSet<&SiteId>) -> Vec<Reason> {
        let mut late: Vec<(&Vantage, &Late)> = self.late_in(span, near).collect();
        late.sort_by_key(|(_, late)| std::cmp::Reverse(late.late));
        let more = late.len().saturating_sub(MOST_NAMED);
        let named = late.iter().take(MOST_NAMED).map(|(vantage, late)| Reason::LateData {
            agent: vantage.to_string(),
            from: late.span.from,
            to: late.span.to,
            late_s: late.late.as_secs(),
        });
        let more = u32::try_from(more).ok().filter(|more| *more > 0);
        named.chain(more.map(|count| Reason::MoreLateData { count })).collect()
    }

    fn late_in<'a>(
        &'a self,
        span: Span,
        near: &'a BTreeSet<&SiteId>,
    ) -> impl Iterator<Item = (&'a Vantage, &'a Late)> {
        let touches = move |late: &Late| late.span.from < span.to && span.from - BEFORE <= late.span.to;
        let is_near = |vantage: &Vantage| match vantage {
            Vantage::Core => true,
            Vantage::Site(id) => near.contains(id),
        };
        self.late.iter().filter(move |(vantage, late)| is_near(vantage) && touches(late))
    }
}

/// Who can tell something of whom.
#[derive(Debug)]
pub(super) struct Vicinity<'a> {
    network: &'a Network,
    behind: BTreeMap<&'a SiteId, Vec<&'a Site>>,
}

impl<'a> Vicinity<'a> {
    pub(super) fn of(network: &'a Network) -> Self {
        let mut behind: BTreeMap<&SiteId, Vec<&Site>> = BTreeMap::new();
        for site in &network.sites {
            site.upstream.iter().for_each(|up| behind.entry(up).or_default().push(site));
        }
        Vicinity { network, behind }
    }

    /// A site, all above and all behind it, and whoever is told to observe it.
    pub(super) fn near(&self, root: &SiteId) -> BTreeSet<&'a SiteId> {
        let Some(site) = self.network.site(root) else { return BTreeSet::new() };
        let above = |site: &Site| -> Vec<&'a Site> {
            site.upstream.iter().filter_map(|up| self.network.site(up)).collect()
        };
        let behind = |site: &Site| self.behind.get(&site.id).cloned().unwrap_or_default();
        let mut near = reached(site, above);
        near.extend(reached(site, behind));
        near.extend(site.observed_by.iter().flatten().filter_map(Vantage::site));
        near
    }
}

/// All that is reached from a site step by step, itself included.
fn reached<'a>(from: &'a Site, step: impl Fn(&Site) -> Vec<&'a Site>) -> BTreeSet<&'a SiteId> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(site) = left.pop() {
        if reached.insert(&site.id) {
            left.extend(step(site));
        }
    }
    reached
}
