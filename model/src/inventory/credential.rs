//! How devices are asked over SNMP, and the moment at which the secrets behind it are read.
//!
//! The inventory holds no secret, so it can be kept in git and read by anyone; whoever hands out plans reads the
//! secrets once, at its start, and is told of all that are missing at once.

use std::{collections::BTreeMap, fmt};

use super::Network;
use crate::{
    id::CredentialId,
    plan::{Access, AuthProtocol, PrivacyProtocol},
    secret::{SecretError, SecretSource},
};

/// How a device is asked over SNMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// SNMP v1 or v2c (RFC 1157, RFC 1901).
    Community {
        /// Whether it is v1, which has neither GETBULK nor 64-bit counters.
        v1: bool,
        /// The community string.
        community: SecretSource,
    },
    /// SNMP v3 with the user-based security model (RFC 3414).
    User {
        /// The user's name.
        user: String,
        /// Authentication; none: noAuthNoPriv.
        auth: Option<(AuthProtocol, SecretSource)>,
        /// Encryption; only with authentication.
        privacy: Option<(PrivacyProtocol, SecretSource)>,
    },
}

impl Credential {
    /// Reads its secrets.
    ///
    /// # Errors
    /// When one is not there.
    pub fn access(&self) -> Result<Access, SecretError> {
        let read = |source: &SecretSource| source.read().map(|secret| secret.expose().to_owned());
        Ok(match self {
            Credential::Community { v1: true, community } => Access::V1 { community: read(community)? },
            Credential::Community { v1: false, community } => Access::V2c { community: read(community)? },
            Credential::User { user, auth, privacy } => Access::V3 {
                user: user.clone(),
                auth: auth.as_ref().map(|(how, password)| Ok((*how, read(password)?))).transpose()?,
                privacy: privacy.as_ref().map(|(how, password)| Ok((*how, read(password)?))).transpose()?,
            },
        })
    }
}

/// Secrets that the inventory points to and that are not there, each with the credential that needs it.
#[derive(Debug)]
pub struct MissingSecrets {
    /// One for each credential that cannot be used, by name.
    pub list: Vec<(CredentialId, SecretError)>,
}

impl std::error::Error for MissingSecrets {}

impl fmt::Display for MissingSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |(id, error): &(CredentialId, SecretError)| match std::error::Error::source(error) {
            Some(source) => format!("[snmp.{id}]: {error} ({source})"),
            None => format!("[snmp.{id}]: {error}"),
        };
        f.write_str(&self.list.iter().map(told).collect::<Vec<_>>().join("; "))
    }
}

impl Network {
    /// Reads the secrets of every credential.
    ///
    /// # Errors
    /// All that are missing, at once.
    pub fn accesses(&self) -> Result<BTreeMap<CredentialId, Access>, MissingSecrets> {
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        for (id, credential) in &self.credentials {
            match credential.access() {
                Ok(access) => drop(found.insert(id.clone(), access)),
                Err(error) => missing.push((id.clone(), error)),
            }
        }
        if missing.is_empty() { Ok(found) } else { Err(MissingSecrets { list: missing }) }
    }
}
