//! The ICMP engine against the kernel's own replies, against routers that interfere, and against a peer that answers
//! late, twice or falsely. Each of surge-ping's traps has its test.

#[path = "support/namespaces.rs"]
mod namespaces;

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use kentongan_agent::{
    icmp::{IcmpPinger, SocketKind},
    pace::Pace,
    pinger::{Echo, Pinger},
};
use namespaces::Namespace;
use socket2::{Domain, Protocol, Socket, Type};

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A namespace in which datagram sockets may ping, too.
fn permissive() -> Namespace {
    let namespace = Namespace::new("alone");
    namespace.run("sysctl -qw net.ipv4.ping_group_range=0\t2147483647");
    namespace
}

#[test]
fn loopback_addresses_answer_over_both_kinds_of_socket_and_in_both_families() {
    let namespace = permissive();
    for kind in [SocketKind::Datagram, SocketKind::Raw] {
        namespace.within(async || {
            let pinger = IcmpPinger::open_as(kind).unwrap();
            assert_eq!(pinger.kind(), Some(kind));
            for target in ["127.0.0.1", "127.200.3.4", "::1"] {
                let echo = pinger.ping(address(target), SECOND).await;
                assert!(matches!(echo, Echo::Reply { .. }), "{kind:?} {target}: {echo:?}");
            }
        });
    }
}

#[test]
fn two_thousand_targets_at_once_all_answer() {
    let namespace = permissive();
    for kind in [SocketKind::Datagram, SocketKind::Raw] {
        namespace.within(async || {
            let (pinger, pace) = (Arc::new(IcmpPinger::open_as(kind).unwrap()), Pace::default());
            let probe = async |n: u32| {
                let target = IpAddr::V4(Ipv4Addr::from_bits(0x7f00_0100 + n));
                pace.turn().await.hold(pinger.ping(target, SECOND)).await
            };
            let echoes = join_all((0..2_000).map(probe)).await;
            let mut rtts: Vec<u32> = echoes.iter().filter_map(|echo| echo.rtt_us()).collect();
            rtts.sort_unstable();
            println!(
                "{kind:?}: {} of 2000, median {} us, worst {} us",
                rtts.len(),
                rtts[rtts.len() / 2],
                rtts[rtts.len() - 1]
            );
            assert_eq!(rtts.len(), 2_000);
        });
    }
}

#[test]
fn a_router_that_says_host_unreachable_does_not_make_the_target_alive() {
    let (agent, router) = (Namespace::new("agent"), Namespace::new("router"));
    agent.cable("wan", &router, "lan");
    agent.run("ip address add 10.9.0.1/24 dev wan");
    router.run("ip address add 10.9.0.2/24 dev lan");
    router.run("sysctl -qw net.ipv4.ip_forward=1");
    agent.run("ip route add default via 10.9.0.2");
    router.run("ip route add unreachable 10.9.9.9");
    agent.within(async || {
        // The trap: surge-ping hands the router's message out as an answer.
        let config = surge_ping::Config::builder().sock_type_hint(socket2::Type::RAW).build();
        let client = surge_ping::Client::new(&config).unwrap();
        let mut bare = client.pinger(address("10.9.9.9"), surge_ping::PingIdentifier(4711)).await;
        assert!(
            bare.ping(surge_ping::PingSequence(0), b"x").await.is_ok(),
            "surge-ping has changed: look again"
        );

        let pinger = IcmpPinger::open_as(SocketKind::Raw).unwrap();
        assert_eq!(pinger.ping(address("10.9.9.9"), SECOND).await, Echo::Refused { kind: 3, code: 1 });
        assert!(matches!(pinger.ping(address("10.9.0.2"), SECOND).await, Echo::Reply { .. }));
        // Nobody there, told by this machine itself; and nowhere to send it to.
        let nobody = pinger.ping(address("10.9.0.77"), Duration::from_millis(200)).await;
        assert_eq!(nobody.rtt_us(), None, "{nobody:?}");
        agent.run("ip route del default");
        let nowhere = pinger.ping(address("192.0.2.1"), SECOND).await;
        assert!(matches!(nowhere, Echo::Unsendable(_)), "{nowhere:?}");
    });
}

#[test]
fn a_router_that_tells_of_a_better_way_does_not_make_the_target_look_dead() {
    let (agent, router, beyond) =
        (Namespace::new("agent"), Namespace::new("router"), Namespace::new("beyond"));
    router.run("ip link add bridge type bridge");
    router.run("ip link set bridge up");
    for (place, port) in [(&agent, "one"), (&beyond, "two")] {
        place.cable("wan", &router, port);
        router.run(&format!("ip link set {port} master bridge"));
    }
    agent.run("ip address add 10.9.0.1/24 dev wan");
    router.run("ip address add 10.9.0.2/24 dev bridge");
    beyond.run("ip address add 10.9.0.3/24 dev wan");
    beyond.run("ip address add 10.8.0.5/32 dev lo");
    router.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=1 net.ipv4.conf.bridge.send_redirects=1");
    router.run("ip route add 10.8.0.5 via 10.9.0.3");
    agent.run("sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.wan.accept_redirects=0");
    agent.run("ip route add default via 10.9.0.2");
    agent.within(async || {
        let pinger = IcmpPinger::open_as(SocketKind::Raw).unwrap();
        for _ in 0..3 {
            let echo = pinger.ping(address("10.8.0.5"), SECOND).await;
            assert!(matches!(echo, Echo::Reply { .. }), "{echo:?}");
        }
    });
}

/// Answers echo requests itself, in the namespace that the thread is in: what `replies` makes of a request's ident and
/// sequence, each after a delay.
fn answer_oneself(replies: impl Fn(u16, u16) -> Vec<(Duration, u16, u16)>) {
    let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
    socket.set_read_timeout(Some(SECOND * 3)).unwrap();
    let mut buffer = [0; 2_048];
    while let Ok(length) = socket.read(&mut buffer) {
        let packet = &buffer[..length];
        let (from, icmp) = (&packet[12..16], &packet[20..]);
        if icmp[0] != 8 {
            continue;
        }
        let from = Ipv4Addr::new(from[0], from[1], from[2], from[3]);
        let number = |at: usize| u16::from_be_bytes([icmp[at], icmp[at + 1]]);
        for (delay, ident, sequence) in replies(number(4), number(6)) {
            std::thread::sleep(delay);
            let mut reply = icmp.to_vec();
            reply[..4].fill(0);
            reply[4..6].copy_from_slice(&ident.to_be_bytes());
            reply[6..8].copy_from_slice(&sequence.to_be_bytes());
            let sum: u32 = reply
                .chunks(2)
                .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
                .sum();
            let folded = (sum & 0xffff) + (sum >> 16);
            let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
            reply[2..4].copy_from_slice(&checksum.to_be_bytes());
            socket.send_to(&reply, &SocketAddrV4::new(from, 0).into()).unwrap();
        }
    }
}

/// An agent's namespace beside one in which `replies` answers for 10.9.0.2.
fn beside_liar<T: Send>(
    replies: impl Fn(u16, u16) -> Vec<(Duration, u16, u16)> + Send,
    story: impl AsyncFnOnce(IcmpPinger, IpAddr) -> T + Send,
) -> T {
    let (agent, liar) = (Namespace::new("agent"), Namespace::new("liar"));
    agent.cable("wan", &liar, "lan");
    agent.run("ip address add 10.9.0.1/24 dev wan");
    liar.run("ip address add 10.9.0.2/24 dev lan");
    // So that its address is known before the first probe.
    agent.run("ping -q -c 1 -W 5 10.9.0.2");
    liar.run("sysctl -qw net.ipv4.icmp_echo_ignore_all=1");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            liar.enter();
            answer_oneself(replies);
        });
        agent.within(async || {
            let pinger = IcmpPinger::open_as(SocketKind::Raw).unwrap();
            // The liar's socket may not be open yet.
            for _ in 0..10 {
                if pinger.ping(address("10.9.0.2"), SECOND * 2 / 5).await != Echo::Silence {
                    break;
                }
            }
            story(pinger, address("10.9.0.2")).await
        })
    })
}

#[test]
fn a_late_reply_is_a_lost_probe_and_is_not_taken_for_the_next_ones() {
    let late = Duration::from_millis(150);
    beside_liar(
        move |ident, sequence| vec![(late, ident, sequence)],
        async |pinger, liar| {
            for _ in 0..3 {
                assert_eq!(pinger.ping(liar, Duration::from_millis(50)).await, Echo::Silence);
                let Echo::Reply { rtt_us } = pinger.ping(liar, SECOND * 3).await else {
                    panic!("no reply at all")
                };
                assert!(rtt_us >= 150_000, "an earlier reply was taken for its own: {rtt_us} us");
            }
        },
    );
}

#[test]
fn replies_that_come_twice_or_carry_foreign_numbers_answer_nothing_else() {
    let at_once = Duration::ZERO;
    beside_liar(
        move |ident, sequence| {
            if sequence % 2 == 0 {
                vec![
                    (at_once, ident, sequence),
                    (at_once, ident, sequence),
                    (at_once, ident, sequence.wrapping_add(2)),
                ]
            } else {
                vec![(at_once, ident.wrapping_add(1), sequence), (at_once, ident, sequence.wrapping_sub(2))]
            }
        },
        async |pinger, liar| {
            let mut answered = Vec::new();
            for _ in 0..6 {
                answered.push(pinger.ping(liar, Duration::from_millis(100)).await.rtt_us().is_some());
            }
            // Every second sequence is answered, by the one reply that bears its numbers.
            assert!(answered.windows(2).all(|pair| pair[0] != pair[1]), "{answered:?}");
        },
    );
}

#[test]
fn without_any_right_the_error_says_how_to_get_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.path().join("agent.toml");
    std::fs::write(&config, "agent = \"core\"\ncollector = \"http://127.0.0.1:1\"\ntoken = \"t\"\n").unwrap();
    let namespace = Namespace::new("poor");
    let told = namespace.within(async || {
        std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .args([env!("CARGO_BIN_EXE_kentongan-agent"), "--config"])
            .arg(&config)
            .output()
            .expect("setpriv is needed here: apt-get install util-linux")
    });
    assert!(!told.status.success());
    let told = String::from_utf8_lossy(&told.stderr).to_lowercase();
    for part in ["net.ipv4.ping_group_range=\"0 2147483647\"", "setcap cap_net_raw+ep", "permission denied"] {
        assert!(told.contains(part), "{told}");
    }
}
