//! Telegram: `sendMessage` of the Bot API (<https://core.telegram.org/bots/api#sendmessage>), as plain text.
//!
//! Plain, because then no name of a place can break the markup. The token is part of the address, so the address is
//! never shown.

use std::time::Duration;

use kentongan_model::{secret::Secret, time::Timestamp};
use reqwest::Client;
use serde::{Deserialize, Serialize};

use super::{OpenError, exchange, http_client, read_secret};
use crate::{
    config::{ChatId, TelegramConfig},
    reply::{Action, Speaker},
    store::Letter,
};

pub(super) struct Telegram {
    client: Client,
    base_url: String,
    token: Secret,
    chat_id: ChatId,
}

impl std::fmt::Debug for Telegram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telegram").field("chat_id", &self.chat_id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct SendMessage<'a> {
    chat_id: &'a ChatId,
    text: String,
    link_preview_options: LinkPreview,
}

#[derive(Serialize)]
struct LinkPreview {
    is_disabled: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    description: String,
    parameters: Parameters,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Telegram {
    pub(super) fn open(config: &TelegramConfig) -> Result<Self, OpenError> {
        Ok(Telegram {
            client: http_client(&config.name, None)?,
            base_url: config.base_url.trim_end_matches('/').to_owned(),
            token: read_secret(&config.name, "token", &config.token)?,
            chat_id: config.chat_id.clone(),
        })
    }

    pub(super) async fn send(&self, letter: &Letter, now: Timestamp) -> Action {
        let url = format!("{}/bot{}/sendMessage", self.base_url, self.token.expose());
        let message = SendMessage {
            chat_id: &self.chat_id,
            text: letter.message.whole(),
            link_preview_options: LinkPreview { is_disabled: true },
        };
        exchange(Speaker::Telegram, self.client.post(url).json(&message), now, explain).await
    }
}

/// Reads a refusal: `{"ok":false,"description":…,"parameters":{"retry_after":…}}`.
fn explain(answer: &[u8]) -> (String, Option<Duration>) {
    let refusal: Refusal = serde_json::from_slice(answer).unwrap_or_default();
    let moved = refusal.parameters.migrate_to_chat_id;
    let said = match moved {
        Some(chat) => format!("{}; put chat_id = {chat} into the configuration", refusal.description),
        None => refusal.description,
    };
    (said, refusal.parameters.retry_after.map(Duration::from_secs))
}
