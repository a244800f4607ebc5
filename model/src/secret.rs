//! Secrets: a configuration file only says where one is kept, in an environment variable or a file of its own.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Where a secret is kept: `{ env = "NAME" }` or `{ file = "path" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretSource {
    /// In an environment variable.
    Env(String),
    /// In a file of its own; a line end after it does not count.
    File(PathBuf),
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is missing, empty or no text.
    #[error("the environment variable {0} is not set; export it with the secret before starting")]
    Variable(String),
    /// The file cannot be read.
    #[error("cannot read the secret in {path}; put it there, readable by this user")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds nothing.
    #[error("the file {0} is empty; put the secret there")]
    Empty(PathBuf),
}

/// A secret. It shows itself only through [`expose`](Self::expose).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl SecretSource {
    /// Fetches the secret.
    ///
    /// # Errors
    /// When it is not there; the message says what to do.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            SecretSource::Env(name) => match std::env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret(text)),
                _ => Err(SecretError::Variable(name.clone())),
            },
            SecretSource::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| SecretError::File { path: path.clone(), source })?;
                let secret = text.trim_end_matches(['\r', '\n']);
                if secret.is_empty() {
                    return Err(SecretError::Empty(path.clone()));
                }
                Ok(Secret(secret.to_owned()))
            }
        }
    }
}
