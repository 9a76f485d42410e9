use std::{fs, time::Duration};

use clap::Parser;

use super::*;
use crate::{domain::time::Timestamp, proto::directory::v1 as pb, trust::tls::TlsIdentity};

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: PkiArgs,
}

#[derive(Debug)]
struct At(i64);
impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0 * 1_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}
const NOW: At = At(1_800_000_000);

struct Desktop(tempfile::TempDir);

impl Desktop {
    fn with_authority() -> Self {
        let desktop = Self(tempfile::tempdir().unwrap());
        desktop.init().unwrap();
        desktop
    }
    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("xa").join(name)
    }
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }
    fn pki(&self, command: &str, more: &[&str]) -> Result<(), CliError> {
        let folder = self.file("");
        let words = ["pki", command, folder.to_str().unwrap()];
        let parsed = Command::try_parse_from(words.iter().chain(more)).unwrap();
        run(parsed.args, &NOW)
    }
    fn init(&self) -> Result<(), CliError> {
        let anchor = format!("sha256:{}", "ab".repeat(32));
        let words = ["--authority", "XA-POL", "--name", "Arcadia Police"];
        let more = ["--federation", "demo", "--anchor", &anchor];
        self.pki("init", &[&words[..], &more[..]].concat())
    }
    fn desk(&self, more: &[&str]) -> Result<(), CliError> {
        let profile = self.file("officer.toml");
        let words = ["--role", "officer", "--name", "duty-7", "--profile-file"];
        let profile = [profile.to_str().unwrap()];
        self.pki("desk", &[&words[..], &profile[..], more].concat())
    }
}

#[test]
fn init_writes_a_configuration_whose_files_are_there_and_load() {
    let desktop = Desktop::with_authority();
    let config: toml::Table = toml::from_str(&desktop.text("node.toml")).unwrap();
    let value = |section: &str, key: &str| config[section][key].as_str().unwrap().to_owned();
    assert_eq!(config["authority"].as_str(), Some("XA-POL"));
    assert_eq!(value("exchange", "listen"), "127.0.0.1:7101");
    for (section, key) in [
        ("desk", "ca"),
        ("desk", "crl"),
        ("directory", "folder"),
        ("keys", "statement"),
        ("keys", "receipt"),
        ("keys", "log"),
        ("store", "folder"),
        ("store", "key"),
    ] {
        assert!(
            desktop.file(&value(section, key)).exists(),
            "{section}.{key}"
        );
    }
    for section in ["exchange", "desk"] {
        let certificate = desktop.file(&value(section, "certificate"));
        let key = desktop.file(&value(section, "key"));
        TlsIdentity::load(&certificate, &key, &NOW).unwrap();
    }
    assert_eq!(desktop.text("store.key").trim().len(), 64);
}

#[test]
fn a_second_init_is_refused_and_changes_nothing() {
    let desktop = Desktop::with_authority();
    let before = desktop.text("ca/exchange-ca.pem");
    fs::remove_file(desktop.file("node.toml")).unwrap();
    let error = desktop.init().unwrap_err();
    assert_eq!(error.exit, Exit::Refused);
    assert!(error.message.contains("exists already"), "{error}");
    assert_eq!(desktop.text("ca/exchange-ca.pem"), before);
}

#[test]
fn a_desk_certificate_comes_with_its_profile() {
    let desktop = Desktop::with_authority();
    desktop.desk(&[]).unwrap();
    let profile: toml::Table = toml::from_str(&desktop.text("officer.toml")).unwrap();
    let mut keys: Vec<_> = profile.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["authority", "ca", "certificate", "endpoint", "key"]);
    assert_eq!(profile["endpoint"].as_str(), Some("127.0.0.1:7102"));
    for key in ["certificate", "key", "ca"] {
        let path = Path::new(profile[key].as_str().unwrap());
        assert!(path.is_absolute() && path.exists(), "{key}");
    }
    assert_eq!(desktop.desk(&[]).unwrap_err().exit, Exit::Refused);
    desktop.desk(&["--renew"]).unwrap();
}

#[test]
fn a_unit_stands_in_the_certificate_and_a_renewal_keeps_it() {
    let desktop = Desktop::with_authority();
    let name = || {
        pki::name_in(&desktop.file("desk/officer-duty-7.pem"))
            .unwrap()
            .to_string()
    };
    desktop.desk(&["--unit", "harbour"]).unwrap();
    assert_eq!(
        name(),
        "allpoints://XA-POL/desk/officer/duty-7/unit/harbour"
    );
    desktop.desk(&["--renew"]).unwrap();
    assert_eq!(
        name(),
        "allpoints://XA-POL/desk/officer/duty-7/unit/harbour"
    );
    desktop.desk(&["--renew", "--unit", "airport"]).unwrap();
    assert_eq!(
        name(),
        "allpoints://XA-POL/desk/officer/duty-7/unit/airport"
    );
}

#[test]
fn kinds_that_need_a_release_are_published_and_answers_never() {
    let desktop = Desktop::with_authority();
    let published = || {
        let text = desktop.text("application.json");
        let application: pb::Application = serde_json::from_str(&text).unwrap();
        let entry = application.entry.unwrap().document;
        let entry = <pb::Entry as prost::Message>::decode(entry.as_slice()).unwrap();
        entry.release_kinds
    };
    assert_eq!(published(), Vec::<u32>::new());
    desktop
        .pki("release", &["--kinds", "missing_offender,recall"])
        .unwrap();
    let kinds = [Kind::MissingOffender, Kind::Recall];
    assert_eq!(published(), kinds.map(|kind| u32::from(kind as u8)));
    // It stays when the lists are published anew.
    desktop.pki("crl", &[]).unwrap();
    assert_eq!(published().len(), 2);
    desktop.pki("release", &[]).unwrap();
    assert_eq!(published(), Vec::<u32>::new());
    assert!(kind_to_release("answer").is_err());
}

#[test]
fn kinds_that_are_received_are_published_and_only_those_that_begin_threads() {
    let desktop = Desktop::with_authority();
    let published = || {
        let text = desktop.text("application.json");
        let application: pb::Application = serde_json::from_str(&text).unwrap();
        let entry = application.entry.unwrap().document;
        let entry = <pb::Entry as prost::Message>::decode(entry.as_slice()).unwrap();
        entry.receives
    };
    assert_eq!(published(), Vec::<u32>::new());
    desktop
        .pki("receives", &["--kinds", "travel_notice,sighting"])
        .unwrap();
    let kinds = [Kind::TravelNotice, Kind::Sighting];
    assert_eq!(published(), kinds.map(|kind| u32::from(kind as u8)));
    desktop.pki("receives", &[]).unwrap();
    assert_eq!(published(), Vec::<u32>::new());
    assert!(kind_to_receive("update").is_err());
}

#[test]
fn certificates_are_renewed_only_when_asked() {
    let desktop = Desktop::with_authority();
    assert_eq!(desktop.pki("node", &[]).unwrap_err().exit, Exit::Refused);
    let key = desktop.text("node/exchange.key");
    let certificate = desktop.text("node/exchange.pem");
    desktop.pki("node", &["--renew"]).unwrap();
    assert_eq!(desktop.text("node/exchange.key"), key);
    assert_ne!(desktop.text("node/exchange.pem"), certificate);
}

#[test]
fn a_step_that_comes_too_early_ends_with_3_and_says_when_it_is_safe() {
    let desktop = Desktop::with_authority();
    desktop.pki("rotate", &[]).unwrap();
    desktop.pki("rotate", &["statement"]).unwrap();
    assert!(desktop.file("keys/statement-next.key").exists());
    let early = desktop.pki("rotate", &["statement"]).unwrap_err();
    assert_eq!(early.exit, Exit::Refused);
    assert!(early.message.contains("earliest safe time"), "{early}");
    desktop.pki("rotate", &["node"]).unwrap();
    let early = desktop.pki("rotate", &["node"]).unwrap_err();
    assert_eq!(early.exit, Exit::Refused);
    // A minute after 1,800,000,000 seconds.
    let at = "the earliest safe time is 2027-01-15T08:01:00Z";
    assert!(early.message.contains(at), "{early}");
    // A day after 1,800,000,000 seconds, and not before a directory names it.
    for (ca, until) in [
        ("exchange-ca", "does not name the new CA"),
        ("desk-ca", "the earliest safe time is 2027-01-16T08:00:00Z"),
    ] {
        desktop.pki("rotate", &[ca]).unwrap();
        assert!(desktop.file(&format!("ca/{ca}-next.key")).exists());
        let refused = desktop.pki("rotate", &[ca]).unwrap_err();
        assert_eq!(refused.exit, Exit::Refused, "{refused}");
        assert!(refused.message.contains(until), "{refused}");
    }
}

#[test]
fn lists_and_application_are_published_anew() {
    let desktop = Desktop::with_authority();
    let (list, application) = (
        fs::read(desktop.file("exchange.crl")).unwrap(),
        desktop.text("application.json"),
    );
    let lost = desktop.file("node/exchange.pem");
    desktop
        .pki("crl", &["--revoke", lost.to_str().unwrap(), "--days", "3"])
        .unwrap();
    assert_ne!(fs::read(desktop.file("exchange.crl")).unwrap(), list);
    assert_ne!(desktop.text("application.json"), application);
    let error = desktop.pki("crl", &["--days", "91"]).unwrap_err();
    assert_eq!(error.exit, Exit::Usage);
}
