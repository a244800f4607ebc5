//! The follower: reads the journal by position and carries what was measured on the way to InfluxDB.
//!
//! The rule it guards: the queue's position moves in the journal's order and never over an entry that was not handed
//! over; after a restart it goes on behind what the queue has.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    influx::{
        Point, Sink,
        points::{gauge_point, interface_point, ping_point},
    },
    inventory::Inventory,
    reader::{Read, Reader},
    store::journal::Position,
};

/// Entries that are read at once.
const CHUNK: usize = 100;
/// How long to wait when the journal cannot be read.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// Follows the journal until `stop`.
pub(crate) async fn run(
    mut reader: Reader,
    sink: Arc<Sink>,
    inventory: watch::Receiver<Arc<Inventory>>,
    mut committed: watch::Receiver<Position>,
    stop: CancellationToken,
) {
    let mut position = sink.position().unwrap_or(0);
    while !stop.is_cancelled() {
        committed.mark_unchanged();
        let current = Arc::clone(&inventory.borrow());
        let reading = tokio::task::spawn_blocking(move || {
            let read = reader.after(position, CHUNK);
            let pointed =
                read.map(|entries| entries.iter().map(|entry| points(entry, &current)).collect::<Vec<_>>());
            (reader, pointed)
        });
        let Ok((given_back, pointed)) = reading.await else { return };
        reader = given_back;
        let entries = match pointed {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read for influxdb; trying again");
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                continue;
            }
        };
        if entries.is_empty() {
            stop.run_until_cancelled(committed.changed()).await;
            continue;
        }
        for (at, points) in entries {
            match stop.run_until_cancelled(sink.accept(at, points)).await {
                Some(Ok(())) => position = at,
                Some(Err(_)) | None => return,
            }
        }
    }
}

fn points(entry: &Read, inventory: &Inventory) -> (Position, Vec<Point>) {
    let network = &inventory.network;
    let points = entry.unfolded.as_ref().map_or_else(Vec::new, |unfolded| {
        let rounds = unfolded.rounds.iter().filter_map(|round| ping_point(network, round));
        rounds
            .chain(unfolded.readings.iter().filter_map(|reading| interface_point(network, reading)))
            .chain(entry.gauges.iter().filter_map(|gauge| gauge_point(network, gauge)))
            .collect()
    });
    (entry.position, points)
}
