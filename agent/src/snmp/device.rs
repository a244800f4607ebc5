//! One device, and one poll of it: sysUpTime and the columns of the planned links, in as few requests as they fit.
//!
//! What a device lacks is remembered until it is walked again, so that a steady poll is one request. A device that
//! fails is asked once more in a new session; then it waits for its next turn.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use kentongan_model::{
    plan::{Access, PlannedDevice},
    wire::InterfaceReading,
};

use super::{
    columns::{Column, SYS_UP_TIME},
    links::{self, Found},
    session::{Datum, KeyExtension, Session, SnmpError, Varbind},
};

/// How often a device is asked before it counts as silent this time.
const ATTEMPTS: usize = 2;
/// A poll as a whole, walk included, has this long.
const POLL_TIMEOUT: Duration = Duration::from_secs(20);
/// The links' ifIndexes are looked up again after this.
const WALK_INTERVAL: Duration = Duration::from_secs(3_600);
/// Interfaces in one request: 37 objects, about 1 kB.
const INTERFACES_AT_ONCE: usize = 3;

/// What is known about a device.
pub(super) struct Device {
    pub(super) planned: PlannedDevice,
    session: Option<Session>,
    extension: KeyExtension,
    links: Option<Links>,
    uptime_cs: Option<u32>,
    interfaces_at_once: usize,
    /// Whether it failed the last time.
    pub(super) is_silent: bool,
}

struct Links {
    walked: Duration,
    interfaces: Vec<Interface>,
}

struct Interface {
    found: Found,
    lacks: BTreeSet<Column>,
    /// ifName and ifAlias as they were told last.
    told: Option<(Option<String>, Option<String>)>,
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
    pub(super) fn new(planned: PlannedDevice) -> Self {
        Device {
            planned,
            session: None,
            extension: KeyExtension::default(),
            links: None,
            uptime_cs: None,
            interfaces_at_once: INTERFACES_AT_ONCE,
            is_silent: false,
        }
    }

    /// Whether it holds a session, and the memory that goes with it.
    pub(super) fn has_session(&self) -> bool {
        self.session.is_some()
    }

    pub(super) fn drop_session(&mut self) {
        self.session = None;
    }

    /// Asks the device. After an error nothing of the session is left.
    pub(super) async fn poll(&mut self, now: Duration) -> Result<Reading, SnmpError> {
        let mut last = SnmpError::Timeout;
        let attempts = if self.is_silent { 1 } else { ATTEMPTS };
        for _ in 0..attempts {
            let polled = tokio::time::timeout(POLL_TIMEOUT, self.attempt(now)).await;
            match polled.unwrap_or(Err(SnmpError::Timeout)) {
                Ok(reading) => return Ok(reading),
                Err(error) => {
                    self.session = None;
                    self.extension = self.extension.other();
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn attempt(&mut self, now: Duration) -> Result<Reading, SnmpError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                let address = SocketAddr::new(self.planned.address, self.planned.port);
                Session::open(address, &self.planned.access, self.extension).await?
            }
        };
        if self.links.as_ref().is_some_and(|links| now.saturating_sub(links.walked) >= WALK_INTERVAL) {
            self.links = None;
        }
        let mut has_walked = false;
        let reading = loop {
            if self.links.is_none() && !self.planned.links.is_empty() {
                self.walk(&mut session, now).await?;
                has_walked = true;
            }
            match self.read(&mut session).await? {
                Round::Read(reading) => break reading,
                Round::Outdated if has_walked => {
                    return Err(SnmpError::Malformed("interfaces that change names"));
                }
                Round::Outdated => self.links = None,
            }
        };
        self.session = Some(session);
        Ok(reading)
    }

    async fn walk(&mut self, session: &mut Session, now: Duration) -> Result<(), SnmpError> {
        let found = links::find(session, &self.planned.links).await?;
        for (link, name) in (0u16..).zip(&self.planned.links) {
            if found.iter().all(|other| other.link != link) {
                tracing::warn!(device = %self.planned.subject, link = name.as_str(), "no interface of this ifName or ifAlias");
            }
        }
        let is_v1 = matches!(self.planned.access, Access::V1 { .. });
        let lacks: BTreeSet<Column> = Column::wanted().filter(|column| is_v1 && column.is_wide()).collect();
        let interfaces = found.into_iter().map(|found| Interface { found, lacks: lacks.clone(), told: None });
        self.links = Some(Links { walked: now, interfaces: interfaces.collect() });
        Ok(())
    }

    async fn read(&mut self, session: &mut Session) -> Result<Round, SnmpError> {
        let before = self.uptime_cs;
        let mut reading = Reading { uptime_cs: None, interfaces: Vec::new() };
        let count = self.links.as_ref().map_or(0, |links| links.interfaces.len());
        let mut next = 0;
        while next < count || reading.uptime_cs.is_none() {
            let last = count.min(next + self.interfaces_at_once);
            let mut none = Vec::new();
            let chunk =
                self.links.as_mut().map_or(none.as_mut_slice(), |links| &mut links.interfaces[next..last]);
            match ask(session, chunk).await {
                Err(SnmpError::Status { status: 1, .. }) if self.interfaces_at_once > 1 => {
                    // tooBig: the device's answers have to be shorter.
                    self.interfaces_at_once = self.interfaces_at_once.div_ceil(2);
                    continue;
                }
                Err(error) => return Err(error),
                Ok(None) => return Ok(Round::Outdated),
                Ok(Some((uptime_cs, interfaces))) => {
                    let matches = |interface: &InterfaceReading| {
                        let link = self.planned.links.get(usize::from(interface.link)).map(String::as_str);
                        link == interface.name.as_deref() || link == interface.alias.as_deref()
                    };
                    if !interfaces.iter().all(matches) {
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

type Told = (Option<u32>, Vec<InterfaceReading>);

/// Asks for sysUpTime and the columns of some interfaces, until the device has or lacks each of them. None when an
/// interface has gone.
async fn ask(session: &mut Session, interfaces: &mut [Interface]) -> Result<Option<Told>, SnmpError> {
    // Each turn but the last finds out at least one column that is lacking.
    let most = 2 + interfaces.len() * 2 * Column::wanted().count();
    for _ in 0..most {
        let asked: Vec<(usize, Column)> = interfaces
            .iter()
            .enumerate()
            .flat_map(|(place, interface)| interface.columns().map(move |column| (place, column)))
            .collect();
        let instance = |&(place, column): &(usize, Column)| column.at(interfaces[place].found.if_index);
        let oids: Vec<Vec<u8>> =
            std::iter::once(SYS_UP_TIME.to_vec()).chain(asked.iter().map(instance)).collect();
        let varbinds = match session.get(&oids).await {
            // noSuchName of v1, or genErr: the device says which object it cannot give.
            Err(SnmpError::Status { status: 2 | 5, index }) if index >= 2 && index <= oids.len() => {
                let (place, column) = asked[index - 2];
                interfaces[place].lacks.insert(column);
                if interfaces[place].is_gone() {
                    return Ok(None);
                }
                continue;
            }
            answer => answer?,
        };
        let mut lacking = false;
        for ((place, column), (_, datum)) in asked.iter().zip(&varbinds[1..]) {
            if *datum == Datum::Missing {
                interfaces[*place].lacks.insert(*column);
                lacking |= column.stand_in().is_some();
            }
        }
        if interfaces.iter().any(Interface::is_gone) {
            return Ok(None);
        }
        if !lacking {
            return Ok(Some(collect(interfaces, &asked, &varbinds)));
        }
    }
    Err(SnmpError::Malformed("objects that come and go"))
}

fn collect(interfaces: &[Interface], asked: &[(usize, Column)], varbinds: &[Varbind]) -> Told {
    let uptime_cs = unsigned(&varbinds[0].1);
    let mut readings: Vec<InterfaceReading> = interfaces
        .iter()
        .map(|interface| InterfaceReading { link: interface.found.link, ..InterfaceReading::default() })
        .collect();
    for ((place, column), (_, datum)) in asked.iter().zip(&varbinds[1..]) {
        let reading = &mut readings[*place];
        match column {
            Column::Name => reading.name = string(datum),
            Column::Alias => reading.alias = string(datum),
            Column::OperStatus => {
                reading.oper_status = unsigned(datum)
                    .and_then(|status| u8::try_from(status).ok())
                    .filter(|s| (1..=7).contains(s));
            }
            Column::HighSpeed => reading.high_speed_mbps = unsigned(datum),
            Column::Speed => reading.high_speed_mbps = unsigned(datum).map(|bits| bits / 1_000_000),
            Column::Counter(place) | Column::Narrow(place) => {
                reading.counters[*place] =
                    if let Datum::Unsigned(count) = datum { Some(*count) } else { None };
            }
        }
    }
    (uptime_cs, readings)
}

impl Interface {
    /// What to ask: what it has, and what stands in for what it lacks.
    fn columns(&self) -> impl Iterator<Item = Column> {
        let choose = |column| if self.lacks.contains(&column) { column.stand_in() } else { Some(column) };
        Column::wanted().filter_map(choose).filter(|column| !self.lacks.contains(column))
    }

    fn is_gone(&self) -> bool {
        [Column::Name, Column::Alias].iter().all(|column| self.lacks.contains(column))
    }
}

fn unsigned(datum: &Datum) -> Option<u32> {
    match datum {
        Datum::Unsigned(number) => u32::try_from(*number).ok(),
        Datum::Integer(number) => u32::try_from(*number).ok(),
        Datum::Text(_) | Datum::Missing | Datum::Other => None,
    }
}

fn string(datum: &Datum) -> Option<String> {
    if let Datum::Text(bytes) = datum { Some(links::text(bytes)) } else { None }
}
