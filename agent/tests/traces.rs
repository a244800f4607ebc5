//! A way that is cut: three routers in a row behind the agent, and what it tells of the way when the third is gone.

#[path = "support/namespaces.rs"]
mod namespaces;
mod support;

use std::net::IpAddr;

use kentongan_model::wire::Trace;
use namespaces::Namespace;
use support::{FakeCollector, beside_agent, by_name, plan, target, until};

/// An agent, three routers and a target in a row; cable `n` joins places `n` and `n + 1`.
struct Row {
    places: Vec<Namespace>,
    ipv6: bool,
}

impl Row {
    fn new(ipv6: bool) -> Self {
        let places = ["agent", "one", "two", "three", "far"].map(Namespace::new).into();
        let row = Row { places, ipv6 };
        for n in 0..4 {
            row.places[n].cable("onward", &row.places[n + 1], "home");
            for (place, device, end) in [(n, "onward", 1), (n + 1, "home", 2)] {
                let (length, nodad) = if ipv6 { (64, " nodad") } else { (24, "") };
                let address = row.address(n, end);
                row.places[place].run(&format!("ip address add {address}/{length} dev {device}{nodad}"));
            }
        }
        for place in 0..=4 {
            let forwarding = if ipv6 { "net.ipv6.conf.all.forwarding=1" } else { "net.ipv4.ip_forward=1" };
            row.places[place].run(&format!("sysctl -qw {forwarding}"));
            for cable in 0..4 {
                let via = match cable {
                    _ if cable > place => row.address(place, 2),
                    _ if cable + 1 < place => row.address(place - 1, 1),
                    _ => continue,
                };
                let net = if ipv6 { format!("fd00:{cable}::/64") } else { format!("10.9.{cable}.0/24") };
                row.places[place].run(&format!("ip route add {net} via {via}"));
            }
        }
        row
    }

    fn address(&self, cable: usize, end: usize) -> IpAddr {
        let text = if self.ipv6 { format!("fd00:{cable}::{end}") } else { format!("10.9.{cable}.{end}") };
        text.parse().unwrap()
    }
}

fn traces(collector: &FakeCollector) -> Vec<Trace> {
    by_name(&collector.arrivals()).into_values().flat_map(|batch| batch.traces).collect()
}

/// What is told of the way to the farthest place once it was cut.
fn told_of_cut(row: &Row, cut: impl FnOnce() + Send) -> Trace {
    let folder = tempfile::tempdir().unwrap();
    row.places[0].within(async || {
        let far = target("far/gateway", &row.address(3, 2).to_string());
        let collector = FakeCollector::start(&plan(vec![far], vec![])).await;
        beside_agent(collector.config(folder.path()), async {
            let answered = || {
                let batches = by_name(&collector.arrivals());
                batches.values().flat_map(|batch| &batch.rounds).filter(|it| !it.rtts_us.is_empty()).count()
            };
            until("the target is up", || answered() >= 2).await;
            assert_eq!(traces(&collector), []);
            cut();
            until("the way is told", || !traces(&collector).is_empty()).await;
            traces(&collector).remove(0)
        })
        .await
    })
}

fn a_cut_at_the_third_router_is_told_with_the_two_that_still_answer(ipv6: bool) {
    let row = Row::new(ipv6);
    let trace = told_of_cut(&row, || row.places[3].run("ip link set dev home down"));
    let (one, two) = (row.address(0, 2), row.address(1, 2));
    assert!(!trace.reached, "{trace:?}");
    let answered: Vec<IpAddr> = trace.hops.iter().filter_map(|hop| hop.address).collect();
    assert_eq!(answered[..2], [one, two], "{trace:?}");
    // The second router may add that there is no way further, as the end of the way.
    assert!(answered[2..].iter().all(|address| *address == two), "{trace:?}");
    assert!(trace.hops[..2].iter().all(|hop| hop.rtt_us > 0), "{trace:?}");
}

#[test]
fn a_cut_way_is_told_up_to_the_router_before_the_cut() {
    a_cut_at_the_third_router_is_told_with_the_two_that_still_answer(false);
}

#[test]
fn a_cut_way_is_told_in_ipv6_too() {
    a_cut_at_the_third_router_is_told_with_the_two_that_still_answer(true);
}

#[test]
fn a_cut_at_the_router_itself_is_told_as_a_way_on_which_nobody_is() {
    for ipv6 in [false, true] {
        let row = Row::new(ipv6);
        let (net, length) = if ipv6 { ("fd00:3::", 64) } else { ("10.9.3.0", 24) };
        let trace = told_of_cut(&row, || row.places[0].run(&format!("ip route del {net}/{length}")));
        assert!(!trace.reached && trace.hops.is_empty(), "{trace:?}");
    }
}
