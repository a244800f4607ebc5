//! How a site is probed and judged: the keys of `[defaults]`, each of which a site may set again.

use toml::Spanned;

use super::{
    table::Table,
    times::{duration, written},
    values::{number, positive_percent, whole, word},
};
use crate::inventory::{
    Precision, Settings,
    fault::{FaultLog, Wrong},
    limits::{BACKLOG_KB, INTERVAL, PROBE_SPACING, PROBES, RTT_WARN, STREAK, TIMEOUT},
};

const PRECISIONS: [(&str, Precision); 2] =
    [(Precision::Full.as_str(), Precision::Full), (Precision::Thin.as_str(), Precision::Thin)];

/// Reads the settings of a table; what it leaves out is as in `base`.
pub(super) fn read(table: &mut Table<'_>, base: &Settings, log: &FaultLog<'_>) -> Settings {
    let interval = table.optional("interval", duration(INTERVAL));
    let probes = table.optional("probes", whole(PROBES)).map(small::<u16>);
    let timeout = table.optional("timeout", duration(TIMEOUT));
    let or = |read: Option<f64>, base| read.unwrap_or(base);
    let settings = Settings {
        interval: interval.as_ref().map_or(base.interval, |read| *read.get_ref()),
        probes: probes.as_ref().map_or(base.probes, |read| *read.get_ref()),
        timeout: timeout.as_ref().map_or(base.timeout, |read| *read.get_ref()),
        down_after: streak(table, "down_after", base.down_after),
        up_after: streak(table, "up_after", base.up_after),
        loss_warn: or(table.optional("loss_warn", positive_percent).map(Spanned::into_inner), base.loss_warn),
        rtt_warn: table.optional("rtt_warn", duration(RTT_WARN)).map(Spanned::into_inner).or(base.rtt_warn),
        report_interval: table
            .optional("report_interval", duration(INTERVAL))
            .map_or(base.report_interval, Spanned::into_inner),
        wire: table.optional("wire", word(&PRECISIONS)).map_or(base.wire, Spanned::into_inner),
        backlog_kb_per_minute: table
            .optional("backlog_kb_per_minute", whole(BACKLOG_KB))
            .map_or(base.backlog_kb_per_minute, |read| small::<u32>(read).into_inner()),
        sla: or(table.optional("sla", number(0.0..=100.0)).map(Spanned::into_inner), base.sla),
    };
    // What a site takes over was told of where it was written.
    let span = timeout.as_ref().map(Spanned::span).or(interval.as_ref().map(Spanned::span));
    if let Some(span) = span.clone()
        && settings.timeout > settings.interval
    {
        let (timeout, interval) = (written(settings.timeout), written(settings.interval));
        let wrong = Wrong::new(format!("the timeout of {timeout} is longer than the interval of {interval}"));
        log.add_wrong(span, wrong.help("a round has to end before the next one begins"));
    }
    let sending = PROBE_SPACING * u32::from(settings.probes);
    if let Some(span) = probes.as_ref().map(Spanned::span).or(interval.as_ref().map(Spanned::span))
        && sending > settings.interval
    {
        let (n, interval) = (settings.probes, written(settings.interval));
        let room = settings.interval.as_millis() / PROBE_SPACING.as_millis();
        let wrong = Wrong::new(format!("{n} probes do not fit into an interval of {interval}"));
        log.add_wrong(
            span,
            wrong.help(format!("it has room for {room}, one every {}", written(PROBE_SPACING))),
        );
    }
    settings
}

fn streak(table: &mut Table<'_>, key: &'static str, base: u32) -> u32 {
    table.optional(key, whole(STREAK)).map_or(base, |read| small::<u32>(read).into_inner())
}

/// A number whose range was checked, in the type that it is kept in.
fn small<T: TryFrom<u64> + Default>(number: Spanned<u64>) -> Spanned<T> {
    Spanned::new(number.span(), T::try_from(number.into_inner()).unwrap_or_default())
}
