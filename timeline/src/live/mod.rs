//! The timeline as it is lived: observations in any order, judged whenever somebody wants to know.
//!
//! What the collector holds. Between two judgements in which nothing happened only the ends of intervals move. Rules
//! guarded here: any order of arrival, any repetition and any judgement in between end in what one replay of the same
//! observations gives; what is dated `now` or later waits for its time.
//!
//! Limits: [`Limits`] for each piece of evidence, [`MAX_AHEAD`] observations dated ahead, changes of
//! [`RETENTION_DAYS`] days. What does not fit is counted in [`Counters`].

mod automaton;
mod checkpoint;
mod intake;
mod judging;
mod kept;
mod limits;
mod links;
mod milestone;
mod noted;
mod recall;
mod refold;
mod seen;
mod series;
mod standing;
mod wanting;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use kentongan_model::{inventory::Network, observation::Observation, time::Timestamp};
use serde::{Deserialize, Serialize};

pub use checkpoint::Checkpoint;
pub use limits::Limits;
pub use wanting::Wanting;

use crate::{
    cause::Boots,
    judgement::Judgement,
    live::{
        automaton::Folding,
        links::LinkMemory,
        noted::{Noted, Refusal},
        recall::Recall,
        series::Series,
        standing::Standing,
    },
    maintenance::marks,
    places::{About, Place, Places},
    span::Span,
};

/// How many observations that are dated ahead of the last judgement wait; those beyond are dropped and counted.
pub const MAX_AHEAD: usize = 1 << 20;

/// How many days of changes are held. Older intervals are the collector's to store. An incident that is still open
/// keeps its time, up to ten times as long.
pub const RETENTION_DAYS: i64 = 40;

const DAY_MS: i64 = 86_400_000;

/// What could not be taken in, counted since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Observations of what is already settled; only a replay of the journal takes them in.
    pub too_late: u64,
    /// Observations dated ahead, beyond [`MAX_AHEAD`].
    pub too_many_ahead: u64,
    /// Rounds dated before 1970 or after 2109.
    pub misdated: u64,
    /// Observations of what the inventory does not have.
    pub unknown: u64,
}

/// The live timeline of a network.
#[derive(Debug)]
pub struct Live {
    places: Places,
    limits: Limits,
    /// When each site is under maintenance, and every moment at which that or a `since` changes something.
    moments: Vec<Timestamp>,
    from: Option<Timestamp>,
    /// What lies before this is forgotten.
    horizon: Timestamp,
    series: Vec<(Place, About, Series)>,
    index: HashMap<(Place, About), usize>,
    /// The series of which something settled has to be folded again, and how many late rounds wait for that.
    unsettled: BTreeSet<usize>,
    waiting: usize,
    /// Of each series, whether the last judgement made something of its silence.
    presumed: Vec<bool>,
    /// The series of each site's own agent.
    own: Vec<Vec<usize>>,
    boots: Vec<Boots>,
    links: BTreeMap<(usize, u32, u32), LinkMemory>,
    downtimes: Vec<Span>,
    ahead: Vec<Noted>,
    /// The latest moment of which is known that it has come.
    reached: Timestamp,
    /// What rounds told of incidents.
    recall: Recall,
    counters: Counters,
    judged: Judgement,
    revision: u64,
    standing: Standing,
    /// Whether everything has to be judged again; if not, only these series, and the links of these sites.
    whole: bool,
    touched: BTreeSet<usize>,
    relinked: BTreeSet<usize>,
    /// The incidents of each root, by their number in the last judgement.
    rooted: HashMap<usize, Vec<usize>>,
    /// Roots with an incident that is not told or not settled.
    pending: BTreeSet<usize>,
    /// Sites whose incidents may have another cause by what arrived.
    recause: BTreeSet<usize>,
    /// When the passing of time may change a series, and of each series the one that counts.
    deadlines: BinaryHeap<Reverse<(Timestamp, usize)>>,
    deadline_of: Vec<Option<Timestamp>>,
    /// When a link is dark no longer, by site, if nobody says so again.
    brightens: BTreeSet<(Timestamp, usize)>,
    /// When the first open stay outlasts its correlation.
    opens: Option<Timestamp>,
    /// When everything has to be judged again.
    next: Option<Timestamp>,
}

impl Live {
    /// A timeline of which nothing is known yet.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        let places = Places::of(network);
        let windows = marks(&places).into_iter().flatten().flat_map(|span| [span.from, span.to]);
        let mut moments: Vec<_> = windows.chain(places.sites.iter().filter_map(|spot| spot.since)).collect();
        moments.sort_unstable();
        moments.dedup();
        let sites = places.sites.len();
        Live {
            places,
            limits: Limits::default(),
            moments,
            from: None,
            horizon: Timestamp::MIN,
            series: Vec::new(),
            index: HashMap::new(),
            unsettled: BTreeSet::new(),
            waiting: 0,
            presumed: Vec::new(),
            own: vec![Vec::new(); sites],
            boots: vec![Boots::default(); sites],
            links: BTreeMap::new(),
            downtimes: Vec::new(),
            ahead: Vec::new(),
            reached: Timestamp::MIN,
            recall: Recall::default(),
            counters: Counters::default(),
            judged: Judgement { until: Timestamp::MIN, ..Judgement::default() },
            revision: 0,
            standing: Standing::default(),
            whole: true,
            touched: BTreeSet::new(),
            relinked: BTreeSet::new(),
            rooted: HashMap::new(),
            pending: BTreeSet::new(),
            recause: BTreeSet::new(),
            deadlines: BinaryHeap::new(),
            deadline_of: Vec::new(),
            brightens: BTreeSet::new(),
            opens: None,
            next: None,
        }
    }

    /// With other limits than the usual ones. Whatever they are, the judgements are the same.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes an observation. One that is already known changes nothing.
    pub fn observe(&mut self, observation: &Observation) {
        match Noted::of(&self.places, observation) {
            Err(Refusal::Unknown) => self.counters.unknown += 1,
            Err(Refusal::Misdated) => self.counters.misdated += 1,
            Ok(noted) if noted.at() < self.reached => self.take(noted),
            Ok(_) if self.ahead.len() >= MAX_AHEAD => self.counters.too_many_ahead += 1,
            Ok(noted) => self.ahead.push(noted),
        }
    }

    /// It is `now` at least: what is dated before is taken in as it comes, and no longer waits for a judgement. Whoever reads
    /// a journal from its beginning says so now and then, and judges now and then as well: what rounds tell of incidents is
    /// remembered from judgement to judgement, and read again in the journal otherwise.
    pub fn reach(&mut self, now: Timestamp) {
        if now > self.reached {
            self.reached = now;
            self.take_what_is_due(now);
        }
    }

    /// What is known at `now`. Cheap when nothing happened since the last time. Time never runs backwards: an earlier
    /// `now` than the last one counts as the last one.
    pub fn judge(&mut self, now: Timestamp) -> &Judgement {
        let now = now.max(self.reached);
        self.reach(now);
        self.judge_at(now);
        &self.judged
    }

    /// Grows whenever a judgement may differ from the one before by more than its end.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What could not be taken in.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn take_what_is_due(&mut self, now: Timestamp) {
        if self.ahead.is_empty() {
            return;
        }
        let mut due: Vec<Noted> = self.ahead.extract_if(.., |noted| noted.at() < now).collect();
        due.sort_by_key(Noted::at);
        due.into_iter().for_each(|noted| self.take(noted));
    }
}

/// What a piece of evidence is folded with.
fn folding<'a>(
    (places, limits): (&'a Places, Limits),
    downtimes: &'a [Span],
    vantage: Place,
    about: About,
) -> Folding<'a> {
    Folding { pace: places.pace(about), downtimes, bridged: places.bridged(vantage, about), limits }
}
