//! One device, and one poll of it: sysUpTime and the columns of the planned links, in as few requests as they fit.
//!
//! A device that answers wrongly is asked once more; one that does not answer waits for its next turn.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kentongan_model::{plan::PlannedDevice, wire::InterfaceReading};

use super::{
    SnmpError,
    client::Client,
    exchange::{Exchange, Patience},
    interfaces::{Interface, ask},
    links,
};

/// How often something is asked before the device counts as silent, and how long each answer is waited for.
pub(super) const PATIENCE: Patience = Patience { tries: 3, wait: Duration::from_secs(5) };
/// How often a device that answers wrongly is polled before it counts as failed.
const ATTEMPTS: usize = 2;
/// A poll as a whole, walk included, has this long.
const POLL_TIMEOUT: Duration = Duration::from_secs(30);
/// The links' ifIndexes are looked up again after this.
const WALK_INTERVAL: Duration = Duration::from_secs(3_600);
/// Interfaces in one request: 37 objects, about 1 kB.
const INTERFACES_AT_ONCE: usize = 3;

/// What is known about a device.
pub(super) struct Device {
    pub(super) planned: Arc<PlannedDevice>,
    client: Client,
    patience: Patience,
    links: Option<Links>,
    uptime_cs: Option<u32>,
    interfaces_at_once: usize,
    /// How often it has rebooted: its gauges may be others then.
    pub(super) reboots: u32,
    /// Whether it failed the last time.
    pub(super) is_silent: bool,
}

struct Links {
    walked: Duration,
    interfaces: Vec<Interface>,
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) uptime_cs: Option<u32>,
    pub(super) interfaces: Vec<InterfaceReading>,
}

/// What an answer says about the indexes that were asked.
enum Round {
    Read(Reading),
    /// The device has rebooted, or an index means another interface now.
    Outdated,
}

impl Device {
    pub(super) fn new(planned: Arc<PlannedDevice>, exchange: &Arc<Exchange>, patience: Patience) -> Self {
        let address = SocketAddr::new(planned.address, planned.port);
        Device {
            client: Client::new(Arc::clone(exchange), address, &planned.access, patience),
            planned,
            patience,
            links: None,
            uptime_cs: None,
            interfaces_at_once: INTERFACES_AT_ONCE,
            reboots: 0,
            is_silent: false,
        }
    }

    /// Asks the device for its interfaces.
    pub(super) async fn poll(&mut self, now: Duration) -> Result<Reading, SnmpError> {
        self.client.now = now;
        // One that was silent the last time is asked once.
        let tries = if self.is_silent { 1 } else { self.patience.tries };
        self.client.patience = Patience { tries, ..self.patience };
        let mut attempt = 1;
        loop {
            let polled = tokio::time::timeout(POLL_TIMEOUT, self.attempt(now)).await;
            match polled.unwrap_or(Err(SnmpError::Timeout)) {
                Ok(reading) => return Ok(reading),
                Err(error) => {
                    let is_asked_otherwise = self.client.start_over();
                    let is_out_of_reach =
                        matches!(error, SnmpError::Timeout | SnmpError::Socket(_)) && !is_asked_otherwise;
                    if is_out_of_reach || self.is_silent || attempt == ATTEMPTS {
                        return Err(error);
                    }
                }
            }
            attempt += 1;
        }
    }

    async fn attempt(&mut self, now: Duration) -> Result<Reading, SnmpError> {
        if self.links.as_ref().is_some_and(|links| now.saturating_sub(links.walked) >= WALK_INTERVAL) {
            self.links = None;
        }
        let mut has_walked = false;
        loop {
            if self.links.is_none() && !self.planned.links.is_empty() {
                self.walk(now).await?;
                has_walked = true;
            }
            match self.read().await? {
                Round::Read(reading) => return Ok(reading),
                Round::Outdated if has_walked => {
                    return Err(SnmpError::Malformed("interfaces that change names"));
                }
                Round::Outdated => self.links = None,
            }
        }
    }

    async fn walk(&mut self, now: Duration) -> Result<(), SnmpError> {
        self.client.is_bulkless = false;
        let found = links::find(&mut self.client, &self.planned.links).await?;
        for (link, name) in (0u16..).zip(&self.planned.links) {
            if found.iter().all(|other| other.link != link) {
                tracing::warn!(device = %self.planned.subject, link = name.as_str(), "no interface of this ifName or ifAlias");
            }
        }
        let is_v1 = self.client.is_v1();
        let interfaces = found.into_iter().map(|found| Interface::new(found, is_v1)).collect();
        self.links = Some(Links { walked: now, interfaces });
        Ok(())
    }

    async fn read(&mut self) -> Result<Round, SnmpError> {
        let before = self.uptime_cs;
        let mut reading = Reading { uptime_cs: None, interfaces: Vec::new() };
        let count = self.links.as_ref().map_or(0, |links| links.interfaces.len());
        let mut next = 0;
        loop {
            let last = count.min(next + self.interfaces_at_once);
            let mut none = Vec::new();
            let chunk =
                self.links.as_mut().map_or(none.as_mut_slice(), |links| &mut links.interfaces[next..last]);
            match ask(&mut self.client, chunk).await {
                Err(SnmpError::Status { status: 1, .. }) if self.interfaces_at_once > 1 => {
                    // tooBig: the device's answers have to be shorter.
                    self.interfaces_at_once = self.interfaces_at_once.div_ceil(2);
                    continue;
                }
                Err(error) => return Err(error),
                Ok((uptime_cs, interfaces)) => {
                    let matches = |interface: &InterfaceReading| {
                        let link = self.planned.links.get(usize::from(interface.link)).map(String::as_str);
                        link == interface.name.as_deref() || link == interface.alias.as_deref()
                    };
                    if chunk.iter().any(Interface::is_gone) || !interfaces.iter().all(matches) {
                        return Ok(Round::Outdated);
                    }
                    reading.uptime_cs = uptime_cs;
                    reading.interfaces.extend(interfaces);
                }
            }
            next = last;
            if next >= count {
                break;
            }
        }
        self.uptime_cs = reading.uptime_cs;
        let rebooted = matches!((before, reading.uptime_cs), (Some(before), Some(now)) if now < before);
        if rebooted {
            self.reboots = self.reboots.wrapping_add(1);
        }
        if rebooted && count > 0 {
            return Ok(Round::Outdated);
        }
        self.leave_out_what_is_known(&mut reading);
        Ok(Round::Read(reading))
    }

    /// Names are told when they are new or have changed, and after each walk.
    fn leave_out_what_is_known(&mut self, reading: &mut Reading) {
        let Some(links) = &mut self.links else { return };
        for (interface, known) in reading.interfaces.iter_mut().zip(&mut links.interfaces) {
            let told = Some((interface.name.clone(), interface.alias.clone()));
            if known.told == told {
                (interface.name, interface.alias) = (None, None);
            }
            known.told = told;
        }
    }
}
