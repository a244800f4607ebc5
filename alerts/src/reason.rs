//! Why something was told, withheld or given up: each reason is a named value with a word that is stored and a
//! sentence that is shown.
//!
//! No notice leaves or stays without one. A new rule adds a variant here and an arm in `decide`.

use std::fmt;

macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal: $sentence:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every variant.
            pub const ALL: &[$name] = &[$($name::$variant,)+];

            /// The word that is stored.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }

            /// The variant of that word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $($name::$variant => $sentence,)+
                })
            }
        }
    };
}

reasons! {
    /// What an entry of the feed is about.
    Topic {
        /// An incident is ripe to be told.
        Opened = "opened": "opened",
        /// An incident is over.
        Resolved = "resolved": "resolved",
        /// An incident is seen differently.
        Amended = "amended": "amended",
        /// The state of a site changed.
        SiteState = "site_state": "state",
        /// A site goes up and down too often to be told each time.
        Flapping = "flapping": "flapping",
        /// A site that did is stable.
        Steady = "steady": "stable",
        /// The entry cannot be read.
        Unreadable = "unreadable": "unreadable",
    }
}

reasons! {
    /// What a message says.
    Says {
        /// A site is cut off, and others with it.
        Opened = "opened": "cut off",
        /// It is back.
        Resolved = "resolved": "restored",
        /// A site goes up and down too often to be told each time.
        Flapping = "flapping": "flapping",
        /// A site that did is stable.
        Steady = "steady": "stable",
        /// Nothing happened: the channel is being tried.
        Test = "test": "test",
    }
}

reasons! {
    /// Why a message is sent.
    Why {
        /// One fault, told once.
        Outage = "outage": "a fault began",
        /// It is over, and its beginning was told.
        Restored = "restored": "the fault is over",
        /// It was withheld for maintenance, and runs on after it.
        OutlastedMaintenance = "outlasted_maintenance": "the fault runs on after its maintenance",
        /// It was withheld while nobody was to be served, and runs on into the service hours.
        ServiceBegan = "service_began": "the fault runs on into the service hours",
        /// A site changes more often than is told one by one.
        Flaps = "flaps": "the site goes up and down too often to be told each time",
        /// It was told as flapping, and no longer changes.
        Stable = "stable": "the site has been stable for long enough",
        /// It was withheld while the site flapped, and the site stays down.
        OutlastedFlapping = "outlasted_flapping": "the site was flapping and stays down",
        /// Somebody asked for it.
        Tried = "tried": "the channel is being tried",
    }
}

reasons! {
    /// Why nothing is sent.
    Withheld {
        /// Written long before this alerter first looked.
        History = "history": "it is history: older than the alerter's first look by more than an hour",
        /// Planned work explains it.
        Maintenance = "maintenance": "the fault lies wholly under maintenance",
        /// Nobody was to be served.
        OffHours = "off_hours": "the fault lies wholly outside the service hours",
        /// The site changes too often to be told each time.
        Flapping = "flapping": "the site is flapping, which was told once",
        /// Late observations told of an outage that was over long since.
        AlreadyOver = "already_over": "the fault was over for more than an hour when it became known",
        /// The channel heard it before.
        AlreadyTold = "already_told": "it was already told",
        /// The channel never heard of the beginning.
        OpeningNotTold = "opening_not_told": "its beginning was not told here",
        /// The message about the beginning never arrived.
        OpeningNotDelivered = "opening_not_delivered": "the message about its beginning was never delivered",
        /// States are told through incidents.
        StateOnly = "state_only": "states are told through incidents",
        /// The channel's `only` does not match.
        FilteredOut = "filtered_out": "the channel does not want to hear of these sites",
        /// The entry cannot be read.
        Unreadable = "unreadable": "the entry of the feed cannot be read; is the collector newer than the alerter?",
    }
}

impl Withheld {
    /// Whether what is withheld for it may be told later, when it no longer holds.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Withheld::Maintenance | Withheld::OffHours | Withheld::Flapping)
    }
}

reasons! {
    /// Why a message that was to be sent is no longer tried.
    GaveUp {
        /// The receiver says that it will never take it.
        Refused = "refused": "the receiver refused it for good",
        /// It failed for too long.
        TooOld = "too_old": "it could not be delivered in time",
        /// Newer ones took its place.
        OutboxFull = "outbox_full": "too many messages were waiting for the channel, and the oldest went first",
        /// The configuration no longer has the channel.
        ChannelRemoved = "channel_removed": "the channel is no longer configured",
    }
}
