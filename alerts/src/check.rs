//! Whether the channels make sense: every fault of all of them at once, before anything is sent.
//!
//! What passes here can be opened without surprises but those of the world: a secret that is not there, a certificate
//! that cannot be read.

use std::{collections::BTreeSet, fmt};

use lettre::message::Mailbox;
use reqwest::Url;

use crate::config::{ChannelConfig, ChannelName, ChatId, SmtpConfig, SmtpTls};

/// The most channels, and the most recipients of one: each is a worker of its own.
const MOST_CHANNELS: usize = 32;
const MOST_RECIPIENTS: usize = 20;

/// What is wrong with one channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("channel '{channel}': {fault}")]
pub struct ChannelFault {
    /// The channel.
    pub channel: ChannelName,
    /// What is wrong, and what to do.
    pub fault: String,
}

/// Everything that is wrong with the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFaults(pub Vec<ChannelFault>);

impl fmt::Display for ChannelFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ChannelFaults {}

/// Checks all channels together.
///
/// # Errors
/// With every fault there is.
pub fn check(channels: &[ChannelConfig]) -> Result<(), ChannelFaults> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, channel) in channels.iter().enumerate() {
        let mut tell = |fault: String| faults.push(ChannelFault { channel: channel.name().clone(), fault });
        if at == MOST_CHANNELS {
            tell(format!("there are more than {MOST_CHANNELS} channels; remove some"));
        }
        if !seen.insert(channel.name()) {
            tell("another channel has this name; give each its own".to_owned());
        }
        for code in channel.only().misspelt() {
            tell(format!("'{code}' is not a Kemendagri code such as 33.03 or 33.03.07"));
        }
        match channel {
            ChannelConfig::Webhook(webhook) => check_url("url", &webhook.url, &mut tell),
            ChannelConfig::Telegram(telegram) => {
                check_url("base_url", &telegram.base_url, &mut tell);
                if let ChatId::Name(name) = &telegram.chat_id
                    && !(name.starts_with('@') && name.len() > 1)
                {
                    tell(format!(
                        "chat_id '{name}' is neither a number nor @name; numbers stand without quotes"
                    ));
                }
            }
            ChannelConfig::Smtp(smtp) => check_smtp(smtp, &mut tell),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(ChannelFaults(faults)) }
}

fn check_url(key: &str, text: &str, tell: &mut impl FnMut(String)) {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
        _ => tell(format!("{key} '{text}' is not an address such as https://alert.example.go.id/hook")),
    }
}

fn check_smtp(smtp: &SmtpConfig, tell: &mut impl FnMut(String)) {
    if smtp.host.trim().is_empty() {
        tell("host is empty; name the mail server".to_owned());
    }
    if smtp.to.is_empty() {
        tell("to is empty; name at least one recipient".to_owned());
    }
    if smtp.to.len() > MOST_RECIPIENTS {
        tell(format!("to has more than {MOST_RECIPIENTS} recipients; use a mailing list"));
    }
    for address in std::iter::once(&smtp.from).chain(&smtp.to) {
        if address.parse::<Mailbox>().is_err() {
            tell(format!("'{address}' is not an address such as Kominfo <ict@example.go.id>"));
        }
    }
    let distinct: BTreeSet<_> = smtp.to.iter().collect();
    if distinct.len() < smtp.to.len() {
        tell("to names a recipient twice".to_owned());
    }
    if smtp.username.is_some() != smtp.password.is_some() {
        tell("username and password belong together; give both or none".to_owned());
    }
    if smtp.username.is_some() && smtp.tls == SmtpTls::None {
        tell("a password is never sent in the clear; use tls = \"starttls\" or \"tls\"".to_owned());
    }
}
