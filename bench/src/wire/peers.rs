//! The same observations as others would send them.

use std::{fmt::Write as _, io::Write as _};

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

use super::observed::{Line, Window, wall_ms};

/// InfluxDB line protocol, gzip'd: of each round only sent, received, least, median and greatest RTT and jitter.
pub(super) fn influx_gzip(window: &Window) -> anyhow::Result<usize> {
    let mut text = String::new();
    for line in &window.lines {
        match line {
            Line::Round { at_ms, target, sent, rtts_us } => {
                write!(
                    text,
                    "ping,site=kec-kutasari,target=t{target} sent={sent}i,received={}i",
                    rtts_us.len()
                )?;
                let mut sorted = rtts_us.clone();
                sorted.sort_unstable();
                if let (Some(least), Some(greatest)) = (sorted.first(), sorted.last()) {
                    let median = sorted[sorted.len() / 2];
                    let steps: u32 = rtts_us.windows(2).map(|pair| pair[0].abs_diff(pair[1])).sum();
                    let jitter = steps / (rtts_us.len() as u32 - 1).max(1);
                    write!(
                        text,
                        ",rtt_min={least}i,rtt_median={median}i,rtt_max={greatest}i,jitter={jitter}i"
                    )?;
                }
                writeln!(text, " {}", wall_ms(*at_ms))?;
            }
            Line::Interface { at_ms, interface, .. } => {
                let fields: Vec<_> =
                    line.counters().iter().map(|(name, value)| format!("{name}={value}i")).collect();
                writeln!(
                    text,
                    "interface,site=kec-kutasari,interface=ether{interface} {} {}",
                    fields.join(","),
                    wall_ms(*at_ms)
                )?;
            }
        }
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes())?;
    Ok(gzip.finish()?.len())
}

/// JSON as a Zabbix agent sends it, zlib'd: a value for each answered probe and each counter.
pub(super) fn zabbix_zlib(window: &Window) -> anyhow::Result<usize> {
    let mut data = Vec::new();
    let mut value = |key: String, value: String, at_ms: u64| {
        let at = wall_ms(at_ms);
        data.push(serde_json::json!({
            "host": "kec-kutasari", "key": key, "value": value, "id": data.len() + 1,
            "clock": at / 1000, "ns": at % 1000 * 1_000_000,
        }));
    };
    for line in &window.lines {
        match line {
            Line::Round { at_ms, target, rtts_us, .. } => {
                for rtt in rtts_us {
                    let seconds = format!("{}.{:06}", rtt / 1_000_000, rtt % 1_000_000);
                    value(format!("icmppingsec[t{target}]"), seconds, *at_ms);
                }
            }
            Line::Interface { at_ms, interface, .. } => {
                for (name, counter) in line.counters() {
                    value(format!("net.if.{name}[ether{interface}]"), counter.to_string(), *at_ms);
                }
            }
        }
    }
    let body = serde_json::json!({
        "request": "agent data", "session": "12345678901234567890123456789012", "data": data,
    });
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(body.to_string().as_bytes())?;
    Ok(zlib.finish()?.len())
}
