//! The vocabulary that every room of Kentongan shares: ids, time, the inventory, what agents are told to
//! probe (plans), what they saw (observations and the wire format), and what the collector tells of it (events).
//!
//! Nothing here does I/O but [`time`], the one module of the workspace that reads a clock, and [`secret`].

pub mod answer;
pub mod enrolment;
pub mod event;
pub mod gauge;
pub mod id;
#[cfg(feature = "inventory")]
pub mod inventory;
pub mod observation;
pub mod plan;
pub mod probe;
pub mod profile;
pub mod secret;
pub mod state;
pub mod sum;
pub mod time;
pub mod wire;
#[cfg(feature = "inventory")]
pub mod wording;
