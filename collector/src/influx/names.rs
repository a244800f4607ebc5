//! The names of measurements, tags and fields, in one place: [`points`](super::points) writes them, `docs/influxdb.md`
//! lists them, and the dashboards of `grafana/` may use no other (a test holds both to it).
//!
//! They are a promise to everyone who has built a dashboard: add to them, never change what one means.

/// A measurement with all that its points may carry.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// Its name.
    pub name: &'static str,
    /// Its tags, sorted.
    pub tags: &'static [&'static str],
    /// Its fields.
    pub fields: &'static [&'static str],
}

/// One round of probes of one target.
pub const PING: Measurement = Measurement {
    name: "ping",
    tags: &[tag::EVIDENCE, tag::KECAMATAN, tag::KIND, tag::REGION, tag::SITE, tag::TARGET, tag::VANTAGE],
    fields: &[
        field::SENT,
        field::RECEIVED,
        field::LOSS,
        field::RTT_MIN,
        field::RTT_MEDIAN,
        field::RTT_MAX,
        field::JITTER,
    ],
};

/// One reading of an interface that a link of the inventory names.
pub const INTERFACE: Measurement = Measurement {
    name: "interface",
    tags: &[tag::KECAMATAN, tag::KIND, tag::LINK, tag::REGION, tag::SITE, tag::TARGET, tag::VANTAGE],
    fields: &[
        field::OPER_STATUS,
        field::HIGH_SPEED_MBPS,
        field::COUNTERS[0],
        field::COUNTERS[1],
        field::COUNTERS[2],
        field::COUNTERS[3],
        field::COUNTERS[4],
        field::COUNTERS[5],
        field::COUNTERS[6],
        field::COUNTERS[7],
    ],
};

/// One value of a gauge: each kind has a field of its own.
pub const GAUGE: Measurement = Measurement {
    name: "gauge",
    tags: &[tag::KECAMATAN, tag::KIND, tag::PLACE, tag::REGION, tag::SITE, tag::TARGET, tag::VANTAGE],
    fields: &field::GAUGES,
};

/// The state of a site at one moment.
pub const SITE: Measurement = Measurement {
    name: "site",
    tags: &[tag::KECAMATAN, tag::KIND, tag::REGION, tag::SITE, tag::TARGET, tag::VANTAGE],
    fields: &[field::STATE, field::STATE_CODE, field::UP],
};

/// Every measurement.
pub const ALL: [Measurement; 4] = [PING, INTERFACE, GAUGE, SITE];

/// Tags: few values each, none that changes with time.
pub mod tag {
    /// The id of the site that is meant.
    pub const SITE: &str = "site";
    /// Its kind: `backbone`, `kecamatan`, `desa` or `hotspot`.
    pub const KIND: &str = "kind";
    /// Its Kemendagri code, as the inventory has it; missing where the inventory has none.
    pub const REGION: &str = "region";
    /// The first three parts of that code; missing where it has fewer.
    pub const KECAMATAN: &str = "kecamatan";
    /// Who looked: a site with an agent, or `core`.
    pub const VANTAGE: &str = "vantage";
    /// The id of the target within the site; missing where a gauge is of the router that the agent runs on.
    pub const TARGET: &str = "target";
    /// `between` two places, or `local`: a site's own agent probing its own target.
    pub const EVIDENCE: &str = "evidence";
    /// The interface, by the name that the inventory gives the link.
    pub const LINK: &str = "link";
    /// Where in the device a gauge is: an interface, an ONU, a radio, an SSID; missing for the device as a whole.
    pub const PLACE: &str = "place";
}

/// Fields.
pub mod field {
    use kentongan_model::gauge::GaugeKind;

    /// Probes sent. Integer.
    pub const SENT: &str = "sent";
    /// Probes answered. Integer.
    pub const RECEIVED: &str = "received";
    /// Probes not answered, in percent of those sent. Float, 0 to 100.
    pub const LOSS: &str = "loss";
    /// The shortest RTT, in milliseconds. Float; missing when nothing was answered, as the next two.
    pub const RTT_MIN: &str = "rtt_min";
    /// The median RTT, in milliseconds; of an even number, the mean of the middle two.
    pub const RTT_MEDIAN: &str = "rtt_median";
    /// The longest RTT, in milliseconds.
    pub const RTT_MAX: &str = "rtt_max";
    /// The standard deviation of the RTTs, in milliseconds (what `ping` calls mdev). Float; missing when fewer than two
    /// were answered.
    pub const JITTER: &str = "jitter";
    /// ifOperStatus, 1 (up) to 7 (RFC 2863). Integer.
    pub const OPER_STATUS: &str = "oper_status";
    /// ifHighSpeed in Mbit/s. Integer.
    pub const HIGH_SPEED_MBPS: &str = "high_speed_mbps";
    /// The counters of IF-MIB, as read: they grow, and begin anew when the device boots. Integers.
    pub const COUNTERS: [&str; 8] = kentongan_model::wire::COUNTERS;
    /// The kinds of gauges, as `kentongan_model::gauge` has them with their units. Floats.
    pub const GAUGES: [&str; GaugeKind::ALL.len()] = {
        let mut names = [""; GaugeKind::ALL.len()];
        let mut kind = 0;
        while kind < names.len() {
            names[kind] = GaugeKind::ALL[kind].as_str();
            kind += 1;
        }
        names
    };
    /// The state in a word: `up`, `degraded`, `down`, `unreachable` or `unknown`. Text.
    pub const STATE: &str = "state";
    /// The state as a number, for stores without text: 4 up, 3 degraded, 2 unreachable, 1 down, 0 unknown. Integer.
    pub const STATE_CODE: &str = "state_code";
    /// 1 while the site serves (up or degraded), 0 while it does not (down or unreachable). Integer; missing while the
    /// state is unknown, so that the mean over a period leaves the unknown out, as the contract's `uptime_pct` does.
    pub const UP: &str = "up";
}
