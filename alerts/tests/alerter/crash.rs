//! Crashes: the alerter is dropped at every await there is, again and again, and started on the same database.
//!
//! The alerter is one future, so dropping it after its n-th poll is a crash between two steps. Each message has to
//! arrive, in order, and a crash may repeat one message for each channel, which the receiver knows by its key.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    peers::{Collector, Office, Receiver, Request},
    tale::{amended, mended, opened, outage, resolved},
};

const INCIDENTS: i64 = 30;
/// A run that has nothing to do any more crashes then, whatever polls it has left.
const QUIET: Duration = Duration::from_millis(500);

/// Runs a future until it was polled this often, and drops it then.
struct Doomed<F> {
    future: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for Doomed<F> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.polls == 0 {
            return Poll::Ready(());
        }
        self.polls -= 1;
        match self.future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending if self.polls == 0 => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn repeated(requests: &[Request]) -> usize {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for request in requests {
        *count.entry(request.key()).or_default() += 1;
    }
    count.values().map(|times| times - 1).sum()
}

/// The first arrival of each message.
fn first_arrivals(requests: &[Request]) -> Vec<(i64, String)> {
    let mut seen = std::collections::BTreeSet::new();
    let fresh = requests.iter().filter(|request| seen.insert(request.key()));
    fresh
        .map(|request| {
            let body = request.json();
            (body["incident"]["id"].as_i64().unwrap(), body["type"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn every_message_survives_a_crash_at_any_moment_and_each_crash_repeats_one_at_most() {
    let (collector, first, second) =
        (Collector::start().await, Receiver::start().await, Receiver::start().await);
    for id in 0..INCIDENTS {
        let (at, id) = (3 * id, id + 1);
        collector.write([
            opened(at + 1, outage(id)),
            amended(at + 2, outage(id)),
            resolved(at + 3, mended(id)),
        ]);
    }
    let channel = |name: &str, receiver: &Receiver| {
        format!("[[channel]]\nkind = \"webhook\"\nname = \"{name}\"\nurl = \"{}\"\n", receiver.url())
    };
    let office = Office::new(&collector, &(channel("satu", &first) + &channel("dua", &second)));

    let mut crashes = 0;
    'crashing: loop {
        for polls in 1..=12 {
            let run = kentongan_alerts::run(
                office.config.clone(),
                Arc::new(office.clock.clone()),
                CancellationToken::new(),
            );
            let doomed = Doomed { future: Box::pin(run), polls };
            let _ = tokio::time::timeout(QUIET, doomed).await;
            crashes += 1;
            for (name, receiver) in [("satu", &first), ("dua", &second)] {
                let arrived = first_arrivals(&receiver.requests()).len();
                let marked =
                    office.log().iter().filter(|line| line.contains(&format!("{name}: sent"))).count();
                assert!(arrived <= marked + 1, "{arrived} arrived at {name}, but only {marked} are marked");
            }
            assert!(crashes < 5_000, "after {crashes} crashes the alerter has still not told everything");
            let sent = office.log().iter().filter(|line| line.contains(": sent")).count();
            if sent == 4 * usize::try_from(INCIDENTS).unwrap() {
                break 'crashing;
            }
        }
    }
    // What was under way when the last crash came has arrived by the time a whole run is over.
    let alerter = office.open();
    office.until_settled(5 * usize::try_from(INCIDENTS).unwrap()).await;
    alerter.close().await;

    assert!(crashes > 20, "only {crashes} crashes");
    for receiver in [&first, &second] {
        let requests = receiver.requests();
        let arrivals = first_arrivals(&requests);
        assert_eq!(arrivals.len(), 2 * usize::try_from(INCIDENTS).unwrap());
        for id in 1..=INCIDENTS {
            let about: Vec<_> = arrivals.iter().filter(|(of, _)| *of == id).map(|(_, says)| says).collect();
            assert_eq!(about, ["opened", "resolved"], "incident {id}");
        }
        assert!(repeated(&requests) <= crashes, "{} repetitions in {crashes} crashes", repeated(&requests));
    }
    println!(
        "{crashes} crashes, {} messages, {} repetitions",
        4 * INCIDENTS,
        repeated(&first.requests()) + repeated(&second.requests())
    );
}
