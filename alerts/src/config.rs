//! What the operator writes about channels: `[[channel]]` in `kentongan.toml`.
//!
//! Raw types with `deny_unknown_fields`, so that a misspelt key is told; [`check`] then tells every other fault of all
//! channels at once. A secret never stands here, only where it is kept.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use jiff::tz::TimeZone;
use kentongan_model::{
    event::{IncidentRecord, SiteRef},
    inventory::{Language, RegionCode},
    secret::SecretSource,
    state::Kind,
};
use serde::Deserialize;

pub use crate::check::{ChannelFault, ChannelFaults, check};

/// What the alerter works with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the collector is, for example `http://127.0.0.1:8080`; a base path is kept.
    pub base_url: String,
    /// The file that keeps cursor, outbox and log (`alerts.sqlite`); its folder is made when it is missing.
    pub database: PathBuf,
    /// The network's name, told in each message.
    pub network: String,
    /// The language of the messages.
    pub language: Language,
    /// The time zone of the times in them.
    pub timezone: TimeZone,
    /// Who is told; without any, messages stand in the program's log and in the log of the database.
    pub channels: Vec<ChannelConfig>,
    /// How patiently it tries.
    pub pace: Pace,
}

/// How patiently deliveries are tried.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long one attempt may take.
    pub attempt: Duration,
    /// The pause after the first failed attempt; it doubles with each further one.
    pub first_retry: Duration,
    /// The longest pause.
    pub longest_retry: Duration,
    /// A message that fails when it is this old is given up.
    pub give_up_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            attempt: Duration::from_secs(10),
            first_retry: Duration::from_secs(2),
            longest_retry: Duration::from_secs(5 * 60),
            give_up_after: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// One `[[channel]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ChannelConfig {
    /// JSON over HTTP, signed.
    Webhook(WebhookConfig),
    /// A chat, through the Telegram Bot API.
    Telegram(TelegramConfig),
    /// E-mail.
    Smtp(SmtpConfig),
}

impl ChannelConfig {
    /// The channel's name.
    #[must_use]
    pub fn name(&self) -> &ChannelName {
        match self {
            ChannelConfig::Webhook(channel) => &channel.name,
            ChannelConfig::Telegram(channel) => &channel.name,
            ChannelConfig::Smtp(channel) => &channel.name,
        }
    }

    /// What the channel wants to hear of.
    #[must_use]
    pub fn only(&self) -> &Filter {
        match self {
            ChannelConfig::Webhook(channel) => &channel.only,
            ChannelConfig::Telegram(channel) => &channel.only,
            ChannelConfig::Smtp(channel) => &channel.only,
        }
    }
}

/// `kind = "webhook"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The channel's name.
    pub name: ChannelName,
    /// Where to post to.
    pub url: String,
    /// The key of the signature; without it messages are not signed.
    pub secret: Option<SecretSource>,
    /// A PEM file with a certificate authority of one's own.
    pub ca_file: Option<PathBuf>,
    /// What it wants to hear of; everything by default.
    #[serde(default)]
    pub only: Filter,
}

/// `kind = "telegram"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelegramConfig {
    /// The channel's name.
    pub name: ChannelName,
    /// The token that @BotFather gave.
    pub token: SecretSource,
    /// The chat: a number (groups have negative ones), or `@name` of a public channel.
    pub chat_id: ChatId,
    /// Where the Bot API is.
    #[serde(default = "telegram_api")]
    pub base_url: String,
    /// What it wants to hear of; everything by default.
    #[serde(default)]
    pub only: Filter,
}

fn telegram_api() -> String {
    "https://api.telegram.org".to_owned()
}

/// A Telegram chat.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChatId {
    /// By number.
    Number(i64),
    /// By `@name`.
    Name(String),
}

/// `kind = "smtp"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The channel's name.
    pub name: ChannelName,
    /// The mail server.
    pub host: String,
    /// Its port; by default 587 for starttls, 465 for tls, 25 for none.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: SmtpTls,
    /// The sender, `name@domain` or `Name <name@domain>`.
    pub from: String,
    /// The recipients; each gets a mail of its own.
    pub to: Vec<String>,
    /// Who logs in; with `password`, or both are missing.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<SecretSource>,
    /// A PEM file with a certificate authority of one's own.
    pub ca_file: Option<PathBuf>,
    /// What it wants to hear of; everything by default.
    #[serde(default)]
    pub only: Filter,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Begins in the clear and must be upgraded (port 587).
    #[default]
    StartTls,
    /// From the first byte (port 465).
    Tls,
    /// Not at all (port 25), for a relay on the same machine.
    None,
}

/// What a channel wants to hear of: an incident passes when its root or a site that it takes down matches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Kinds of sites; empty: all.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Kemendagri codes; a site matches when its region is one of them or lies in one; empty: all.
    #[serde(default)]
    pub regions: Vec<String>,
}

impl Filter {
    /// Whether the incident is of interest.
    #[must_use]
    pub fn passes(&self, incident: &IncidentRecord) -> bool {
        std::iter::once(&incident.root).chain(&incident.affected).any(|site| self.passes_site(site))
    }

    /// Whether what befalls this site is of interest.
    #[must_use]
    pub fn passes_site(&self, site: &SiteRef) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&site.kind);
        let lies_in = |code: &String| site.region.as_ref().is_some_and(|region| within(region, code));
        kind && (self.regions.is_empty() || self.regions.iter().any(lies_in))
    }

    /// The codes that are none.
    pub(crate) fn misspelt(&self) -> impl Iterator<Item = &String> {
        self.regions.iter().filter(|code| RegionCode::from_str(code).is_err())
    }
}

fn within(region: &str, area: &str) -> bool {
    region.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The name of a channel: 1 to 40 characters of a-z, 0-9, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ChannelName(String);

/// A text that is no channel's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no name for a channel; use 1 to 40 characters of a-z, 0-9, '-' and '_'")]
pub struct ChannelNameError(String);

impl TryFrom<String> for ChannelName {
    type Error = ChannelNameError;
    fn try_from(text: String) -> Result<Self, ChannelNameError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if (1..=40).contains(&text.len()) && text.chars().all(fits) {
            Ok(ChannelName(text))
        } else {
            Err(ChannelNameError(text))
        }
    }
}

impl FromStr for ChannelName {
    type Err = ChannelNameError;
    fn from_str(text: &str) -> Result<Self, ChannelNameError> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
