//! TLS as the agent speaks it: whom it trusts, and with what cryptography. On the way of a measurement it lies under
//! the uplink.
//!
//! The roots of the web's authorities are built in, since a router may come without any; `ca_file` adds a district's
//! own.

mod provider;

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, pem::PemObject},
};

pub(crate) use provider::provider;

/// Sessions that are kept to be resumed, the collector's; the oldest goes. A connection that resumes one is not told the
/// certificates again.
const SESSIONS: usize = 8;

/// Why the CA certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the CA certificates in {path}: {reason}")]
pub struct CaFileError {
    /// The file.
    path: PathBuf,
    /// What is wrong with it.
    reason: String,
}

/// How to talk to servers that the usual authorities vouch for, or those in `ca_file`.
///
/// # Errors
/// When the file cannot be read, or holds no certificate.
pub(crate) fn client_config(ca_file: Option<&PathBuf>) -> Result<ClientConfig, CaFileError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let failed = |reason: String| CaFileError { path: ca_file.cloned().unwrap_or_default(), reason };
    if let Some(path) = ca_file {
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
        let mut added = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(failed("it holds none; give a PEM file".to_owned()));
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}
