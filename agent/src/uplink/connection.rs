//! One connection to the collector, kept alive, plain or TLS: what a request travels on, and what becomes a stream.
//!
//! Everything has a deadline: resolving and connecting, and the request as a whole. A connection that failed in any way
//! is never used again; a request on a kept connection that had died meanwhile is repeated once on a new one. TLS
//! sessions are resumed, so that a new connection need not be told the certificates again.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{HeaderMap, HeaderValue},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{self, CertificateError, pki_types::ServerName},
};

use super::stream::StreamError;
use crate::{
    tls::{self, CaFileError},
    traffic::Traffic,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A request has this long, and more for a long body: a second for each 4 kB.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A kept connection that nobody acknowledges is given up by the kernel after this.
const UNACKNOWLEDGED: Duration = Duration::from_secs(8);

/// Why the collector's address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is no address.
    #[error("the collector's address '{0}' is not like https://collector.example or http://10.0.0.1:8080")]
    Malformed(String),
    /// The token holds what no header can carry.
    #[error("the token holds characters that no token has; copy it again")]
    Token,
    /// The CA file cannot be used.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The collector cannot be reached.
    #[error("cannot reach the collector at {address}; is it running there?")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// By this router's clock its certificate is not valid.
    #[error(
        "the certificate of the collector at {address} is not valid at the time that this router's clock tells; \
         is the clock set? the router needs NTP, or the certificate has run out"
    )]
    Certificate {
        /// Host and port.
        address: String,
        /// What the system says: both times.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("the collector at {0} did not answer in time")]
    Timeout(String),
    /// The connection broke.
    #[error("the connection to the collector broke")]
    Broken(#[from] hyper::Error),
    /// The answer is too long or broke off.
    #[error("the collector's answer cannot be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What this agent says cannot be put into a request.
    #[error("cannot make a request")]
    Request(#[from] hyper::http::Error),
    /// The stream cannot go on.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// How long an exchange may take that sends so many bytes.
pub(super) fn allowed(bytes: u64) -> Duration {
    REQUEST_TIMEOUT + Duration::from_secs(bytes / 4096)
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What became of the wish to leave HTTP.
pub(super) enum Upgrade {
    /// It was granted, with these headers.
    Granted(HeaderMap, Upgraded),
    /// It was not.
    Refused(Answer),
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether it is one of the collector's problem documents (RFC 9457): nobody else gives these names.
    pub(super) fn is_problem(&self) -> bool {
        let urn = b"\"urn:kentongan:problem:";
        self.header("content-type") == Some("application/problem+json")
            && self.body.windows(urn.len()).any(|part| part == urn)
    }
}

/// Where the collector is, and the connection to it, if there is one.
pub(super) struct Connection {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// The path in front of every path, without a slash at its end.
    base: String,
    authority: HeaderValue,
    traffic: Traffic,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(super) fn to(
        collector: &str,
        ca_file: Option<&PathBuf>,
        traffic: Traffic,
    ) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(collector.to_owned());
        let uri: Uri = collector.parse().map_err(|_| malformed())?;
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let (Some(scheme), Some(authority)) = (scheme, authority) else { return Err(malformed()) };
        if uri.query().is_some() || authority.as_str().contains('@') {
            return Err(malformed());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (default_port, tls) = match scheme {
            "http" => (80, None),
            "https" => {
                let name = ServerName::try_from(host.clone()).map_err(|_| malformed())?;
                (443, Some((TlsConnector::from(Arc::new(tls::client_config(ca_file)?)), name)))
            }
            _ => return Err(malformed()),
        };
        let port = authority.port_u16().unwrap_or(default_port);
        let base = uri.path().trim_end_matches('/').to_owned();
        let header = HeaderValue::from_str(authority.as_str()).map_err(|_| malformed())?;
        Ok(Connection { host, port, tls, base, authority: header, traffic, kept: None })
    }

    /// Sends what `make` makes and reads the answer, of at most `limit` bytes. `make` is called when the connection
    /// stands, so that what it says of the time is true.
    pub(super) async fn call(&mut self, make: impl Make, limit: usize) -> Result<Answer, CallError> {
        match self.upgrade(make, limit).await? {
            Upgrade::Refused(answer) => Ok(answer),
            Upgrade::Granted(headers, _) => {
                Ok(Answer { status: StatusCode::SWITCHING_PROTOCOLS.as_u16(), headers, body: Bytes::new() })
            }
        }
    }

    /// The same for a request that asks to go on in another protocol: then the connection is given away.
    pub(super) async fn upgrade(&mut self, make: impl Make, limit: usize) -> Result<Upgrade, CallError> {
        if let Some(sender) = self.kept.take().filter(|sender| !sender.is_closed()) {
            match self.send(sender, make()?, limit).await {
                // It had been closed at the other end, or its NAT entry had gone: nothing says that it was read.
                Err(CallError::Broken(_)) => {}
                answer => return answer,
            }
        }
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, self.connect()).await;
        let sender = connected.map_err(|_| CallError::Timeout(self.address()))??;
        self.send(sender, make()?, limit).await
    }

    /// Does not keep the connection, if there is one.
    pub(super) fn hang_up(&mut self) {
        self.kept = None;
    }

    async fn send(
        &mut self,
        mut sender: SendRequest<Full<Bytes>>,
        mut request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<Upgrade, CallError> {
        let uri = format!("{}{}", self.base, request.uri());
        *request.uri_mut() = uri.parse().map_err(hyper::http::Error::from)?;
        request.headers_mut().insert("host", self.authority.clone());
        let length = hyper::body::Body::size_hint(request.body()).lower();
        let exchange = async {
            sender.ready().await?;
            let mut response = sender.send_request(request).await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                let upgraded = hyper::upgrade::on(&mut response).await?;
                return Ok(Upgrade::Granted(response.into_parts().0.headers, upgraded));
            }
            read(response, limit).await.map(Upgrade::Refused)
        };
        let answer = tokio::time::timeout(allowed(length), exchange)
            .await
            .map_err(|_| CallError::Timeout(self.address()))??;
        self.kept = matches!(answer, Upgrade::Refused(_)).then_some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, CallError> {
        let failed = |source| CallError::Connect { address: self.address(), source };
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        let socket = socket2::SockRef::from(&stream);
        // What the system does not support it does not need: the request's own deadline holds.
        let _ = stream.set_nodelay(true);
        let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let stream = self.traffic.counting(stream);
        match &self.tls {
            None => Self::handshake(TokioIo::new(stream)).await,
            Some((connector, name)) => {
                let address = || self.address();
                let connected = connector.connect(name.clone(), stream).await;
                let stream = connected.map_err(|source| match source {
                    source if is_of_another_time(&source) => {
                        CallError::Certificate { address: address(), source }
                    }
                    source => failed(source),
                })?;
                Self::handshake(TokioIo::new(stream)).await
            }
        }
    }

    async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, CallError>
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new().max_buf_size(32 * 1024).handshake(stream).await?;
        // Ends with the connection, or when the sender is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!("connection to the collector: {error}");
            }
        });
        Ok(sender)
    }

    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Makes a request, again if need be.
pub(super) trait Make: Fn() -> Result<Request<Full<Bytes>>, hyper::http::Error> {}

impl<F: Fn() -> Result<Request<Full<Bytes>>, hyper::http::Error>> Make for F {}

/// Whether a certificate is refused for its time alone: a router that has just started may believe that it is 1970.
fn is_of_another_time(error: &io::Error) -> bool {
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        told,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
        ))
    )
}

async fn read(response: hyper::Response<Incoming>, limit: usize) -> Result<Answer, CallError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, limit).collect().await.map_err(CallError::Body)?.to_bytes();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_rustls::rustls::pki_types::UnixTime;

    use super::*;

    #[test]
    fn a_certificate_that_is_refused_for_its_time_alone_is_told_from_one_that_is_not_trusted() {
        let refused =
            |why| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(why));
        let second = |s| UnixTime::since_unix_epoch(Duration::from_secs(s));
        let early =
            CertificateError::NotValidYetContext { time: second(77), not_before: second(1_790_000_000) };
        assert!(is_of_another_time(&refused(early)));
        assert!(is_of_another_time(&refused(CertificateError::Expired)));
        assert!(!is_of_another_time(&refused(CertificateError::UnknownIssuer)));
        assert!(!is_of_another_time(&io::Error::other("no route")));
    }
}
