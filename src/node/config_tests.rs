//! The reference file, and what is refused beside it.

use super::*;
use crate::{
    domain::{
        alert::measure::RiskLevel,
        release::KindSet,
        routing::{Handling, Kind, Priority},
    },
    node::CONFIG_REFERENCE,
};

/// Checks a changed copy of the reference.
fn with(from: &str, to: &str) -> Result<Config, String> {
    assert!(
        CONFIG_REFERENCE.contains(from),
        "the reference has `{from}`"
    );
    checked(&CONFIG_REFERENCE.replacen(from, to, 1))
}

fn checked(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    fs::write(&file, text).expect("written");
    check(&file).map_err(|error| error.to_string())
}

#[test]
fn the_reference_is_legal_and_its_paths_count_from_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    fs::write(&file, CONFIG_REFERENCE).expect("written");
    let mut config = check(&file).expect("legal");
    assert_eq!(config.authority.as_str(), "XA-POL");
    assert_eq!(config.store.key, folder.path().join("store.key"));
    assert!(
        config
            .paths_mut()
            .iter()
            .all(|path| path.starts_with(folder.path()))
    );
}

#[test]
fn a_default_ground_is_set_or_not_and_is_never_a_derogation() {
    let key = "default_ground = \"safeguards\"";
    let ground = |text: &str| with(key, text).map(|config| config.policy.default_ground);
    assert_eq!(ground(key), Ok(Some(TransferGround::Safeguards)));
    let adequacy = ground("default_ground = \"adequacy\"");
    assert_eq!(adequacy, Ok(Some(TransferGround::Adequacy)));
    assert_eq!(ground(""), Ok(None));
    for wrong in ["derogation", "Safeguards", ""] {
        let refused = ground(&format!("default_ground = \"{wrong}\"")).expect_err(wrong);
        assert!(
            refused.contains("expected `adequacy` or `safeguards`"),
            "{refused}"
        );
    }
}

/// The reference with its example of a rule put into use.
fn with_rule(change: impl Fn(&str) -> String) -> Result<Config, String> {
    with_rule_of("# [[release]]", change)
}

fn with_rule_of(example: &str, change: impl Fn(&str) -> String) -> Result<Config, String> {
    let begin = CONFIG_REFERENCE.find(example).expect("an example");
    let (before, rest) = CONFIG_REFERENCE.split_at(begin);
    let end = rest.find("\n\n").expect("an end");
    let (rule, after) = rest.split_at(end);
    let uncommented: Vec<&str> = rule
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .filter(|line| line.contains(" = ") || line.starts_with('['))
        .filter(|line| !line.contains('`'))
        .collect();
    checked(&format!(
        "{before}{after}\n{}\n",
        change(&uncommented.join("\n"))
    ))
}

#[test]
fn a_rule_of_release_is_read_word_by_word_and_a_wrong_one_names_what_would_be_right() {
    let shown = with_rule(ToOwned::to_owned).expect("legal").release;
    let rule = Rule {
        kinds: KindSet::new([Kind::MissingOffender, Kind::RestrictionOrder]),
        least_priority: Some(Priority::Urgent),
        least_risk: Some(RiskLevel::High),
        handling: vec![Handling::H2, Handling::H3],
        to: ["XB", "XC-POL", "@all-eu"]
            .map(|to| to.parse().unwrap())
            .into(),
        four_eyes: true,
    };
    assert_eq!(shown, [rule], "the reference shows every key");
    assert_eq!(checked(CONFIG_REFERENCE).expect("legal").release, []);
    for (from, to, words) in [
        (
            "\"missing_offender\"",
            "\"missing\"",
            "kinds: found `missing`, expected one of missing_offender",
        ),
        (
            "\"urgent\"",
            "\"soon\"",
            "priority: found `soon`, expected one of routine",
        ),
        (
            "\"high\"",
            "\"higher\"",
            "expected one of low, medium, high, very_high",
        ),
        ("\"H2\"", "\"H9\"", "expected one of H0, H1, H2, H3"),
        ("\"XB\"", "\"xb\"", "to: `xb` is no destination"),
        ("four_eyes = true", "", "missing field `four_eyes`"),
        (
            "four_eyes = true",
            "four_eyes = true\ntwo_eyes = 1",
            "unknown field `two_eyes`",
        ),
    ] {
        let refused = with_rule(|rule| rule.replacen(from, to, 1)).expect_err(to);
        assert!(refused.contains(words), "{refused}");
        assert!(refused.contains("config reference"), "{refused}");
    }
}

#[test]
fn a_rule_of_destinations_is_read_word_by_word_and_a_wrong_one_names_what_would_be_right() {
    let with =
        |from: &str, to: &str| with_rule_of("# [[destination]]", |rule| rule.replacen(from, to, 1));
    let shown = with("", "").expect("legal").transfer_policy();
    let rule = transfer::Rule {
        to: ["XB", "XC-POL", "@all-eu"]
            .map(|to| to.parse().unwrap())
            .into(),
        ground: Some(TransferGround::Adequacy),
        ask: Some(transfer::Ask::SecondPerson),
    };
    assert_eq!(shown.destinations, [rule], "the reference shows every key");
    assert_eq!(shown.default_ground, Some(TransferGround::Safeguards));
    assert_eq!(checked(CONFIG_REFERENCE).expect("legal").destination, []);
    let (ground, ask) = ("ground = \"adequacy\"\n", "ask = \"second person\"");
    assert!(with(ground, "").is_ok() && with(ask, "").is_ok());
    assert!(with(&format!("{ground}{ask}"), "ask = \"reason\"").is_ok());
    for (from, to, words) in [
        (
            "adequacy",
            "derogation",
            "expected `adequacy` or `safeguards`",
        ),
        ("second person", "reason", "only a derogation goes there"),
        (
            "second person",
            "lawyer",
            "expected one of reason, second person",
        ),
        ("\"XB\"", "\"xb\"", "to: `xb` is no destination"),
        ("\"XB\", \"XC-POL\", \"@all-eu\"", "", "to: found nobody"),
        (ask, "asks = 1", "unknown field `asks`"),
        (&format!("{ground}{ask}"), "", "it says nothing"),
    ] {
        let refused = with(from, to).expect_err(to);
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn a_quota_is_what_stands_there_or_the_default() {
    let reference = with("[quota]", "[quota]").expect("legal").quota;
    assert_eq!(
        reference,
        Quota::default(),
        "the reference shows the defaults"
    );
    let small = with(
        "statements_per_second = 200000",
        "statements_per_second = 7",
    );
    assert_eq!(small.expect("legal").quota.of_delivery().statements, 7);
}

#[test]
fn optional_markings_are_off_unless_the_federation_uses_them() {
    let plain = with("", "").expect("legal");
    assert_eq!(plain.marking.in_use(), Markings::default());
    let used = with("tlp = false", "tlp = true").expect("legal");
    assert_eq!((used.marking.tlp, used.marking.pap), (true, false));
    assert_eq!(used.marking.in_use().tlp, Use::On);
    let changed = Config {
        marking: used.marking,
        ..plain.clone()
    };
    assert_eq!(plain.fixed_difference(&changed), Some("marking"));
    with("tlp = false", "tlp = \"on\"").expect_err("neither true nor false");
}

#[test]
fn absolute_paths_stay() {
    let config = with("\"store.key\"", "\"/etc/allpoints/store.key\"").expect("legal");
    assert_eq!(config.store.key, Path::new("/etc/allpoints/store.key"));
}

#[test]
fn parts_with_defaults_may_be_left_out_and_every_other_key_may_not() {
    let value: toml::Table = toml::from_str(CONFIG_REFERENCE).expect("TOML");
    let mut keys = 0;
    for (part, content) in &value {
        let Some(content) = content.as_table() else {
            continue;
        };
        for key in content.keys() {
            let mut without = value.clone();
            let table = without[part].as_table_mut().expect("a table");
            table.remove(key);
            let text = toml::to_string(&without).expect("TOML");
            assert_eq!(
                checked(&text).is_ok(),
                matches!(
                    part.as_str(),
                    "delivery" | "quota" | "policy" | "reload" | "limits" | "marking" | "calling"
                ),
                "{part}.{key}"
            );
            keys += 1;
        }
    }
    assert_eq!(keys, 31, "every key of the struct stands in the reference");
}

#[test]
fn every_fault_names_file_place_and_what_would_be_right() {
    for (from, to, words) in [
        (
            "authority = \"XA-POL\"",
            "authority = \"xa-pol\"",
            "is no authority id",
        ),
        (
            "listen = \"127.0.0.1:7444\"",
            "listen = \"desk\"",
            "socket address",
        ),
        (
            "[ops]",
            "[ops]\nport = 1",
            "unknown field `port`, expected `listen`",
        ),
        ("[log]", "[logs]", "unknown field `logs`"),
        (
            "format = \"text\"",
            "format = \"xml\"",
            "expected `text` or `json`",
        ),
        ("anchor = \"sha256:", "anchor = \"sha256:zz", "anchor"),
        ("workers = 0", "workers = -1", "workers"),
        (
            "interval_ms = 5000",
            "interval_ms = 30001",
            "found 30001, expected 100 to 30000 milliseconds",
        ),
        (
            "desk_connections = 4096",
            "desk_connections = 0",
            "found 0, expected 1 to 4096 connections",
        ),
        ("streams = 32", "streams = 0", "expected 1 or more"),
        ("[quota]", "[quota]\nbytes = 1", "unknown field `bytes`"),
    ] {
        let error = with(from, to).expect_err(to);
        assert!(error.contains("node.toml"), "{error}");
        assert!(error.contains(words), "{error}");
        assert!(error.contains("config reference"), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = check(Path::new("/nowhere/node.toml")).expect_err("missing");
    assert!(error.to_string().contains("/nowhere/node.toml"));
}

/// Half of the minute that a revocation may take is the most that can be configured (threats, rows 3, 4 and 7).
#[test]
fn row_3_and_4_and_7_the_interval_as_shipped_and_as_configurable_is_under_a_minute() {
    let shipped = checked(CONFIG_REFERENCE).expect("legal").reload.interval;
    assert_eq!(shipped, crate::domain::limits::RELOAD_INTERVAL);
    let left_out = CONFIG_REFERENCE.replace("interval_ms = 5000", "");
    assert_eq!(checked(&left_out).expect("legal").reload.interval, shipped);
    assert!(crate::domain::limits::RELOAD_INTERVAL_MAX * 2 <= std::time::Duration::from_secs(60));
    assert!(shipped <= crate::domain::limits::RELOAD_INTERVAL_MAX);
    let longest = with("interval_ms = 5000", "interval_ms = 30000").expect("legal");
    assert_eq!(
        longest.reload.interval,
        crate::domain::limits::RELOAD_INTERVAL_MAX
    );
}

#[test]
fn what_a_running_node_cannot_take_over_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    let read = |text: &str| {
        fs::write(&file, text).expect("written");
        check(&file).expect("legal")
    };
    let held = read(CONFIG_REFERENCE);
    for (from, to, key) in [
        ("default_ground = \"safeguards\"", "", None),
        (
            "[policy]",
            "[[destination]]\nto = [\"XB\"]\nground = \"adequacy\"\n[policy]",
            None,
        ),
        ("interval_ms = 5000", "interval_ms = 200", None),
        ("desk_connections = 4096", "desk_connections = 8", None),
        ("\"desk.crl\"", "\"other.crl\"", None),
        ("127.0.0.1:7444", "127.0.0.1:7449", Some("desk.listen")),
        ("folder = \"data\"", "folder = \"other\"", Some("store")),
        ("workers = 0", "workers = 3", Some("delivery")),
    ] {
        let changed = read(&CONFIG_REFERENCE.replacen(from, to, 1));
        assert_ne!(changed, held, "{to}");
        assert_eq!(held.fixed_difference(&changed), key, "{to}");
    }
}

/// The reference with the ways of calling in it, which stand there as comments.
fn with_ways() -> String {
    let uncommented = CONFIG_REFERENCE.lines().map(|line| {
        let key = line.strip_prefix('#');
        let key = key.filter(|key| {
            key.starts_with('[') || key.starts_with(|c: char| c.is_ascii_lowercase())
        });
        key.unwrap_or(line)
    });
    uncommented.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_key_of_the_ways_of_calling_stands_commented_in_the_reference() {
    let text = with_ways();
    let value: toml::Table = toml::from_str(&text).expect("TOML");
    let keys = |table: &toml::Value| table.as_table().map_or(0, toml::Table::len);
    assert_eq!(keys(&value["webhook"][0]), 4);
    assert_eq!(keys(&value["mail"]), 9);
    let config = checked(&text).expect("legal");
    assert_eq!(config.webhook[0].name, "duty");
    let mail = config.mail.expect("there");
    assert_eq!((mail.tls, mail.per_minute), (MailTls::StartTls, 10));
    assert!(
        mail.ca.is_some_and(|ca| ca.is_absolute()),
        "from its folder"
    );
    assert!(config.webhook[0].secret.is_absolute());
}

#[test]
fn wrong_ways_of_calling_are_refused_with_what_would_be_right() {
    let text = with_ways();
    let hook = "[[webhook]]\nname = \"duty\"\nurl = \"https://x/\"\nsecret = \"s\"\n";
    for (from, to, words) in [
        (
            "name = \"duty\"",
            "name = \"Duty desk\"",
            "expected 1 to 32 of a-z, 0-9 and -",
        ),
        ("name = \"duty\"", "name = \"mail\"", "none `mail`"),
        (
            "[[webhook]]",
            &format!("{hook}[[webhook]]"),
            "the name `duty` twice",
        ),
        ("secret = ", "secrets = ", "unknown field `secrets`"),
        (
            "tls = \"starttls\"",
            "tls = \"ssl\"",
            "expected one of `none`, `starttls`, `tls`",
        ),
        (
            "per_minute = 10",
            "per_minute = 0",
            "expected 1 to 600 mails a minute",
        ),
        (
            "link = \"\"",
            "link = \"https://desk/\"",
            "with `{reference}` in it",
        ),
        (
            "link_down_minutes = 15",
            "link_down_minutes = 0",
            "expected 1 to 1440 minutes",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let fault = checked(&text.replacen(from, to, 1)).expect_err(to);
        assert!(fault.contains(words), "{fault}");
    }
}
