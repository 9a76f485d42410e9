//! Calls by mail: reference, priority and a link to the duty mailbox, over SMTP.
//!
//! The way in is [`Mailbox::open`], then [`Mailbox::send`]. TLS under a named CA, or plain SMTP to this machine alone.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox as Address, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};

use super::{call::Call, way::SendFault};
use crate::domain::{limits::CALL_TIMEOUT, reason::Reason, time::Timestamp};

/// How the way to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    /// Not at all: only to this machine.
    Plain,
    /// By STARTTLS, or no mail is sent.
    StartTls,
    /// From the first byte.
    Tls,
}

/// What mail is sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way is secured.
    pub secured: Secured,
    /// Who vouches for the server (PEM).
    pub ca: Option<PathBuf>,
    /// Name and file of the password, where the server asks for them.
    pub login: Option<(String, PathBuf)>,
    /// From whom.
    pub from: String,
    /// To whom; at least one.
    pub to: Vec<String>,
    /// At most so many.
    pub per_minute: u32,
}

/// Where calls are mailed.
pub struct Mailbox {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    to: Vec<Address>,
    per_minute: u32,
}

/// Why mail cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mail: {0}")]
pub struct MailFault(pub String);

impl Mailbox {
    /// Checks addresses, CA and password.
    ///
    /// # Errors
    /// What is wrong, and the fix.
    pub fn open(settings: &MailSettings) -> Result<Self, MailFault> {
        let tls = match settings.secured {
            Secured::Plain if is_loopback(&settings.host) => Tls::None,
            Secured::Plain => {
                return Err(MailFault(format!(
                    "tls: `none` to `{}` would be read on its way: expected `starttls` or `tls`, or a loopback address",
                    settings.host.escape_debug()
                )));
            }
            Secured::StartTls => Tls::Required(parameters(settings)?),
            Secured::Tls => Tls::Wrapper(parameters(settings)?),
        };
        let from = address("from", &settings.from)?;
        let to: Vec<Address> = settings
            .to
            .iter()
            .map(|to| address("to", to))
            .collect::<Result<_, _>>()?;
        if to.is_empty() {
            return Err(MailFault("to: is empty: expected an address".to_owned()));
        }
        let domain = from.email.domain().to_owned();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(CALL_TIMEOUT))
            .hello_name(ClientId::Domain(domain));
        if let Some((name, file)) = &settings.login {
            builder = builder.credentials(Credentials::new(name.clone(), password(file)?));
        }
        Ok(Self {
            transport: builder.build(),
            from,
            to,
            per_minute: settings.per_minute,
        })
    }

    pub(super) const fn per_minute(&self) -> u32 {
        self.per_minute
    }

    /// One try.
    pub(super) async fn send(&self, call: &Call) -> Result<(), SendFault> {
        let message = self
            .message(call)
            .map_err(|error| SendFault::new(Reason::CallUnreachable, error.to_string()))?;
        let sending = self.transport.send(message);
        match tokio::time::timeout(CALL_TIMEOUT, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(fault(&error)),
            Err(_) => Err(SendFault::new(
                Reason::CallUnreachable,
                format!("no answer within {} s", CALL_TIMEOUT.as_secs()),
            )),
        }
    }

    fn message(&self, call: &Call) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .date(system_time(call.at))
            .message_id(Some(format!("<{}@{domain}>", call.id)))
            .subject(call.subject())
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.body(call.text())
    }
}

/// The server's own words may name whose mailbox it is: its code is enough.
fn fault(error: &lettre::transport::smtp::Error) -> SendFault {
    match error.status() {
        Some(code) => SendFault::new(Reason::CallRefused, format!("the server answered {code}")),
        None if error.is_timeout() => SendFault::new(Reason::CallUnreachable, "no answer in time"),
        None if error.is_tls() => SendFault::new(Reason::CallUnreachable, "TLS failed"),
        None => SendFault::new(Reason::CallUnreachable, "no connection"),
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn parameters(settings: &MailSettings) -> Result<TlsParameters, MailFault> {
    let file = settings.ca.as_deref().ok_or_else(|| {
        MailFault("ca: missing: name the CA that vouches for the mail server (PEM)".to_owned())
    })?;
    let wrong = |why: String| MailFault(format!("ca: {}: {why}", file.display()));
    let bytes = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let certificate = Certificate::from_pem(&bytes).map_err(|error| wrong(error.to_string()))?;
    TlsParameters::builder(settings.host.clone())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(certificate)
        .build_rustls()
        .map_err(|error| wrong(error.to_string()))
}

fn address(key: &str, text: &str) -> Result<Address, MailFault> {
    text.parse().map_err(|_| {
        MailFault(format!(
            "{key}: `{}` is no address: expected one such as `Duty desk <duty@police.example>`",
            text.escape_debug()
        ))
    })
}

fn password(file: &Path) -> Result<String, MailFault> {
    use std::os::unix::fs::PermissionsExt as _;
    let wrong = |why: String| MailFault(format!("password: {}: {why}", file.display()));
    let metadata = fs::metadata(file).map_err(|error| wrong(error.to_string()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(wrong("others may read it: `chmod 600` it".to_owned()));
    }
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

fn system_time(time: Timestamp) -> std::time::SystemTime {
    let micros = u64::try_from(time.as_micros()).unwrap_or(0);
    UNIX_EPOCH + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests;
