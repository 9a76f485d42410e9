//! Calls over TLS: they reach whoever the named CA vouches for, and nothing is said to anybody else.
//!
//! ```text
//!   node --TLS, CA named--> receiver of a few lines     2xx / 250
//!        --TLS------------> other CA, other name        nothing but a broken handshake
//!        --EHLO-----------> server without STARTTLS     no name, no password, no mail
//! ```

use std::{path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    MailSettings, Mailbox, Secured, Webhook, WebhookSettings, call::tests::flash,
    duty::testing::NOW,
};
use crate::domain::reason::Reason;

/// Who vouches for a receiver, with the folder of its files.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, folder }
    }

    fn pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A file that only its owner reads.
    fn secret(&self, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.folder.path().join("secret");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// What a server of this name shows.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new([name.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            );
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

/// What one session heard, and whether it was over TLS.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    in_clear: String,
    over_tls: String,
}

async fn listening() -> (u16, TcpListener) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (socket.local_addr().unwrap().port(), socket)
}

/// A receiver that takes one request and its body.
async fn receiver(acceptor: TlsAcceptor) -> (u16, JoinHandle<Heard>) {
    let (port, socket) = listening().await;
    let heard = tokio::spawn(async move {
        let (tcp, _) = socket.accept().await.unwrap();
        let mut heard = Heard::default();
        let Ok(tls) = acceptor.accept(tcp).await else {
            return heard;
        };
        let mut tls = BufReader::new(tls);
        // The body is one line of JSON without an end: its closing brace is.
        while !heard.over_tls.ends_with('}') {
            let bytes = tls.fill_buf().await.unwrap();
            if bytes.is_empty() {
                return heard;
            }
            heard.over_tls.push_str(std::str::from_utf8(bytes).unwrap());
            let taken = bytes.len();
            tls.consume(taken);
        }
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        tls.write_all(answer).await.unwrap();
        tls.shutdown().await.unwrap();
        heard
    });
    (port, heard)
}

fn webhook(port: u16, ca: &Ca) -> Webhook {
    Webhook::open(&WebhookSettings {
        name: "duty".to_owned(),
        url: format!("https://127.0.0.1:{port}/calls"),
        secret: ca.secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
        ca: Some(ca.pem()),
    })
    .unwrap()
}

#[tokio::test]
async fn a_webhook_is_posted_under_its_ca() {
    let ca = Ca::new();
    let (port, heard) = receiver(ca.acceptor("127.0.0.1")).await;
    let call = flash();
    webhook(port, &ca).send(&call, NOW).await.unwrap();
    let heard = heard.await.unwrap().over_tls;
    for words in [
        "POST /calls HTTP/1.1\r\n",
        &format!("webhook-id: msg_{}\r\n", call.id),
        "webhook-signature: v1,",
        &format!("\"reference\":\"{}\"", call.reference()),
    ] {
        assert!(heard.contains(words), "{words}: {heard}");
    }
}

#[tokio::test]
async fn a_webhook_says_nothing_to_whom_its_ca_does_not_vouch_for() {
    let (ca, other) = (Ca::new(), Ca::new());
    for stranger in [
        other.acceptor("127.0.0.1"),
        ca.acceptor("elsewhere.example"),
    ] {
        let (port, heard) = receiver(stranger).await;
        let fault = webhook(port, &ca).send(&flash(), NOW).await.unwrap_err();
        assert_eq!(fault.reason, Reason::CallUnreachable);
        assert!(fault.detail.contains("certificate"), "{fault:?}");
        assert_eq!(heard.await.unwrap(), Heard::default());
    }
}

/// How a mail server goes over to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offers {
    Wrapped,
    StartTls,
    /// Or somebody on the way took the offer out.
    Nothing,
}

/// Answers one session's lines, until it ends or asks for TLS; true when it does.
async fn session<S>(stream: &mut BufReader<S>, heard: &mut String, offers: Offers) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut in_mail = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        heard.push_str(&line);
        let answer = match line.trim_end() {
            "." if in_mail => {
                in_mail = false;
                "250 taken"
            }
            _ if in_mail => continue,
            "DATA" => {
                in_mail = true;
                "354 go on"
            }
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await.unwrap();
                return true;
            }
            ehlo if ehlo.starts_with("EHLO") && offers == Offers::StartTls => {
                "250-here\r\n250-AUTH PLAIN\r\n250 STARTTLS"
            }
            ehlo if ehlo.starts_with("EHLO") => "250-here\r\n250 AUTH PLAIN",
            auth if auth.starts_with("AUTH") => "235 known",
            _ => "250 well",
        };
        let answer = format!("{answer}\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return false;
        }
    }
}

async fn encrypted(tcp: TcpStream, acceptor: TlsAcceptor, offers: Offers, heard: &mut String) {
    if let Ok(tls) = acceptor.accept(tcp).await {
        let mut tls = BufReader::new(tls);
        if offers == Offers::Wrapped {
            tls.write_all(b"220 here\r\n").await.unwrap();
        }
        session(&mut tls, heard, Offers::Wrapped).await;
    }
}

async fn mail_server(acceptor: TlsAcceptor, offers: Offers) -> (u16, JoinHandle<Heard>) {
    let (port, socket) = listening().await;
    let heard = tokio::spawn(async move {
        let (mut tcp, _) = socket.accept().await.unwrap();
        let mut heard = Heard::default();
        if offers != Offers::Wrapped {
            tcp.write_all(b"220 here\r\n").await.unwrap();
            let mut stream = BufReader::new(tcp);
            if !session(&mut stream, &mut heard.in_clear, offers).await {
                return heard;
            }
            tcp = stream.into_inner();
        }
        encrypted(tcp, acceptor, offers, &mut heard.over_tls).await;
        heard
    });
    (port, heard)
}

fn mailbox(port: u16, ca: &Ca, secured: Secured) -> Mailbox {
    Mailbox::open(&MailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        secured,
        ca: Some(ca.pem()),
        login: Some(("allpoints".to_owned(), ca.secret("open sesame\n"))),
        from: "Allpoints <node@xa.example>".to_owned(),
        to: vec!["Duty desk <duty@xa.example>".to_owned()],
        per_minute: 2,
    })
    .unwrap()
}

/// Nothing by which anybody could tell who calls whom, or come in.
fn told_nothing(heard: &Heard) {
    for words in ["AUTH", "MAIL", "RCPT", "DATA", "duty", "XB-"] {
        let told = heard.in_clear.contains(words) || heard.over_tls.contains(words);
        assert!(!told, "{words}: {heard:?}");
    }
}

#[tokio::test]
async fn a_call_is_mailed_over_tls_from_the_first_byte_or_after_starttls() {
    for (secured, offers) in [
        (Secured::Tls, Offers::Wrapped),
        (Secured::StartTls, Offers::StartTls),
    ] {
        let ca = Ca::new();
        let (port, heard) = mail_server(ca.acceptor("127.0.0.1"), offers).await;
        let mail = mailbox(port, &ca, secured);
        mail.send(&flash()).await.unwrap();
        drop(mail);
        let heard = heard.await.unwrap();
        for words in ["AUTH PLAIN", "RCPT TO:<duty@xa.example>", "Subject: "] {
            assert!(heard.over_tls.contains(words), "{words}: {heard:?}");
        }
        let before = match secured {
            Secured::StartTls => "EHLO xa.example\r\nSTARTTLS\r\n",
            Secured::Tls | Secured::Plain => "",
        };
        assert_eq!(heard.in_clear, before, "what was said in clear");
    }
}

#[tokio::test]
async fn no_name_password_or_mail_goes_where_the_ca_does_not_vouch() {
    let (ca, other) = (Ca::new(), Ca::new());
    for (secured, offers, acceptor) in [
        (Secured::Tls, Offers::Wrapped, other.acceptor("127.0.0.1")),
        (Secured::Tls, Offers::Wrapped, ca.acceptor("mail.example")),
        (
            Secured::StartTls,
            Offers::StartTls,
            other.acceptor("127.0.0.1"),
        ),
        (Secured::StartTls, Offers::Nothing, ca.acceptor("127.0.0.1")),
    ] {
        let (port, heard) = mail_server(acceptor, offers).await;
        let mail = mailbox(port, &ca, secured);
        let fault = mail.send(&flash()).await.unwrap_err();
        assert_eq!(fault.reason, Reason::CallUnreachable, "{offers:?}");
        drop(mail);
        told_nothing(&heard.await.unwrap());
    }
}
