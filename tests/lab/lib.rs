//! The lab: a district's network on one machine, made of network namespaces, for the journeys and the bench.
//!
//! Routers are namespaces, fibres are veth pairs, and what runs in them is real: `snmpd`, InfluxDB, Prometheus, and
//! Kentongan's own binaries. Nothing leaves the machine: the namespaces have no way out. A lab needs root, and says in
//! one sentence what else is missing. Everything in it ends with it; what a killed test left is swept by the next.

pub mod district;
mod enter;
pub mod front;
mod namespace;
pub mod peers;
mod process;
pub mod product;
pub mod recorder;
mod sweep;
pub mod wait;
pub mod webhook;

pub use enter::Answer;
pub use namespace::{Lab, Link, Namespace};
pub use process::Process;
