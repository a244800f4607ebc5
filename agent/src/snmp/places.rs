//! Wording where a gauge is: names are fetched from the tables that a place refers to, many at a time.

use std::collections::BTreeMap;

use kentongan_model::{
    profile::{Part, Place, oid::arcs, oid::push_arc},
    wire::MAX_TEXT,
};

use super::{SnmpError, client::Client, links::text, measure::Cell, sensors::index_text};

/// Objects in one request.
const AT_ONCE: usize = 20;

/// ifName and ifDescr (IF-MIB, RFC 2863).
const INTERFACE: [&[u8]; 2] = [&[0x2b, 6, 1, 2, 1, 31, 1, 1, 1, 1], &[0x2b, 6, 1, 2, 1, 2, 2, 1, 2]];
/// entPhysicalName and entPhysicalDescr (ENTITY-MIB, RFC 6933).
const ENTITY: [&[u8]; 2] = [&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 7], &[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 2]];

/// The names that places refer to, by the object that holds each.
#[derive(Default)]
pub(super) struct Places {
    names: BTreeMap<Vec<u8>, String>,
    /// What to ask for instead where a name is empty.
    instead: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Places {
    /// Notes what has to be fetched to word this place.
    pub(super) fn want(&mut self, place: &Place, index: &[u8]) {
        for part in place.parts() {
            match part {
                Part::Interface => self.want_either(INTERFACE, index),
                Part::Entity => self.want_either(ENTITY, index),
                Part::At(column) => {
                    self.names.insert([column.as_ber(), index].concat(), String::new());
                }
                Part::Text(_) | Part::Column(_) | Part::Index | Part::Arc(_) | Part::IndexText => {}
            }
        }
    }

    fn want_either(&mut self, [name, description]: [&[u8]; 2], index: &[u8]) {
        let oid = by_first(name, index);
        self.instead.insert(oid.clone(), by_first(description, index));
        self.names.insert(oid, String::new());
    }

    /// Fetches the names: those that are empty or missing from where they may be instead.
    pub(super) async fn fetch(&mut self, client: &mut Client) -> Result<(), SnmpError> {
        let wanted: Vec<&[u8]> = self.names.keys().map(Vec::as_slice).collect();
        let mut cells = vec![None; wanted.len()];
        get_each(client, &wanted, &mut cells).await?;
        self.names.values_mut().zip(cells).for_each(|(name, cell)| *name = word(cell));
        let empty = self.instead.iter().filter(|(oid, _)| self.names.get(*oid).is_some_and(String::is_empty));
        let empty: Vec<(Vec<u8>, Vec<u8>)> =
            empty.map(|(oid, instead)| (oid.clone(), instead.clone())).collect();
        let asked: Vec<&[u8]> = empty.iter().map(|(_, instead)| instead.as_slice()).collect();
        let mut cells = vec![None; asked.len()];
        get_each(client, &asked, &mut cells).await?;
        for ((oid, _), cell) in empty.into_iter().zip(cells) {
            self.names.insert(oid, word(cell));
        }
        Ok(())
    }

    /// The place in words; the index where they say nothing.
    pub(super) fn word(
        &self,
        place: &Place,
        index: &[u8],
        begins: &str,
        column: impl Fn(u32) -> Option<String>,
    ) -> String {
        let named = |oid: Vec<u8>| self.names.get(&oid).cloned().unwrap_or_default();
        let or_index = |name: String| if name.is_empty() { dotted(index) } else { name };
        let mut worded = String::new();
        for part in place.parts() {
            worded.push_str(&match part {
                Part::Text(text) => text.clone(),
                Part::Interface => or_index(named(by_first(INTERFACE[0], index))),
                Part::Entity => or_index(named(by_first(ENTITY[0], index))),
                Part::At(column) => named([column.as_ber(), index].concat()),
                Part::Column(number) => column(*number).unwrap_or_default(),
                Part::Index => dotted(index),
                Part::Arc(number) => {
                    let arc = arcs(index).nth(usize::from(number.saturating_sub(1)));
                    arc.map(|arc| arc.to_string()).unwrap_or_default()
                }
                Part::IndexText => index_text(index).trim_start_matches(begins).to_owned(),
            });
        }
        let mut worded = worded.split_whitespace().collect::<Vec<_>>().join(" ");
        if worded.is_empty() && !place.is_whole_device() {
            worded = dotted(index);
        }
        shorten(&mut worded, MAX_TEXT);
        worded
    }
}

/// An index as people write it.
pub(super) fn dotted(index: &[u8]) -> String {
    arcs(index).map(|arc| arc.to_string()).collect::<Vec<_>>().join(".")
}

/// Cuts a text to a length.
pub(super) fn shorten(text: &mut String, length: usize) {
    let end = (0..=text.len().min(length)).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
}

/// The instance of a column whose index is the first number of this one.
fn by_first(column: &[u8], index: &[u8]) -> Vec<u8> {
    let mut oid = column.to_vec();
    push_arc(&mut oid, arcs(index).next().unwrap_or(0));
    oid
}

fn word(cell: Option<Cell>) -> String {
    match cell {
        Some(Cell::Text(bytes)) => text(&bytes).trim().to_owned(),
        Some(Cell::Number(number)) => number.to_string(),
        None => String::new(),
    }
}

/// Asks for objects, some at a time, each of which has its place in `cells`: what came stays there when no more comes.
/// What a device does not have is none.
pub(super) async fn get_each(
    client: &mut Client,
    oids: &[&[u8]],
    cells: &mut [Option<Cell>],
) -> Result<(), SnmpError> {
    // What is still to be asked for, and how much at once.
    let mut left: Vec<usize> = (0..oids.len()).rev().collect();
    let mut at_once = AT_ONCE;
    while !left.is_empty() {
        let asked: Vec<usize> = left.iter().rev().take(at_once).copied().collect();
        let these: Vec<&[u8]> = asked.iter().map(|place| oids[*place]).collect();
        match client.get(&these).await {
            Ok(answer) => {
                for (place, (_, value)) in asked.iter().zip(answer.objects()) {
                    cells[*place] = Cell::of(value);
                }
                left.truncate(left.len() - asked.len());
            }
            // tooBig.
            Err(SnmpError::Status { status: 1, .. }) if at_once > 1 => at_once = at_once.div_ceil(2),
            // noSuchName of v1, or genErr: all but the one that it cannot give.
            Err(SnmpError::Status { status: 2 | 5, index }) if (1..=asked.len()).contains(&index) => {
                left.remove(left.len() - index);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
