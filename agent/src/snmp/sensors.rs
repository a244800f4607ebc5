//! Finding a device's gauges: its profiles' tables are walked, rows that are gauges picked, and their places worded.
//!
//! This is done once an hour; what it finds is then read object by object. The rule it guards: nothing about a device's
//! vendor is known here. What a table means stands in its profile.

use std::collections::BTreeMap;

use kentongan_model::{
    profile::{Profile, Rule, Source, Table, oid::arcs, oid::push_arc},
    wire::Label,
};

use super::{
    SnmpError,
    client::Client,
    links::text,
    measure::{Cell, Scale, measure, scale},
    places::Places,
    walk::walk,
};

/// Rows of one table that are looked at; of more, the first.
const MAX_ROWS: usize = 2_048;

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

/// Finds the gauges of one table of a device with this sysObjectID.
pub(super) async fn find(
    client: &mut Client,
    profiles: &[Profile],
    at: RuleAt,
    object_id: &[u8],
) -> Result<Vec<Sensor>, SnmpError> {
    let Some(table) = at.table(profiles) else { return Ok(Vec::new()) };
    let columns = table.columns();
    let entry = table.entry(object_id);
    let rows = rows(client, &entry, &columns).await?;
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
    places.fetch(client).await?;
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
        found.push(Sensor {
            label: Label { kind: rule.kind, place: worded },
            oid,
            rule: RuleAt { gauge, ..at },
            scale,
            value,
            sent: own.cloned(),
        });
    }
    Ok(found)
}

async fn rows(client: &mut Client, entry: &[u8], columns: &[u32]) -> Result<Rows, SnmpError> {
    let oids: Vec<Vec<u8>> = columns.iter().map(|column| instance(entry, *column, &[])).collect();
    let mut rows = Rows::new();
    let walked = walk(client, &oids, MAX_ROWS * columns.len(), |column, index, value| {
        if rows.len() < MAX_ROWS || rows.contains_key(index) {
            let cells = rows.entry(index.to_vec()).or_insert_with(|| vec![None; columns.len()]);
            cells[column] = Cell::of(value);
        }
    });
    match walked.await {
        // A table out of order is no reason to lose what stands before, or the other tables.
        Ok(()) | Err(SnmpError::Backwards) => Ok(rows),
        Err(error) => Err(error),
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
