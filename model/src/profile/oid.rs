//! Object identifiers, as profiles write them (`1.3.6.1.2.1.2.2.1`) and as SNMP sends them (X.690 section 8.19).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An object identifier, kept as the content of its BER encoding: what begins with it lies below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId(Box<[u8]>);

/// A text that is no object identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no object identifier; write numbers with dots between, as 1.3.6.1.4.1.14988")]
pub struct NoObjectId(String);

impl ObjectId {
    /// The content of its BER encoding.
    #[must_use]
    pub fn as_ber(&self) -> &[u8] {
        &self.0
    }

    /// The identifier of this encoding, whatever a device sent.
    #[must_use]
    pub fn of_ber(ber: &[u8]) -> ObjectId {
        ObjectId(ber.into())
    }

    /// Its numbers.
    pub fn arcs(&self) -> impl Iterator<Item = u64> + '_ {
        let mut first = true;
        arcs(&self.0).flat_map(move |arc| {
            let pair = if std::mem::take(&mut first) {
                let top = (arc / 40).min(2);
                [Some(top), Some(arc - 40 * top)]
            } else {
                [Some(arc), None]
            };
            pair.into_iter().flatten()
        })
    }
}

/// The numbers of a part of an encoding; one that fits no integer is the largest there is.
pub fn arcs(ber: &[u8]) -> impl Iterator<Item = u64> + '_ {
    ber.split_inclusive(|byte| byte & 0x80 == 0).map(|arc| {
        let value =
            arc.iter().try_fold(0u64, |value, byte| Some(value.checked_mul(128)? | u64::from(byte & 0x7f)));
        value.unwrap_or(u64::MAX)
    })
}

/// Appends the encoding of a number.
pub fn push_arc(ber: &mut Vec<u8>, arc: u64) {
    let groups = (1..10u32).find(|groups| arc >> (7 * groups) == 0).unwrap_or(10);
    for group in (0..groups).rev() {
        let seven = (arc >> (7 * group)) as u8 & 0x7f;
        ber.push(if group > 0 { seven | 0x80 } else { seven });
    }
}

impl FromStr for ObjectId {
    type Err = NoObjectId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || NoObjectId(text.to_owned());
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        let numbers = numbers.map_err(|_| fault())?;
        let (top, second, rest) = match numbers.as_slice() {
            [top @ 0..=1, second @ 0..=39, rest @ ..] | [top @ 2, second, rest @ ..] if rest.len() <= 126 => {
                (*top, *second, rest)
            }
            _ => return Err(fault()),
        };
        let mut ber = Vec::new();
        push_arc(&mut ber, u64::from(top) * 40 + u64::from(second));
        for arc in rest {
            push_arc(&mut ber, u64::from(*arc));
        }
        Ok(ObjectId(ber.into()))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, arc) in self.arcs().enumerate() {
            write!(f, "{}{arc}", if place > 0 { "." } else { "" })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ObjectId {
    type Error = NoObjectId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ObjectId> for String {
    fn from(oid: ObjectId) -> String {
        oid.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_back_and_what_is_none_is_refused() {
        for text in
            ["1.3.6.1.4.1.2011.6.128.1.1.2.23.1.4.4194304000", "0.0", "2.999.4294967295", "1.3.127.128"]
        {
            assert_eq!(text.parse::<ObjectId>().unwrap().to_string(), text);
        }
        assert_eq!("1.3.6.1".parse::<ObjectId>().unwrap().as_ber(), [0x2b, 6, 1]);
        for text in ["", "1", ".1.3.6", "1.3.", "3.1", "1.40", "1.3.4294967296", "1.3.x", "1.3.-1"] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_device_sends_is_written_somehow() {
        assert_eq!(ObjectId::of_ber(&[0xff; 12]).to_string(), "2.18446744073709551535");
        assert_eq!(ObjectId::of_ber(&[]).to_string(), "");
    }
}
