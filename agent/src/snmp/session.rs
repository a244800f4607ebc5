//! One SNMP session with one device: a request out, a checked answer in.
//!
//! snmp2 waits forever, takes whatever datagram comes next for the answer, and stops decoding without a word at a varbind that
//! it cannot read. So every request has a deadline, the first request id is drawn at random, and an answer is taken
//! only whole. After any error the session is good for nothing more: whoever holds it drops it, and the socket with
//! it, so that a late reply finds nobody.

use std::{net::SocketAddr, time::Duration};

use kentongan_model::plan::{Access, AuthProtocol, PrivacyProtocol};
use snmp2::{AsyncSession, Error, Oid, Pdu, Value, v3};

use super::columns::as_oid;

/// How long each answer is waited for.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
/// The most varbinds that an answer may have.
const MAX_VARBINDS: usize = 128;
/// How often a v3 request is sent again because the device had news about its clock.
const V3_UPDATES: usize = 2;

/// Why a device gave no reading.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnmpError {
    /// It did not answer in time.
    #[error("no answer")]
    Timeout,
    /// The socket failed.
    #[error("cannot ask: {0}")]
    Socket(#[from] std::io::Error),
    /// What came was no answer to the question.
    #[error("{0}")]
    Protocol(Error),
    /// It answered with an error status (RFC 3416 section 3).
    #[error("error status {status} at varbind {index}")]
    Status {
        /// error-status.
        status: u32,
        /// error-index, counted from 1.
        index: usize,
    },
    /// The answer contradicts itself or the question.
    #[error("a malformed answer: {0}")]
    Malformed(&'static str),
    /// The decoder gave up on it.
    #[error("an answer that the decoder fails at")]
    Panicked,
}

/// A value, as far as readings need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Datum {
    Integer(i64),
    Unsigned(u64),
    Text(Vec<u8>),
    /// The device has no such object, or nothing behind it.
    Missing,
    /// A type that no reading has.
    Other,
}

/// OID as BER bytes, and value.
pub(super) type Varbind = (Vec<u8>, Datum);

/// How an AES key is made from a shorter hash: vendors differ (draft-blumenthal-aes-usm-04; draft-reeder-snmpv3-usm-3desede).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum KeyExtension {
    #[default]
    Blumenthal,
    Reeder,
}

impl KeyExtension {
    pub(super) fn other(self) -> Self {
        match self {
            KeyExtension::Blumenthal => KeyExtension::Reeder,
            KeyExtension::Reeder => KeyExtension::Blumenthal,
        }
    }
}

/// A session.
pub(super) struct Session {
    session: AsyncSession,
}

impl Session {
    pub(super) async fn open(
        address: SocketAddr,
        access: &Access,
        extension: KeyExtension,
    ) -> Result<Self, SnmpError> {
        // Positive, and far enough from the end for a session's life.
        let first_id = i32::from(crate::chance::u16()) << 14 | i32::from(crate::chance::u16() >> 2);
        let session = match access {
            Access::V1 { community } => AsyncSession::new_v1(address, community.as_bytes(), first_id).await?,
            Access::V2c { community } => {
                AsyncSession::new_v2c(address, community.as_bytes(), first_id).await?
            }
            Access::V3 { user, auth, privacy } => {
                let security = security(user, auth.as_ref(), privacy.as_ref(), extension);
                let mut session = AsyncSession::new_v3(address, first_id, security).await?;
                in_time(session.init()).await?;
                session
            }
        };
        Ok(Session { session })
    }

    /// GET. The answer has the objects that were asked for, in their order.
    pub(super) async fn get(&mut self, oids: &[Vec<u8>]) -> Result<Vec<Varbind>, SnmpError> {
        let varbinds = self.ask(Question::These(oids)).await?;
        if varbinds.len() != oids.len() {
            return Err(SnmpError::Malformed("not as many objects as were asked for"));
        }
        if varbinds.iter().zip(oids).any(|((told, _), asked)| told != asked) {
            return Err(SnmpError::Malformed("other objects than were asked for"));
        }
        Ok(varbinds)
    }

    /// What follows the given OIDs: up to `rows` times as many objects, row by row. In v1 there is one row.
    pub(super) async fn following(&mut self, oids: &[Vec<u8>], rows: u32) -> Result<Vec<Varbind>, SnmpError> {
        if self.session.version() == snmp2::Version::V1 {
            return self.following_one_by_one(oids).await;
        }
        let varbinds = self.ask(Question::Following(oids, rows)).await?;
        if varbinds.is_empty() || varbinds.len() > oids.len() * rows as usize {
            return Err(SnmpError::Malformed("not as many objects as were asked for"));
        }
        Ok(varbinds)
    }

    /// v1 has no GETBULK, and snmp2's GETNEXT takes one object; a v1 device is walked once an hour.
    async fn following_one_by_one(&mut self, oids: &[Vec<u8>]) -> Result<Vec<Varbind>, SnmpError> {
        let mut row = Vec::with_capacity(oids.len());
        for oid in oids {
            match self.ask(Question::Next(oid)).await {
                Ok(varbinds) => {
                    let [varbind] = <[Varbind; 1]>::try_from(varbinds)
                        .map_err(|_| SnmpError::Malformed("not one object"))?;
                    row.push(varbind);
                }
                // noSuchName: the end of the tree (RFC 1157 section 4.1.3).
                Err(SnmpError::Status { status: 2, .. }) => row.push((Vec::new(), Datum::Missing)),
                Err(error) => return Err(error),
            }
        }
        Ok(row)
    }

    async fn ask(&mut self, question: Question<'_>) -> Result<Vec<Varbind>, SnmpError> {
        for _ in 0..V3_UPDATES {
            match in_time(question.put(&mut self.session)).await {
                Err(SnmpError::Protocol(Error::AuthUpdated)) => {}
                answer => return answer?.checked(),
            }
        }
        Err(SnmpError::Protocol(Error::AuthUpdated))
    }
}

/// What is asked, by OIDs as BER bytes.
#[derive(Clone, Copy)]
enum Question<'a> {
    These(&'a [Vec<u8>]),
    Next(&'a [u8]),
    Following(&'a [Vec<u8>], u32),
}

impl Question<'_> {
    async fn put(self, session: &mut AsyncSession) -> Result<Answer, Error> {
        let oids: Vec<Oid<'_>> = match self {
            Question::These(oids) | Question::Following(oids, _) => {
                oids.iter().map(|oid| as_oid(oid)).collect()
            }
            Question::Next(oid) => vec![as_oid(oid)],
        };
        let oids: Vec<&Oid<'_>> = oids.iter().collect();
        let pdu = match self {
            Question::These(_) => session.get_many(&oids).await?,
            Question::Next(_) => session.getnext(oids[0]).await?,
            Question::Following(_, rows) => session.getbulk(&oids, 0, rows).await?,
        };
        Ok(Answer::of(&pdu))
    }
}

/// An answer that no longer borrows the session's buffer.
struct Answer {
    status: u32,
    index: u32,
    varbinds: Vec<Varbind>,
}

impl Answer {
    fn of(pdu: &Pdu<'_>) -> Self {
        let varbinds = pdu.varbinds.clone().take(MAX_VARBINDS + 1);
        let varbinds = varbinds.map(|(oid, value)| (oid.as_bytes().to_vec(), datum(&value))).collect();
        Answer { status: pdu.error_status, index: pdu.error_index, varbinds }
    }

    fn checked(self) -> Result<Vec<Varbind>, SnmpError> {
        match self {
            Answer { status: 0, varbinds, .. } if varbinds.len() <= MAX_VARBINDS => Ok(varbinds),
            Answer { status: 0, .. } => Err(SnmpError::Malformed("too many objects")),
            Answer { status, index, .. } => {
                Err(SnmpError::Status { status, index: usize::try_from(index).unwrap_or(0) })
            }
        }
    }
}

fn datum(value: &Value<'_>) -> Datum {
    match value {
        Value::Integer(number) => Datum::Integer(*number),
        Value::Counter32(number) | Value::Unsigned32(number) | Value::Timeticks(number) => {
            Datum::Unsigned(u64::from(*number))
        }
        Value::Counter64(number) => Datum::Unsigned(*number),
        Value::OctetString(bytes) => Datum::Text(bytes.to_vec()),
        Value::Null | Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => Datum::Missing,
        _ => Datum::Other,
    }
}

async fn in_time<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, SnmpError> {
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(answer) => answer.map_err(SnmpError::Protocol),
        Err(_) => Err(SnmpError::Timeout),
    }
}

fn security(
    user: &str,
    auth: Option<&(AuthProtocol, String)>,
    privacy: Option<&(PrivacyProtocol, String)>,
    extension: KeyExtension,
) -> v3::Security {
    let password = auth.map_or("", |(_, password)| password);
    let security = v3::Security::new(user.as_bytes(), password.as_bytes());
    let Some((protocol, _)) = auth else { return security.with_auth(v3::Auth::NoAuthNoPriv) };
    let security = security.with_auth_protocol(match protocol {
        AuthProtocol::Md5 => v3::AuthProtocol::Md5,
        AuthProtocol::Sha1 => v3::AuthProtocol::Sha1,
        AuthProtocol::Sha224 => v3::AuthProtocol::Sha224,
        AuthProtocol::Sha256 => v3::AuthProtocol::Sha256,
        AuthProtocol::Sha384 => v3::AuthProtocol::Sha384,
        AuthProtocol::Sha512 => v3::AuthProtocol::Sha512,
    });
    let Some((protocol, password)) = privacy else { return security.with_auth(v3::Auth::AuthNoPriv) };
    let cipher = match protocol {
        PrivacyProtocol::Des => v3::Cipher::Des,
        PrivacyProtocol::Aes128 => v3::Cipher::Aes128,
        PrivacyProtocol::Aes192 => v3::Cipher::Aes192,
        PrivacyProtocol::Aes256 => v3::Cipher::Aes256,
    };
    let extension = match extension {
        KeyExtension::Blumenthal => v3::KeyExtension::Blumenthal,
        KeyExtension::Reeder => v3::KeyExtension::Reeder,
    };
    let privacy_password = password.as_bytes().to_vec();
    security.with_auth(v3::Auth::AuthPriv { cipher, privacy_password }).with_key_extension_method(extension)
}
