//! Webhook: a signed JSON body (`payload`), posted to one address.
//!
//! `Idempotency-Key` names the message for good, so that a receiver knows the one that a crash may repeat.

use kentongan_model::{secret::Secret, time::Timestamp};
use reqwest::{Client, header::CONTENT_TYPE};

use super::{OpenError, exchange, http_client, read_secret};
use crate::{
    config::WebhookConfig,
    payload::{Payload, sign},
    reply::{Action, Speaker},
    store::Letter,
};

#[derive(Debug)]
pub(super) struct Webhook {
    client: Client,
    url: String,
    secret: Option<Secret>,
    network: String,
}

impl Webhook {
    pub(super) fn open(config: &WebhookConfig, network: &str) -> Result<Self, OpenError> {
        let secret =
            config.secret.as_ref().map(|secret| read_secret(&config.name, "secret", secret)).transpose()?;
        let client = http_client(&config.name, config.ca_file.as_ref())?;
        Ok(Webhook { client, url: config.url.clone(), secret, network: network.to_owned() })
    }

    pub(super) async fn send(&self, letter: &Letter, now: Timestamp) -> Action {
        let about = (letter.record.as_ref(), letter.flapping.as_ref());
        let payload = Payload::new(&letter.key, letter.says, &self.network, &letter.message, about);
        let body = match serde_json::to_vec(&payload) {
            Ok(body) => body,
            Err(error) => return Action::GiveUp { trouble: error.to_string() },
        };
        let seconds = now.as_millis().div_euclid(1_000);
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &letter.key)
            .header("X-Kentongan-Timestamp", seconds);
        if let Some(secret) = &self.secret {
            request = request.header("X-Kentongan-Signature", sign(secret, seconds, &body));
        }
        let said = |answer: &[u8]| (String::from_utf8_lossy(answer).into_owned(), None);
        exchange(Speaker::Webhook, request.body(body), now, said).await
    }
}
