//! Walking columns of a table together, some rows at a time.
//!
//! The rule it guards: a walk ends. A device that counts backwards, leaves the columns or never ends is given up; one
//! whose rows do not fit an answer is asked for fewer at a time.

use kentongan_model::profile::oid::arcs;

use super::{
    SnmpError,
    client::Client,
    pdu::{Answer, Value},
};

/// Objects in one answer, at most: as many rows as that makes.
const OBJECTS: usize = 40;
/// Rows in one answer, at most.
const ROWS: usize = 10;

/// Walks columns, given as BER bytes, until each has ended or `most` objects have been seen. Each object is told with
/// the place of its column among them and its index.
pub(super) async fn walk(
    client: &mut Client,
    columns: &[Vec<u8>],
    most: usize,
    mut tell: impl FnMut(usize, &[u8], Value<'_>),
) -> Result<(), SnmpError> {
    let patience = client.patience;
    let walked = walk_on(client, columns, most, &mut tell).await;
    client.patience = patience;
    walked
}

async fn walk_on(
    client: &mut Client,
    columns: &[Vec<u8>],
    most: usize,
    tell: &mut impl FnMut(usize, &[u8], Value<'_>),
) -> Result<(), SnmpError> {
    let tries = client.patience.tries;
    // Place of the column, and where it is to go on.
    let mut open: Vec<(usize, Vec<u8>)> = columns.iter().cloned().enumerate().collect();
    let mut rows = ROWS.min(OBJECTS / columns.len().max(1)).max(1);
    if client.is_bulkless {
        rows = 1;
    }
    let (mut seen, mut unanswered) = (0, false);
    while !open.is_empty() && seen < most {
        // Many rows are asked for once: a smaller question may get what a second such question would not.
        client.patience.tries = if rows > 1 { 1 } else { tries };
        let from: Vec<&[u8]> = open.iter().map(|(_, last)| last.as_slice()).collect();
        let answer = match client.following(&from, u16::try_from(rows).unwrap_or(1)).await {
            Ok(answer) => answer,
            // noSuchName: the end of the tree (RFC 1157 section 4.1.3).
            Err(SnmpError::Status { status: 2, index })
                if client.is_v1() && (1..=open.len()).contains(&index) =>
            {
                open.remove(index - 1);
                continue;
            }
            // tooBig; or an answer so long that it is lost on the way.
            Err(error @ (SnmpError::Status { status: 1, .. } | SnmpError::Timeout)) if rows > 1 => {
                unanswered = matches!(error, SnmpError::Timeout);
                rows = if rows > 4 { 4 } else { 1 };
                continue;
            }
            Err(error) => return Err(error),
        };
        // The next walk does not wait for what does not come.
        client.is_bulkless |= unanswered && rows == 1 && seen == 0;
        seen += answer.len();
        step(&mut open, columns, &answer, tell)?;
    }
    Ok(())
}

/// Takes an answer in: what it tells, and where the walk goes on.
fn step(
    open: &mut Vec<(usize, Vec<u8>)>,
    columns: &[Vec<u8>],
    answer: &Answer,
    tell: &mut impl FnMut(usize, &[u8], Value<'_>),
) -> Result<(), SnmpError> {
    let width = open.len();
    let mut ended = vec![false; width];
    for (place, (oid, value)) in answer.objects().enumerate() {
        let place = place % width;
        let (column, last) = &mut open[place];
        let Some(index) = oid.strip_prefix(columns[*column].as_slice()).filter(|_| value != Value::Missing)
        else {
            ended[place] = true;
            continue;
        };
        if ended[place] {
            continue;
        }
        if !is_after(index, &last[columns[*column].len()..]) {
            return Err(SnmpError::Backwards);
        }
        last.truncate(columns[*column].len());
        last.extend_from_slice(index);
        tell(*column, index, value);
    }
    let mut ended = ended.into_iter();
    open.retain(|_| !ended.next().unwrap_or(true));
    Ok(())
}

/// Whether an index lies behind another, number by number.
fn is_after(index: &[u8], before: &[u8]) -> bool {
    arcs(index).gt(arcs(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_held_against_each_other_number_by_number() {
        assert!(is_after(&[1], &[]) && is_after(&[2], &[1, 5]) && is_after(&[1, 0], &[1]));
        // 16384 behind 16383, though its bytes look smaller.
        assert!(is_after(&[0x81, 0x80, 0x00], &[0xff, 0x7f]));
        assert!(
            !is_after(&[], &[]) && !is_after(&[1], &[1]) && !is_after(&[0xff, 0x7f], &[0x81, 0x80, 0x00])
        );
    }
}
