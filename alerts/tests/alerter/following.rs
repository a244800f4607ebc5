//! Following the feed: page by page, through interruptions, past history and riddles, and when it begins anew.

use crate::{
    peers::{Collector, Office},
    tale::{mended, minutes, opened, outage, resolved},
};

#[tokio::test]
async fn a_long_feed_is_followed_page_by_page_and_each_entry_once() {
    let collector = Collector::start().await;
    collector.write((1..=50).map(|id| opened(id, outage(id))));
    let office = Office::new(&collector, "");
    let alerter = office.open();
    office.until_settled(50).await;
    // A second start reads the last entry again to know the feed by it, and tells nothing twice.
    alerter.close().await;
    let alerter = office.open();
    collector.write((51..=60).map(|id| opened(id, outage(id))));
    let log = office.until_settled(60).await;
    alerter.close().await;
    let events: Vec<String> = log.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(events, (1..=60).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_collector_that_comes_late_or_goes_away_is_waited_for() {
    let collector = Collector::start().await;
    let office = Office::new(&collector, "");
    let alerter = office.open();
    let story = [opened(1, outage(7)), resolved(2, mended(7))];
    collector.write(story[..1].to_vec());
    office.until_settled(1).await;
    let collector = collector.restart(story.to_vec()).await;
    let log = office.until_settled(2).await;
    alerter.close().await;
    assert_eq!(log[1], "2 resolved -: shown in the log, no channel is configured: the fault is over");
    drop(collector);
}

#[tokio::test]
async fn what_was_written_long_before_the_first_look_is_history_and_what_comes_later_is_told_however_late() {
    let collector = Collector::start().await;
    collector.write([opened(1, outage(7))]);
    let office = Office::new(&collector, "");
    office.clock.advance(minutes(60));
    let alerter = office.open();
    let log = office.until_settled(1).await;
    assert_eq!(
        log,
        ["1 opened -: withheld: it is history: older than the alerter's first look by more than an hour"]
    );
    alerter.close().await;

    // Three days later: what was written meanwhile is told, for the alerter had looked before.
    let mut later = outage(8);
    later.confirmed_at = later.confirmed_at + minutes(120);
    collector.write([opened(2, later)]);
    office.clock.advance(minutes(3 * 24 * 60));
    let alerter = office.open();
    let log = office.until_settled(2).await;
    alerter.close().await;
    assert_eq!(log[1], "2 opened -: shown in the log, no channel is configured: a fault began");
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_deafens_nobody() {
    let collector = Collector::start().await;
    collector.write_riddle(1);
    collector.write([opened(2, outage(7))]);
    let office = Office::new(&collector, "");
    let alerter = office.open();
    let log = office.until_settled(2).await;
    assert!(log[0].starts_with("1 unreadable -: withheld: the entry of the feed cannot be read"), "{log:?}");
    assert!(log[1].contains("a fault began"), "{log:?}");
    // It can also be the last one before a new start.
    collector.write_riddle(3);
    office.until_settled(3).await;
    alerter.close().await;
    let alerter = office.open();
    collector.write([resolved(4, mended(7))]);
    let log = office.until_settled(4).await;
    alerter.close().await;
    assert!(log[3].contains("the fault is over"), "{log:?}");
}

#[tokio::test]
async fn a_feed_that_began_anew_is_followed_from_its_beginning_and_its_incidents_are_others() {
    let collector = Collector::start().await;
    collector.write([opened(1, outage(1)), resolved(2, mended(1))]);
    let office = Office::new(&collector, "");
    let alerter = office.open();
    office.until_settled(2).await;
    // The collector's data was deleted; its incident 1 is another one now, and its feed is shorter.
    let mut other = outage(1);
    other.confirmed_at = other.confirmed_at + minutes(35);
    let collector = collector.restart(vec![opened(1, other.clone())]).await;
    let log = office.until_settled(3).await;
    assert_eq!(log[2], "1 opened -: shown in the log, no channel is configured: a fault began");

    // And once more, with a feed that is longer by now than the cursor.
    let mut another = other.clone();
    another.confirmed_at = another.confirmed_at + minutes(1);
    let collector = collector.restart(vec![opened(1, another), opened(2, outage(2))]).await;
    let log = office.until_settled(5).await;
    alerter.close().await;
    assert!(log[3..].iter().all(|line| line.contains("a fault began")), "{log:?}");
    drop(collector);
}
