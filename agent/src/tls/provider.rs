//! What of ring the agent speaks TLS with: as much as web servers need, and no more. Named here one by one, since rustls' own
//! list would link all of it: private keys, which an agent without a certificate has none of, and ciphers that its kind of
//! processor is slow with. See docs/agent-footprint.md.

use std::sync::Arc;

use tokio_rustls::rustls::{
    Error, SignatureScheme, SupportedCipherSuite,
    crypto::{
        CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, SupportedKxGroup,
        WebPkiSupportedAlgorithms,
        ring::{cipher_suite as suite, kx_group},
    },
    pki_types::PrivateKeyDer,
    sign::SigningKey,
};
use webpki::ring as signed_by;

/// Where the processor has AES itself ChaCha20 would be 50 kB for nobody: every server has AES.
#[cfg(target_arch = "x86_64")]
static CIPHERS: &[SupportedCipherSuite] = &[
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// A router's has none, and is quicker with ChaCha20.
#[cfg(not(target_arch = "x86_64"))]
static CIPHERS: &[SupportedCipherSuite] = &[
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// Every server of TLS 1.3 has P-256 (RFC 8446, 9.1), for which this kind of processor has a table anyway; that of X25519 would be
/// 34 kB with all that belongs to it.
#[cfg(target_arch = "x86_64")]
static GROUPS: &[&dyn SupportedKxGroup] = &[kx_group::SECP256R1];

/// X25519 is several times as quick without tables.
#[cfg(not(target_arch = "x86_64"))]
static GROUPS: &[&dyn SupportedKxGroup] = &[kx_group::X25519, kx_group::SECP256R1];

/// All that rustls verifies with ring, by the same rules: before TLS 1.3 a scheme does not fix the curve.
static SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        signed_by::ECDSA_P256_SHA256,
        signed_by::ECDSA_P256_SHA384,
        signed_by::ECDSA_P384_SHA256,
        signed_by::ECDSA_P384_SHA384,
        signed_by::ED25519,
        signed_by::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        signed_by::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        signed_by::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        signed_by::RSA_PKCS1_2048_8192_SHA256,
        signed_by::RSA_PKCS1_2048_8192_SHA384,
        signed_by::RSA_PKCS1_2048_8192_SHA512,
        signed_by::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        signed_by::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        signed_by::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[signed_by::ECDSA_P384_SHA384, signed_by::ECDSA_P256_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[signed_by::ECDSA_P256_SHA256, signed_by::ECDSA_P384_SHA256],
        ),
        (SignatureScheme::ED25519, &[signed_by::ED25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[signed_by::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[signed_by::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[signed_by::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[signed_by::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[signed_by::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[signed_by::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

/// The cryptography of all TLS that the agent speaks.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: CIPHERS.to_vec(),
        kx_groups: GROUPS.to_vec(),
        signature_verification_algorithms: SIGNATURES,
        secure_random: &System,
        key_provider: &NoKeys,
    }
}

/// The system's random numbers.
#[derive(Debug)]
struct System;

impl SecureRandom for System {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(bytes).map_err(|_| GetRandomFailed)
    }
}

/// Takes no private key, as nobody gives one.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("the agent shows no certificate".to_owned()))
    }
}
