//! What a probe costs, beside `fping`: the engine alone as fast as it goes, and a whole agent at its pace.
//!
//! All run in a namespace that has nothing but a loopback, one after the other. A reply of the loopback is made in the
//! sender's own system call, so all pay for both halves of an echo.

mod agent;
mod engine;
pub(crate) mod fping;

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Result;
use clap::Args;

/// Processor time and memory for each probe, and probes a second, beside fping (root).
#[derive(Debug, Args)]
pub(crate) struct Icmp {
    /// Loopback addresses that an agent watches.
    #[arg(long, default_value_t = 1_000)]
    targets: u16,
    /// Seconds that each is measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds between the rounds of a target, one line of the table for each.
    #[arg(long, num_args = 1.., default_values_t = [5, 30])]
    intervals: Vec<u64>,
    /// Loopback addresses that the engine alone probes as fast as it can, 10,000 at most; 0 leaves that out.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(..=10_000))]
    flood: u16,
    /// How often the engine and fping take turns.
    #[arg(long, default_value_t = 15)]
    turns: usize,
}

impl Icmp {
    /// Measures and prints.
    pub(crate) fn run(&self) -> Result<()> {
        if self.flood > 0 {
            engine::compare(self.flood, self.turns)?;
        }
        if !self.intervals.is_empty() {
            agent::compare(self.targets, Duration::from_secs(self.seconds), &self.intervals)?;
        }
        Ok(())
    }
}

/// What one program spent.
#[derive(Debug, Clone, Copy)]
struct Spent {
    probes: u64,
    lost: u64,
    processor: Duration,
}

impl Spent {
    fn each_us(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.probes.max(1) as f64
    }
}

/// An address of the loopback for each number.
fn address(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_an_address_of_its_own_on_the_loopback() {
        let mut addresses: Vec<_> = (0..=u16::MAX).map(address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 1 << 16);
        assert!(addresses.iter().all(Ipv4Addr::is_loopback));
    }
}
