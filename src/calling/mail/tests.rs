//! Mail to a server of a few lines on this machine, and settings that are refused.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::*;
use crate::calling::{
    call::tests::flash,
    way::{Messenger, Way},
};

fn settings(port: u16) -> MailSettings {
    MailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        secured: Secured::Plain,
        ca: None,
        login: None,
        from: "Allpoints <node@xa.example>".to_owned(),
        to: vec!["Duty desk <duty@xa.example>".to_owned()],
        per_minute: 2,
    }
}

/// A mail server that answers each line of one session; gives all it heard. `verdict` is its word on the mail.
async fn server(verdict: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 here\r\n").await.unwrap();
        let mut heard = String::new();
        let mut in_mail = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap() == 0 {
                return heard;
            }
            heard.push_str(&line);
            let answer = match line.trim_end() {
                "." if in_mail => {
                    in_mail = false;
                    verdict
                }
                _ if in_mail => continue,
                "DATA" => {
                    in_mail = true;
                    "354 go on"
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await.unwrap();
                    return heard;
                }
                _ => "250 well",
            };
            stream
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .unwrap();
        }
    });
    (port, heard)
}

#[tokio::test]
async fn a_call_is_mailed_with_reference_priority_and_link() {
    let (port, heard) = server("250 taken").await;
    let mail = Mailbox::open(&settings(port)).unwrap();
    let call = flash();
    mail.send(&call).await.unwrap();
    drop(mail);
    let heard = heard.await.unwrap();
    for words in [
        "MAIL FROM:<node@xa.example>",
        "RCPT TO:<duty@xa.example>",
        &format!("Subject: {}", call.subject()),
        &format!("<{}@xa.example>", call.id),
        &format!("https://desk.example/{}", call.reference()),
        "FLASH",
        "\r\nTo: Duty desk <duty@xa.example>\r\n",
        "\r\nDate: Tue, 24 Nov 2026 08:13:20 +0000\r\n",
    ] {
        assert!(heard.contains(words), "{words} in {heard}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_is_not_there_is_named_by_its_reason() {
    let (port, _heard) = server("451 try later: duty@xa.example is away").await;
    let mail = Mailbox::open(&settings(port)).unwrap();
    let fault = mail.send(&flash()).await.unwrap_err();
    assert_eq!(fault.reason, Reason::CallRefused);
    assert!(
        fault.detail.contains("451") && !fault.detail.contains("away"),
        "{fault:?}"
    );

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mail = Mailbox::open(&settings(port)).unwrap();
    let fault = mail.send(&flash()).await.unwrap_err();
    assert_eq!(fault.reason, Reason::CallUnreachable);
}

#[tokio::test]
async fn no_more_mails_leave_in_a_minute_than_are_allowed() {
    let mail = Mailbox::open(&settings(1)).unwrap();
    let way = Way::new(Messenger::Mail(mail));
    for number in 1..4 {
        let peer = format!("XB-A{number}").parse().ok();
        let call = super::Call { peer, ..flash() };
        assert_eq!(way.push(Arc::new(call), Duration::ZERO), None);
    }
    let at = Duration::from_secs(100);
    assert!(way.take(at).is_ok() && way.take(at + Duration::from_secs(20)).is_ok());
    let wait = way.take(at + Duration::from_secs(30)).err();
    assert_eq!(wait, Some(Duration::from_secs(30)));
    assert!(way.take(at + Duration::from_secs(60)).is_ok());
}

#[test]
fn wrong_settings_say_what_would_be_right() {
    let wrong = |change: fn(&mut MailSettings)| {
        let mut settings = settings(25);
        change(&mut settings);
        Mailbox::open(&settings).err().unwrap().to_string()
    };
    for (fault, words) in [
        (
            wrong(|it| it.host = "mail.xa.example".to_owned()),
            "expected `starttls` or `tls`",
        ),
        (
            wrong(|it| it.from = "duty".to_owned()),
            "from: `duty` is no address",
        ),
        (
            wrong(|it| it.to = vec!["a b".to_owned()]),
            "to: `a b` is no address",
        ),
        (wrong(|it| it.to.clear()), "to: is empty"),
        (
            wrong(|it| it.from = "a\r\nBcc: b <a@b.example>".to_owned()),
            "is no address",
        ),
        (
            wrong(|it| it.to = vec!["<a@b.example".to_owned()]),
            "is no address",
        ),
        (wrong(|it| it.secured = Secured::Tls), "ca: missing"),
        (
            wrong(|it| it.login = Some(("duty".into(), "/nowhere".into()))),
            "password: /nowhere",
        ),
    ] {
        assert!(
            fault.starts_with("mail: ") && fault.contains(words),
            "{fault}"
        );
    }
}
