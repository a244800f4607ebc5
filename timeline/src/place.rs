//! Who sees and what is seen, as small numbers.
//!
//! A vantage is a place, and so is what lies at the far end of evidence; what evidence tells about is a target, an agent
//! or a reference. Names for these are in `places`. Rule guarded here: the first target of a site is its gateway.

/// A place: the core, or a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u32);

impl Place {
    pub(crate) const CORE: Place = Place(0);

    pub(crate) fn of_site(site: usize) -> Self {
        Place(u32::try_from(site).unwrap_or(u32::MAX - 1) + 1)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn site(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

/// What a piece of evidence tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum About {
    /// A site's agent: heartbeats.
    Agent(u32),
    /// A site's gateway.
    Gateway(u32),
    /// Another target of a site, by its position.
    Other(u32, u32),
    /// A reference of the core, by its position.
    Reference(u32),
}

impl About {
    /// The agent of a site.
    #[expect(clippy::cast_possible_truncation, reason = "sites are counted in 32 bits")]
    pub(crate) fn agent(site: usize) -> Self {
        About::Agent(site as u32)
    }

    /// A target of a site, by its position; the first is the gateway.
    pub(crate) fn target(site: u32, position: u32) -> Self {
        if position == 0 { About::Gateway(site) } else { About::Other(site, position) }
    }

    /// The position of a target of a site.
    pub(crate) fn position(self) -> Option<u32> {
        match self {
            About::Gateway(_) => Some(0),
            About::Other(_, position) => Some(position),
            About::Agent(_) | About::Reference(_) => None,
        }
    }

    pub(crate) fn site(self) -> Option<usize> {
        match self {
            About::Agent(site) | About::Gateway(site) | About::Other(site, _) => Some(site as usize),
            About::Reference(_) => None,
        }
    }
}
