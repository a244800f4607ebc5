//! TLS towards a service that is measured: whether it speaks TLS, not whether it is who it says.
//!
//! The certificate of a measured service is not judged. A portal's is often its own, and a router without a clock battery
//! may believe that it is 1970; nothing secret is sent to it, and what is asked is whether it answers. The collector's
//! certificate is another matter (`uplink`), and nothing of this is used there.

use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
        client::{
            Resumption,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

use super::failed;
use crate::pinger::{Echo, Unfit};

/// Sessions that are kept to be resumed; the oldest goes. One that is resumed saves the certificates, some 3 kB.
const SESSIONS: usize = 16;

/// The configuration, made when it is first needed; most agents never do.
#[derive(Clone, Default)]
pub(super) struct Tls {
    connector: Arc<OnceLock<Option<TlsConnector>>>,
}

impl Tls {
    /// Shakes hands over a connection.
    pub(super) async fn over(&self, stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, Echo> {
        let name = ServerName::try_from(host.to_owned()).ok();
        let connector = self.connector.get_or_init(connector).clone();
        let (Some(name), Some(connector)) = (name, connector) else {
            return Err(Echo::Unsendable(std::io::ErrorKind::InvalidInput));
        };
        connector.connect(name, stream).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => Echo::Unfit(Unfit::Garbled),
            _ => failed(&error),
        })
    }
}

fn connector() -> Option<TlsConnector> {
    let provider = Arc::new(crate::tls::provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let anyone = Arc::new(Anyone(provider));
    let mut config = builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Some(TlsConnector::from(Arc::new(config)))
}

/// Takes any certificate, as long as the server holds its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
