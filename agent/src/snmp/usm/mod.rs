//! SNMP v3 with the user-based security model (RFC 3412, RFC 3414): a question wrapped for one engine, and what comes
//! back unwrapped.
//!
//! The rule it guards: with a password agreed, nothing unsigned is a reading. Unsigned reports may only say why a
//! question was refused, or which engine to ask instead.

mod keys;
mod message;
mod privacy;

use std::{sync::Arc, time::Duration};

use kentongan_model::plan::{AuthProtocol, PrivacyProtocol};
use snmp2::AsnReader;

pub(super) use keys::KeyRing;
use keys::{Extension, Hash};
use message::{Parameters, head, pdu_of_scoped, scoped};

use super::{
    ber::{NoBer, OCTET_STRING, SEQUENCE, Writer, enter, integer},
    pdu::{Answer, Question, REPORT},
};

const VERSION: i32 = 3;
/// The user-based security model.
const MODEL: i32 = 3;
const SIGNED: u8 = 1;
const SEALED: u8 = 2;
const REPORTABLE: u8 = 4;
/// How far a signed answer's clock may lag behind (RFC 3414 section 2.2.3), in seconds.
const WINDOW: u32 = 150;
/// The counters of reports, 1.3.6.1.6.3.15.1.1 (SNMP-USER-BASED-SM-MIB).
const STATISTICS: &[u8] = &[0x2b, 6, 1, 6, 3, 15, 1, 1];

/// Why a device and this user cannot talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// usmStatsUnknownUserNames.
    #[error("the device does not know the user")]
    User,
    /// usmStatsWrongDigests.
    #[error("the device does not take the user's password: check auth_password and auth")]
    Password,
    /// usmStatsDecryptionErrors.
    #[error("the device cannot decrypt what is sent: check priv_password and priv")]
    Privacy,
    /// usmStatsUnsupportedSecLevels.
    #[error("the device wants more security than the user has, or less: check auth and priv")]
    Level,
    /// usmStatsNotInTimeWindows, again and again; or an engine that has none.
    #[error("the device and this agent do not agree on its engine and its clock")]
    Engine,
    /// An empty password.
    #[error("a password is missing")]
    NoPassword,
    /// An answer without the signature, or the encryption, that was agreed.
    #[error("an answer that is not signed as agreed")]
    Forged,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Opened {
    /// The answer.
    Answer(Answer),
    /// News about the engine: the question is to be asked again.
    News,
}

/// A user, towards one device.
#[derive(Debug)]
pub(super) struct Usm {
    user: String,
    auth: Option<(Hash, Arc<[u8]>)>,
    privacy: Option<(PrivacyProtocol, Arc<[u8]>)>,
    extension: Extension,
    /// The engine that has answered what was encrypted with keys of this extension.
    settled: Vec<u8>,
    engine: Option<Engine>,
    salt: u64,
}

/// The device as SNMP knows it: its engine, its clock, and the keys for it.
#[derive(Debug)]
struct Engine {
    id: Vec<u8>,
    boots: u32,
    time: u32,
    /// When its clock was read, since our boot.
    read_at: Duration,
    auth_key: Vec<u8>,
    privacy_key: Vec<u8>,
}

impl Usm {
    pub(super) fn new(
        keys: &KeyRing,
        user: &str,
        auth: Option<&(AuthProtocol, String)>,
        privacy: Option<&(PrivacyProtocol, String)>,
    ) -> Result<Usm, Refusal> {
        let hash = auth.map(|(protocol, _)| Hash(*protocol));
        let key = |password: &str| hash.and_then(|hash| keys.key(hash, password)).ok_or(Refusal::NoPassword);
        Ok(Usm {
            user: user.to_owned(),
            auth: match (hash, auth) {
                (Some(hash), Some((_, password))) => Some((hash, key(password)?)),
                _ => None,
            },
            privacy: match privacy {
                Some((protocol, password)) => Some((*protocol, key(password)?)),
                None => None,
            },
            extension: Extension::default(),
            settled: Vec::new(),
            engine: None,
            salt: crate::chance::u64(),
        })
    }

    /// Forgets the device: it is asked for its engine again. If that has never answered what was encrypted for it, keys
    /// that were made longer are made the other way, which is told: many drop what they cannot decrypt without a word.
    pub(super) fn start_over(&mut self) -> bool {
        let engine = self.engine.take();
        let is_lengthened = matches!((&self.auth, &self.privacy), (Some((_, key)), Some((protocol, _)))
            if key.len() < privacy::key_length(*protocol));
        let may_differ = is_lengthened && engine.is_some_and(|engine| engine.id != self.settled);
        if may_differ {
            self.extension = self.extension.other();
            self.settled.clear();
        }
        may_differ
    }

    /// A question as it travels. While the engine is not known, the question is for that.
    pub(super) fn wrap<O: AsRef<[u8]>>(
        &mut self,
        question: &Question<'_, O>,
        id: i32,
        now: Duration,
    ) -> Result<Vec<u8>, Refusal> {
        let Some(engine) = &self.engine else {
            let nothing = Parameters { engine: &[], boots: 0, time: 0, user: &[], signature: &[], salt: &[] };
            let mut writer = Writer::default();
            let message = writer.end();
            scoped(&mut writer, &[], &Question::<&[u8]>::Get(&[]), id);
            head(&mut writer, &nothing, REPORTABLE, id);
            writer.close(SEQUENCE, message);
            return Ok(writer.finish());
        };
        let time = engine.time_at(now);
        let mut writer = Writer::default();
        let message = writer.end();
        let mut flags = REPORTABLE;
        let mut salt = [0; 8];
        if let Some((protocol, _)) = self.privacy {
            let mut plain = Writer::default();
            scoped(&mut plain, &engine.id, question, id);
            self.salt = self.salt.wrapping_add(1);
            let clock = (engine.boots, time);
            let sealed = privacy::seal(protocol, &engine.privacy_key, clock, self.salt, &plain.finish());
            let (bytes, salted) = sealed.ok_or(Refusal::NoPassword)?;
            writer.element(OCTET_STRING, &bytes);
            salt = salted;
            flags |= SEALED;
        } else {
            scoped(&mut writer, &engine.id, question, id);
        }
        let unsigned = [0; 48];
        let length = self.auth.as_ref().map_or(0, |(hash, _)| hash.signature_length());
        let parameters = Parameters {
            engine: &engine.id,
            boots: engine.boots,
            time,
            user: self.user.as_bytes(),
            signature: &unsigned[..length],
            salt: if self.privacy.is_some() { &salt } else { &[] },
        };
        if self.auth.is_some() {
            flags |= SIGNED;
        }
        let from_end = head(&mut writer, &parameters, flags, id);
        writer.close(SEQUENCE, message);
        let mut bytes = writer.finish();
        if let Some((hash, _)) = &self.auth {
            let signature = hash.signature(&engine.auth_key, &bytes);
            let at = bytes.len() - from_end;
            bytes[at..at + length].copy_from_slice(&signature);
        }
        Ok(bytes)
    }

    /// What a message says.
    pub(super) fn open(&mut self, bytes: &[u8], now: Duration) -> Result<Result<Opened, Refusal>, NoBer> {
        let mut whole = AsnReader::from_bytes(bytes);
        let mut message = enter(&mut whole, SEQUENCE)?;
        let end = bytes.len() - whole.bytes_left();
        if integer(&mut message)? != VERSION {
            return Err(NoBer);
        }
        let mut header = enter(&mut message, SEQUENCE)?;
        let (_id, _longest) = (header.read_asn_integer()?, header.read_asn_integer()?);
        let flags = *header.read_raw(OCTET_STRING)?.first().ok_or(NoBer)?;
        if integer(&mut header)? != MODEL {
            return Err(NoBer);
        }
        let parameters = Parameters::read(message.read_raw(OCTET_STRING)?)?;
        let signed = flags & SIGNED != 0;
        if signed && !self.is_signed_by(&parameters, bytes) {
            return Ok(Err(Refusal::Forged));
        }
        let answer = if flags & SEALED != 0 {
            let (Some((protocol, _)), Some(engine)) = (&self.privacy, &self.engine) else {
                return Ok(Err(Refusal::Forged));
            };
            let clock = (parameters.boots, parameters.time);
            let sealed = message.read_raw(OCTET_STRING)?;
            let plain = privacy::open(*protocol, &engine.privacy_key, clock, parameters.salt, sealed);
            let plain = plain.ok_or(NoBer)?;
            let at = pdu_of_scoped(&plain)?;
            Answer::read(plain, at)?
        } else {
            let at = end - message.bytes_left();
            let at = at + pdu_of_scoped(&bytes[at..])?;
            Answer::read(bytes.to_vec(), at)?
        };
        if answer.kind == REPORT {
            return Ok(self.hear(&answer, &parameters, signed, now));
        }
        let agreed = (self.auth.is_none() || signed) && (self.privacy.is_none() || flags & SEALED != 0);
        let Some(engine) = self.engine.as_mut().filter(|engine| agreed && engine.id == parameters.engine)
        else {
            return Ok(Err(Refusal::Forged));
        };
        if signed && !engine.follow(&parameters, now) {
            return Ok(Err(Refusal::Engine));
        }
        if self.privacy.is_some() {
            self.settled.clone_from(&engine.id);
        }
        Ok(Ok(Opened::Answer(answer)))
    }

    /// Whether the message bears the signature that our key gives it.
    fn is_signed_by(&self, parameters: &Parameters<'_>, bytes: &[u8]) -> bool {
        let (Some((hash, _)), Some(engine)) = (&self.auth, &self.engine) else { return false };
        let length = hash.signature_length();
        if parameters.signature.len() != length || parameters.user != self.user.as_bytes() {
            return false;
        }
        // Both lie in the same bytes.
        let at = (parameters.signature.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
        let mut unsigned = bytes.to_vec();
        unsigned[at..at + length].fill(0);
        let expected = hash.signature(&engine.auth_key, &unsigned);
        // In constant time: how much of it agrees is nobody's to learn.
        expected.iter().zip(parameters.signature).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }

    fn hear(
        &mut self,
        report: &Answer,
        parameters: &Parameters<'_>,
        signed: bool,
        now: Duration,
    ) -> Result<Opened, Refusal> {
        let counter =
            report.objects().next().and_then(|(oid, _)| oid.strip_prefix(STATISTICS)?.first().copied());
        match counter {
            Some(1) => Err(Refusal::Level),
            Some(2) => {
                let may = signed || self.auth.is_none();
                match self.engine.as_mut().filter(|engine| may && engine.id == parameters.engine) {
                    Some(engine) => {
                        engine.set(parameters, now);
                        Ok(Opened::News)
                    }
                    None => Err(Refusal::Engine),
                }
            }
            Some(3) => Err(Refusal::User),
            Some(4) if self.engine.as_ref().is_none_or(|engine| engine.id != parameters.engine) => {
                self.meet(parameters, now)
            }
            Some(5) => Err(Refusal::Password),
            Some(6) => Err(Refusal::Privacy),
            _ => Err(Refusal::Engine),
        }
    }

    /// The engine is new to us: its keys are made.
    fn meet(&mut self, parameters: &Parameters<'_>, now: Duration) -> Result<Opened, Refusal> {
        // RFC 3411: 5 to 32 bytes.
        if parameters.engine.is_empty() || parameters.engine.len() > 64 {
            return Err(Refusal::Engine);
        }
        let id = parameters.engine.to_vec();
        let local = |key: &[u8]| self.auth.as_ref().map(|(hash, _)| (*hash, hash.localized(key, &id)));
        let auth_key = self.auth.as_ref().and_then(|(_, key)| local(key)).map(|(_, key)| key);
        let privacy_key = self.privacy.as_ref().and_then(|(protocol, key)| {
            let (hash, key) = local(key)?;
            Some(self.extension.lengthened(hash, key, &id, privacy::key_length(*protocol)))
        });
        let mut engine = Engine {
            boots: 0,
            time: 0,
            read_at: now,
            auth_key: auth_key.unwrap_or_default(),
            privacy_key: privacy_key.unwrap_or_default(),
            id,
        };
        engine.set(parameters, now);
        self.engine = Some(engine);
        Ok(Opened::News)
    }
}

impl Engine {
    fn time_at(&self, now: Duration) -> u32 {
        let since = now.saturating_sub(self.read_at).as_secs();
        self.time.saturating_add(u32::try_from(since).unwrap_or(u32::MAX)).min(i32::MAX as u32)
    }

    fn set(&mut self, parameters: &Parameters<'_>, now: Duration) {
        (self.boots, self.time, self.read_at) = (parameters.boots, parameters.time, now);
    }

    /// Takes the clock of a signed answer for ours, unless the answer is an old one.
    fn follow(&mut self, parameters: &Parameters<'_>, now: Duration) -> bool {
        let known = self.time_at(now);
        if parameters.boots < self.boots
            || parameters.boots == self.boots && parameters.time.saturating_add(WINDOW) < known
        {
            return false;
        }
        if parameters.boots > self.boots || parameters.time > known {
            self.set(parameters, now);
        }
        true
    }
}
