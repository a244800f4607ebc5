//! What the router itself has to offer: folders, the right to ping, a way out, a clock.

use std::{
    fs::File,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use kentongan_model::time::{Clock, Timestamp};

use super::found::{Found, Purpose};
use crate::{
    icmp::IcmpPinger,
    pinger::{Echo, Pinger},
    spool::is_taken,
};

/// What either folder should have left: the largest backlog, and the plan.
const ROOM_KB: u64 = 3_000;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a gateway is asked.
const TRIES: usize = 3;
/// A clock that shows less has not been set: there was no such agent then.
const BEFORE_ALL: Timestamp = Timestamp::from_millis(1_735_689_600_000);

/// An agent that has just been started has taken its folder after so long.
const STARTING: Duration = Duration::from_secs(2);
/// How often it is asked for meanwhile.
const ASKED: u32 = 4;

/// The two folders, and whether an agent runs in them.
pub(super) async fn folders(state_dir: &Path, memory_dir: &Path) -> Vec<Found> {
    let mut found: Vec<Found> = [(Purpose::Flash, state_dir), (Purpose::Memory, memory_dir)]
        .into_iter()
        .flat_map(|(purpose, folder)| self::folder(purpose, folder))
        .collect();
    found.push(if is_running(memory_dir).await { Found::Running } else { Found::NotRunning });
    found
}

async fn is_running(memory_dir: &Path) -> bool {
    for _ in 0..ASKED {
        if is_taken(memory_dir) {
            return true;
        }
        tokio::time::sleep(STARTING / ASKED).await;
    }
    is_taken(memory_dir)
}

fn folder(purpose: Purpose, folder: &Path) -> Vec<Found> {
    match room(folder) {
        Err(error) => vec![Found::Unwritable { folder: folder.to_owned(), error: error.to_string() }],
        Ok((free_kb, in_memory)) => {
            let folder = folder.to_owned();
            let mut found = vec![if free_kb < ROOM_KB {
                Found::NarrowFolder { purpose, folder: folder.clone(), free_kb }
            } else {
                Found::Folder { purpose, folder: folder.clone(), free_kb }
            }];
            if in_memory != (purpose == Purpose::Memory) {
                found.push(Found::MisplacedFolder { purpose, folder });
            }
            found
        }
    }
}

/// Free kilobytes, and whether the folder lies in memory; an error when nothing can be written there. Of a folder that is
/// missing this is asked where the agent will make it. What is written is gone before it has a content.
fn room(folder: &Path) -> std::io::Result<(u64, bool)> {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of Linux' magic.h.
    const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
    let folder = folder.ancestors().find(|it| it.symlink_metadata().is_ok()).unwrap_or(Path::new("."));
    let trial = folder.join(format!(".kentongan-self-test-{}", std::process::id()));
    let mut file = File::create_new(&trial)?;
    std::fs::remove_file(&trial)?;
    file.write_all(b"kentongan")?;
    let room = rustix::fs::statvfs(folder)?;
    let kind = rustix::fs::statfs(folder)?.f_type as u32;
    Ok((room.f_bavail.saturating_mul(room.f_frsize) / 1_024, IN_MEMORY.contains(&kind)))
}

/// Whether pings go out and come back.
pub(super) async fn ping(pinger: &Arc<IcmpPinger>) -> Vec<Found> {
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    let lacking = match (pinger.reaches(v4), pinger.reaches(v6)) {
        (true, true) => None,
        (true, false) => Some("IPv6".to_owned()),
        _ => Some("IPv4".to_owned()),
    };
    let mut found = vec![Found::MayPing { lacking }];
    if pinger.reaches(v4) && answer(pinger, v4).await.is_none() {
        found.push(Found::LoopbackSilent);
    }
    found
}

/// Whether there is a way out, and whether somebody stands there.
pub(super) async fn gateway(pinger: Option<&Arc<IcmpPinger>>) -> Option<Found> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let Some(gateway) = default_gateway(&table) else { return Some(Found::NoGateway) };
    let address = IpAddr::V4(gateway);
    Some(match answer(pinger?, address).await {
        Some(rtt_us) => Found::GatewayAnswers { address, rtt_us },
        None => Found::GatewaySilent { address },
    })
}

async fn answer(pinger: &Arc<IcmpPinger>, address: IpAddr) -> Option<u32> {
    for _ in 0..TRIES {
        if let Echo::Reply { rtt_us } = Arc::clone(pinger).ping(address, PATIENCE).await {
            return Some(rtt_us);
        }
    }
    None
}

/// The gateway of the default route in `/proc/net/route`, whose addresses stand as the kernel has them in memory.
fn default_gateway(table: &str) -> Option<Ipv4Addr> {
    const ROUTE_BY_GATEWAY: u32 = 0x2;
    table.lines().skip(1).find_map(|line| {
        let hex = |column| u32::from_str_radix(line.split_whitespace().nth(column)?, 16).ok();
        let (destination, gateway, flags, mask) = (hex(1)?, hex(2)?, hex(3)?, hex(7)?);
        let is_default = destination == 0 && mask == 0 && flags & ROUTE_BY_GATEWAY != 0;
        is_default.then(|| Ipv4Addr::from(gateway.to_ne_bytes()))
    })
}

/// The clock alone, when there is no collector's to hold it against.
pub(super) fn clock(clock: &dyn Clock, needed: bool) -> Found {
    let now = clock.now();
    if now < BEFORE_ALL { Found::ClockUnset { now, needed } } else { Found::ClockAlone { now } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::Directory;

    #[test]
    fn folders_are_tried_and_stay_as_they_were() {
        let root = tempfile::tempdir().unwrap();
        let names =
            || std::fs::read_dir(root.path()).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
        let missing = root.path().join("lib/agent/state");
        assert!(room(root.path()).is_ok() && room(&missing).is_ok());
        assert!(names().is_empty(), "{:?}", names());
        std::fs::write(root.path().join("lib"), "no folder").unwrap();
        assert!(room(&missing).is_err());
        assert_eq!(names(), ["lib"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_is_just_starting_is_running() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("memory");
        assert!(!is_running(&folder).await);
        let starting = async {
            tokio::time::sleep(STARTING * 3 / 4).await;
            Directory::take(&folder).unwrap()
        };
        let (is_running, _held) = tokio::join!(is_running(&folder), starting);
        assert!(is_running);
    }

    #[test]
    fn the_gateway_is_that_of_the_default_route() {
        let native = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let table = format!(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             br-lan\t{}\t00000000\t0001\t0\t0\t0\t{}\t0\t0\t0\n\
             ppp0\t00000000\t00000000\t0001\t0\t0\t9\t00000000\t0\t0\t0\n\
             eth0\t00000000\t{}\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
            native([192, 168, 1, 0]),
            native([255, 255, 255, 0]),
            native([10, 20, 30, 1])
        );
        assert_eq!(default_gateway(&table), Some(Ipv4Addr::new(10, 20, 30, 1)));
        assert_eq!(default_gateway(table.split("eth0").next().unwrap()), None);
        assert_eq!(default_gateway("eth0 nonsense"), None);
    }
}
