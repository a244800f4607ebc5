//! Device profiles: which tables of which devices hold what, as data. A new vendor needs a file, and no new agent.
//!
//! Profiles live with the collector ([docs/snmp.md](../../../docs/snmp.md)) and travel in the plan, once for all of its
//! devices; the agent finds out by sysObjectID and sysDescr which of them apply. Here is what a profile may say.

pub mod oid;
mod place;
mod raw;

pub use oid::{NoObjectId, ObjectId};
pub use place::{NoPlace, Part, Place};
use serde::{Deserialize, Serialize};

use crate::gauge::GaugeKind;

/// Profiles in a plan at most; a collector with more refuses them.
pub const MAX_PROFILES: usize = 200;
/// Bytes that all profiles of a plan take in it, at most: routers keep them in memory, and take 16 MiB for a plan.
pub const MAX_PROFILES_LENGTH: usize = 1 << 20;
/// Tables in a profile, and gauges in a table, at most.
pub const MAX_TABLES: usize = 64;
/// Columns of one table that its gauges may refer to: they are asked for together, and have to fit one answer.
pub const MAX_COLUMNS: usize = 24;

/// What is read of a family of devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What people call the family.
    pub name: String,
    /// The sysObjectIDs of the family, each with all that lies below it. With none the profile applies to every device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub object_ids: Vec<ObjectId>,
    /// sysDescr contains one of these, in any case; for families that share a sysObjectID.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub description_has: Vec<String>,
    /// sysDescr contains none of these, in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub description_lacks: Vec<String>,
    /// Its tables.
    #[serde(rename = "table")]
    pub tables: Vec<Table>,
}

/// A table of a device, and the gauges in it. A scalar is a table with the one index 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "raw::Table")]
pub struct Table {
    /// The row object ("entry"): its columns lie right below.
    pub oid: ObjectId,
    /// The row object is what follows the device's own sysObjectID: some vendors give each model a tree.
    #[serde(skip_serializing_if = "is_default")]
    pub below_own_id: bool,
    /// Where a row is.
    #[serde(skip_serializing_if = "Place::is_whole_device")]
    pub place: Place,
    /// What is read of each row.
    #[serde(rename = "gauge")]
    pub gauges: Vec<Rule>,
}

/// A gauge that each row of a table has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "raw::Rule")]
pub struct Rule {
    /// What it says, and in which unit.
    pub kind: GaugeKind,
    /// Where the number comes from.
    #[serde(flatten)]
    pub source: Source,
    /// Where it is, other than the table says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Which number of a text it is.
    #[serde(skip_serializing_if = "is_default")]
    pub take: Take,
    /// The number has 16 bits and a sign, however it is sent.
    #[serde(skip_serializing_if = "is_default")]
    pub sixteen_bits: bool,
    /// Numbers, as sent, that mean that there is no reading.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<i64>,
    /// What the number is multiplied by.
    #[serde(skip_serializing_if = "is_one")]
    pub times: f64,
    /// What is added then.
    #[serde(skip_serializing_if = "is_default")]
    pub plus: f64,
    /// The column that says how many digits stand behind the point (EntitySensorPrecision, RFC 3433).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<u32>,
    /// The column that says the decimal prefix of the unit (EntitySensorDataScale, RFC 3433).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<u32>,
    /// The number is a power in this unit, and becomes dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<PowerUnit>,
    /// A column whose number is certain. If this one agrees with it when multiplied alike, or is negative, then
    /// it is no power, but was sent in that column's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unless_as: Option<Witness>,
    /// Columns that must have one of some values, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
    /// Columns that must not have one of some values, none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Condition>,
    /// Words of which the place must have one, in any case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub says: Vec<String>,
    /// How the index begins, read as a text; `{text}` is the rest of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub begins: String,
    /// Rows with the same place are added up.
    #[serde(skip_serializing_if = "is_default")]
    pub sum: bool,
}

/// Where a gauge's number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This column.
    Column(u32),
    /// Each row stands for this number: tables with a row for each client are counted by it.
    Each(i32),
}

/// Which number of a text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// The first.
    #[default]
    Number,
    /// The first between parentheses, or the first if there are none: `0.03 mW (-14.61 dBm)`.
    Bracketed,
}

/// A unit of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerUnit {
    /// Watts.
    W,
    /// Thousandths.
    #[serde(rename = "mW")]
    Milliwatt,
    /// Millionths.
    #[serde(rename = "uW")]
    Microwatt,
}

impl PowerUnit {
    /// How many milliwatts it is.
    #[must_use]
    pub fn milliwatts(self) -> f64 {
        match self {
            PowerUnit::W => 1e3,
            PowerUnit::Milliwatt => 1.0,
            PowerUnit::Microwatt => 1e-3,
        }
    }
}

/// A column whose number is certain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Which column.
    pub column: u32,
    /// What its number is multiplied by to be in the gauge's unit.
    pub times: f64,
}

/// A column and values of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Which column.
    pub column: u32,
    /// The values.
    pub is: Vec<i64>,
}

impl Profile {
    /// Whether it applies to a device.
    #[must_use]
    pub fn is_for(&self, object_id: &[u8], description: &str) -> bool {
        let description = description.to_ascii_lowercase();
        let says =
            |words: &[String]| words.iter().any(|word| description.contains(&word.to_ascii_lowercase()));
        let below = |family: &ObjectId| object_id.starts_with(family.as_ber());
        (self.object_ids.is_empty() || self.object_ids.iter().any(below))
            && (self.description_has.is_empty() || says(&self.description_has))
            && !says(&self.description_lacks)
    }
}

impl Table {
    /// The row object in a device with this sysObjectID, as BER bytes.
    #[must_use]
    pub fn entry(&self, object_id: &[u8]) -> Vec<u8> {
        if !self.below_own_id {
            return self.oid.as_ber().to_vec();
        }
        let mut entry = object_id.to_vec();
        self.oid.arcs().for_each(|arc| oid::push_arc(&mut entry, arc));
        entry
    }

    /// The columns that its gauges and places refer to, each once.
    #[must_use]
    pub fn columns(&self) -> Vec<u32> {
        let in_place = |place: &Place| -> Vec<u32> {
            let column = |part: &Part| if let Part::Column(column) = part { Some(*column) } else { None };
            place.parts().iter().filter_map(column).collect()
        };
        let mut columns = Vec::new();
        for rule in &self.gauges {
            if let Source::Column(column) = rule.source {
                columns.push(column);
            }
            columns.extend(rule.precision.iter().chain(&rule.prefix));
            columns.extend(rule.unless_as.map(|witness| witness.column));
            columns.extend(rule.when.iter().chain(&rule.unless).map(|condition| condition.column));
            columns.extend(in_place(rule.place.as_ref().unwrap_or(&self.place)));
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether its rows are counted, so that they have to be looked through each time.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.gauges.iter().any(|rule| matches!(rule.source, Source::Each(_)))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::float_cmp, reason = "exactly what is written when nothing is")]
fn is_one(value: &f64) -> bool {
    *value == 1.0
}
