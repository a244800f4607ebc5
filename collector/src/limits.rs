//! How often an agent may deliver, so that one that has gone mad does not hold up the others; and how often anybody may
//! try a code.
//!
//! Only agents whose token was right are counted one by one, so what is counted is bounded by the agents that there are.

use std::num::NonZeroU32;

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter, clock::Clock as _,
};
use kentongan_model::id::Vantage;

use crate::config::Limits;

/// The deliveries of each agent.
pub(crate) struct DeliveryRate(DefaultKeyedRateLimiter<Vantage>);

impl std::fmt::Debug for DeliveryRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeliveryRate")
    }
}

impl DeliveryRate {
    /// As the limits say; a limit of 0 is taken for 1.
    pub(crate) fn new(limits: &Limits) -> Self {
        let at_least_one = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.deliveries_per_second))
            .allow_burst(at_least_one(limits.deliveries_burst));
        DeliveryRate(RateLimiter::keyed(quota))
    }

    /// Lets one more delivery through, or says in how many seconds to come back.
    pub(crate) fn admit(&self, agent: &Vantage) -> Result<(), u32> {
        self.0.check_key(agent).map_err(|early| wait(&early))
    }
}

/// The tries of codes, by all together: nobody who tries has shown who he is.
pub(crate) struct TryRate(DefaultDirectRateLimiter);

impl std::fmt::Debug for TryRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TryRate")
    }
}

impl TryRate {
    /// As the limits say; a limit of 0 is taken for 1.
    pub(crate) fn new(limits: &Limits) -> Self {
        let a_minute = NonZeroU32::new(limits.enrolments_per_minute).unwrap_or(NonZeroU32::MIN);
        TryRate(RateLimiter::direct(Quota::per_minute(a_minute)))
    }

    /// Lets one more try through, or says in how many seconds to come back.
    pub(crate) fn admit(&self) -> Result<(), u32> {
        self.0.check().map_err(|early| wait(&early))
    }
}

/// Whole seconds until it is early no more.
fn wait(early: &NotUntil<governor::clock::QuantaInstant>) -> u32 {
    let wait = early.wait_time_from(governor::clock::DefaultClock::default().now());
    u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
}
