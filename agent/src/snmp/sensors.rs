//! Finding a device's gauges: its profiles' tables are walked, rows that are gauges picked, and their places worded.
//!
//! This is done once an hour; what it finds is then read object by object. The rules it guards: nothing about a device's
//! vendor is known here. What a table means stands in its profile. No two rows have the same name, unless they are to be
//! added up.

use std::{collections::BTreeMap, time::Duration};

use kentongan_model::{
    profile::{Profile, Rule, Source, Table, oid::arcs, oid::push_arc},
    wire::{Label, MAX_TEXT},
};
use tokio::time::timeout;

use super::{
    SnmpError,
    client::Client,
    links::text,
    measure::{Cell, Scale, measure, scale},
    places::{Places, dotted, shorten},
    walk::walk,
};

/// Rows of one table that are looked at; of more, the first.
const MAX_ROWS: usize = 2_048;
/// Bytes of indexes and texts of one table that are kept; of more, the first.
const MAX_HELD: usize = 1 << 20;
/// A walk of a table is cut after this, and its rows' names have to be there after as long.
const WALK_TIME: Duration = Duration::from_secs(60);

/// A gauge of the device.
#[derive(Debug, Clone)]
pub(super) struct Sensor {
    pub(super) label: Label,
    /// The object to ask for; none of it is counted by its row.
    pub(super) oid: Option<Vec<u8>>,
    pub(super) rule: RuleAt,
    pub(super) scale: Scale,
    /// What it showed when it was found.
    pub(super) value: Option<i64>,
    /// What the device sent for it.
    pub(super) sent: Option<Cell>,
}

/// Where the rule of a gauge stands among the profiles of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RuleAt {
    pub(super) profile: usize,
    pub(super) table: usize,
    pub(super) gauge: usize,
}

impl RuleAt {
    pub(super) fn table(self, profiles: &[Profile]) -> Option<&Table> {
        profiles.get(self.profile)?.tables.get(self.table)
    }

    pub(super) fn rule(self, profiles: &[Profile]) -> Option<&Rule> {
        self.table(profiles)?.gauges.get(self.gauge)
    }
}

/// A row: its index as BER bytes, and its columns in the order of [`Table::columns`].
type Rows = BTreeMap<Vec<u8>, Vec<Option<Cell>>>;

/// Finds the gauges of one table of a device with this sysObjectID. Tells also of how many rows and texts it is known that
/// they had to be left out.
pub(super) async fn find(
    client: &mut Client,
    profiles: &[Profile],
    at: RuleAt,
    object_id: &[u8],
) -> Result<(Vec<Sensor>, u32), SnmpError> {
    let Some(table) = at.table(profiles) else { return Ok((Vec::new(), 0)) };
    let columns = table.columns();
    let entry = table.entry(object_id);
    let (rows, cut) = rows(client, &entry, &columns).await?;
    let mut sensors = Vec::new();
    let mut places = Places::default();
    for (index, cells) in &rows {
        let cell = |column: u32| {
            let place = columns.binary_search(&column).ok()?;
            cells.get(place)?.as_ref()
        };
        for (gauge, rule) in table.gauges.iter().enumerate().filter(|(_, rule)| is_meant(rule, index, cell)) {
            let place = rule.place.as_ref().unwrap_or(&table.place);
            let (oid, own) = match rule.source {
                Source::Column(column) => match cell(column) {
                    Some(own) => (Some(instance(&entry, column, index)), Some(own)),
                    None => continue,
                },
                Source::Each(_) => (None, None),
            };
            places.want(place, index);
            let number = |column| cell(column)?.number(rule.take);
            sensors.push((index, place, gauge, oid, own, scale(rule, own, number)));
        }
    }
    timeout(WALK_TIME, places.fetch(client)).await.unwrap_or(Err(SnmpError::Timeout))?;
    let mut found = Vec::new();
    for (index, place, gauge, oid, own, scale) in sensors {
        let rule = &table.gauges[gauge];
        let column = |column: u32| {
            let place = columns.binary_search(&column).ok()?;
            match rows.get(index)?.get(place)?.as_ref()? {
                Cell::Text(bytes) => Some(text(bytes)),
                Cell::Number(number) => Some(number.to_string()),
            }
        };
        let worded = places.word(place, index, &rule.begins, column);
        if !says(rule, &worded) {
            continue;
        }
        let value = match (rule.source, own) {
            (Source::Each(each), _) => Some(i64::from(each) * 1_000),
            (Source::Column(_), own) => own.and_then(|own| measure(rule, scale, own)),
        };
        let sensor = Sensor {
            label: Label { kind: rule.kind, place: worded },
            oid,
            rule: RuleAt { gauge, ..at },
            scale,
            value,
            sent: own.cloned(),
        };
        found.push((index, rule.sum, sensor));
    }
    tell_apart(&mut found);
    Ok((found.into_iter().map(|(.., sensor)| sensor).collect(), cut))
}

/// Rows of the same name get their index behind it: a device with one description for all ports has more ports than one.
fn tell_apart(found: &mut [(&Vec<u8>, bool, Sensor)]) {
    let name = |label: &Label| [&[label.kind.number()], label.place.as_bytes()].concat();
    // The only row of each name; none of those that several have.
    let mut only: BTreeMap<Vec<u8>, &[u8]> = BTreeMap::new();
    for (index, _, sensor) in found.iter().filter(|(_, sum, _)| !sum) {
        let row = only.entry(name(&sensor.label)).or_insert(index);
        if *row != index.as_slice() {
            *row = &[];
        }
    }
    for (index, _, Sensor { label, .. }) in found.iter_mut().filter(|(_, sum, _)| !sum) {
        if only.get(&name(label)).is_some_and(|row| row.is_empty()) {
            let mut behind = format!(" #{}", dotted(index));
            behind.truncate(MAX_TEXT / 2);
            shorten(&mut label.place, MAX_TEXT - behind.len());
            label.place = (std::mem::take(&mut label.place) + &behind).trim_start().to_owned();
        }
    }
}

async fn rows(client: &mut Client, entry: &[u8], columns: &[u32]) -> Result<(Rows, u32), SnmpError> {
    let oids: Vec<Vec<u8>> = columns.iter().map(|column| instance(entry, *column, &[])).collect();
    let mut rows = Rows::new();
    let (mut held, mut cut) = (0, 0);
    let patience = client.patience;
    // One row more than are kept, to know of it.
    let walked = walk(client, &oids, (MAX_ROWS + 1) * columns.len(), |column, index, value| {
        let is_new = !rows.contains_key(index);
        let cell = Cell::of(value);
        let length = if let Some(Cell::Text(text)) = &cell { text.len() } else { 0 };
        let length = length + if is_new { index.len() } else { 0 };
        if is_new && rows.len() >= MAX_ROWS || held + length > MAX_HELD {
            cut += 1;
            return;
        }
        held += length;
        rows.entry(index.to_vec()).or_insert_with(|| vec![None; columns.len()])[column] = cell;
    });
    let walked = timeout(WALK_TIME, walked).await;
    client.patience = patience;
    match walked {
        // A table out of order is no reason to lose what stands before, or the other tables.
        Ok(Ok(()) | Err(SnmpError::Backwards)) => Ok((rows, cut)),
        // Nor is one that takes long.
        Err(_) if !rows.is_empty() => Ok((rows, cut + 1)),
        Err(_) => Err(SnmpError::Timeout),
        Ok(Err(error)) => Err(error),
    }
}

fn instance(entry: &[u8], column: u32, index: &[u8]) -> Vec<u8> {
    let mut oid = entry.to_vec();
    push_arc(&mut oid, u64::from(column));
    oid.extend_from_slice(index);
    oid
}

/// Whether a row is one that the rule means.
fn is_meant<'a>(rule: &Rule, index: &[u8], cell: impl Fn(u32) -> Option<&'a Cell>) -> bool {
    let has = |column: u32, values: &[i64]| {
        let number = cell(column).and_then(|cell| cell.number(rule.take));
        number.is_some_and(|number| values.iter().any(|value| (*value as f64 - number).abs() < 0.5))
    };
    index_text(index).starts_with(&rule.begins)
        && rule.when.iter().all(|condition| has(condition.column, &condition.is))
        && !rule.unless.iter().any(|condition| has(condition.column, &condition.is))
}

/// Whether the place has one of the rule's words, at the beginning of one of its own.
fn says(rule: &Rule, place: &str) -> bool {
    let place = place.to_ascii_lowercase();
    let mut words = place.split(|letter: char| !letter.is_ascii_alphanumeric());
    rule.says.is_empty()
        || words.any(|word| rule.says.iter().any(|wanted| word.starts_with(&wanted.to_ascii_lowercase())))
}

/// An index read as a text: each number a byte, the first its length.
pub(super) fn index_text(index: &[u8]) -> String {
    let bytes: Vec<u8> = arcs(index).skip(1).map(|arc| u8::try_from(arc).unwrap_or(b'?')).collect();
    text(&bytes)
}
