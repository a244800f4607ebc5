//! Tables and gauges as a profile writes them, before they are checked: what a file says wrongly is told here, at its
//! place in the file.

use serde::Deserialize;

use super::{
    Condition, GaugeKind, MAX_COLUMNS, MAX_TABLES, ObjectId, Place, PowerUnit, Source, Take, Witness,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    oid: ObjectId,
    #[serde(default)]
    below_own_id: bool,
    #[serde(default)]
    place: Place,
    #[serde(rename = "gauge")]
    gauges: Vec<super::Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    kind: GaugeKind,
    column: Option<u32>,
    each: Option<i32>,
    place: Option<Place>,
    #[serde(default)]
    take: Take,
    #[serde(default)]
    sixteen_bits: bool,
    #[serde(default)]
    none: Vec<i64>,
    #[serde(default = "one")]
    times: f64,
    #[serde(default)]
    plus: f64,
    precision: Option<u32>,
    prefix: Option<u32>,
    power: Option<PowerUnit>,
    unless_as: Option<Witness>,
    #[serde(default)]
    when: Vec<Condition>,
    #[serde(default)]
    unless: Vec<Condition>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    begins: String,
    #[serde(default)]
    sum: bool,
}

fn one() -> f64 {
    1.0
}

impl TryFrom<Table> for super::Table {
    type Error = String;
    fn try_from(raw: Table) -> Result<Self, String> {
        let table = super::Table {
            oid: raw.oid,
            below_own_id: raw.below_own_id,
            place: raw.place,
            gauges: raw.gauges,
        };
        let columns = table.columns().len();
        if table.gauges.is_empty() || table.gauges.len() > MAX_TABLES {
            return Err(format!("a table has one to {MAX_TABLES} gauges"));
        }
        if columns == 0 {
            return Err(
                "a table whose rows are counted needs a column to find them by: say it in `place` or `when`"
                    .to_owned(),
            );
        }
        if columns > MAX_COLUMNS {
            return Err(format!(
                "the gauges of one table refer to {MAX_COLUMNS} columns at most; make it two tables"
            ));
        }
        Ok(table)
    }
}

impl TryFrom<Rule> for super::Rule {
    type Error = &'static str;
    fn try_from(raw: Rule) -> Result<Self, Self::Error> {
        let source = match (raw.column, raw.each) {
            (Some(column), None) => Source::Column(column),
            (None, Some(each)) => Source::Each(each),
            (None, None) => return Err("where does it come from? say `column` or `each`"),
            (Some(_), Some(_)) => return Err("a gauge has `column` or `each`, not both"),
        };
        if !(raw.times.is_finite() && raw.times != 0.0 && raw.plus.is_finite()) {
            return Err("`times` is a number other than 0");
        }
        if raw.unless_as.is_some() && raw.power.is_none() {
            return Err("`unless_as` belongs to `power`: it tells when the number is none");
        }
        Ok(super::Rule {
            kind: raw.kind,
            source,
            place: raw.place,
            take: raw.take,
            sixteen_bits: raw.sixteen_bits,
            none: raw.none,
            times: raw.times,
            plus: raw.plus,
            precision: raw.precision,
            prefix: raw.prefix,
            power: raw.power,
            unless_as: raw.unless_as,
            when: raw.when,
            unless: raw.unless,
            says: raw.says,
            begins: raw.begins,
            sum: raw.sum || matches!(source, Source::Each(_)),
        })
    }
}
