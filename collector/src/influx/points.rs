//! What becomes a point: rounds, readings of interfaces and states of sites, each with the tags that place it.
//!
//! Pure. A site, target or link that the inventory does not have (any more) gives no point; neither does a reference,
//! which belongs to no site.

use kentongan_model::{
    id::{SiteId, Subject, TargetId, Vantage},
    inventory::{Network, Site},
    observation::Round,
    state::State,
    time::Timestamp,
    wire::InterfaceReading,
};

use super::{
    line::{Point, Value},
    names::{self, Measurement, field, tag},
};

/// One interface of an answered SNMP poll, with its place and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedReading {
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked.
    pub vantage: Vantage,
    /// The site that was asked.
    pub site: SiteId,
    /// The target that was asked.
    pub target: TargetId,
    /// The name by which the inventory knows the link (`interface` there: its ifName or ifAlias).
    pub link: String,
    /// What was read.
    pub interface: InterfaceReading,
}

/// A round of probes as a point of `ping`; none for a reference or an unknown site.
#[must_use]
pub fn ping_point(network: &Network, round: &Round) -> Option<Point> {
    let Subject::Target { site, target } = &round.target else { return None };
    let evidence = if round.vantage.site() == Some(site) { "local" } else { "between" };
    let mut rtts = round.rtts_us.clone();
    rtts.sort_unstable();
    let received = rtts.len();
    let loss = 100.0 * (f64::from(round.sent) - to_f64(received)) / f64::from(round.sent);
    let point = placed(names::PING, network.site(site)?, target, &round.vantage, round.at)
        .tag(tag::EVIDENCE, evidence)
        .field(field::SENT, Value::Integer(round.sent.into()))
        .field(field::RECEIVED, Value::Integer(received as i128))
        .field(field::LOSS, Value::Float(loss))
        .maybe(field::RTT_MIN, rtts.first().map(|&us| millis(us.into())))
        .maybe(field::RTT_MEDIAN, median_us(&rtts).map(millis))
        .maybe(field::RTT_MAX, rtts.last().map(|&us| millis(us.into())))
        .maybe(field::JITTER, deviation_us(&rtts).map(millis));
    Some(point)
}

/// A reading of an interface as a point of `interface`; none for an unknown site.
#[must_use]
pub fn interface_point(network: &Network, reading: &PlacedReading) -> Option<Point> {
    let site = network.site(&reading.site)?;
    let interface = &reading.interface;
    let mut point = placed(names::INTERFACE, site, &reading.target, &reading.vantage, reading.at)
        .tag(tag::LINK, &reading.link)
        .maybe(field::OPER_STATUS, interface.oper_status.map(|code| Value::Integer(code.into())))
        .maybe(field::HIGH_SPEED_MBPS, interface.high_speed_mbps.map(|mbps| Value::Integer(mbps.into())));
    for (name, counter) in field::COUNTERS.into_iter().zip(interface.counters) {
        point = point.maybe(name, counter.map(|count| Value::Integer(count.into())));
    }
    Some(point)
}

/// The state of a site as a point of `site`: judged at the core, of the site's gateway; none for an unknown site.
#[must_use]
pub fn site_point(network: &Network, site: &SiteId, state: State, at: Timestamp) -> Option<Point> {
    let site = network.site(site)?;
    let up = match state {
        State::Up | State::Degraded => Some(1),
        State::Down | State::Unreachable => Some(0),
        State::Unknown => None,
    };
    let point = placed(names::SITE, site, &site.gateway().id, &Vantage::Core, at)
        .field(field::STATE, Value::Text(state.as_str().to_owned()))
        .field(field::STATE_CODE, Value::Integer(state_code(state)))
        .maybe(field::UP, up.map(Value::Integer));
    Some(point)
}

/// The state as a number: the better, the higher.
fn state_code(state: State) -> i128 {
    match state {
        State::Up => 4,
        State::Degraded => 3,
        State::Unreachable => 2,
        State::Down => 1,
        State::Unknown => 0,
    }
}

fn placed(what: Measurement, site: &Site, target: &TargetId, vantage: &Vantage, at: Timestamp) -> Point {
    let region = site.region.as_ref();
    Point::new(what.name, at)
        .tag(tag::SITE, site.id.as_str())
        .tag(tag::KIND, site.kind.as_str())
        .tag(tag::REGION, region.map_or("", |code| code.as_str()))
        .tag(tag::KECAMATAN, region.and_then(|code| code.kecamatan()).unwrap_or(""))
        .tag(tag::VANTAGE, vantage.to_string())
        .tag(tag::TARGET, target.as_str())
}

fn millis(us: f64) -> Value {
    Value::Float(us / 1000.0)
}

/// The median of sorted values; of an even number, the mean of the middle two.
fn median_us(sorted: &[u32]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower.into(), upper.into()))
}

/// The standard deviation of the values themselves (not an estimate of a larger whole), from two on.
fn deviation_us(values: &[u32]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = to_f64(values.len());
    let mean = values.iter().map(|&us| f64::from(us)).sum::<f64>() / count;
    let variance = values.iter().map(|&us| (f64::from(us) - mean).powi(2)).sum::<f64>() / count;
    Some(variance.sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "a round has at most 65,535 probes")]
fn to_f64(count: usize) -> f64 {
    count as f64
}
