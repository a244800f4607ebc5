//! The ICMP engines against the kernel's own replies, against routers that interfere, and against a peer that answers
//! late, twice or falsely. What both engines promise is asked of both; each of surge-ping's traps has its test.

#[path = "support/namespaces.rs"]
mod namespaces;

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use kentongan_agent::{
    icmp::{Engine, IcmpPinger, SocketKind},
    pinger::{Aim, Echo, Pinger, Round},
};
use kentongan_model::time::{Clock, SystemClock};
use namespaces::Namespace;
use socket2::{Domain, Protocol, Socket, Type};

const SECOND: Duration = Duration::from_secs(1);

const EVERY: [(Engine, SocketKind); 4] = [
    (Engine::Linux, SocketKind::Datagram),
    (Engine::Linux, SocketKind::Raw),
    (Engine::SurgePing, SocketKind::Datagram),
    (Engine::SurgePing, SocketKind::Raw),
];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn open(engine: Engine, kind: SocketKind) -> Arc<IcmpPinger> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let pinger = IcmpPinger::open_as(kind, engine, &clock).unwrap();
    assert_eq!(pinger.kind(), Some(kind));
    Arc::new(pinger)
}

async fn ping(pinger: &Arc<IcmpPinger>, target: &str, timeout: Duration) -> Echo {
    Arc::clone(pinger).ping(address(target), timeout).await
}

async fn rounds(pinger: &Arc<IcmpPinger>, group: Vec<Aim>) -> Vec<Round> {
    let ended: Vec<Vec<Round>> = Arc::clone(pinger).ping_group(group).collect().await;
    ended.into_iter().flatten().collect()
}

/// A namespace in which datagram sockets may ping, too.
fn permissive(role: &str) -> Namespace {
    let namespace = Namespace::new(role);
    namespace.run("sysctl -qw net.ipv4.ping_group_range=0\t2147483647");
    namespace
}

#[test]
fn loopback_addresses_answer_over_both_kinds_of_socket_and_in_both_families() {
    let namespace = permissive("alone");
    for (engine, kind) in EVERY {
        namespace.within(async || {
            let pinger = open(engine, kind);
            for target in ["127.0.0.1", "127.200.3.4", "::1"] {
                let echo = ping(&pinger, target, SECOND).await;
                assert!(matches!(echo, Echo::Reply { .. }), "{engine:?} {kind:?} {target}: {echo:?}");
            }
        });
    }
}

#[test]
fn two_thousand_targets_at_once_all_answer_and_each_round_is_told_once() {
    let namespace = permissive("alone");
    for (engine, kind) in EVERY {
        namespace.within(async || {
            let pinger = open(engine, kind);
            let aim = |n: u32| Aim {
                address: IpAddr::V4(Ipv4Addr::from_bits(0x7f00_0100 + n)),
                probes: 2,
                timeout: SECOND,
            };
            let mut rounds = rounds(&pinger, (0..2_000).map(aim).collect()).await;
            rounds.sort_unstable_by_key(|round| round.aim);
            assert!(rounds.iter().map(|round| round.aim).eq(0..2_000), "{engine:?} {kind:?}");
            let mut rtts: Vec<u32> =
                rounds.iter().flat_map(|round| &round.echoes).filter_map(|echo| echo.rtt_us()).collect();
            rtts.sort_unstable();
            let (median, worst) = (rtts[rtts.len() / 2], rtts[rtts.len() - 1]);
            println!("{engine:?} {kind:?}: {} of 4000, median {median} us, worst {worst} us", rtts.len());
            assert_eq!(rtts.len(), 4_000);
        });
    }
}

/// An agent behind a router that knows how to reach neither 10.9.9.9 nor fd09::9:9.
fn behind_router() -> (Namespace, Namespace) {
    let (agent, router) = (permissive("agent"), Namespace::new("router"));
    agent.cable("wan", &router, "lan");
    router.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0");
    for (place, interface, v4, v6) in
        [(&agent, "wan", "10.9.0.1/24", "fd09::1/64"), (&router, "lan", "10.9.0.2/24", "fd09::2/64")]
    {
        place.run(&format!("ip address add {v4} dev {interface}"));
        place.run(&format!("ip address add {v6} dev {interface} nodad"));
    }
    agent.run("ip route add default via 10.9.0.2");
    agent.run("ip route add default via fd09::2");
    router.run("ip route add unreachable 10.9.9.9");
    router.run("ip route add unreachable fd99::9");
    (agent, router)
}

#[test]
fn a_router_that_says_host_unreachable_does_not_make_the_target_alive() {
    let (agent, _router) = behind_router();
    agent.within(async || {
        // The trap: surge-ping hands the router's message out as an answer.
        let config = surge_ping::Config::builder().sock_type_hint(socket2::Type::RAW).build();
        let client = surge_ping::Client::new(&config).unwrap();
        let mut bare = client.pinger(address("10.9.9.9"), surge_ping::PingIdentifier(4711)).await;
        assert!(
            bare.ping(surge_ping::PingSequence(0), b"x").await.is_ok(),
            "surge-ping has changed: look again"
        );
    });
    for (engine, kind) in EVERY {
        // A datagram socket's errors lie in a queue that surge-ping does not read.
        let told = (engine, kind) != (Engine::SurgePing, SocketKind::Datagram);
        agent.within(async || {
            let pinger = open(engine, kind);
            let echo = ping(&pinger, "10.9.9.9", SECOND / 2).await;
            let expected = if told { Echo::Refused { kind: 3, code: 1 } } else { Echo::Silence };
            assert_eq!(echo, expected, "{engine:?} {kind:?}");
            let echo = ping(&pinger, "fd99::9", SECOND / 2).await;
            assert_eq!(matches!(echo, Echo::Refused { kind: 1, .. }), told, "{engine:?} {kind:?}: {echo:?}");
            // What was told of one is not told of the next.
            for target in ["10.9.0.2", "fd09::2"] {
                let echo = ping(&pinger, target, SECOND).await;
                assert!(matches!(echo, Echo::Reply { .. }), "{engine:?} {kind:?} {target}: {echo:?}");
            }
            // Nobody there, told by this machine itself.
            let nobody = ping(&pinger, "10.9.0.77", Duration::from_millis(200)).await;
            assert_eq!(nobody.rtt_us(), None, "{nobody:?}");
        });
    }
}

#[test]
fn what_there_is_no_way_to_is_not_sent() {
    let namespace = permissive("alone");
    for (engine, kind) in EVERY {
        namespace.within(async || {
            let nowhere = ping(&open(engine, kind), "192.0.2.1", SECOND).await;
            assert!(matches!(nowhere, Echo::Unsendable(_)), "{engine:?} {kind:?}: {nowhere:?}");
        });
    }
}

#[test]
fn neighbours_that_are_gone_do_not_take_the_room_of_one_that_answers() {
    let (agent, _router) = behind_router();
    // Requests to who is not there wait for an ARP reply, in the send buffer of the socket.
    agent.run("ip address add 10.9.0.1/16 dev wan");
    for kind in [SocketKind::Datagram, SocketKind::Raw] {
        agent.within(async || {
            let pinger = open(Engine::Linux, kind);
            let aim = |address| Aim { address, probes: 3, timeout: SECOND };
            let gone = (0..400u32).map(|n| aim(IpAddr::V4(Ipv4Addr::from_bits(0x0a09_4000 + n))));
            let mut rounds = rounds(&pinger, gone.chain([aim(address("10.9.0.2"))]).collect()).await;
            rounds.sort_unstable_by_key(|round| round.aim);
            assert!(rounds[400].echoes.iter().all(|echo| echo.rtt_us().is_some()), "{kind:?} {rounds:?}");
            assert!(rounds[..400].iter().flat_map(|round| &round.echoes).all(|echo| echo.rtt_us().is_none()));
        });
    }
}

#[test]
fn a_router_that_tells_of_a_better_way_does_not_make_the_target_look_dead() {
    let (agent, router, beyond) = (permissive("agent"), Namespace::new("router"), Namespace::new("beyond"));
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
    for (engine, kind) in EVERY {
        agent.within(async || {
            let pinger = open(engine, kind);
            for _ in 0..3 {
                let echo = ping(&pinger, "10.8.0.5", SECOND).await;
                assert!(matches!(echo, Echo::Reply { .. }), "{engine:?} {kind:?}: {echo:?}");
            }
        });
    }
}

/// An echo request, and what a liar makes of it: replies that differ from the true one.
struct Request(Vec<u8>);

impl Request {
    fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.0[6], self.0[7]])
    }

    /// The reply, with its ident and its sequence raised by so much.
    fn reply(&self, ident: u16, sequence: u16) -> Vec<u8> {
        let mut reply = self.0.clone();
        reply[0] = 0;
        for (at, more) in [(4, ident), (6, sequence)] {
            let number = u16::from_be_bytes([reply[at], reply[at + 1]]).wrapping_add(more);
            reply[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
        reply
    }
}

/// Answers echo requests itself, in the namespace that the thread is in: what `replies` makes of a request, each after a
/// delay.
fn answer_oneself(replies: impl Fn(&Request) -> Vec<(Duration, Vec<u8>)>) {
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
        for (delay, mut reply) in replies(&Request(icmp.to_vec())) {
            std::thread::sleep(delay);
            reply[2..4].fill(0);
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
    engine: Engine,
    kind: SocketKind,
    replies: impl Fn(&Request) -> Vec<(Duration, Vec<u8>)> + Send,
    story: impl AsyncFnOnce(Arc<IcmpPinger>, &str) -> T + Send,
) -> T {
    let (agent, liar) = (permissive("agent"), Namespace::new("liar"));
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
            let pinger = open(engine, kind);
            // The liar's socket may not be open yet.
            for _ in 0..10 {
                if ping(&pinger, "10.9.0.2", SECOND * 2 / 5).await != Echo::Silence {
                    break;
                }
            }
            story(pinger, "10.9.0.2").await
        })
    })
}

#[test]
fn a_late_reply_is_a_lost_probe_and_is_not_taken_for_the_next_ones() {
    let late = Duration::from_millis(150);
    for (engine, kind) in EVERY {
        beside_liar(
            engine,
            kind,
            move |request| vec![(late, request.reply(0, 0))],
            async |pinger, liar| {
                for _ in 0..3 {
                    assert_eq!(ping(&pinger, liar, Duration::from_millis(50)).await, Echo::Silence);
                    let Echo::Reply { rtt_us } = ping(&pinger, liar, SECOND * 3).await else {
                        panic!("no reply at all")
                    };
                    assert!(rtt_us >= 150_000, "an earlier reply was taken for its own: {rtt_us} us");
                }
                if let Some(oddities) = pinger.oddities() {
                    assert_eq!((oddities.late, oddities.double, oddities.foreign), (3, 0, 0), "{kind:?}");
                }
            },
        );
    }
}

#[test]
fn replies_that_come_twice_or_carry_foreign_numbers_answer_nothing_else() {
    let at_once = Duration::ZERO;
    for (engine, kind) in EVERY {
        beside_liar(
            engine,
            kind,
            move |request| {
                if request.sequence().is_multiple_of(2) {
                    let (true_one, next) = (request.reply(0, 0), request.reply(0, 2));
                    vec![(at_once, true_one.clone()), (at_once, true_one), (at_once, next)]
                } else {
                    vec![(at_once, request.reply(1, 0)), (at_once, request.reply(0, 0u16.wrapping_sub(2)))]
                }
            },
            async |pinger, liar| {
                let before = pinger.oddities();
                let mut answered = Vec::new();
                for _ in 0..6 {
                    answered.push(ping(&pinger, liar, Duration::from_millis(100)).await.rtt_us().is_some());
                }
                // Every second sequence is answered, by the one reply that bears its numbers.
                assert!(
                    answered.windows(2).all(|pair| pair[0] != pair[1]),
                    "{engine:?} {kind:?} {answered:?}"
                );
                if let (Some(before), Some(after)) = (before, pinger.oddities()) {
                    let double = after.double - before.double;
                    let foreign = after.foreign - before.foreign;
                    // The last probe's may still be on their way.
                    assert!((2..=3).contains(&double) && (5..=6).contains(&foreign), "{kind:?} {after:?}");
                    // What the filters keep off a raw socket is no overrun.
                    assert_eq!(after.overrun, 0, "{kind:?}");
                }
            },
        );
    }
}

#[test]
fn a_reply_without_the_nonce_is_a_forgery_and_answers_nothing() {
    for kind in [SocketKind::Datagram, SocketKind::Raw] {
        beside_liar(
            Engine::Linux,
            kind,
            |request| {
                let mut forged = request.reply(0, 0);
                forged[8] ^= 1;
                vec![(Duration::ZERO, forged)]
            },
            async |pinger, liar| {
                assert_eq!(ping(&pinger, liar, Duration::from_millis(100)).await, Echo::Silence);
                let oddities = pinger.oddities().unwrap();
                assert!(oddities.foreign > 0 && oddities.late == 0, "{oddities:?}");
            },
        );
    }
}

#[test]
fn without_any_right_the_error_says_how_to_get_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.path().join("agent.toml");
    let namespace = Namespace::new("poor");
    for engine in ["linux", "surge-ping"] {
        let lines = "agent = \"core\"\ncollector = \"http://127.0.0.1:1\"\ntoken = \"t\"\n";
        std::fs::write(&config, format!("{lines}engine = \"{engine}\"\n")).unwrap();
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
        for part in
            ["net.ipv4.ping_group_range=\"0 2147483647\"", "setcap cap_net_raw+ep", "permission denied"]
        {
            assert!(told.contains(part), "{engine}: {told}");
        }
    }
}
