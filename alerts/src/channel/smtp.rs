//! E-mail through a mail server of one's own, by lettre: STARTTLS, TLS, or in the clear to a relay nearby.
//!
//! One mail for each recipient. Its Message-ID is made of the message's key, so that a repetition is the same mail, and
//! all mails about one incident refer to one thread.

use std::time::{Duration, SystemTime};

use kentongan_model::time::Timestamp;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::{OpenError, chain, read_secret};
use crate::{
    config::{SmtpConfig, SmtpTls},
    reply::{Action, classify_mail},
    store::Letter,
};

/// How long the server may take to greet.
const CONNECT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailbox,
}

impl Mailer {
    /// One for each recipient.
    pub(super) fn open(config: &SmtpConfig) -> Result<Vec<Self>, OpenError> {
        let transport = transport(config)?;
        let failed = |source: lettre::address::AddressError| OpenError::Client {
            channel: config.name.clone(),
            source: source.into(),
        };
        let from: Mailbox = config.from.parse().map_err(failed)?;
        let mailer = |to: &String| {
            Ok(Mailer { transport: transport.clone(), from: from.clone(), to: to.parse().map_err(failed)? })
        };
        config.to.iter().map(mailer).collect()
    }

    pub(super) fn recipient(&self) -> &str {
        self.to.email.as_ref()
    }

    pub(super) async fn send(&self, letter: &Letter, now: Timestamp) -> Action {
        let mail = match self.compose(letter, now) {
            Ok(mail) => mail,
            Err(error) => return Action::GiveUp { trouble: chain(&error) },
        };
        match self.transport.send(mail).await {
            Ok(_) => Action::Delivered,
            Err(error) => classify_mail(error.status().map(u16::from), chain(&error)),
        }
    }

    fn compose(&self, letter: &Letter, now: Timestamp) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let date = SystemTime::UNIX_EPOCH + now.since(Timestamp::from_millis(0));
        Message::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(letter.message.title.clone())
            .date(date)
            .message_id(Some(format!("<{}@{domain}>", letter.key)))
            .references(format!("<{}@{domain}>", letter.thread))
            .raw_header(automatic())
            .header(ContentType::TEXT_PLAIN)
            .body(letter.message.body.clone())
    }
}

/// RFC 3834: keeps out-of-office replies away.
fn automatic() -> lettre::message::header::HeaderValue {
    use lettre::message::header::{HeaderName, HeaderValue};
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

fn transport(config: &SmtpConfig) -> Result<AsyncSmtpTransport<Tokio1Executor>, OpenError> {
    let (tls, port) = match config.tls {
        SmtpTls::StartTls => (Tls::Required(parameters(config)?), 587),
        SmtpTls::Tls => (Tls::Wrapper(parameters(config)?), 465),
        SmtpTls::None => (Tls::None, 25),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
        .port(config.port.unwrap_or(port))
        .timeout(Some(CONNECT))
        .tls(tls);
    if let (Some(user), Some(password)) = (&config.username, &config.password) {
        let password = read_secret(&config.name, "password", password)?;
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

fn parameters(config: &SmtpConfig) -> Result<TlsParameters, OpenError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Authority {
            channel: config.name.clone(),
            path: path.clone(),
            source,
        };
        let pem = std::fs::read(path).map_err(|source| failed(source.into()))?;
        builder = builder
            .add_root_certificate(Certificate::from_pem(&pem).map_err(|source| failed(source.into()))?);
    }
    builder
        .build()
        .map_err(|source| OpenError::Client { channel: config.name.clone(), source: source.into() })
}
