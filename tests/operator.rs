//! Mistakes of those who run a node: each refuses the start with exit 2, names the file and the fix, and touches
//! nothing (threats, rows 40, 51, 66, 68, 77).
//!
//! Through the real program, on real files. One good start makes the store that the refused ones must not touch.
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use allpoints::{
    domain::{
        id::AuthorityId,
        time::{Clock, Timestamp},
    },
    node::system::SystemClock,
    trust::{
        keys::{KeyUse, SigningKey},
        pki::{self, NodeProfile, Replace},
    },
};
use aws_lc_rs::digest;
use common::{
    Net,
    process::{Refused, Served},
};

/// A mistake: what is done to a copy of an authority's folder, and what the refusal must say.
struct Mistake {
    name: &'static str,
    makes: fn(&Ground, &Path),
    code: i32,
    says: &'static [&'static str],
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "a signing key that others can read",
        makes: |_, home| chmod(&home.join("keys/statement.key"), 0o644),
        code: 2,
        says: &["keys/statement.key", "chmod 600"],
    },
    Mistake {
        name: "a signing key that is not there",
        makes: |_, home| fs::remove_file(home.join("keys/receipt.key")).expect("removed"),
        code: 2,
        says: &["keys.receipt", "keys/receipt.key", "put the file there"],
    },
    Mistake {
        name: "a TLS key that others can read",
        makes: |_, home| chmod(&home.join("node/exchange.key"), 0o640),
        code: 2,
        says: &["node/exchange.key", "chmod 600"],
    },
    Mistake {
        name: "a certificate for another key",
        makes: |ground, home| copy(&ground.other, home, "node/exchange.key"),
        code: 2,
        says: &["node/exchange.pem", "node/exchange.key", "pki node"],
    },
    Mistake {
        name: "an expired certificate",
        makes: |_, home| issue(home, Duration::from_secs(200 * 24 * 3600)),
        code: 2,
        says: &["node/exchange.pem", "expired at", "pki node"],
    },
    Mistake {
        name: "the certificate and key of another authority",
        makes: |ground, home| {
            copy(&ground.other, home, "node/exchange.pem");
            copy(&ground.other, home, "node/exchange.key");
        },
        code: 2,
        says: &[
            "node/exchange.pem",
            "XB-POL",
            "XA-POL",
            "correct `authority`",
        ],
    },
    Mistake {
        name: "a key for another use",
        makes: |_, home| {
            fs::copy(home.join("keys/log.key"), home.join("keys/receipt.key")).expect("copied");
        },
        code: 2,
        says: &[
            "keys/receipt.key",
            "holds a key for log",
            "name the right file",
        ],
    },
    Mistake {
        name: "a signing key that the directory does not name",
        makes: |_, home| {
            let file = home.join("keys/receipt.key");
            fs::remove_file(&file).expect("removed");
            let key = SigningKey::generate(KeyUse::Receipt);
            key.save(&file).expect("saved");
        },
        code: 2,
        says: &["keys/receipt.key", "does not name", "pki rotate"],
    },
    Mistake {
        name: "no desk revocation list",
        makes: |_, home| fs::remove_file(home.join("desk.crl")).expect("removed"),
        code: 2,
        says: &["desk.crl", "put the file there"],
    },
    Mistake {
        name: "a desk revocation list that is none",
        makes: |_, home| fs::write(home.join("desk.crl"), "no list").expect("written"),
        code: 2,
        says: &["desk.crl", "pki crl"],
    },
    Mistake {
        name: "no certificate",
        makes: |_, home| fs::remove_file(home.join("node/desk.pem")).expect("removed"),
        code: 2,
        says: &["node/desk.pem", "put the file there"],
    },
    Mistake {
        name: "no directory",
        makes: |_, home| fs::remove_dir_all(home.join("directory")).expect("removed"),
        code: 2,
        says: &["directory", "federation install"],
    },
    Mistake {
        name: "another federation's anchor",
        makes: |_, home| {
            let text = fs::read_to_string(home.join("node.toml")).expect("read");
            let at = text.find("anchor = \"sha256:").expect("an anchor") + 17;
            let digit = if text[at..].starts_with('0') {
                "1"
            } else {
                "0"
            };
            let changed = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
            fs::write(home.join("node.toml"), changed).expect("written");
        },
        code: 2,
        says: &["directory.anchor", "another federation"],
    },
    Mistake {
        name: "an unknown key in the configuration",
        makes: |_, home| edit(home, "[ops]", "[ops]\nport = 1"),
        code: 2,
        says: &["node.toml", "unknown field `port`", "config reference"],
    },
    Mistake {
        name: "a log filter that is none",
        makes: |_, home| edit(home, "filter = \"info\"", "filter = \"allpoints=loud\""),
        code: 2,
        says: &["log.filter", "expected such as"],
    },
    Mistake {
        name: "no key-encryption key",
        makes: |_, home| fs::remove_file(home.join("store.key")).expect("removed"),
        code: 2,
        says: &["store.key", "is missing", "put it back"],
    },
    Mistake {
        name: "another key-encryption key",
        makes: |ground, home| copy(&ground.other, home, "store.key"),
        code: 2,
        says: &["store.key", "keyring", "put the right key there"],
    },
    Mistake {
        name: "a key-encryption key that others can read",
        makes: |_, home| chmod(&home.join("store.key"), 0o604),
        code: 2,
        says: &["store.key", "chmod 600"],
    },
    Mistake {
        name: "a key-encryption key that is none",
        makes: |_, home| fs::write(home.join("store.key"), "secret").expect("written"),
        code: 2,
        says: &["store.key", "64 hexadecimal digits", "put it back"],
    },
];

/// An authority's folder with a store that was served, and another's.
struct Ground {
    net: Net,
    home: PathBuf,
    other: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let net = Net::founded(&["XA-POL", "XB-POL"]);
        let (home, other) = (net.home("XA-POL"), net.home("XB-POL"));
        Self { net, home, other }
    }

    fn start(&self, home: &Path) -> Result<Served, Refused> {
        Served::start(&home.join("node.toml"), &self.home.join("serve.log"))
    }

    /// A copy of all but the store, which it names where it is.
    fn copied(&self) -> tempfile::TempDir {
        let copied = tempfile::tempdir().expect("a folder");
        copy_folder(&self.home, copied.path());
        let store = format!("folder = \"{}\"", self.home.join("data").display());
        edit(copied.path(), "folder = \"data\"", &store);
        copied
    }

    fn store(&self) -> Vec<(PathBuf, Vec<u8>)> {
        hashes(&self.home.join("data"))
    }
}

/// Verifies every mistake of the table, that none touches the store, and that the folder as it was still serves.
#[test]
fn row_66_and_77_every_mistake_refuses_the_start_names_the_fix_and_touches_nothing() {
    let ground = Ground::new();
    let good = ground.start(&ground.home).expect("a good start is ready");
    assert_eq!(good.terminate().code(), Some(0));
    let before = ground.store();
    assert!(!before.is_empty());
    for mistake in MISTAKES {
        let copied = ground.copied();
        (mistake.makes)(&ground, copied.path());
        let Err(refused) = ground.start(copied.path()) else {
            panic!("{}: it serves", mistake.name);
        };
        assert_refused(mistake.name, &refused, mistake.code, mistake.says);
        assert_eq!(ground.store(), before, "{}: the store", mistake.name);
    }
    let still = ground.start(ground.copied().path());
    assert_eq!(still.expect("still ready").terminate().code(), Some(0));
}

/// Verifies that neither a port nor a store is shared, and that the first node goes on.
#[test]
fn t51_a_second_node_is_refused_by_port_and_by_store() {
    let ground = Ground::new();
    let first = ground.start(&ground.home).expect("ready");
    let log = ground.other.join("second.log");
    let second = |home: &Path| Served::start(&home.join("node.toml"), &log).err();

    let same = ground.copied();
    let refused = second(same.path()).expect("refused");
    let address = first.at("exchange").to_string();
    let says = ["exchange.listen", &address, "choose another"];
    assert_refused("the same port", &refused, 2, &says);

    edit(same.path(), &address, "127.0.0.1:0");
    let refused = second(same.path()).expect("refused");
    let store = ground.home.join("data").display().to_string();
    let says = [&store, "in use by another process", "stop that one"];
    assert_refused("the same store", &refused, 2, &says);

    assert_eq!(first.terminate().code(), Some(0));
    let after = Served::start(&same.path().join("node.toml"), &log);
    assert_eq!(after.expect("free again").terminate().code(), Some(0));
}

/// Verifies that damage is no mistake of configuration: exit 1, with file and command; and that nothing is "mended".
#[test]
fn row_40_and_68_a_damaged_journal_and_a_newer_store_are_refused_untouched() {
    let ground = Ground::new();
    let good = ground.start(&ground.home).expect("ready");
    assert_eq!(good.terminate().code(), Some(0));

    let keyring = ground.home.join("data/keyring");
    let newer = change(&keyring, 7, b'9');
    let before = ground.store();
    let refused = ground.start(&ground.home).err().expect("refused");
    let says = [
        "keyring",
        "newer version of allpoints",
        "nothing was changed",
    ];
    assert_refused("a newer store", &refused, 2, &says);
    assert_eq!(ground.store(), before);
    change(&keyring, 7, newer);

    let segment = fs::read_dir(ground.home.join("data/journal"))
        .expect("listed")
        .map(|file| file.expect("an entry").path())
        .min()
        .expect("a segment");
    // In the header of the first group, which its checksum covers.
    let whole = change(&segment, 512 + 24, 0xee);
    let before = ground.store();
    let refused = ground.start(&ground.home).map(|served| served.logged());
    let refused = refused.expect_err("damage is refused");
    let file = segment.display().to_string();
    assert_refused(
        "a damaged journal",
        &refused,
        1,
        &[&file, "allpoints store check"],
    );
    assert_eq!(ground.store(), before);
    change(&segment, 512 + 24, whole);

    let mended = ground.start(&ground.home).expect("as it was: ready");
    assert_eq!(mended.terminate().code(), Some(0));
    drop(ground.net);
}

fn assert_refused(name: &str, refused: &Refused, code: i32, says: &[&str]) {
    assert_eq!(refused.code, Some(code), "{name}: {}", refused.said);
    for words in says {
        assert!(
            refused.said.contains(words),
            "{name}: should say `{words}`: {}",
            refused.said
        );
    }
}

fn chmod(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("changed");
}

fn copy(from: &Path, to: &Path, file: &str) {
    fs::copy(from.join(file), to.join(file)).expect("copied");
}

fn edit(home: &Path, from: &str, to: &str) {
    let file = home.join("node.toml");
    let text = fs::read_to_string(&file).expect("read");
    assert!(text.contains(from), "`{from}` stands in {text}");
    fs::write(file, text.replacen(from, to, 1)).expect("written");
}

/// Changes one byte, and gives what it was.
fn change(file: &Path, place: usize, to: u8) -> u8 {
    let mut bytes = fs::read(file).expect("read");
    let was = std::mem::replace(&mut bytes[place], to);
    assert_ne!(was, to, "it is a change");
    fs::write(file, bytes).expect("written");
    was
}

/// Certificates as they would have been made that long ago.
fn issue(home: &Path, ago: Duration) {
    let profile = NodeProfile {
        authority: "XA-POL".parse::<AuthorityId>().expect("legal id"),
        number: 1,
        desk_hosts: vec![],
    };
    pki::issue_node(home, &profile, Replace::SameKey, &Past(ago)).expect("issued");
}

#[derive(Debug)]
struct Past(Duration);

impl Clock for Past {
    fn now(&self) -> Timestamp {
        SystemClock::new().now().minus(self.0)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("listed") {
        let path = file.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if path.is_file() {
            fs::copy(&path, to.join(name)).expect("copied");
        } else if name != "data" {
            fs::create_dir(to.join(name)).expect("made");
            copy_folder(&path, &to.join(name));
        }
    }
}

/// Every file with its hash, in order.
fn hashes(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for file in fs::read_dir(folder).expect("listed") {
        let path = file.expect("an entry").path();
        if path.is_dir() {
            all.extend(hashes(&path));
        } else {
            let bytes = fs::read(&path).expect("read");
            let hash = digest::digest(&digest::SHA256, &bytes);
            all.push((path, hash.as_ref().to_vec()));
        }
    }
    all.sort();
    all
}
