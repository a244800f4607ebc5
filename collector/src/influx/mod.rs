//! The way of a measurement into InfluxDB: points are made of what the journal holds ([`points`]), written as line
//! protocol ([`line`](Point)), kept in a bounded queue on disk, and carried from there to the database.
//!
//! The rule guarded here: the database may be slow, refuse or be gone, and neither ingest nor alerts notice. What fits
//! the queue is not lost; what does not fit is counted, the oldest first. See `docs/influxdb.md`.

mod carrier;
mod config;
mod counters;
mod intake;
mod line;
pub mod names;
mod outcome;
mod pause;
pub mod points;
mod queue;
mod sieve;
mod sink;
mod told;
mod writer;

pub use config::{Api, ConfigFaults, InfluxConfig};
pub use counters::Counters;
pub use line::{Point, Unwritable, Value};
pub use queue::QueueError;
pub use sink::{Closed, InfluxError, Sink};
