//! What SNMP answers tell about the links that the inventory names.
//!
//! A dark link makes its site degraded. Rules guarded here: an interface is meant by its name or its alias, exactly; a
//! link is dark from the answer that says so until the next answer that tells of it, and for 15 minutes at most.

use std::collections::BTreeMap;

use kentongan_model::{
    observation::{InterfaceState, Oper},
    time::Timestamp,
};

use crate::span::{Span, joined, plus};

/// How long an answer that a link is dark holds without another one.
pub(crate) const DARK_FOR_MS: i64 = 15 * 60 * 1000;

/// What an answer says about the interface that `meant` names; none when it does not tell of it. When several
/// interfaces match, one that is down is enough.
pub(crate) fn told(meant: &str, interfaces: &[InterfaceState]) -> Option<Oper> {
    let matching = interfaces.iter().filter(|interface| {
        interface.name.as_deref() == Some(meant) || interface.alias.as_deref() == Some(meant)
    });
    matching.filter_map(|interface| interface.oper).reduce(darker)
}

/// Of two tellings the one that counts: down is enough.
pub(crate) fn darker(one: Oper, other: Oper) -> Oper {
    if one == Oper::Down || other == Oper::Down { Oper::Down } else { Oper::Up }
}

/// When a link was dark, given every answer that told of it.
pub(crate) fn dark(tellings: &BTreeMap<Timestamp, Oper>) -> Vec<Span> {
    let ends = tellings.keys().skip(1).copied().chain([Timestamp::MAX]);
    let spans = tellings.iter().zip(ends).filter(|((_, oper), _)| **oper == Oper::Down);
    joined(spans.map(|((at, _), next)| Span::new(*at, next.min(plus(*at, DARK_FOR_MS)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::{at, span};

    #[test]
    fn a_link_is_dark_until_the_next_answer_that_tells_of_it_and_15_minutes_at_most() {
        let tellings =
            [(0, Oper::Up), (60, Oper::Down), (120, Oper::Down), (180, Oper::Up), (300, Oper::Down)];
        let tellings = tellings.into_iter().map(|(second, oper)| (at(second), oper)).collect();
        assert_eq!(dark(&tellings), [span(60, 180), span(300, 1200)]);
    }

    #[test]
    fn an_interface_is_meant_by_its_name_or_its_alias_exactly() {
        let interface = |name: &str, alias: &str, oper| InterfaceState {
            name: Some(name.into()),
            alias: Some(alias.into()),
            oper,
        };
        let seen = [
            interface("sfp1", "ke noc", Some(Oper::Up)),
            interface("sfp2", "sfp1", Some(Oper::Down)),
            interface("sfp3", "", None),
        ];
        assert_eq!(told("sfp1", &seen), Some(Oper::Down), "one that is down is enough");
        assert_eq!(told("ke noc", &seen), Some(Oper::Up));
        assert_eq!(told("sfp3", &seen), None, "no word about its state");
        assert_eq!(told("ke", &seen), None);
    }
}
