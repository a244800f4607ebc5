//! Where in a device a gauge is, as a profile words it: text with what the row's index or its neighbours say.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::oid::ObjectId;

/// The wording of a place: `{interface} lane {index 2}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place(Vec<Part>);

/// A part of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Text(String),
    /// `{interface}`: the ifName, or else ifDescr, of the interface whose ifIndex the index begins with.
    Interface,
    /// `{entity}`: the entPhysicalName, or else entPhysicalDescr, of the index.
    Entity,
    /// `{column 4}`: the text of this column in the same row.
    Column(u32),
    /// `{index}`: the index, its numbers with dots between.
    Index,
    /// `{index 2}`: the second number of the index.
    Arc(u8),
    /// `{text}`: the index read as a text of which each number is a byte, with its length in front.
    IndexText,
    /// `{at 1.3.6.1.2.1.31.1.1.1.18}`: the text that this column of another table has at the same index.
    At(ObjectId),
}

/// A wording that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no place; between braces may stand: interface, entity, index, index 2, text, column 4, at 1.3.6.1"
)]
pub struct NoPlace(String);

impl Place {
    /// Its parts, in their order; none for the device as a whole.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Whether it is the device as a whole.
    #[must_use]
    pub fn is_whole_device(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Part {
    type Err = ();
    fn from_str(token: &str) -> Result<Self, ()> {
        let (word, of) = token.split_once(' ').unwrap_or((token, ""));
        Ok(match (word, of) {
            ("interface", "") => Part::Interface,
            ("entity", "") => Part::Entity,
            ("index", "") => Part::Index,
            ("index", of) => Part::Arc(of.parse().ok().filter(|arc| *arc > 0).ok_or(())?),
            ("text", "") => Part::IndexText,
            ("column", of) => Part::Column(of.parse().map_err(drop)?),
            ("at", of) => Part::At(of.parse().map_err(drop)?),
            _ => return Err(()),
        })
    }
}

impl FromStr for Place {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || NoPlace(text.to_owned());
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (token, after) = after.split_once('}').ok_or_else(fault)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(token.parse().map_err(|()| fault())?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Place(parts))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Interface => f.write_str("{interface}"),
            Part::Entity => f.write_str("{entity}"),
            Part::Column(column) => write!(f, "{{column {column}}}"),
            Part::Index => f.write_str("{index}"),
            Part::Arc(arc) => write!(f, "{{index {arc}}}"),
            Part::IndexText => f.write_str("{text}"),
            Part::At(oid) => write!(f, "{{at {oid}}}"),
        })
    }
}

impl TryFrom<String> for Place {
    type Error = NoPlace;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> String {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_what_is_not_understood_is_refused() {
        for text in [
            "",
            "{interface} lane {index 2}",
            "ONU {column 2}{text}",
            "{at 1.3.6.1.2.1.31.1.1.1.18} x",
            "{entity}{index}",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in
            ["{", "{interface", "{}", "{index 0}", "{index 300}", "{column}", "{at x}", "{interface 2}"]
        {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
