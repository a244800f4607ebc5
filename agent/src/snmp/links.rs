//! Which ifIndexes a device's planned links have: ifName and ifAlias walked together; ifDescr where there is no ifName.
//!
//! A link is meant by its name or its ifAlias, exactly. The indexes are kept until something says that they may have
//! changed.

use std::collections::BTreeSet;

use super::{
    SnmpError,
    client::Client,
    columns::{Column, if_index},
    pdu::Value,
    walk::walk,
};

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
pub(super) async fn find(client: &mut Client, links: &[String]) -> Result<Vec<Found>, SnmpError> {
    let mut found: Vec<Found> = Vec::new();
    let mut has_names = false;
    let columns = [Column::Name.oid(), Column::Alias.oid()];
    walk(client, &columns, 2 * MAX_INTERFACES, |column, index, value| {
        has_names |= column == 0;
        look(&mut found, links, index, value);
    })
    .await?;
    if !has_names {
        let columns = [Column::Descr.oid()];
        walk(client, &columns, MAX_INTERFACES, |_, index, value| look(&mut found, links, index, value))
            .await?;
    }
    Ok(found)
}

/// The ifIndexes of all interfaces, in their order, whichever columns they are in: many devices leave some out.
pub(super) async fn all(client: &mut Client) -> Result<BTreeSet<u32>, SnmpError> {
    let columns = [Column::OperStatus, Column::Descr, Column::Name].map(Column::oid);
    let mut all = BTreeSet::new();
    walk(client, &columns, 3 * MAX_INTERFACES, |_, index, _| all.extend(if_index(index))).await?;
    Ok(all)
}

fn look(found: &mut Vec<Found>, links: &[String], index: &[u8], value: Value<'_>) {
    if let (Some(if_index), Value::Text(bytes)) = (if_index(index), value) {
        note(found, links, &text(bytes), if_index);
    }
}

fn note(found: &mut Vec<Found>, links: &[String], text: &str, if_index: u32) {
    for (link, _) in (0u16..).zip(links).filter(|(_, name)| *name == text) {
        let of_link = || found.iter().filter(|other| other.link == link);
        if of_link().all(|other| other.if_index != if_index) && of_link().count() < MAX_MATCHES {
            found.push(Found { link, if_index });
        }
    }
}

/// A device's text as text, without blanks and the zeros that some put behind it, and no longer than ifAlias may be
/// (255 bytes).
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).trim_end_matches('\0').trim().to_owned();
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
        assert_eq!(text(b" eth0 \0\0"), "eth0");
        assert_eq!(text(&[0xff]), "\u{fffd}");
        assert!(text("é".repeat(200).as_bytes()).len() == 254);
    }
}
