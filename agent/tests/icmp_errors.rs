//! Errors that a datagram socket has been told of requests: each belongs to its request only, takes no other target's probe
//! with it, and does not lie in the receive buffer until replies find no room there.

#[path = "support/namespaces.rs"]
mod namespaces;

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures_util::StreamExt;
use kentongan_agent::{
    icmp::{Engine, IcmpPinger, SocketKind},
    pinger::{Aim, Echo, Pinger},
};
use kentongan_model::time::{Clock, SystemClock};
use namespaces::Namespace;

/// Neighbours that are not there.
const GONE: [&str; 2] = ["10.9.0.77", "fd09::77"];
/// One that answers.
const HEALTHY: [&str; 2] = ["10.9.0.2", "fd09::2"];
/// After so long the agent's machine knows that a neighbour is gone, and has told so.
const TOLD: Duration = Duration::from_millis(150);

/// An agent beside a neighbour, on a machine that gives up the search for others soon.
fn beside_neighbour() -> (Namespace, Namespace) {
    let (agent, neighbour) = (Namespace::new("agent"), Namespace::new("neighbour"));
    agent.run("sysctl -qw net.ipv4.ping_group_range=0\t2147483647");
    agent.cable("wan", &neighbour, "lan");
    for (place, interface, v4, v6) in
        [(&agent, "wan", "10.9.0.1/24", "fd09::1/64"), (&neighbour, "lan", "10.9.0.2/24", "fd09::2/64")]
    {
        place.run(&format!("ip address add {v4} dev {interface}"));
        place.run(&format!("ip address add {v6} dev {interface} nodad"));
    }
    for family in ["ipv4", "ipv6"] {
        let of = format!("net.{family}.neigh.wan");
        agent.run(&format!("sysctl -qw {of}.mcast_solicit=1 {of}.retrans_time_ms=50"));
    }
    (agent, neighbour)
}

fn open() -> Arc<IcmpPinger> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let pinger = IcmpPinger::open_as(SocketKind::Datagram, Engine::Linux, &clock).unwrap();
    assert_eq!(pinger.kind(), Some(SocketKind::Datagram));
    Arc::new(pinger)
}

/// Pings these as one group, and tells what became of the probes of each.
async fn ping(pinger: &Arc<IcmpPinger>, targets: &[&str], probes: u16, timeout: Duration) -> Vec<Vec<Echo>> {
    let aim = |target: &&str| Aim { address: target.parse::<IpAddr>().unwrap(), probes, timeout };
    let ended: Vec<_> = Arc::clone(pinger).ping_group(targets.iter().map(aim).collect()).collect().await;
    let mut rounds: Vec<_> = ended.into_iter().flatten().collect();
    rounds.sort_unstable_by_key(|round| round.aim);
    rounds.into_iter().map(|round| round.echoes).collect()
}

/// Bytes that lie unread in the ICMP sockets of the namespace that this thread is in.
fn unread() -> usize {
    let tables =
        ["icmp", "icmp6"].map(|table| std::fs::read_to_string(format!("/proc/thread-self/net/{table}")));
    let lines = tables.iter().flatten().flat_map(|table| table.lines().skip(1));
    let queued = lines.map(|line| {
        let queues = line.split_whitespace().nth(4).unwrap();
        usize::from_str_radix(queues.split_once(':').unwrap().1, 16).unwrap()
    });
    queued.sum()
}

#[test]
fn errors_about_a_neighbour_that_is_gone_do_not_pile_up_between_rounds() {
    let (agent, _neighbour) = beside_neighbour();
    agent.within(async || {
        let pinger = open();
        let mut most = 0;
        for round in 0..20 {
            // The round is over before anything is told.
            for target in GONE {
                let echoes = &ping(&pinger, &[target], 3, Duration::from_millis(10)).await[0];
                assert!(echoes.iter().all(|echo| echo.rtt_us().is_none()), "{round} {target}: {echoes:?}");
            }
            tokio::time::sleep(TOLD).await;
            most = most.max(unread());
        }
        // Three probes of either family, at up to a kilobyte and a quarter each.
        assert!(most > 0, "nothing was told: the test shows nothing");
        assert!(most <= 6 * 1_280, "{most} bytes lay unread");
    });
}

#[test]
fn an_error_about_one_target_does_not_cost_another_its_probe() {
    let (agent, _neighbour) = beside_neighbour();
    agent.within(async || {
        let pinger = open();
        // The first to be asked is of the other family, so that nothing is sent by the socket before the one in question.
        for (gone, first, asked) in [(GONE[1], HEALTHY[0], HEALTHY[1]), (GONE[0], HEALTHY[1], HEALTHY[0])] {
            for _ in 0..3 {
                let lost = &ping(&pinger, &[gone], 1, Duration::from_millis(10)).await[0];
                assert_eq!(lost[..], [Echo::Silence], "{gone}");
                tokio::time::sleep(TOLD).await;
                let echoes = ping(&pinger, &[first, asked], 2, Duration::from_secs(1)).await;
                assert!(echoes.iter().flatten().all(|echo| echo.rtt_us().is_some()), "{echoes:?}");
            }
        }
    });
}

#[test]
fn an_error_that_is_met_while_others_are_asked_counts_for_its_own_target() {
    let (agent, neighbour) = beside_neighbour();
    neighbour.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0");
    neighbour.run("ip route add unreachable 10.8.8.8");
    agent.run("ip route add 10.8.8.8 via 10.9.0.2");
    agent.within(async || {
        let echoes = ping(&open(), &["10.8.8.8", HEALTHY[0]], 3, Duration::from_millis(500)).await;
        assert_eq!(echoes[0][..], [Echo::Refused { kind: 3, code: 1 }; 3]);
        assert!(echoes[1].iter().all(|echo| echo.rtt_us().is_some()), "{echoes:?}");
    });
}
