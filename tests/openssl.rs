//! What a stranger gets who comes with OpenSSL: nothing. Each way to be refused beside the one way to be let in.
//!
//! ```text
//!  openssl s_client --exchange--> XA-POL (knows XB-POL)
//!                   --desk------>
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

#[path = "common/by_hand.rs"]
mod by_hand;
#[path = "common/skip.rs"]
mod skip;

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use by_hand::Pair;

/// HTTP/2's opening words and an empty SETTINGS frame (RFC 9113, 3.4): any server of it answers them.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Long enough for a loaded machine; a refusal ends the connection at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Verifies that neither listener says one byte of its protocol to anybody but its own kind.
/// Who, where to, with which certificate, with which other options, and whether it gets in.
type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str], bool);

#[test]
fn a_stranger_with_openssl_gets_nothing() {
    if Command::new("openssl").arg("version").output().is_err() {
        skip::skipped("openssl s_client: openssl is not here");
        return;
    }
    let pair = Pair::running();
    // Somebody who calls himself XB-POL, with certificate authorities of his own.
    pair.done(&format!(
        "pki init liar --authority XB-POL --name liar --federation by-hand --anchor sha256:{}",
        "0".repeat(64)
    ));
    pair.done("pki desk liar --role officer --name duty-1 --profile-file liar/officer.toml");

    let partner = ["xb/node/exchange"];
    let officer = ["xa/desk/officer-duty-1"];
    let exchange = pair.addresses("xa").exchange.as_str();
    let desk = pair.addresses("xa").desk.as_str();
    let cases: [Case<'_>; 11] = [
        ("a partner's node", exchange, &partner, &[], true),
        ("nobody", exchange, &[], &[], false),
        (
            "a partner with TLS 1.2",
            exchange,
            &partner,
            &["-tls1_2"],
            false,
        ),
        (
            "another CA's node",
            exchange,
            &["liar/node/exchange"],
            &[],
            false,
        ),
        ("an own officer", exchange, &officer, &[], false),
        ("an own officer at the desk", desk, &officer, &[], true),
        ("nobody at the desk", desk, &[], &[], false),
        (
            "an officer with TLS 1.2",
            desk,
            &officer,
            &["-tls1_2"],
            false,
        ),
        (
            "another CA's officer",
            desk,
            &["liar/desk/officer-duty-1"],
            &[],
            false,
        ),
        ("a partner's node at the desk", desk, &partner, &[], false),
        (
            "the own node at the desk",
            desk,
            &["xa/node/exchange"],
            &[],
            false,
        ),
    ];
    for (who, at, certificate, more, let_in) in cases {
        let got = answer(&pair, at, certificate, more);
        assert_eq!(!got.is_empty(), let_in, "{who} got {} bytes", got.len());
    }
}

/// The first bytes that come back through TLS; none when the connection ends without any.
fn answer(pair: &Pair, at: &str, certificate: &[&str], more: &[&str]) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-quiet", "-alpn", "h2", "-connect", at]);
    for stem in certificate {
        openssl
            .arg("-cert")
            .arg(pair.file(&format!("{stem}.pem")))
            .arg("-key")
            .arg(pair.file(&format!("{stem}.key")));
    }
    let mut child = openssl
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let mut stdin = child.stdin.take().expect("piped");
    // It may be refused, and gone, before it has read this.
    let _ = stdin.write_all(PREFACE).and_then(|()| stdin.flush());
    let mut stdout = child.stdout.take().expect("piped");
    let (say, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 512];
        let count = stdout.read(&mut bytes).unwrap_or_default();
        bytes.truncate(count);
        // Nobody listens any more when it took too long.
        let _ = say.send(bytes);
    });
    let got = heard.recv_timeout(ANSWER_WITHIN);
    // Held open until here: `s_client` ends when its input does.
    drop(stdin);
    let _ = child.kill();
    child.wait().expect("it ended");
    got.expect("the connection is neither answered nor ended")
}
