//! The opening of a stream: the headers that ask for it and the proof that a WebSocket answered (RFC 6455, 4.1). Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{header::HeaderMap, http::request::Builder};
use sha1::{Digest, Sha1};

/// What is spoken over the stream: deliveries up, answers down.
const PROTOCOL: &str = "kentongan.1";
/// RFC 6455, 1.3.
const FIXED: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What one opening is recognised by.
#[derive(Debug, Clone)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn new(random: [u8; 16]) -> Self {
        Key(BASE64_STANDARD.encode(random))
    }

    /// Asks for the stream.
    pub(super) fn ask(&self, request: Builder) -> Builder {
        request
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &self.0)
            .header("sec-websocket-protocol", PROTOCOL)
    }

    /// Whether who answered so has understood.
    pub(super) fn is_answered_by(&self, headers: &HeaderMap) -> bool {
        let digest = Sha1::new().chain_update(&self.0).chain_update(FIXED).finalize();
        let says = |name: &str, value: &str| headers.get(name).is_some_and(|said| said == value);
        says("sec-websocket-accept", &BASE64_STANDARD.encode(digest))
            && says("sec-websocket-protocol", PROTOCOL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_an_answer_and_another_is_not() {
        let key = Key(String::from("dGhlIHNhbXBsZSBub25jZQ=="));
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap());
        assert!(!key.is_answered_by(&headers), "nobody agreed to the protocol");
        headers.insert("sec-websocket-protocol", PROTOCOL.parse().unwrap());
        assert!(key.is_answered_by(&headers));
        assert!(!Key::new([0; 16]).is_answered_by(&headers));
    }
}
