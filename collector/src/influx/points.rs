//! What becomes a point: rounds, readings of interfaces, gauges and states of sites, each with the tags that place it.
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
use crate::gauges::PlacedGauge;

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
    let point = placed(names::PING, network.site(site)?, target.as_str(), &round.vantage, round.at)
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
    let mut point = placed(names::INTERFACE, site, reading.target.as_str(), &reading.vantage, reading.at)
        .tag(tag::LINK, &reading.link)
        .maybe(field::OPER_STATUS, interface.oper_status.map(|code| Value::Integer(code.into())))
        .maybe(field::HIGH_SPEED_MBPS, interface.high_speed_mbps.map(|mbps| Value::Integer(mbps.into())));
    for (name, counter) in field::COUNTERS.into_iter().zip(interface.counters) {
        point = point.maybe(name, counter.map(|count| Value::Integer(count.into())));
    }
    Some(point)
}

/// A value of a gauge as a point of `gauge`; none for an unknown site.
#[must_use]
pub fn gauge_point(network: &Network, gauge: &PlacedGauge) -> Option<Point> {
    let site = network.site(&gauge.site)?;
    let target = gauge.target.as_ref().map_or("", |target| target.as_str());
    #[expect(clippy::cast_precision_loss, reason = "counters of bytes need no more than 53 bits")]
    let value = gauge.value as f64 / 1000.0;
    let point = placed(names::GAUGE, site, target, &gauge.vantage, gauge.at)
        .tag(tag::PLACE, &gauge.label.place)
        .field(gauge.label.kind.as_str(), Value::Float(value));
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
    let point = placed(names::SITE, site, site.gateway().id.as_str(), &Vantage::Core, at)
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

fn placed(what: Measurement, site: &Site, target: &str, vantage: &Vantage, at: Timestamp) -> Point {
    let region = site.region.as_ref();
    Point::new(what.name, at)
        .tag(tag::SITE, site.id.as_str())
        .tag(tag::KIND, site.kind.as_str())
        .tag(tag::REGION, region.map_or("", |code| code.as_str()))
        .tag(tag::KECAMATAN, region.and_then(|code| code.kecamatan()).unwrap_or(""))
        .tag(tag::VANTAGE, vantage.to_string())
        .tag(tag::TARGET, target)
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

/// The standard deviation of the values themselves (not an estimate of a larger whole), from two on; no finer than what
/// is measured.
fn deviation_us(values: &[u32]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = to_f64(values.len());
    let mean = values.iter().map(|&us| f64::from(us)).sum::<f64>() / count;
    let variance = values.iter().map(|&us| (f64::from(us) - mean).powi(2)).sum::<f64>() / count;
    Some(variance.sqrt().round())
}

#[expect(clippy::cast_precision_loss, reason = "a round has at most 65,535 probes")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use kentongan_model::{gauge::GaugeKind, wire::Label};

    use super::*;

    const INVENTORY: &str = r#"
[network]
name = "Kabupaten Purworejo"

[[site]]
id = "noc"
name = "NOC"
kind = "backbone"
address = "10.33.0.1"

[[site]]
id = "desa-kiyangkongrejo"
name = "Desa Kiyangkongrejo"
kind = "desa"
region = "33.06.12.2005"
upstream = ["noc"]
agent = true
address = "10.33.7.65"
"#;

    fn network() -> Network {
        Network::parse(INVENTORY).unwrap()
    }

    fn round(vantage: &str, target: &str, sent: u32, rtts_us: &[u32]) -> Round {
        let (vantage, target) = (vantage.parse().unwrap(), target.parse().unwrap());
        Round {
            at: Timestamp::from_millis(1_793_491_200_250),
            vantage,
            target,
            sent,
            rtts_us: rtts_us.to_vec(),
        }
    }

    fn line(point: Option<Point>) -> String {
        let mut out = String::new();
        assert_eq!(point.unwrap().write_line(&mut out), Ok(0));
        out.trim_end().to_owned()
    }

    #[test]
    fn a_round_becomes_a_point_in_milliseconds_and_percent() {
        let network = network();
        for (round, expected) in [
            (
                round("noc", "desa-kiyangkongrejo/gateway", 5, &[1400, 1000, 1200, 1800]),
                "ping,evidence=between,kecamatan=33.06.12,kind=desa,region=33.06.12.2005,site=desa-kiyangkongrejo,\
                 target=gateway,vantage=noc sent=5i,received=4i,loss=20.0,rtt_min=1.0,rtt_median=1.3,rtt_max=1.8,\
                 jitter=0.296 1793491200250",
            ),
            (
                round("desa-kiyangkongrejo", "desa-kiyangkongrejo/gateway", 3, &[250]),
                "ping,evidence=local,kecamatan=33.06.12,kind=desa,region=33.06.12.2005,site=desa-kiyangkongrejo,\
                 target=gateway,vantage=desa-kiyangkongrejo sent=3i,received=1i,loss=66.66666666666667,rtt_min=0.25,\
                 rtt_median=0.25,rtt_max=0.25 1793491200250",
            ),
            (
                round("core", "noc/gateway", 5, &[]),
                "ping,evidence=between,kind=backbone,site=noc,target=gateway,vantage=core \
                 sent=5i,received=0i,loss=100.0 1793491200250",
            ),
        ] {
            assert_eq!(line(ping_point(&network, &round)), expected);
        }
    }

    #[test]
    fn references_and_places_that_the_inventory_does_not_have_give_no_point() {
        let network = network();
        for target in ["reference/192.168.88.1", "desa-lain/gateway"] {
            assert_eq!(ping_point(&network, &round("core", target, 5, &[1000])), None);
        }
        let elsewhere = "desa-lain".parse().unwrap();
        assert_eq!(site_point(&network, &elsewhere, State::Up, Timestamp::default()), None);
    }

    #[test]
    fn a_state_is_a_word_a_number_and_whether_the_site_serves_unless_nobody_can_tell() {
        let network = network();
        let noc = "noc".parse().unwrap();
        for (state, fields) in [
            (State::Up, "state=\"up\",state_code=4i,up=1i"),
            (State::Degraded, "state=\"degraded\",state_code=3i,up=1i"),
            (State::Unreachable, "state=\"unreachable\",state_code=2i,up=0i"),
            (State::Down, "state=\"down\",state_code=1i,up=0i"),
            (State::Unknown, "state=\"unknown\",state_code=0i"),
        ] {
            let expected = format!("site,kind=backbone,site=noc,target=gateway,vantage=core {fields} 7");
            assert_eq!(line(site_point(&network, &noc, state, Timestamp::from_millis(7))), expected);
        }
    }

    #[test]
    fn of_an_interface_only_what_was_read_is_written() {
        let network = network();
        let mut reading = PlacedReading {
            at: Timestamp::from_millis(7),
            vantage: Vantage::Core,
            site: "noc".parse().unwrap(),
            target: "gateway".parse().unwrap(),
            link: "sfp 1".to_owned(),
            interface: InterfaceReading { oper_status: Some(1), ..InterfaceReading::default() },
        };
        reading.interface.counters[1] = Some(u64::from(u32::MAX) * 1000);
        assert_eq!(
            line(interface_point(&network, &reading)),
            r"interface,kind=backbone,link=sfp\ 1,site=noc,target=gateway,vantage=core oper_status=1i,out_octets=4294967295000i 7"
        );
    }

    #[test]
    fn a_gauge_is_a_field_of_its_kind_at_its_place() {
        let network = network();
        let gauge = |target: Option<&str>, kind, place: &str, value| PlacedGauge {
            at: Timestamp::from_millis(7),
            vantage: Vantage::Core,
            site: "noc".parse().unwrap(),
            target: target.map(|target| target.parse().unwrap()),
            label: Label { kind, place: place.to_owned() },
            value,
        };
        for (gauge, expected) in [
            (
                gauge(Some("olt"), GaugeKind::RxDbm, "pon0/3 onu 7", -21_430),
                r"gauge,kind=backbone,place=pon0/3\ onu\ 7,site=noc,target=olt,vantage=core rx_dbm=-21.43 7",
            ),
            (gauge(None, GaugeKind::Load, "", 250), "gauge,kind=backbone,site=noc,vantage=core load=0.25 7"),
        ] {
            assert_eq!(line(gauge_point(&network, &gauge)), expected);
        }
    }

    #[test]
    fn points_carry_exactly_the_names_that_are_promised() {
        let network = network();
        let site = network.site(&"desa-kiyangkongrejo".parse().unwrap()).unwrap();
        let interface = InterfaceReading {
            oper_status: Some(1),
            high_speed_mbps: Some(1000),
            counters: [Some(1); 8],
            ..InterfaceReading::default()
        };
        let at = Timestamp::default();
        let (vantage, target) = (Vantage::Core, site.gateway().id.clone());
        let reading =
            PlacedReading { at, vantage, site: site.id.clone(), target, link: "sfp1".to_owned(), interface };
        let gauge = |kind| {
            let label = Label { kind, place: "pon0/3".to_owned() };
            let (vantage, target) = (Vantage::Core, Some(site.gateway().id.clone()));
            gauge_point(
                &network,
                &PlacedGauge { at, vantage, site: site.id.clone(), target, label, value: -21_430 },
            )
        };
        // Each kind is a point of its own.
        let mut gauges = gauge(GaugeKind::ALL[0]).unwrap();
        for kind in &GaugeKind::ALL[1..] {
            let point = gauge(*kind).unwrap();
            assert_eq!(point.tags(), gauges.tags());
            let [(name, value)] = point.fields() else { panic!("one field") };
            gauges = gauges.field(name, value.clone());
        }
        let made = [
            ping_point(&network, &round("noc", "desa-kiyangkongrejo/gateway", 2, &[1000, 2000])),
            interface_point(&network, &reading),
            Some(gauges),
            site_point(&network, &site.id, State::Up, at),
        ];
        for (measurement, point) in names::ALL.into_iter().zip(made) {
            let point = point.unwrap();
            let mut tags: Vec<&str> = point.tags().iter().map(|(name, _)| *name).collect();
            tags.sort_unstable();
            let fields: Vec<&str> = point.fields().iter().map(|(name, _)| *name).collect();
            assert_eq!((point.measurement(), &*tags), (measurement.name, measurement.tags));
            assert_eq!(fields, measurement.fields);
        }
    }
}
