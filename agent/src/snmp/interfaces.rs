//! Interfaces, as a poll reads them: the columns of several in one request.
//!
//! What a device lacks is remembered until it is walked again, so that a steady poll asks for nothing in vain.

use std::collections::BTreeSet;

use kentongan_model::wire::InterfaceReading;

use super::{
    SnmpError,
    client::Client,
    columns::{Column, SYS_UP_TIME},
    links::{self, Found},
    pdu::{Answer, Value},
};

/// An interface, and what is known of it.
pub(super) struct Interface {
    pub(super) found: Found,
    lacks: BTreeSet<Column>,
    /// ifName and ifAlias as they were told last.
    pub(super) told: Option<(Option<String>, Option<String>)>,
}

/// sysUpTime, and what was read of the interfaces that were asked for.
pub(super) type Told = (Option<u32>, Vec<InterfaceReading>);

impl Interface {
    pub(super) fn new(found: Found, is_v1: bool) -> Self {
        let lacks = Column::wanted().filter(|column| is_v1 && column.is_wide()).collect();
        Interface { found, lacks, told: None }
    }

    /// What to ask: what it has, and what stands in for what it lacks.
    fn columns(&self) -> impl Iterator<Item = Column> {
        let choose = |column| if self.lacks.contains(&column) { column.stand_in() } else { Some(column) };
        Column::wanted().filter_map(choose).filter(|column| !self.lacks.contains(column))
    }

    /// Whether it has no name of any kind, which means that it is not there.
    pub(super) fn is_gone(&self) -> bool {
        [Column::Name, Column::Descr, Column::Alias].iter().all(|column| self.lacks.contains(column))
    }
}

/// Asks for sysUpTime and the columns of some interfaces, until the device has or lacks each of them.
pub(super) async fn ask(client: &mut Client, interfaces: &mut [Interface]) -> Result<Told, SnmpError> {
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
        let answer = match client.get(&oids).await {
            // noSuchName of v1, or genErr: the device says which object it cannot give.
            Err(SnmpError::Status { status: 2 | 5, index }) if index >= 2 && index <= oids.len() => {
                let (place, column) = asked[index - 2];
                interfaces[place].lacks.insert(column);
                continue;
            }
            answer => answer?,
        };
        let mut lacking = false;
        for ((place, column), (_, value)) in asked.iter().zip(answer.objects().skip(1)) {
            let is_lacking = match value {
                Value::Missing => true,
                Value::Text(name) => *column == Column::Name && name.is_empty(),
                _ => false,
            };
            if is_lacking {
                interfaces[*place].lacks.insert(*column);
                lacking |= column.stand_in().is_some();
            }
        }
        if !lacking {
            return Ok(collect(interfaces, &asked, &answer));
        }
    }
    Err(SnmpError::Malformed("objects that come and go"))
}

fn collect(interfaces: &[Interface], asked: &[(usize, Column)], answer: &Answer) -> Told {
    let mut objects = answer.objects().map(|(_, value)| value);
    let uptime_cs = objects.next().and_then(Value::as_u32);
    let mut readings: Vec<InterfaceReading> = interfaces
        .iter()
        .map(|interface| InterfaceReading { link: interface.found.link, ..InterfaceReading::default() })
        .collect();
    for ((place, column), value) in asked.iter().zip(objects) {
        let reading = &mut readings[*place];
        match column {
            Column::Name | Column::Descr => reading.name = string(value),
            Column::Alias => reading.alias = string(value),
            Column::OperStatus => {
                let status = value.as_u32().and_then(|status| u8::try_from(status).ok());
                reading.oper_status = status.filter(|status| (1..=7).contains(status));
            }
            Column::HighSpeed => reading.high_speed_mbps = value.as_u32(),
            Column::Speed => reading.high_speed_mbps = value.as_u32().map(|bits| bits / 1_000_000),
            Column::Counter(place) | Column::Narrow(place) => {
                reading.counters[*place] =
                    if let Value::Unsigned(count) = value { Some(count) } else { None };
            }
        }
    }
    (uptime_cs, readings)
}

fn string(value: Value<'_>) -> Option<String> {
    if let Value::Text(bytes) = value { Some(links::text(bytes)) } else { None }
}
