//! Which sites are listed when not all fit: those in trouble first, those that are up only when all of them fit.
//!
//! The rule it guards: what is chosen costs no more bytes than there are. Every group that is left out and every site
//! that is not listed is counted on the page instead. Pure.

/// What a site costs and how much it matters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Its bytes.
    pub(super) bytes: usize,
    /// How much it matters: 0 most, none when it is up and nothing has to be said.
    pub(super) urgency: Option<u8>,
}

/// A group and its sites in the order in which they are shown, the most urgent first.
#[derive(Debug)]
pub(super) struct Offer {
    /// Its bytes without any site, what counts the unlisted ones included.
    pub(super) bytes: usize,
    /// Its sites.
    pub(super) sites: Vec<Candidate>,
}

/// For each group how many of its sites are listed, from the first; none: the group is left out.
pub(super) fn choose(offers: &[Offer], budget: usize) -> Vec<Option<usize>> {
    let mut listed: Vec<Option<usize>> = vec![None; offers.len()];
    let mut left = budget;
    let mut most_urgent: Vec<(u8, usize, usize)> = Vec::new();
    for (group, offer) in offers.iter().enumerate() {
        for (place, site) in offer.sites.iter().enumerate() {
            most_urgent.extend(site.urgency.map(|urgency| (urgency, place, group)));
        }
    }
    // The first of each group before the second of any: a large outage hides no small one.
    most_urgent.sort_unstable();
    for (_, place, group) in most_urgent {
        let offer = &offers[group];
        let opening = if listed[group].is_none() { offer.bytes } else { 0 };
        let cost = opening + offer.sites[place].bytes;
        if listed[group].unwrap_or(0) == place && cost <= left {
            left -= cost;
            listed[group] = Some(place + 1);
        }
    }
    for (group, offer) in offers.iter().enumerate() {
        if listed[group].is_none() && offer.bytes <= left {
            left -= offer.bytes;
            listed[group] = Some(0);
        }
    }
    let rest = |(offer, listed): (&Offer, &Option<usize>)| {
        listed.map(|count| offer.sites[count..].iter().map(|site| site.bytes).sum::<usize>())
    };
    let all: Option<usize> = offers.iter().zip(&listed).map(rest).sum();
    if all.is_some_and(|bytes| bytes <= left) {
        return offers.iter().map(|offer| Some(offer.sites.len())).collect();
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(urgent: usize, up: usize) -> Offer {
        let site = |urgency| Candidate { bytes: 10, urgency };
        let sites = [vec![site(Some(0)); urgent], vec![site(None); up]].concat();
        Offer { bytes: 5, sites }
    }

    #[test]
    fn all_are_listed_when_all_fit_and_else_those_in_trouble_with_each_groups_first_before_any_second() {
        for (budget, expected) in [
            (75, [Some(2), Some(3), Some(1)]),
            (74, [Some(1), Some(2), Some(0)]),
            (45, [Some(1), Some(2), Some(0)]),
            (40, [Some(1), Some(2), None]),
            (39, [Some(1), Some(1), Some(0)]),
            (30, [Some(1), Some(1), None]),
            (20, [Some(1), Some(0), None]),
            (4, [None, None, None]),
        ] {
            let offers = [offer(1, 1), offer(2, 1), offer(0, 1)];
            assert_eq!(choose(&offers, budget), expected, "with {budget} bytes");
        }
    }
}
