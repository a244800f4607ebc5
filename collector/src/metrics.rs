//! What the collector counts, for Prometheus (`GET /metrics`). Each limit has its counter here.

use std::sync::atomic::Ordering;

use kentongan_model::id::Vantage;
use prometheus_client::{
    encoding::{self, EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::Registry,
};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    /// New in the journal.
    #[expect(non_camel_case_types, reason = "the label as Prometheus shows it")]
    accepted,
    /// There before.
    #[expect(non_camel_case_types, reason = "the label as Prometheus shows it")]
    repeated,
    /// Another batch of that name was there before.
    #[expect(non_camel_case_types, reason = "the label as Prometheus shows it")]
    conflict,
}

/// What became of a code that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum EnrolmentOutcome {
    /// An agent has enrolled.
    #[expect(non_camel_case_types, reason = "the label as Prometheus shows it")]
    enrolled,
    /// It had before.
    #[expect(non_camel_case_types, reason = "the label as Prometheus shows it")]
    repeated,
    /// The code is unknown, has run out or was used.
    #[expect(non_camel_case_types, reason = "the label as Prometheus shows it")]
    refused,
}

/// One outcome of tries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct EnrolmentLabels {
    /// What became of them.
    pub(crate) outcome: EnrolmentOutcome,
}

/// One outcome of deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DeliveryLabels {
    /// What became of them.
    pub(crate) outcome: Outcome,
}

/// One agent. There are no more than the journal has tokens of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct AgentLabels {
    /// Its name.
    pub(crate) agent: String,
}

/// One reason for refusing requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RefusalLabels {
    /// The problem's name, from a fixed list (see `problem.rs`).
    pub(crate) reason: &'static str,
}

/// One reason why the live timeline leaves observations out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LeftOutLabels {
    /// One of the four of the timeline's counters.
    pub(crate) reason: &'static str,
}

/// Every counter and gauge.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Deliveries by what became of them.
    pub(crate) deliveries: Family<DeliveryLabels, Counter>,
    /// Codes that were tried, by what became of them.
    enrolments: Family<EnrolmentLabels, Counter>,
    /// Rounds that agents say they dropped because their spools were full.
    pub(crate) rounds_dropped_by_agents: Counter,
    /// Requests that were refused, by reason.
    pub(crate) refused: Family<RefusalLabels, Counter>,
    /// Transactions of the journal.
    pub(crate) journal_commits: Counter,
    /// Groups that could not be written.
    pub(crate) journal_failures: Counter,
    /// Entries that went because they were too old.
    pub(crate) journal_dropped: Counter,
    /// Bytes of deliveries written.
    pub(crate) journal_bytes: Counter,
    /// The position up to which the timeline is judged.
    pub(crate) judged_position: Gauge,
    /// Judgements made.
    pub(crate) judgements: Counter,
    /// Judgements whose outcome could not be stored.
    pub(crate) judge_failures: Counter,
    /// Entries of the journal that could not be read back; they count for nothing.
    pub(crate) journal_unreadable: Counter,
    /// Values of gauges of which nobody has said what they are.
    pub(crate) gauges_unnamed: Counter,
    /// Events written.
    pub(crate) events: Counter,
    /// Events, incidents and intervals that went because they were too old.
    pub(crate) state_dropped: Counter,
    /// 1 while the inventory file on disk has faults and the one before is used.
    pub(crate) inventory_faulty: Gauge,
    /// Times that a changed inventory was taken over.
    pub(crate) inventory_reloads: Counter,
    /// Long polls that wait now, read off their places when it is asked.
    pub(crate) long_polls: Gauge,
    /// Streams that are open now, read off their places when it is asked.
    pub(crate) streams: Gauge,
    /// 1 while the journal cannot be written.
    pub(crate) journal_faulty: Gauge,
    /// Runs of the collector that went because they were too old or too many.
    pub(crate) runs_dropped: Counter,
    /// Inventories in force that were forgotten.
    pub(crate) inventories_dropped: Counter,
    /// What is known of boots' clocks that went because it was too old or too much.
    pub(crate) boots_dropped: Counter,
    /// Rounds that are kept and count for nothing, because they cannot be placed within 2 s.
    untrusted_rounds: Family<AgentLabels, Counter>,
    /// Observations that the live timeline did not take in, by why.
    left_out: Family<LeftOutLabels, Counter>,
}

impl Metrics {
    /// All of them at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("kentongan");
        macro_rules! counted {
            ($name:literal, $help:literal) => {{
                let metric = Default::default();
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
        }
        Metrics {
            deliveries: counted!("deliveries", "Deliveries by what became of them"),
            enrolments: counted!("enrolments", "Codes of enrolment that were tried, by what became of them"),
            rounds_dropped_by_agents: counted!(
                "agent_rounds_dropped",
                "Rounds that agents dropped, spools being full"
            ),
            refused: counted!("http_refused", "Requests refused, by reason"),
            journal_commits: counted!("journal_commits", "Transactions of the journal"),
            journal_failures: counted!("journal_failures", "Groups of deliveries that could not be written"),
            journal_dropped: counted!(
                "journal_dropped",
                "Deliveries dropped from the journal, being too old"
            ),
            journal_bytes: counted!("journal_bytes", "Bytes of deliveries written to the journal"),
            judged_position: counted!("judged_position", "Position of the journal up to which is judged"),
            judgements: counted!("judgements", "Judgements made"),
            judge_failures: counted!("judge_failures", "Judgements whose outcome could not be stored"),
            journal_unreadable: counted!(
                "journal_unreadable",
                "Deliveries of the journal that did not read back"
            ),
            gauges_unnamed: counted!(
                "gauges_unnamed",
                "Values of gauges left out, as their agent has not said what they are"
            ),
            events: counted!("events", "Events written to the feed"),
            state_dropped: counted!(
                "state_dropped",
                "Intervals, incidents, events and traces dropped, being too old"
            ),
            inventory_faulty: counted!("inventory_faulty", "1 while the inventory on disk has faults"),
            inventory_reloads: counted!("inventory_reloads", "Changed inventories taken over"),
            long_polls: counted!("long_polls", "Long polls that wait now"),
            streams: counted!("streams", "Streams of deliveries that are open now"),
            journal_faulty: counted!("journal_faulty", "1 while the journal cannot be written"),
            inventories_dropped: counted!(
                "inventories_dropped",
                "Inventories once in force forgotten, with all that they applied to"
            ),
            runs_dropped: counted!(
                "runs_dropped",
                "Runs of the collector forgotten, being too old or too many"
            ),
            boots_dropped: counted!("boots_dropped", "Clocks of boots forgotten, being too old or too many"),
            untrusted_rounds: counted!(
                "untrusted_rounds",
                "Rounds that count for nothing, as they cannot be placed within 2 s"
            ),
            left_out: counted!("observations_left_out", "Observations that live judging left out, by why"),
            registry,
        }
    }

    /// Counts a request that was refused.
    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&RefusalLabels { reason }).inc();
    }

    /// Counts rounds that cannot be placed.
    pub(crate) fn untrusted(&self, agent: &Vantage, rounds: usize) {
        let labels = AgentLabels { agent: agent.to_string() };
        self.untrusted_rounds.get_or_create(&labels).inc_by(rounds as u64);
    }

    /// Takes over what the live timeline has counted.
    pub(crate) fn timeline(&self, counted: kentongan_timeline::Counters) {
        let kentongan_timeline::Counters { too_late, too_many_ahead, misdated, unknown } = counted;
        for (reason, count) in [
            ("too-late", too_late),
            ("too-many-ahead", too_many_ahead),
            ("misdated", misdated),
            ("unknown", unknown),
        ] {
            self.left_out.get_or_create(&LeftOutLabels { reason }).inner().store(count, Ordering::Relaxed);
        }
    }

    /// Counts a code that was tried.
    pub(crate) fn enrolled(&self, outcome: EnrolmentOutcome) {
        self.enrolments.get_or_create(&EnrolmentLabels { outcome }).inc();
    }

    /// Counts a delivery.
    pub(crate) fn delivered(&self, outcome: Outcome) {
        self.deliveries.get_or_create(&DeliveryLabels { outcome }).inc();
    }

    /// As Prometheus reads it, with what the way to InfluxDB has counted.
    pub(crate) fn text(&self, influx: Option<crate::influx::Counters>) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encoding::text::encode_registry(&mut text, &self.registry);
        if let Some(influx) = influx {
            let _ = encoding::text::encode_registry(&mut text, &influx_registry(influx));
        }
        let _ = encoding::text::encode_eof(&mut text);
        text
    }
}

fn influx_registry(counted: crate::influx::Counters) -> Registry {
    let mut registry = Registry::with_prefix("kentongan_influx");
    let fits = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    for (name, help, now) in [
        ("queued", "Points that wait in the queue on disk", counted.queued),
        ("queued_bytes", "Bytes that they take", counted.queued_bytes),
    ] {
        registry.register(name, help, ConstGauge::new(fits(now)));
    }
    for (name, help, count) in [
        ("written", "Points that the database took", counted.written),
        ("rejected", "Points that the database refused for good", counted.rejected),
        ("dropped", "Points dropped because the queue was full", counted.dropped),
        (
            "offers_dropped",
            "Points of states dropped because the way to the queue was full",
            counted.offers_dropped,
        ),
        ("unwritable", "Points that line protocol cannot carry", counted.unwritable),
        ("fields_dropped", "Fields left out of points", counted.fields_dropped),
        ("retries", "Requests made again", counted.retries),
    ] {
        registry.register(name, help, ConstCounter::new(count));
    }
    registry
}
