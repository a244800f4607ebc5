//! Names of things, as newtypes that are checked once, where they come in.
//!
//! An id is 1 to 63 lower-case letters, digits, `-`, `_` or `.`, and begins with a letter or digit, so that it can
//! stand in a URL path, a file name, a metric tag and a chat message without any quoting.

use std::{borrow::Borrow, fmt, net::IpAddr, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest id, in bytes.
pub const MAX_ID_LEN: usize = 63;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("an id cannot be empty")]
    Empty,
    /// The text is longer than [`MAX_ID_LEN`].
    #[error("the id '{0}' is longer than {MAX_ID_LEN} characters")]
    TooLong(String),
    /// The text holds a character that an id cannot have.
    #[error("the id '{0}' may hold only a-z, 0-9, '-', '_' and '.', and begins with a letter or digit")]
    Character(String),
    /// The word means something else where ids stand.
    #[error("the id '{0}' is reserved")]
    Reserved(String),
    /// The text lacks the slash between site and target.
    #[error("'{0}' is not of the form site/target")]
    NoSlash(String),
    /// The text behind `reference/` is no IP address.
    #[error("'{0}' is not an IP address")]
    Address(String),
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_LEN {
        return Err(IdError::TooLong(text.to_owned()));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !begins || !text.chars().all(fits) {
        return Err(IdError::Character(text.to_owned()));
    }
    Ok(())
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, reserved: $reserved:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text)?;
                let reserved: &[&str] = &$reserved;
                if reserved.contains(&text) {
                    return Err(IdError::Reserved(text.to_owned()));
                }
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

id! {
    /// The id of a site. `core` and `reference` are reserved: they name other places where a site's id could stand.
    SiteId, reserved: ["core", "reference"]
}
id! {
    /// The id of a target within its site. The only target of a site that has a mere `address` is called `gateway`.
    TargetId, reserved: []
}
id! {
    /// The name of an SNMP credential in the inventory.
    CredentialId, reserved: []
}

/// The place that an observation was made from: the core, or a site with an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Vantage {
    /// The collector's own agent, at the core.
    Core,
    /// The agent of a site.
    Site(SiteId),
}

impl Vantage {
    /// The site of the agent; none at the core.
    #[must_use]
    pub fn site(&self) -> Option<&SiteId> {
        match self {
            Vantage::Core => None,
            Vantage::Site(id) => Some(id),
        }
    }
}

impl FromStr for Vantage {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text == "core" { Ok(Vantage::Core) } else { text.parse().map(Vantage::Site) }
    }
}

impl TryFrom<String> for Vantage {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Vantage> for String {
    fn from(vantage: Vantage) -> Self {
        vantage.to_string()
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vantage::Core => f.pad("core"),
            Vantage::Site(id) => id.fmt(f),
        }
    }
}

/// What a probe is aimed at: a target of a site (`kec-a/router`), or an address of the core's surroundings
/// (`reference/192.168.88.1`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// A target of a site.
    Target {
        /// The site.
        site: SiteId,
        /// The target within the site.
        target: TargetId,
    },
    /// One of the core's references.
    Reference(IpAddr),
}

impl FromStr for Subject {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (left, right) = text.split_once('/').ok_or_else(|| IdError::NoSlash(text.to_owned()))?;
        if left == "reference" {
            right.parse().map(Subject::Reference).map_err(|_| IdError::Address(right.to_owned()))
        } else {
            Ok(Subject::Target { site: left.parse()?, target: right.parse()? })
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Target { site, target } => write!(f, "{site}/{target}"),
            Subject::Reference(address) => write!(f, "reference/{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_once_where_they_come_in() {
        for good in ["noc", "kec-kutasari", "33.03.07", "ap_1", "0"] {
            assert_eq!(good.parse::<SiteId>().unwrap().as_str(), good);
        }
        for bad in ["", "Kec", "-a", "a b", "a/b", "é", "core", "reference", &"x".repeat(64)] {
            assert!(bad.parse::<SiteId>().is_err(), "{bad:?} was taken for an id");
        }
    }

    #[test]
    fn subjects_and_vantages_read_back_as_they_were_written() {
        for text in ["kec-a/router", "reference/192.168.88.1", "reference/fd00::1"] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in ["core", "kec-a"] {
            assert_eq!(text.parse::<Vantage>().unwrap().to_string(), text);
        }
        assert!("kec-a".parse::<Subject>().is_err());
        assert!("reference/router".parse::<Subject>().is_err());
    }
}
