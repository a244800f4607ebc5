//! The last step: a message leaves for one outlet, over HTTP or SMTP, and what the receiver says becomes an action.
//!
//! A channel is opened once, with its secrets read; sending never panics, never follows a redirect and is bounded in
//! time by its caller. No address that holds a token is ever shown.

mod smtp;
mod telegram;
mod webhook;

use std::{path::PathBuf, time::Duration};

use kentongan_model::{
    secret::{Secret, SecretError, SecretSource},
    time::Timestamp,
};

use crate::{
    config::{ChannelConfig, ChannelName},
    decide::{Listener, OutletId},
    reply::{Action, Reply, Speaker, classify, retry_after},
    store::Letter,
};

/// What is kept of a receiver's words, in characters; and what is read of its answer, in bytes.
const MOST_SAID: usize = 300;
const MOST_READ: usize = 16 * 1024;

/// Why a channel cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A secret is missing.
    #[error("channel '{channel}' lacks its {what}")]
    Secret {
        /// The channel.
        channel: ChannelName,
        /// Which secret.
        what: &'static str,
        /// Why.
        source: SecretError,
    },
    /// The certificate authority cannot be read.
    #[error("channel '{channel}': cannot read the PEM certificates in {path}")]
    Authority {
        /// The channel.
        channel: ChannelName,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The client cannot be made.
    #[error("channel '{channel}' cannot be opened; check its address and certificates")]
    Client {
        /// The channel.
        channel: ChannelName,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One address that messages go to, ready to send.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) listener: Listener,
    carrier: Carrier,
}

#[derive(Debug)]
enum Carrier {
    Webhook(webhook::Webhook),
    Telegram(telegram::Telegram),
    Smtp(Box<smtp::Mailer>),
}

impl Outlet {
    /// Opens a channel: one outlet, or for mail one for each recipient, so that a bad address holds up no other.
    pub(crate) fn open(config: &ChannelConfig, network: &str) -> Result<Vec<Outlet>, OpenError> {
        let name = config.name().to_string();
        let outlet = |id: String, carrier| Outlet {
            listener: Listener { id: OutletId::new(id), only: config.only().clone() },
            carrier,
        };
        match config {
            ChannelConfig::Webhook(webhook) => {
                let webhook = webhook::Webhook::open(webhook, network)?;
                Ok(vec![outlet(name, Carrier::Webhook(webhook))])
            }
            ChannelConfig::Telegram(telegram) => {
                let telegram = telegram::Telegram::open(telegram)?;
                Ok(vec![outlet(name, Carrier::Telegram(telegram))])
            }
            ChannelConfig::Smtp(smtp) => {
                let mailers = smtp::Mailer::open(smtp)?;
                Ok(mailers
                    .into_iter()
                    .map(|mailer| {
                        outlet(format!("{name}:{}", mailer.recipient()), Carrier::Smtp(Box::new(mailer)))
                    })
                    .collect())
            }
        }
    }

    /// Who it is.
    pub(crate) fn id(&self) -> &OutletId {
        &self.listener.id
    }

    /// Sends a message once.
    pub(crate) async fn send(&self, letter: &Letter, now: Timestamp, limit: Duration) -> Action {
        let sending = async {
            match &self.carrier {
                Carrier::Webhook(webhook) => webhook.send(letter, now).await,
                Carrier::Telegram(telegram) => telegram.send(letter, now).await,
                Carrier::Smtp(mailer) => mailer.send(letter, now).await,
            }
        };
        let late = |_| Action::Retry { trouble: format!("no answer within {} s", limit.as_secs_f32()) };
        tokio::time::timeout(limit, sending).await.unwrap_or_else(late)
    }
}

fn read_secret(channel: &ChannelName, what: &'static str, from: &SecretSource) -> Result<Secret, OpenError> {
    from.read().map_err(|source| OpenError::Secret { channel: channel.clone(), what, source })
}

fn http_client(channel: &ChannelName, ca_file: Option<&PathBuf>) -> Result<reqwest::Client, OpenError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .user_agent(concat!("kentongan/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = ca_file {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Authority {
            channel: channel.clone(),
            path: path.clone(),
            source,
        };
        let pem = std::fs::read(path).map_err(|source| failed(source.into()))?;
        for authority in
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|source| failed(source.into()))?
        {
            builder = builder.add_root_certificate(authority);
        }
    }
    builder.build().map_err(|source| OpenError::Client { channel: channel.clone(), source: source.into() })
}

/// Sends a request and names what came of it. `explain` reads the receiver's own words and the pause they ask for.
async fn exchange(
    speaker: Speaker,
    request: reqwest::RequestBuilder,
    now: Timestamp,
    explain: impl Fn(&[u8]) -> (String, Option<Duration>),
) -> Action {
    let unreachable = |error: reqwest::Error| Action::Retry { trouble: chain(&error.without_url()) };
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return unreachable(error),
    };
    let status = response.status();
    if status.is_success() {
        return Action::Delivered;
    }
    let header = response.headers().get(reqwest::header::RETRY_AFTER);
    let asked = header.and_then(|value| retry_after(value.to_str().ok()?, now));
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_READ {
            break;
        }
    }
    let (said, pause) = explain(&body);
    classify(speaker, &Reply { status: status.as_u16(), pause: pause.or(asked), said: shorten(&said) })
}

/// An error with its sources, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    shorten(&text)
}

fn shorten(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_SAID).collect()
}
