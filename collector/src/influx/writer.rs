//! The last step into the database: one request with compressed lines, and its answer as an [`Outcome`].
//!
//! v2 goes through the crate `influxdb2`, whose types stay in this file; v1, and v2 at a base path (which the crate
//! drops), through a thin writer. The crate hides headers: after a 429 or 503 the thin writer asks instead, sees
//! `Retry-After`, and hands back once points are taken. The rule: no redirect is followed, no request lasts for ever.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use influxdb2::api::write::TimestampPrecision;
use kentongan_model::{
    secret::{Secret, SecretError},
    time::Clock,
};
use reqwest::{Url, header};

use super::{
    config::{Credentials, Destination, Place},
    outcome::{Answer, Outcome, Trouble, classify},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole request with its answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const AGENT: &str = concat!("kentongan/", env!("CARGO_PKG_VERSION"));

/// Why there is no writer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriterError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the token holds characters that cannot stand in a header; look whether it is the right one")]
    Token,
    #[error("cannot set up the connection to influxdb")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

/// Writes blocks of lines.
#[derive(Debug)]
pub(super) struct Writer {
    thin: Thin,
    library: Option<Library>,
    /// Whether the thin writer has taken over to see when the server wants to be asked again.
    taken_over: bool,
    clock: Arc<dyn Clock>,
}

impl Writer {
    /// A writer with the secrets as they are now.
    pub(super) fn new(destination: &Destination, clock: Arc<dyn Clock>) -> Result<Self, WriterError> {
        let credentials = destination.login.read()?;
        if let Credentials::Token(token) = &credentials {
            // The crate would panic on it at the first request.
            header::HeaderValue::from_str(token.expose()).map_err(|_| WriterError::Token)?;
        }
        let library = match &destination.place {
            Place::Bucket { org, bucket } if !destination.has_base_path() => {
                Some(Library::new(&destination.base, org, bucket, &credentials)?)
            }
            _ => None,
        };
        let thin = Thin::new(destination.write_url(), credentials)?;
        Ok(Writer { thin, library, taken_over: false, clock })
    }

    /// Posts gzip'd lines once.
    pub(super) async fn write(&mut self, body: Bytes) -> Outcome {
        let clock = &*self.clock;
        let outcome = match &self.library {
            Some(library) if !self.taken_over => library.write(body, clock).await,
            _ => self.thin.write(body, clock).await,
        };
        match &outcome {
            Outcome::Retry { trouble: Trouble::Busy { .. }, .. } => self.taken_over = true,
            Outcome::Written => self.taken_over = false,
            _ => {}
        }
        outcome
    }
}

/// A writer of our own, for v1 and v2 alike: the address tells which.
#[derive(Debug)]
struct Thin {
    http: reqwest::Client,
    url: Url,
    credentials: Credentials,
}

impl Thin {
    fn new(url: Url, credentials: Credentials) -> Result<Self, WriterError> {
        let http = reqwest::Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| WriterError::Client(e.into()))?;
        Ok(Thin { http, url, credentials })
    }

    async fn write(&self, body: Bytes, clock: &dyn Clock) -> Outcome {
        let request = self
            .http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(header::CONTENT_ENCODING, "gzip")
            .body(body);
        let request = match &self.credentials {
            Credentials::Nobody => request,
            Credentials::Token(token) => {
                request.header(header::AUTHORIZATION, format!("Token {}", token.expose()))
            }
            Credentials::User { name, password } => {
                request.basic_auth(name, password.as_ref().map(Secret::expose))
            }
        };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(e) => return unreachable(&e.without_url()),
        };
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() > MAX_ANSWER_BYTES {
                break;
            }
        }
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let (retry_after, location) = (text(header::RETRY_AFTER), text(header::LOCATION));
        let body = &*String::from_utf8_lossy(&answer);
        classify(Answer { status, retry_after, location, body }, clock.now())
    }
}

/// The crate `influxdb2`, kept from what it does badly: it gets an address that was checked (it panics on others),
/// time limits and no redirects (it sets none), only writes (its queries panic on truncated answers).
#[derive(Debug)]
struct Library {
    client: influxdb2::Client,
    org: String,
    bucket: String,
}

impl Library {
    fn new(base: &Url, org: &str, bucket: &str, credentials: &Credentials) -> Result<Self, WriterError> {
        use reqwest011::{ClientBuilder, header, redirect};
        let token = match credentials {
            Credentials::Token(token) => token.expose(),
            Credentials::Nobody | Credentials::User { .. } => "",
        };
        let headers = [
            (header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip")),
            (header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8")),
        ];
        let http = ClientBuilder::new()
            .user_agent(AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .default_headers(headers.into_iter().collect());
        let client = influxdb2::ClientBuilder::with_builder(http, base.as_str(), org, token)
            .build()
            .map_err(|e| WriterError::Client(e.into()))?;
        Ok(Library { client, org: org.to_owned(), bucket: bucket.to_owned() })
    }

    async fn write(&self, body: Bytes, clock: &dyn Clock) -> Outcome {
        let precision = TimestampPrecision::Milliseconds;
        let written =
            self.client.write_line_protocol_with_precision(&self.org, &self.bucket, body, precision).await;
        match written {
            Ok(()) => Outcome::Written,
            Err(influxdb2::RequestError::Http { status, text }) => {
                let answer =
                    Answer { status: status.as_u16(), retry_after: None, location: None, body: &text };
                classify(answer, clock.now())
            }
            Err(influxdb2::RequestError::ReqwestProcessing { source }) => unreachable(&source.without_url()),
            Err(other) => unreachable(&other),
        }
    }
}

/// No answer came: says why, down to the system's own word.
fn unreachable(error: &dyn Error) -> Outcome {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !why.contains(&text) {
            why = format!("{why}: {text}");
        }
        source = error.source();
    }
    Outcome::Retry { trouble: Trouble::Network(why), after: None }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, response::IntoResponse};
    use kentongan_model::time::{HandClock, Timestamp};

    use super::{super::config::InfluxConfig, *};

    /// A server that answers everything alike; its address.
    async fn server(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(move || async move { answer });
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn writer(url: &str) -> Writer {
        let config: InfluxConfig =
            toml::from_str(&format!("url = '{url}'\nbucket = 'b'\norg = 'o'")).unwrap();
        let clock = HandClock::new(Timestamp::default(), Timestamp::default());
        Writer::new(&config.destination().unwrap(), Arc::new(clock)).unwrap()
    }

    #[tokio::test]
    async fn when_the_crate_hides_how_long_to_wait_the_thin_writer_finds_out() {
        let url = server((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")])).await;
        let mut writer = writer(&url);
        assert!(writer.library.is_some());
        for after in [None, Some(Duration::from_secs(7))] {
            let Outcome::Retry { trouble, after: found } = writer.write(Bytes::new()).await else { panic!() };
            assert!(matches!(trouble, Trouble::Busy { status: 429, .. }), "{trouble}");
            assert_eq!(found, after);
        }
        writer.thin.url = format!("{}/taken", server(StatusCode::NO_CONTENT).await).parse().unwrap();
        assert_eq!(writer.write(Bytes::new()).await, Outcome::Written);
        assert!(!writer.taken_over, "the crate writes again");
    }

    #[tokio::test]
    async fn a_redirect_is_told_and_not_followed() {
        let trap = server(StatusCode::NO_CONTENT).await;
        let location = format!("{trap}/api/v2/write");
        let url = server((StatusCode::TEMPORARY_REDIRECT, [("location", location.clone())])).await;
        for (url, told) in [(url.clone(), "does not tell"), (format!("{url}/dasar"), location.as_str())] {
            let Outcome::Retry { trouble, .. } = writer(&url).write(Bytes::new()).await else {
                panic!("followed")
            };
            assert!(
                matches!(&trouble, Trouble::Redirected { location } if location.contains(told)),
                "{trouble}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_given_up_in_time() {
        // It takes connections and says nothing.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        for url in [url.clone(), format!("{url}/dasar")] {
            let mut writer = writer(&url);
            let answer = tokio::time::timeout(Duration::from_secs(3600), writer.write(Bytes::new())).await;
            let Ok(Outcome::Retry { trouble, .. }) = answer else { panic!("{answer:?}") };
            assert!(matches!(trouble, Trouble::Network(_)), "{trouble}");
        }
    }

    #[tokio::test]
    async fn a_database_that_is_gone_is_told_with_the_system_s_own_word() {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", gone.local_addr().unwrap());
        drop(gone);
        for url in [url.clone(), format!("{url}/dasar")] {
            let Outcome::Retry { trouble, .. } = writer(&url).write(Bytes::new()).await else { panic!() };
            assert!(trouble.to_string().contains("Connection refused"), "{trouble}");
        }
    }
}
