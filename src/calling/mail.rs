//! Calls by mail: reference, priority and a link to the duty mailbox, over SMTP.
//!
//! The way in is [`Mailbox::open`], then [`Mailbox::send`]. TLS under a named CA, or plain SMTP to this machine alone.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use jiff::{fmt::rfc2822, tz::TimeZone};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    address::Envelope,
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
    envelope: Envelope,
    from: Correspondent,
    to: Vec<Correspondent>,
    per_minute: u32,
}

/// An address, as it was written and as the envelope names it.
struct Correspondent {
    written: String,
    address: Address,
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
        let from = correspondent("from", &settings.from)?;
        let to: Vec<Correspondent> = settings
            .to
            .iter()
            .map(|to| correspondent("to", to))
            .collect::<Result<_, _>>()?;
        let all = to.iter().map(|to| to.address.clone()).collect();
        let envelope = Envelope::new(Some(from.address.clone()), all)
            .map_err(|_| MailFault("to: is empty: expected an address".to_owned()))?;
        let domain = from.address.domain().to_owned();
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
            envelope,
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
        let message = self.message(call);
        let sending = self.transport.send_raw(&self.envelope, message.as_bytes());
        match tokio::time::timeout(CALL_TIMEOUT, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(fault(&error)),
            Err(_) => Err(SendFault::new(
                Reason::CallUnreachable,
                format!("no answer within {} s", CALL_TIMEOUT.as_secs()),
            )),
        }
    }

    /// A message of plain ASCII (RFC 5322): calls hold nothing else.
    fn message(&self, call: &Call) -> String {
        let to: Vec<&str> = self.to.iter().map(|to| to.written.as_str()).collect();
        let head = [
            ("From", self.from.written.clone()),
            ("To", to.join(", ")),
            ("Date", date(call.at)),
            (
                "Message-ID",
                format!("<{}@{}>", call.id, self.from.address.domain()),
            ),
            ("Subject", call.subject()),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", "text/plain; charset=us-ascii".to_owned()),
            ("Auto-Submitted", "auto-generated".to_owned()),
        ];
        let head = head.map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("{}\r\n{}", head.concat(), call.text().replace('\n', "\r\n"))
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

/// `duty@police.example`, or with a name before it: `Duty desk <duty@police.example>`.
fn correspondent(key: &str, text: &str) -> Result<Correspondent, MailFault> {
    let wrong = || {
        MailFault(format!(
            "{key}: `{}` is no address: expected one such as `Duty desk <duty@police.example>`, in ASCII",
            text.escape_debug()
        ))
    };
    let named = text.strip_suffix('>').and_then(|text| text.split_once('<'));
    let (name, address) = named.unwrap_or(("", text));
    // A name of words needs no quoting, and cannot bring another header with it.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ' || byte == b'-';
    if !name.bytes().all(plain) || !address.is_ascii() {
        return Err(wrong());
    }
    Ok(Correspondent {
        written: text.to_owned(),
        address: address.parse().map_err(|_| wrong())?,
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

/// As mails are dated: `Tue, 24 Nov 2026 08:13:20 +0000`.
fn date(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or_default();
    // A year that mails cannot tell leaves the date to the server.
    rfc2822::to_string(&time.to_zoned_datetime(TimeZone::UTC)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
