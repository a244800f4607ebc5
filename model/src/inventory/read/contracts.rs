//! The `[[contract]]` tables: what providers have promised. Each is of a provider that some site names, and no provider
//! has two.

use super::{
    Reading,
    table::Table,
    times::duration,
    values::{number, promised_percent, text, word},
};
use crate::{
    inventory::{
        Contract,
        limits::{MAX_CAUSES, MIN_OUTAGE, RESTITUTION},
    },
    state::Cause,
};

const CAUSES: [(&str, Cause); 3] =
    [("power", Cause::Power), ("link", Cause::Link), ("undetermined", Cause::Undetermined)];

/// Reads one contract; none when what it cannot do without is wrong.
pub(super) fn read<'a>(mut table: Table<'a>, reading: &mut Reading<'a>) -> Option<Contract> {
    let provider = table.required("provider", "provider = \"Icon+\"", text);
    let target = table.required("target", "target = 99.5", promised_percent);
    let min_outage = table.optional("min_outage", duration(MIN_OUTAGE));
    let not_counted =
        table.list("not_counted", MAX_CAUSES, "a list of causes such as [\"power\"]", word(&CAUSES));
    let restitution = table.optional("restitution", number(RESTITUTION));
    table.finish();
    provider.iter().for_each(|provider| reading.promises.contract(provider, reading.log));
    Some(Contract {
        provider: provider?.into_inner(),
        target: target?.into_inner(),
        min_outage: min_outage.map(toml::Spanned::into_inner).unwrap_or_default(),
        not_counted: not_counted.unwrap_or_default().into_iter().map(toml::Spanned::into_inner).collect(),
        restitution: restitution.map(toml::Spanned::into_inner),
    })
}
