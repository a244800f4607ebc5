//! A question to the collector outside the stream of deliveries: enrolment and the self-test ask one each.
//!
//! The rule it guards: what keeps an agent from its collector has a name here, whatever library finds it out, so that
//! it can be told in plain words.

use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio_rustls::rustls;

use super::connection::{AddressError, CallError, Connection};
use crate::traffic::Traffic;

/// The longest answer that is read.
const MAX_ANSWER: usize = 16 << 20;

/// What the collector said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Its clock, as the header `Date` tells.
    pub(crate) date: Option<String>,
    pub(crate) retry_after: Option<String>,
}

/// What keeps this machine from the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Nothing answers there, or nothing leads there.
    Unreachable,
    /// It takes too long.
    Slow,
    /// By this machine's clock the certificate is not valid yet, or no more.
    CertificateTime,
    /// The certificate is signed by nobody that is trusted here.
    CertificateIssuer,
    /// The certificate is another host's.
    CertificateName,
    /// Something else about TLS.
    Tls,
    /// What answers there is no collector.
    Foreign,
}

/// The host in the collector's address; none when it is no address.
pub(crate) fn host(collector: &str) -> Option<String> {
    let uri: hyper::Uri = collector.parse().ok()?;
    Some(uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// Asks once on a connection of its own.
pub(crate) async fn get(
    collector: &str,
    ca_file: Option<&PathBuf>,
    path: &str,
    token: &str,
) -> Result<Result<Said, CallError>, AddressError> {
    let authorization = format!("Bearer {token}");
    let request = || {
        Request::get(path)
            .header("authorization", &authorization)
            .header("user-agent", USER)
            .body(Full::default())
    };
    ask(collector, ca_file, request).await
}

/// Sends JSON once on a connection of its own.
pub(crate) async fn post(
    collector: &str,
    ca_file: Option<&PathBuf>,
    path: &str,
    json: &str,
) -> Result<Result<Said, CallError>, AddressError> {
    let body = Bytes::from(json.to_owned());
    let request = || {
        Request::post(path)
            .header("content-type", "application/json")
            .header("user-agent", USER)
            .body(Full::new(body.clone()))
    };
    ask(collector, ca_file, request).await
}

const USER: &str = concat!("kentongan-agent/", env!("CARGO_PKG_VERSION"));

async fn ask(
    collector: &str,
    ca_file: Option<&PathBuf>,
    make: impl Fn() -> Result<Request<Full<Bytes>>, hyper::http::Error>,
) -> Result<Result<Said, CallError>, AddressError> {
    let mut connection = Connection::to(collector, ca_file, Traffic::default())?;
    let answer = connection.call(make, MAX_ANSWER).await;
    Ok(answer.map(|answer| {
        let header = |name| answer.header(name).map(str::to_owned);
        Said {
            status: answer.status,
            date: header("date"),
            retry_after: header("retry-after"),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        }
    }))
}

impl Obstacle {
    /// What an error comes down to.
    pub(crate) fn of(error: &CallError) -> Self {
        match error {
            CallError::Certificate { .. } => Obstacle::CertificateTime,
            CallError::Timeout(_) => Obstacle::Slow,
            CallError::Connect { source, .. } => {
                match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    None => Obstacle::Unreachable,
                    Some(rustls::Error::InvalidCertificate(fault)) => match fault {
                        rustls::CertificateError::NotValidForName
                        | rustls::CertificateError::NotValidForNameContext { .. } => {
                            Obstacle::CertificateName
                        }
                        _ => Obstacle::CertificateIssuer,
                    },
                    Some(_) => Obstacle::Tls,
                }
            }
            CallError::Broken(_) | CallError::Body(_) | CallError::Request(_) | CallError::Stream(_) => {
                Obstacle::Foreign
            }
        }
    }
}
