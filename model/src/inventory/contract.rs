//! What a provider has promised, by rules and not by a bare percentage: `[[contract]]`.

use std::time::Duration;

use crate::state::Cause;

/// A contract with the provider of some sites' links.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Whose; it covers every site with that `provider`.
    pub provider: String,
    /// The uptime that is promised for a month, in percent.
    pub target: f64,
    /// Outages shorter than this are not counted; zero counts all.
    pub min_outage: Duration,
    /// Outages of these causes are not counted.
    pub not_counted: Vec<Cause>,
    /// What the provider gives back for each percent that is missed, in percent of the month's price; none when nothing
    /// is agreed.
    pub restitution: Option<f64>,
}
