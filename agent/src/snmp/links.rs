//! Which ifIndexes a device's planned links have: ifName and ifAlias walked together, ten rows at a time.
//!
//! A link is meant by its ifName or its ifAlias, exactly. The indexes are kept until something says that they may have
//! changed. A device that counts backwards, leaves the columns or never ends is given up.

use super::{
    columns::Column,
    session::{Datum, Session, SnmpError},
};

/// Rows in one answer.
const ROWS: u32 = 10;
/// Most interfaces that a device is believed to have; of more, the first are looked at.
const MAX_INTERFACES: usize = 4_096;
/// Most interfaces that one link may mean; of more, the first are read.
const MAX_MATCHES: usize = 4;

/// An interface that a link means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Index of the link in the plan.
    pub(super) link: u16,
    pub(super) if_index: u32,
}

/// Finds the interfaces of these links.
pub(super) async fn find(session: &mut Session, links: &[String]) -> Result<Vec<Found>, SnmpError> {
    let mut found: Vec<Found> = Vec::new();
    let mut columns = vec![(Column::Name, None), (Column::Alias, None)];
    let mut seen = 0;
    while !columns.is_empty() && seen < MAX_INTERFACES * 2 {
        let from: Vec<Vec<u8>> = columns
            .iter()
            .map(|(column, last)| last.map_or_else(|| column.oid(), |index| column.at(index)))
            .collect();
        let answer = session.following(&from, ROWS).await?;
        let width = columns.len();
        if answer.len() < width {
            return Err(SnmpError::Malformed("not one whole row"));
        }
        let mut ended = vec![false; width];
        for (place, (oid, datum)) in answer.into_iter().enumerate() {
            let (column, last) = &mut columns[place % width];
            let Some(index) = column.index_of(&oid).filter(|_| datum != Datum::Missing) else {
                ended[place % width] = true;
                continue;
            };
            if ended[place % width] {
                continue;
            }
            if last.is_some_and(|last| index <= last) {
                return Err(SnmpError::Malformed("a walk that goes backwards"));
            }
            *last = Some(index);
            seen += 1;
            if let Datum::Text(bytes) = datum {
                note(&mut found, links, &text(&bytes), index);
            }
        }
        let mut place = 0;
        columns.retain(|_| {
            place += 1;
            !ended[place - 1]
        });
    }
    Ok(found)
}

fn note(found: &mut Vec<Found>, links: &[String], text: &str, if_index: u32) {
    for (link, _) in (0u16..).zip(links).filter(|(_, name)| *name == text) {
        let of_link = || found.iter().filter(|other| other.link == link);
        if of_link().all(|other| other.if_index != if_index) && of_link().count() < MAX_MATCHES {
            found.push(Found { link, if_index });
        }
    }
}

/// A device's text as text, without the zeros that some put behind it, and no longer than ifAlias may be (255 bytes).
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    let end = (0..=text.len().min(255)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_meant_by_its_exact_name_and_by_few_interfaces() {
        let links = ["ether1".to_owned(), "ke noc".to_owned()];
        let mut found = Vec::new();
        for (index, text) in
            (1..).zip(["ether1", "ke noc", "ether10", "ke NOC", "ke noc", "ke noc", "ke noc", "ke noc"])
        {
            note(&mut found, &links, text, index);
        }
        let of = |link| found.iter().filter(|f| f.link == link).map(|f| f.if_index).collect::<Vec<_>>();
        assert_eq!((of(0), of(1)), (vec![1], vec![2, 5, 6, 7]));
    }

    #[test]
    fn texts_lose_trailing_zeros_and_what_exceeds_255_bytes() {
        assert_eq!(text(b"eth0\0\0"), "eth0");
        assert_eq!(text(&[0xff]), "\u{fffd}");
        assert!(text("é".repeat(200).as_bytes()).len() == 254);
    }
}
