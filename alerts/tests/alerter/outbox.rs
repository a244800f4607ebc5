//! The outbox: order within an incident, dead channels beside living ones, and no channel at all.

use crate::{
    peers::{Answer, Collector, Office, Receiver},
    tale::{amended, mended, opened, outage, resolved, state_changed},
};

fn two_channels(dead: &Receiver, alive: &Receiver) -> String {
    format!(
        "[[channel]]\nkind = \"webhook\"\nname = \"mati\"\nurl = \"{}\"\n\
         [[channel]]\nkind = \"webhook\"\nname = \"hidup\"\nurl = \"{}\"\n",
        dead.url(),
        alive.url()
    )
}

#[tokio::test]
async fn a_dead_channel_delays_no_other_and_gets_everything_in_order_when_it_is_back() {
    let (collector, dead, alive) =
        (Collector::start().await, Receiver::start().await, Receiver::start().await);
    dead.script([Answer::Silence]);
    dead.always(Answer::Status(502));
    let mut office = Office::new(&collector, &two_channels(&dead, &alive));
    office.config.pace.attempt = std::time::Duration::from_millis(500);
    let alerter = office.open();
    collector.write((1..=5).map(|id| opened(id, outage(id))));
    collector.write((1..=5).map(|id| resolved(5 + id, mended(id))));
    // All ten arrive at the living one while the dead one has not taken a single one.
    alive.until(10).await;
    let taken =
        |log: &[String], who: &str| log.iter().filter(|line| line.contains(&format!("{who}: sent"))).count();
    let log = office.until_logged("ten at the living one", |log| taken(log, "hidup") == 10).await;
    assert_eq!(taken(&log, "mati"), 0);
    let failed = dead.until(2).await.len();

    dead.always(Answer::Status(200));
    office.until_settled(20).await;
    alerter.close().await;
    let arrived = dead.requests().split_off(failed);
    for incident in 1..=5 {
        let about = |request: &&crate::peers::Request| request.json()["incident"]["id"] == incident;
        let kinds: Vec<_> =
            arrived.iter().filter(about).map(|request| request.json()["type"].clone()).collect();
        // Openings that failed a last time may stand before; the end is never before the beginning.
        assert_eq!(kinds.last().unwrap(), "resolved", "incident {incident}: {kinds:?}");
        assert_eq!(
            kinds.iter().filter(|&kind| kind == "resolved").count(),
            1,
            "incident {incident}: {kinds:?}"
        );
        assert_eq!(kinds[kinds.len() - 2], "opened", "incident {incident}: {kinds:?}");
    }
}

#[tokio::test]
async fn without_a_channel_everything_is_decided_and_recorded_all_the_same() {
    let collector = Collector::start().await;
    let office = Office::new(&collector, "");
    let alerter = office.open();
    let maintenance = kentongan_model::event::IncidentRecord { maintenance: true, ..outage(8) };
    collector.write([
        state_changed(1),
        opened(2, outage(7)),
        amended(3, outage(7)),
        opened(4, maintenance),
        resolved(5, mended(7)),
    ]);
    let log = office.until_settled(5).await;
    alerter.close().await;
    assert_eq!(
        log,
        [
            "1 state -: withheld: states are told through incidents",
            "2 opened -: shown in the log, no channel is configured: a fault began",
            "3 amended -: withheld: it was already told",
            "4 opened -: withheld: the fault lies wholly under maintenance",
            "5 resolved -: shown in the log, no channel is configured: the fault is over",
        ]
    );
    assert_eq!(kentongan_alerts::log_of_incidents(&office.database(), 10).unwrap().len(), 4);
    let shown = kentongan_alerts::log(&office.database(), 1).unwrap().remove(0);
    assert_eq!(shown.title.as_deref(), Some("🟢 PULIH: Kecamatan Kutoarjo"));
    assert_eq!(kentongan_alerts::counters(&office.database()).unwrap().withheld, 3);
}

#[tokio::test]
async fn a_channel_that_is_new_hears_no_end_without_a_beginning_and_one_that_is_gone_is_let_go() {
    let (collector, old, new) = (Collector::start().await, Receiver::start().await, Receiver::start().await);
    old.always(Answer::Status(500));
    let mut office = Office::new(&collector, &two_channels(&old, &old));
    let alerter = office.open();
    collector.write([opened(1, outage(7))]);
    office.until_logged("the opening", |log| log.len() == 2).await;
    alerter.close().await;

    office.config.channels = crate::peers::read_channels(&format!(
        "[[channel]]\nkind = \"webhook\"\nname = \"hidup\"\nurl = \"{}\"\n\
         [[channel]]\nkind = \"webhook\"\nname = \"baru\"\nurl = \"{0}\"\n",
        new.url()
    ));
    let alerter = office.open();
    collector.write([resolved(2, mended(7))]);
    let log = office.until_settled(4).await;
    alerter.close().await;
    assert_eq!(
        log,
        [
            "1 opened mati: given up: the channel is no longer configured",
            "1 opened hidup: sent: a fault began",
            "2 resolved hidup: sent: the fault is over",
            "2 resolved baru: withheld: its beginning was not told here",
        ]
    );
}

#[tokio::test]
async fn a_second_alerter_on_the_same_database_is_turned_away() {
    let collector = Collector::start().await;
    let office = Office::new(&collector, "");
    let alerter = office.open();
    collector.until_asked(1).await;
    let refused = office.open().ended().await.unwrap_err().to_string();
    assert_eq!(refused, format!("another alerter uses {}; stop it first", office.database().display()));
    alerter.close().await;
}
