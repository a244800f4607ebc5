//! Linux' own ICMP engine, behind [`Pinger`].
//!
//! A group of probes is one future, not a task and a timer for each. The kernel stamps what arrives and keeps off what is not
//! ours, so that nobody has to be awake for a reply: replies are read many at a time, after a burst was sent or when a
//! group looks. Guarded here: a reply counts once, in time, from the probed address, and with the nonce of this process;
//! all others are counted as what they are.

mod echo;
mod filter;
mod flights;
mod group;
mod port;
mod rtt;
mod under_way;

use std::{
    io::ErrorKind,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use kentongan_model::time::{Moment, SystemClock};

use super::{Family, IcmpError, Oddities, SocketKind};
use crate::{
    pace::HOLD,
    pinger::{Aim, Echo, Pinger, Round, Rounds},
};
use group::{Due, Wait};
use port::Port;
use rtt::{Departure, ahead};
use under_way::{Seat, UnderWay};

/// Without stamps by the kernel an RTT ends when it is read, so one looks this often.
const WITHOUT_STAMPS: Duration = Duration::from_millis(1);

/// The kernel begins to stamp a moment after it was first asked to, by a work queue; until then a stamp is that of reading.
const SETTLING: Duration = Duration::from_millis(20);

/// Nothing is waited for more finely: what is due a little later goes along.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long after a request the way of the next is still warm.
const WARM: Duration = Duration::from_millis(1);

/// How often a probe is tried again that finds a full send queue, each time after [`HOLD`]. Then it counts as not sent.
const TRIES: u32 = 50;

/// How often a probe is sent on a datagram socket when errors of earlier ones come in between.
const SENDS: u32 = 4;

/// Pings through the sockets of Linux.
pub struct LinuxPinger {
    v4: Result<Port, IcmpError>,
    v6: Result<Port, IcmpError>,
    under_way: Mutex<UnderWay>,
    /// Before this the stamps may be none.
    settled: Duration,
    /// How often in a row the send queue was full.
    full: AtomicU32,
}

/// What a group does next.
enum Step {
    /// More is to be sent at once.
    Go,
    /// Nothing until this much has passed.
    Pause(Duration),
    /// All is done.
    End,
}

impl LinuxPinger {
    /// Opens a socket for each family that this machine has, with this kind tried first.
    ///
    /// # Errors
    /// When neither family can be used; the message says how to permit it. One family alone may be missing.
    pub fn open_as(first: SocketKind) -> Result<Self, IcmpError> {
        let nonce = crate::chance::u64();
        let open = |family| Port::open(family, first, nonce);
        let (v4, v6) = super::at_least_one(open(Family::V4), open(Family::V6))?;
        let under_way = Mutex::new(UnderWay::new(crate::chance::u32()));
        let settled = SystemClock::moment().since_boot + SETTLING;
        Ok(LinuxPinger { v4, v6, under_way, settled, full: AtomicU32::new(0) })
    }

    /// The kind of socket that IPv4 got.
    #[must_use]
    pub fn kind(&self) -> Option<SocketKind> {
        self.v4.as_ref().ok().map(|port| port.reader.kind)
    }

    /// Why addresses of this family cannot be probed, if so.
    #[must_use]
    pub fn obstacle(&self, address: IpAddr) -> Option<&IcmpError> {
        self.port(Family::of(address)).as_ref().err()
    }

    /// What came that was no answer, and what did not come because of this machine, since the start.
    #[must_use]
    pub fn oddities(&self) -> Oddities {
        self.under_way().oddities
    }

    fn port(&self, family: Family) -> &Result<Port, IcmpError> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn ports(&self) -> impl Iterator<Item = &Port> {
        [&self.v4, &self.v6].into_iter().flatten()
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what of a group is due, as far as the pace allows, looks what has come, and tells what has ended and what is
    /// next.
    fn proceed(&self, id: u32) -> (Vec<Round>, Step) {
        let mut under_way = self.under_way();
        let is_held_up = self.send(&mut under_way, id, SystemClock::moment());
        self.look(&mut under_way);
        let now = SystemClock::moment().since_boot;
        let UnderWay { groups, flights, .. } = &mut *under_way;
        let Some(group) = groups.get_mut(&id) else { return (Vec::new(), Step::End) };
        for number in group.expire(now) {
            flights.give_up(number);
        }
        let ended = group.take_ended();
        let step = match group.wait(now) {
            Wait::Over => Step::End,
            Wait::Due if is_held_up => Step::Pause(HOLD),
            Wait::Due => Step::Go,
            Wait::Until(moment) => {
                let longest = self.longest_pause(flights.waiting());
                Step::Pause(moment.saturating_sub(now).clamp(SHORTEST, longest))
            }
        };
        (ended, step)
    }

    /// Sends what is due; says whether something held it up.
    fn send(&self, under_way: &mut UnderWay, id: u32, now: Moment) -> bool {
        let UnderWay { groups, flights, pace, last_sent, .. } = under_way;
        let Some(group) = groups.get_mut(&id) else { return false };
        let since_boot = now.since_boot;
        if group.due(since_boot).is_none() {
            return false;
        }
        let free = pace.free(since_boot);
        if free == 0 {
            return true;
        }
        let place = pace.take(since_boot, free);
        let mut left = free;
        let mut requests =
            [&self.v4, &self.v6].map(|port| port.as_ref().ok().map(|port| (port, port.request())));
        let mut is_full = false;
        // What is told of earlier requests meanwhile, and how often in a row it kept one from being sent.
        let (mut errors, mut failed) = (Vec::new(), 0);
        let mut is_cold = std::mem::replace(last_sent, since_boot) + WARM < since_boot;
        while left > 0
            && !is_full
            && let Some(Due { round, probe, aim }) = group.due(since_boot)
        {
            let Some((port, request)) = &mut requests[usize::from(aim.address.is_ipv6())] else {
                group.not_sent(Echo::Unsendable(ErrorKind::Unsupported), since_boot);
                continue;
            };
            if is_cold {
                port.warm_up(aim.address, request, &mut |error| errors.push(error));
                is_cold = false;
            }
            let wall_ns = SystemClock::wall_nanos();
            let departure = Departure { wall_ns, ahead_ns: ahead(now) };
            let seat = Seat { group: id, round: round as u32, probe, place, departure };
            let Some(number) = flights.depart(seat) else { break };
            match port.send(aim.address, request.fill_in(number, wall_ns)) {
                Ok(()) => {
                    group.sent(number, since_boot);
                    (left, failed) = (left - 1, 0);
                    self.full.store(0, Ordering::Relaxed);
                }
                Err(error) => {
                    flights.give_up(number);
                    if is_full_queue(&error) {
                        is_full = self.full.fetch_add(1, Ordering::Relaxed) < TRIES;
                    } else if port.reader.kind == SocketKind::Datagram {
                        // It may be about an earlier request, whoever that went to: it is gone once it was told.
                        port.read_errors(&mut |error| errors.push(error));
                        failed += 1;
                        if failed < SENDS {
                            continue;
                        }
                    }
                    if !is_full {
                        failed = 0;
                        group.not_sent(Echo::Unsendable(error.kind()), since_boot);
                    }
                }
            }
        }
        (0..left).for_each(|_| pace.give_back(place));
        for error in errors {
            under_way.take(error, now);
        }
        is_full || left == free
    }

    /// How long replies may lie unread, with so many awaited.
    fn longest_pause(&self, waiting: usize) -> Duration {
        if self.ports().any(|port| !port.is_stamped) {
            WITHOUT_STAMPS
        } else if self.ports().any(|port| waiting > port.room) {
            HOLD
        } else {
            Duration::MAX
        }
    }

    /// Reads what has come.
    fn look(&self, under_way: &mut UnderWay) {
        let mut tray = std::mem::take(&mut under_way.tray);
        for port in self.ports() {
            if !under_way.asks(port.reader.family) {
                continue;
            }
            let expected = under_way.flights.waiting();
            // Read once for all that came together.
            let mut read = None;
            let overruns = port.look(expected, &mut tray, |arrival| {
                under_way.take(arrival, *read.get_or_insert_with(SystemClock::moment));
            });
            under_way.oddities.overrun += u64::from(overruns);
        }
        under_way.tray = tray;
    }
}

/// Whether a send failed for want of room only: requests wait for an ARP reply, or the link is slower than we are.
fn is_full_queue(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
}

/// A group on its way. When it is dropped nobody waits for its replies any more.
struct Pinging {
    pinger: Arc<LinuxPinger>,
    id: u32,
    next: Step,
}

impl Pinging {
    async fn next(mut self) -> Option<(Vec<Round>, Self)> {
        loop {
            match self.next {
                Step::Go => tokio::task::yield_now().await,
                Step::Pause(pause) => tokio::time::sleep(pause).await,
                Step::End => return None,
            }
            let (ended, next) = self.pinger.proceed(self.id);
            self.next = next;
            if !ended.is_empty() {
                return Some((ended, self));
            }
        }
    }
}

impl Drop for Pinging {
    fn drop(&mut self) {
        self.pinger.under_way().remove(self.id, SystemClock::moment().since_boot);
    }
}

impl Pinger for LinuxPinger {
    fn reaches(&self, address: IpAddr) -> bool {
        self.port(Family::of(address)).is_ok()
    }

    fn ping_group(self: Arc<Self>, group: Vec<Aim>) -> Rounds {
        let begins = SystemClock::moment().since_boot.max(self.settled);
        let id = self.under_way().add(group, begins);
        stream::unfold(Pinging { pinger: self, id, next: Step::Go }, Pinging::next).boxed()
    }
}
