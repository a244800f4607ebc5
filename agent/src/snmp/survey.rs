//! Everything that can be read of one device, once: what `kentongan snmp probe` shows, and what is held against
//! recordings of real devices. It goes the way of every poll: the same questions, the same profiles.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kentongan_model::{
    plan::Access,
    profile::{ObjectId, Profile},
    wire::{InterfaceReading, Label},
};

use super::{
    SnmpError,
    client::Client,
    exchange::{Exchange, Patience},
    identity::{self, Identity},
    interfaces::{Interface, ask},
    links::{self, Found},
    measure::Cell,
    sensors::{self, Sensor},
};

/// Interfaces in one request.
const AT_ONCE: usize = 3;

/// What a device told.
#[derive(Debug, Clone)]
pub struct Survey {
    /// sysObjectID; empty where there is none.
    pub object_id: ObjectId,
    /// sysDescr, its first 255 bytes.
    pub description: String,
    /// sysUpTime in hundredths of a second.
    pub uptime_cs: Option<u32>,
    /// The names of the profiles that apply.
    pub profiles: Vec<String>,
    /// Its interfaces with their ifIndex. The link in them is of no meaning.
    pub interfaces: Vec<(u32, InterfaceReading)>,
    /// Its gauges, those of which two tables tell from each.
    pub gauges: Vec<Seen>,
    /// What could not be read, and why.
    pub faults: Vec<String>,
}

/// A gauge of a device.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it is.
    pub label: Label,
    /// The object that it is read from; none where rows are counted.
    pub object: Option<ObjectId>,
    /// The row that its table has it in: the table's object, and the index.
    pub table: ObjectId,
    /// What the device sent.
    pub sent: String,
    /// What it shows, in thousandths of the kind's unit; none where the device says that there is no reading.
    pub value: Option<i64>,
    /// Whether rows of the same label are added up.
    pub sum: bool,
}

/// Reads everything of a device.
///
/// # Errors
/// When it does not answer, or refuses who asks.
pub async fn survey(
    exchange: Arc<Exchange>,
    address: SocketAddr,
    access: &Access,
    profiles: &[Profile],
    patience: Patience,
    now: Duration,
) -> Result<Survey, SnmpError> {
    let mut client = Client::new(exchange, address, access, patience);
    client.now = now;
    let identity = identity::meet(&mut client).await?;
    let apply = profiles.iter().filter(|one| one.is_for(&identity.object_id, &identity.description));
    let mut survey = Survey {
        object_id: ObjectId::of_ber(&identity.object_id),
        description: identity.description.clone(),
        uptime_cs: identity.uptime_cs,
        profiles: apply.map(|profile| profile.name.clone()).collect(),
        interfaces: Vec::new(),
        gauges: Vec::new(),
        faults: Vec::new(),
    };
    match interfaces(&mut client).await {
        Ok(interfaces) => survey.interfaces = interfaces,
        Err(error) => survey.faults.push(format!("interfaces: {}", crate::told(&error))),
    }
    gauges(&mut client, profiles, &identity, &mut survey).await;
    Ok(survey)
}

async fn interfaces(client: &mut Client) -> Result<Vec<(u32, InterfaceReading)>, SnmpError> {
    let found = links::all(client).await?;
    let is_v1 = client.is_v1();
    let new = |if_index| Interface::new(Found { link: 0, if_index }, is_v1);
    let mut interfaces: Vec<Interface> = found.into_iter().map(new).collect();
    let mut read = Vec::new();
    let (mut next, mut at_once) = (0, AT_ONCE);
    while next < interfaces.len() {
        let last = interfaces.len().min(next + at_once);
        match ask(client, &mut interfaces[next..last]).await {
            Ok((_, readings)) => {
                let indexes = interfaces[next..last].iter().map(|interface| interface.found.if_index);
                read.extend(indexes.zip(readings));
                next = last;
            }
            // tooBig.
            Err(SnmpError::Status { status: 1, .. }) if at_once > 1 => at_once = 1,
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

async fn gauges(client: &mut Client, profiles: &[Profile], identity: &Identity, survey: &mut Survey) {
    for at in identity.tables(profiles) {
        let Some(table) = at.table(profiles) else { continue };
        match sensors::find(client, profiles, at, &identity.object_id).await {
            Ok((sensors, cut)) => {
                survey.gauges.extend(sensors.into_iter().map(|sensor| {
                    let sum = sensor.rule.rule(profiles).is_some_and(|rule| rule.sum);
                    seen(sensor, ObjectId::of_ber(&table.entry(&identity.object_id)), sum)
                }));
                if cut > 0 {
                    survey.faults.push(format!("table {}: it has more than is read of one table", table.oid));
                }
            }
            Err(error) => survey.faults.push(format!("table {}: {}", table.oid, crate::told(&error))),
        }
    }
}

fn seen(sensor: Sensor, table: ObjectId, sum: bool) -> Seen {
    let sent = match sensor.sent {
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Text(bytes)) => links::text(&bytes),
        None => String::new(),
    };
    let object = sensor.oid.map(|oid| ObjectId::of_ber(&oid));
    Seen { label: sensor.label, object, table, sent, value: sensor.value, sum }
}
