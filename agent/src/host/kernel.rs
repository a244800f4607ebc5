//! What Linux tells of the router itself: `/proc` and the file system of the agent's folder (proc(5), statvfs(3)).

use std::{fs::File, io::Read, path::Path};

use kentongan_model::gauge::GaugeKind;

use super::{Value, value};

/// Bytes of a file of `/proc` that are read; a routing table may be long, and the default route is near its beginning.
const LONGEST: u64 = 64 * 1024;
/// RTF_UP (linux/route.h).
const UP: u32 = 1;

/// All that can be read now.
pub(super) fn look(flash: &Path) -> Vec<Value> {
    let mut values = Vec::new();
    values.extend(read("/proc/loadavg").as_deref().and_then(load).map(|it| value(GaugeKind::Load, "", it)));
    let memory = read("/proc/meminfo").as_deref().and_then(memory_available);
    values.extend(memory.map(|bytes| value(GaugeKind::MemoryFree, "", thousandths(bytes))));
    let room = rustix::fs::statvfs(flash).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    values.extend(room.map(|bytes| value(GaugeKind::FlashFree, "", thousandths(bytes))));
    let uplink = read("/proc/net/route").as_deref().and_then(uplink_v4);
    let uplink = uplink.or_else(|| read("/proc/net/ipv6_route").as_deref().and_then(uplink_v6));
    if let Some(uplink) = uplink
        && let Some((received, sent)) =
            read("/proc/net/dev").as_deref().and_then(|text| traffic(text, &uplink))
    {
        values.push(value(GaugeKind::UplinkIn, &uplink, thousandths(received)));
        values.push(value(GaugeKind::UplinkOut, &uplink, thousandths(sent)));
    }
    values
}

fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

fn thousandths(whole: u64) -> i64 {
    i64::try_from(whole).unwrap_or(i64::MAX).saturating_mul(1_000)
}

/// The load average over five minutes, in thousandths: `0.20 0.18 0.12 1/80 11206`.
fn load(text: &str) -> Option<i64> {
    let load: f64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some((load * 1000.0).round() as i64)
}

/// What programs could still have, in bytes; before Linux 3.14 there was no such line.
fn memory_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1024))
}

/// The interface of the default route with the lowest metric.
fn uplink_v4(text: &str) -> Option<String> {
    let routes = text.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, "00000000", _, flags, _, _, metric, "00000000", ..] = fields[..] else { return None };
        let is_up = u32::from_str_radix(flags, 16).ok()? & UP != 0;
        is_up.then_some((metric.parse::<u32>().ok()?, interface.to_owned()))
    });
    routes.min().map(|(_, interface)| interface)
}

/// The same of IPv6; the kernel keeps a default route of its own at `lo`, which leads nowhere.
fn uplink_v6(text: &str) -> Option<String> {
    let routes = text.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, "00", _, _, _, metric, _, _, flags, interface] = fields[..] else { return None };
        let is_up = u32::from_str_radix(flags, 16).ok()? & UP != 0;
        let is_default = destination.bytes().all(|digit| digit == b'0') && interface != "lo" && is_up;
        is_default.then_some((u32::from_str_radix(metric, 16).ok()?, interface.to_owned()))
    });
    routes.min().map(|(_, interface)| interface)
}

/// Bytes received and sent by an interface: of its sixteen numbers the first and the ninth.
fn traffic(text: &str, interface: &str) -> Option<(u64, u64)> {
    let numbers = text.lines().find_map(|line| {
        let (name, numbers) = line.split_once(':')?;
        (name.trim() == interface).then_some(numbers)
    })?;
    let mut numbers = numbers.split_whitespace();
    Some((numbers.next()?.parse().ok()?, numbers.nth(7)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_and_memory_are_read_as_linux_writes_them() {
        assert_eq!(load("0.20 1.08 0.12 1/80 11206\n"), Some(1_080));
        assert_eq!(load(""), None);
        let meminfo =
            "MemTotal:          60212 kB\nMemFree:            9000 kB\nMemAvailable:      20480 kB\n";
        assert_eq!(memory_available(meminfo), Some(20 * 1024 * 1024));
        assert_eq!(memory_available("MemTotal: 60212 kB\n"), None);
    }

    #[test]
    fn the_uplink_is_the_default_route_with_the_lowest_metric() {
        // An OpenWrt router with DHCP on its WAN port and a modem as the second way.
        let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
            wwan0\t00000000\t01FEA8C0\t0003\t0\t0\t20\t00000000\t0\t0\t0\n\
            eth0.2\t00000000\t0107210A\t0003\t0\t0\t10\t00000000\t0\t0\t0\n\
            br-lan\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(uplink_v4(routes).as_deref(), Some("eth0.2"));
        assert_eq!(uplink_v4("Iface\tDestination\n"), None);
        let zero = "0".repeat(32);
        let route = |metric: &str, interface: &str| {
            format!(
                "{zero} 00 {zero} 00 fe800000000000000000000000000001 {metric} 00000001 00000000 00000003 {interface}\n"
            )
        };
        let routes = route("ffffffff", "lo") + &route("00000400", "eth1") + &route("00000200", "pppoe-wan");
        assert_eq!(uplink_v6(&routes).as_deref(), Some("pppoe-wan"));
        assert_eq!(uplink_v6(&route("ffffffff", "lo")), None);
    }

    #[test]
    fn traffic_is_the_first_and_the_ninth_number_also_where_they_touch_the_name() {
        let dev = "Inter-|   Receive                                                |  Transmit\n \
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n\
             \x20   lo:     840      10    0    0    0     0          0         0      840      10    0 0 0 0 0 0\n\
             eth0.2:4294967296 100    0    0    0     0          0         0     2048      20    0 0 0 0 0 0\n";
        assert_eq!(traffic(dev, "eth0.2"), Some((4_294_967_296, 2_048)));
        assert_eq!(traffic(dev, "eth0"), None);
    }

    #[test]
    fn this_machine_tells_its_load_memory_and_room() {
        let kinds: Vec<GaugeKind> = look(Path::new("/"))
            .into_iter()
            .filter(|(_, value)| *value >= 0)
            .map(|(label, _)| label.kind)
            .collect();
        for kind in [GaugeKind::Load, GaugeKind::MemoryFree, GaugeKind::FlashFree] {
            assert!(kinds.contains(&kind), "{kinds:?}");
        }
    }
}
