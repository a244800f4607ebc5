//! The language in which a router's technician is told: Bahasa Indonesia first.

use std::str::FromStr;

/// The two languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Bahasa Indonesia.
    #[default]
    Id,
    /// English.
    En,
}

/// Why a text names no language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no language '{0}'; say id or en")]
pub struct LanguageError(String);

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        match text {
            "id" => Ok(Language::Id),
            "en" => Ok(Language::En),
            other => Err(LanguageError(other.to_owned())),
        }
    }
}
