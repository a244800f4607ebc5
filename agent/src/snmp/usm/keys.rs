//! Keys of SNMP v3's user-based security: from a password to a key of one engine (RFC 3414 section 2.6, RFC 7860), and on
//! to the length that a cipher wants.
//!
//! The first step hashes a megabyte, which takes a router's processor longer than a whole poll. So its result is
//! kept, and shared by all devices with the same password.

use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use kentongan_model::plan::AuthProtocol;
use md5::Digest;

/// Keys of passwords that are kept; of more, the first goes, and is made again when it is needed.
const MAX_KEPT: usize = 64;
/// The length to which a password is repeated.
const STRETCHED: usize = 1 << 20;

/// A hash, with what RFC 3414 and RFC 7860 say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash(pub(super) AuthProtocol);

macro_rules! with_hash {
    ($protocol:expr, $hash:ident => $does:expr) => {
        match $protocol {
            AuthProtocol::Md5 => {
                type $hash = md5::Md5;
                $does
            }
            AuthProtocol::Sha1 => {
                type $hash = sha1::Sha1;
                $does
            }
            AuthProtocol::Sha224 => {
                type $hash = sha2::Sha224;
                $does
            }
            AuthProtocol::Sha256 => {
                type $hash = sha2::Sha256;
                $does
            }
            AuthProtocol::Sha384 => {
                type $hash = sha2::Sha384;
                $does
            }
            AuthProtocol::Sha512 => {
                type $hash = sha2::Sha512;
                $does
            }
        }
    };
}

impl Hash {
    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        with_hash!(self.0, H => {
            let mut hash = H::new();
            parts.iter().for_each(|part| hash.update(part));
            hash.finalize().to_vec()
        })
    }

    /// The key of a password, before it belongs to an engine. None for an empty password, which is none.
    pub(super) fn of_password(self, password: &[u8]) -> Option<Vec<u8>> {
        if password.is_empty() {
            return None;
        }
        // A block that begins where the password does, as often as it takes.
        let block = password.repeat(64usize.div_ceil(password.len()));
        Some(with_hash!(self.0, H => {
            let mut hash = H::new();
            let mut left = STRETCHED;
            while left > 0 {
                let taken = left.min(block.len());
                hash.update(&block[..taken]);
                left -= taken;
            }
            hash.finalize().to_vec()
        }))
    }

    /// The key for one engine.
    pub(super) fn localized(self, key: &[u8], engine: &[u8]) -> Vec<u8> {
        self.of(&[key, engine, key])
    }

    /// The signature of a message, as long as it travels.
    pub(super) fn signature(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut signature = with_hash!(self.0, H => {
            let Ok(mut mac) = <Hmac<H> as KeyInit>::new_from_slice(key) else { return Vec::new() };
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        });
        signature.truncate(self.signature_length());
        signature
    }

    /// How many bytes of a signature travel.
    pub(super) fn signature_length(self) -> usize {
        match self.0 {
            AuthProtocol::Md5 | AuthProtocol::Sha1 => 12,
            AuthProtocol::Sha224 => 16,
            AuthProtocol::Sha256 => 24,
            AuthProtocol::Sha384 => 32,
            AuthProtocol::Sha512 => 48,
        }
    }
}

/// How a key is made longer than its hash: vendors differ (draft-blumenthal-aes-usm-04, as net-snmp does;
/// draft-reeder-snmpv3-usm-3desede, as Cisco does).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Extension {
    #[default]
    Blumenthal,
    Reeder,
}

impl Extension {
    pub(super) fn other(self) -> Self {
        match self {
            Extension::Blumenthal => Extension::Reeder,
            Extension::Reeder => Extension::Blumenthal,
        }
    }

    /// A localized key, made at least so long.
    pub(super) fn lengthened(self, hash: Hash, mut key: Vec<u8>, engine: &[u8], length: usize) -> Vec<u8> {
        while key.len() < length {
            let more = match self {
                Extension::Blumenthal => hash.of(&[&key]),
                Extension::Reeder => hash.localized(&hash.of_password(&key).unwrap_or_default(), engine),
            };
            key.extend(more);
        }
        key
    }
}

type Kept = (AuthProtocol, String, Arc<[u8]>);

/// The keys of passwords, made once each.
#[derive(Default)]
pub(in super::super) struct KeyRing(Mutex<Vec<Kept>>);

impl std::fmt::Debug for KeyRing {
    /// Keeps the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing")
    }
}

impl KeyRing {
    /// The key of a password.
    pub(super) fn key(&self, hash: Hash, password: &str) -> Option<Arc<[u8]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., key)) = kept.iter().find(|(of, text, _)| *of == hash.0 && text == password) {
            return Some(Arc::clone(key));
        }
        let key: Arc<[u8]> = hash.of_password(password.as_bytes())?.into();
        if kept.len() == MAX_KEPT {
            kept.remove(0);
        }
        kept.push((hash.0, password.to_owned(), Arc::clone(&key)));
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_examples_of_rfc_3414_come_out() {
        let engine = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let md5 = Hash(AuthProtocol::Md5);
        let key = md5.of_password(b"maplesyrup").unwrap();
        assert_eq!(hex(&key), "9faf3283884e92834ebc9847d8edd963");
        assert_eq!(hex(&md5.localized(&key, &engine)), "526f5eed9fcce26f8964c2930787d82b");
        let sha = Hash(AuthProtocol::Sha1);
        let key = sha.of_password(b"maplesyrup").unwrap();
        assert_eq!(hex(&key), "9fb5cc0381497b3793528939ff788d5d79145211");
        assert_eq!(hex(&sha.localized(&key, &engine)), "6695febc9288e36282235fc7151f128497b38f3f");
        // draft-reeder-snmpv3-usm-3desede-00, appendix B.2.
        let long = Extension::Reeder.lengthened(sha, sha.localized(&key, &engine), &engine, 32);
        assert_eq!(
            hex(&long),
            "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9cd2d5065547743fb5"
        );
    }

    #[test]
    fn an_empty_password_is_none_and_a_key_is_made_once() {
        let ring = KeyRing::default();
        let hash = Hash(AuthProtocol::Sha256);
        assert!(ring.key(hash, "").is_none());
        let first = ring.key(hash, "kata-sandi").unwrap();
        assert!(Arc::ptr_eq(&first, &ring.key(hash, "kata-sandi").unwrap()));
        for n in 0..MAX_KEPT {
            ring.0.lock().unwrap().push((AuthProtocol::Md5, n.to_string(), Arc::from([0u8])));
        }
        assert!(ring.0.lock().unwrap().len() > MAX_KEPT - 1);
    }
}
