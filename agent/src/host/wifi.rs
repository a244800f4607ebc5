//! Wifi clients of this router, asked of OpenWrt's `iwinfo` over the program `ubus`; a machine without it has none.
//!
//! Limits: an answer holds 64 kB, comes within 5 s or counts as none, and 32 interfaces are asked; how many more there are
//! is told. Which there are, and their SSIDs, is asked every ten minutes, so that a look costs one short program for each.

use std::{process::Stdio, time::Duration};

use kentongan_model::gauge::GaugeKind;
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt, process::Command};

use super::{Value, value};
use crate::hourly::Hourly;

/// The program of OpenWrt's message bus.
const UBUS: &str = "ubus";
/// Bytes of an answer.
const LONGEST: u64 = 64 * 1024;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Interfaces that are asked.
const MOST: usize = 32;
/// How long what there is is taken to stay.
const STAYS: Duration = Duration::from_secs(600);

/// What is known of the radios.
#[derive(Debug)]
pub(super) struct Wifi {
    program: String,
    points: Vec<Point>,
    asked: Option<Duration>,
    told: Hourly,
}

/// An interface that serves clients.
#[derive(Debug, PartialEq, Eq)]
struct Point {
    device: String,
    /// `device/SSID`.
    place: String,
}

#[derive(Serialize)]
struct About<'a> {
    device: &'a str,
}

#[derive(Deserialize)]
struct Devices {
    devices: Vec<String>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    ssid: String,
    #[serde(default)]
    mode: String,
}

#[derive(Deserialize)]
struct Associated {
    results: Vec<serde::de::IgnoredAny>,
}

impl Default for Wifi {
    fn default() -> Self {
        Wifi { program: UBUS.to_owned(), points: Vec::new(), asked: None, told: Hourly::default() }
    }
}

impl Wifi {
    /// The clients of each interface.
    pub(super) async fn look(&mut self, now: Duration) -> Vec<Value> {
        if self.asked.is_none_or(|asked| now.saturating_sub(asked) >= STAYS) {
            self.points = self.points(now).await;
            self.asked = Some(now);
        }
        let mut values = Vec::new();
        for Point { device, place } in &self.points {
            let clients: Option<Associated> = self.ask("assoclist", Some(device)).await;
            let clients = clients.and_then(|list| i64::try_from(list.results.len()).ok());
            values.extend(clients.map(|clients| value(GaugeKind::Clients, place, clients * 1_000)));
        }
        values
    }

    async fn points(&mut self, now: Duration) -> Vec<Point> {
        let devices: Option<Devices> = self.ask("devices", None).await;
        let devices = devices.map(|it| it.devices).unwrap_or_default();
        let left_out = devices.len().saturating_sub(MOST);
        if left_out > 0 && self.told.is_due(now) {
            tracing::warn!(left_out, "wifi interfaces are not asked for their clients: {MOST} are");
        }
        let mut points = Vec::new();
        for device in devices.into_iter().take(MOST) {
            let info: Option<Info> = self.ask("info", Some(&device)).await;
            // A client or a mesh link of the router itself is none of a village's.
            if let Some(info) = info.filter(|info| info.mode == "Master") {
                let place = place(&device, &info.ssid);
                points.push(Point { device, place });
            }
        }
        points
    }

    /// What `iwinfo` answers; none when it does not, or not in the form that is known.
    async fn ask<T: serde::de::DeserializeOwned>(&self, method: &str, device: Option<&str>) -> Option<T> {
        let mut command = Command::new(&self.program);
        command.args(["-S", "call", "iwinfo", method]);
        if let Some(device) = device {
            command.arg(serde_json::to_string(&About { device }).ok()?);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().ok()?;
        let stdout = child.stdout.take()?;
        let answered = async {
            let mut answer = Vec::new();
            stdout.take(LONGEST).read_to_end(&mut answer).await.ok()?;
            // Who has more to say finds nobody who listens, and ends.
            child.wait().await.ok()?.success().then_some(answer)
        };
        let answer = tokio::time::timeout(PATIENCE, answered).await.ok()??;
        serde_json::from_slice(&answer).ok()
    }
}

/// Where the clients are, cut to what the wire takes.
fn place(device: &str, ssid: &str) -> String {
    let mut place = if ssid.is_empty() { device.to_owned() } else { format!("{device}/{ssid}") };
    place.truncate(place.floor_char_boundary(kentongan_model::wire::MAX_TEXT));
    place
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::hourly::tests::Log;

    /// A program that answers as OpenWrt 23.05's `ubus call iwinfo …` is documented to.
    fn stub(folder: &std::path::Path, script: &str) -> Wifi {
        let program = folder.join("ubus");
        std::fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Wifi { program: program.to_string_lossy().into_owned(), ..Wifi::default() }
    }

    const OPENWRT: &str = r#"
[ "$1 $2 $3" = "-S call iwinfo" ] || exit 2
echo "$4 $5" >> "$0.asked"
case "$4 $5" in
  'devices ') echo '{"devices":["phy0-ap0","phy1-ap0","phy1-sta0","phy2-ap0"]}' ;;
  'info {"device":"phy0-ap0"}') echo '{"phy":"phy0","ssid":"Wifi Publik","mode":"Master","channel":6,"noise":-95}' ;;
  'info {"device":"phy1-ap0"}') echo '{"phy":"phy1","ssid":"","mode":"Master"}' ;;
  'info {"device":"phy1-sta0"}') echo '{"phy":"phy1","ssid":"Induk","mode":"Client"}' ;;
  'assoclist {"device":"phy0-ap0"}') echo '{"results":[{"mac":"02:00:00:00:00:01","signal":-61},{"mac":"02:00:00:00:00:02","signal":-70}]}' ;;
  'assoclist {"device":"phy1-ap0"}') echo '{"results":[]}' ;;
  *) exit 4 ;;
esac
"#;

    #[tokio::test]
    async fn each_interface_that_serves_tells_its_clients() {
        let folder = tempfile::tempdir().unwrap();
        let mut wifi = stub(folder.path(), OPENWRT);
        let expected = vec![
            value(GaugeKind::Clients, "phy0-ap0/Wifi Publik", 2_000),
            value(GaugeKind::Clients, "phy1-ap0", 0),
        ];
        assert_eq!(wifi.look(Duration::from_secs(5)).await, expected);
        assert_eq!(wifi.look(Duration::from_secs(65)).await, expected);
        let asked = std::fs::read_to_string(folder.path().join("ubus.asked")).unwrap();
        assert_eq!(asked.matches("devices").count(), 1, "what there is stays for ten minutes: {asked}");
        assert_eq!(asked.matches("assoclist").count(), 4);
    }

    #[tokio::test]
    async fn a_machine_without_it_or_with_a_broken_one_has_no_clients() {
        let mut without = Wifi { program: "/tidak/ada/ubus".to_owned(), ..Wifi::default() };
        assert_eq!(without.look(Duration::ZERO).await, []);
        let folder = tempfile::tempdir().unwrap();
        for script in ["echo bukan json", "exit 1", "yes '{\"devices\":['", "echo '{\"devices\":5}'"] {
            assert_eq!(stub(folder.path(), script).look(Duration::ZERO).await, [], "{script}");
        }
    }

    #[tokio::test]
    async fn interfaces_beyond_the_limit_are_counted_once_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..MOST + 5).map(|n| format!("\"ap{n}\"")).collect();
        let (mut wifi, log) = (
            stub(folder.path(), &format!("[ $4 = devices ] && echo '{{\"devices\":[{}]}}'", names.join(","))),
            Log::begin(),
        );
        for (minute, told) in [(0, true), (10, false), (59, false), (70, true)] {
            wifi.look(Duration::from_secs(60 * minute)).await;
            assert_eq!(log.take().contains("left_out=5"), told, "minute {minute}");
        }
    }

    #[test]
    fn a_place_is_no_longer_than_the_wire_takes() {
        assert_eq!(place("wlan0", "Balai Désa"), "wlan0/Balai Désa");
        let long = place("wlan0", &"é".repeat(200));
        assert!(long.len() <= kentongan_model::wire::MAX_TEXT && long.starts_with("wlan0/éé"));
    }
}
