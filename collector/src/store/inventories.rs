//! The inventories in force: what the judge judged by, and from which place of the journal on.
//!
//! The rule it guards: the journal alone says how it was judged. A replay changes inventories where the judge did, so
//! that nothing hangs on the file of today. They are kept as long as the entries that they apply to, and no more than
//! [`MOST`]; what goes is counted in `kentongan_inventories_dropped_total`.

use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use kentongan_model::{
    inventory::{MaintenanceWindow, Network},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{StoreError, journal::Position};
use crate::inventory::Inventory;

/// Changes of the inventory that are kept at most; beyond, the oldest go, and what they applied to is judged by the
/// oldest that stays.
const MOST: i64 = 10_000;
/// Bytes of a file that are unpacked at most; what is larger is damaged.
const LARGEST: u64 = 256 << 20;

/// The number of an inventory in force, from 1; 0 is none.
pub(crate) type InForceId = i64;

/// From where on an inventory applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    /// Its number.
    pub(crate) id: InForceId,
    /// The last entry that is judged by the one before.
    pub(crate) position: Position,
    /// When it was taken over.
    pub(crate) since: Timestamp,
    /// The digest of file and windows.
    pub(crate) digest: String,
}

/// An inventory that is taken over.
#[derive(Debug, Clone)]
pub(crate) struct TakenOver {
    /// The inventory.
    pub(crate) inventory: Arc<Inventory>,
    /// The last entry that is judged by the one before.
    pub(crate) position: Position,
    /// When it is taken over.
    pub(crate) since: Timestamp,
}

/// Records an inventory that is taken over; tells its number. One that is in force already is not recorded again.
pub(crate) fn record(conn: &Connection, taken: &TakenOver) -> Result<InForceId, StoreError> {
    let TakenOver { inventory, position, since } = taken;
    let last = last(conn)?;
    if let Some(last) = last.as_ref().filter(|last| last.digest == inventory.digest) {
        return Ok(last.id);
    }
    let text = hex::encode(Sha256::digest(inventory.text.as_bytes()));
    let known = conn
        .prepare_cached("SELECT 1 FROM inventory_texts WHERE digest = ?1")?
        .query_row([&text], |_| Ok(()))
        .optional()?;
    if known.is_none() {
        let mut deflated = ZlibEncoder::new(Vec::new(), Compression::default());
        let packed = deflated.write_all(inventory.text.as_bytes()).and_then(|()| deflated.finish());
        let packed = packed.map_err(|_| StoreError::Damaged { what: "inventory" })?;
        conn.execute(
            "INSERT INTO inventory_texts (digest, deflated) VALUES (?1, ?2)",
            params![text, packed],
        )?;
    }
    let windows =
        serde_json::to_string(&*inventory.windows).map_err(|_| StoreError::Damaged { what: "inventory" })?;
    // The first is all that is known of what was before it.
    let position = if last.is_none() { 0 } else { *position };
    conn.execute(
        "INSERT INTO inventories (position, since, digest, text, windows) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![position, since.as_millis(), inventory.digest, text, windows],
    )?;
    Ok(conn.last_insert_rowid())
}

/// Where each inventory began to apply, in order.
pub(crate) fn list(conn: &Connection) -> Result<Vec<InForce>, StoreError> {
    let mut query = conn.prepare_cached("SELECT id, position, since, digest FROM inventories ORDER BY id")?;
    let rows = query.query_map([], |row| {
        Ok(InForce {
            id: row.get(0)?,
            position: row.get(1)?,
            since: Timestamp::from_millis(row.get(2)?),
            digest: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The one that was recorded last.
pub(crate) fn last(conn: &Connection) -> Result<Option<InForce>, StoreError> {
    Ok(list(conn)?.pop())
}

/// The inventory of that number, as it was; it has no secrets, for nobody is asked by it.
pub(crate) fn read(conn: &Connection, id: InForceId) -> Result<Inventory, StoreError> {
    let damaged = StoreError::Damaged { what: "inventory" };
    let row: Option<(Vec<u8>, String)> = conn
        .prepare_cached(
            "SELECT deflated, windows FROM inventories JOIN inventory_texts ON inventory_texts.digest = text
             WHERE id = ?1",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((deflated, windows)) = row else { return Err(damaged) };
    let mut text = String::new();
    let unpacked = ZlibDecoder::new(&deflated[..]).take(LARGEST).read_to_string(&mut text);
    let windows: Result<Vec<MaintenanceWindow>, _> = serde_json::from_str(&windows);
    match (unpacked, windows, Network::parse(&text)) {
        (Ok(_), Ok(windows), Ok(network)) => {
            Ok(Inventory::new(network, text.into(), windows.into(), std::collections::BTreeMap::new()))
        }
        _ => Err(damaged),
    }
}

/// Lets go of the inventories that apply to nothing that is kept, and of those beyond [`MOST`]; says how many went.
pub(crate) fn forget(conn: &Connection) -> Result<usize, StoreError> {
    let gone = conn.execute(
        "DELETE FROM inventories WHERE id <= (SELECT max(id) FROM inventories) - ?1
           OR id < (SELECT max(id) FROM inventories
                    WHERE position < (SELECT min(position) FROM deliveries))",
        [MOST],
    )?;
    if gone > 0 {
        conn.execute("DELETE FROM inventory_texts WHERE digest NOT IN (SELECT text FROM inventories)", [])?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JOURNAL_STEPS, open};

    fn record(
        conn: &Connection,
        inventory: Inventory,
        position: Position,
        since: Timestamp,
    ) -> Result<InForceId, StoreError> {
        super::record(conn, &TakenOver { inventory: Arc::new(inventory), position, since })
    }

    fn inventory(name: &str, windows: Vec<MaintenanceWindow>) -> Inventory {
        let text = format!(
            "[network]\nname = '{name}'\n[[site]]\nid = 'noc'\nname = 'NOC'\nkind = 'backbone'\naddress = '10.0.0.1'\n"
        );
        Inventory::new(Network::parse(&text).unwrap(), text.into(), windows.into(), Default::default())
    }

    #[test]
    fn what_was_in_force_reads_back_as_it_was_windows_included() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        let at = Timestamp::from_millis;
        let window = MaintenanceWindow {
            site: "noc".parse().unwrap(),
            from: at(5),
            to: at(9),
            reason: None,
            added_at: None,
        };
        assert_eq!(record(&conn, inventory("a", vec![]), 70, at(1)).unwrap(), 1);
        assert_eq!(record(&conn, inventory("a", vec![]), 80, at(2)).unwrap(), 1, "it is in force already");
        assert_eq!(record(&conn, inventory("a", vec![window.clone()]), 90, at(3)).unwrap(), 2);
        assert_eq!(record(&conn, inventory("b", vec![]), 95, at(4)).unwrap(), 3);
        let places: Vec<_> = list(&conn).unwrap().iter().map(|known| (known.position, known.since)).collect();
        assert_eq!(places, [(0, at(1)), (90, at(3)), (95, at(4))], "the first applies from the beginning");
        let read_back = read(&conn, 2).unwrap();
        assert_eq!(read_back.digest, inventory("a", vec![window.clone()]).digest);
        assert_eq!(read_back.network.maintenance, [window]);
        let texts: i64 =
            conn.query_row("SELECT count(*) FROM inventory_texts", [], |row| row.get(0)).unwrap();
        assert_eq!(texts, 2, "each text once");
    }

    #[test]
    fn an_inventory_goes_when_nothing_is_kept_that_it_applies_to() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        conn.pragma_update(None, "foreign_keys", "OFF").unwrap();
        for (name, position) in [("a", 0), ("b", 10), ("c", 20), ("d", 30)] {
            record(&conn, inventory(name, vec![]), position, Timestamp::default()).unwrap();
        }
        assert_eq!(forget(&conn).unwrap(), 0, "a journal without entries keeps all");
        conn.execute(
            "INSERT INTO deliveries (position, agent, series, sequence, received_at, plan, digest, bytes)
             VALUES (21, 1, 1, 1, 0, 0, x'', x'')",
            [],
        )
        .unwrap();
        assert_eq!(forget(&conn).unwrap(), 2);
        assert_eq!(list(&conn).unwrap()[0].id, 3, "21 is judged by the third");
        assert!(matches!(read(&conn, 1), Err(StoreError::Damaged { .. })));
        assert!(read(&conn, 3).is_ok());
    }

    #[test]
    fn a_damaged_inventory_is_told_and_nothing_panics() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        record(&conn, inventory("a", vec![]), 0, Timestamp::default()).unwrap();
        conn.execute("UPDATE inventory_texts SET deflated = substr(deflated, 1, 9)", []).unwrap();
        assert!(matches!(read(&conn, 1), Err(StoreError::Damaged { what: "inventory" })));
    }
}
