//! The commands as people type them.

use std::fs;

use clap::Parser;

use super::*;
use crate::trust::testing::{FixedClock, NOW, TestMember};

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    federation: FederationArgs,
}

fn run_in(folder: &Path, line: &str) -> Result<String, CliError> {
    let line = line.replace("$D", folder.to_str().unwrap());
    let words = std::iter::once("federation").chain(line.split_whitespace());
    let args = Program::try_parse_from(words).unwrap().federation;
    let mut out = Vec::new();
    run_to(args, &FixedClock(NOW), &mut out)?;
    Ok(String::from_utf8(out)
        .unwrap()
        .replace(folder.to_str().unwrap(), "$D"))
}

fn write_application(folder: &Path, member: &TestMember) {
    let json = serde_json::to_vec_pretty(&member.application("liaison-test", 1)).unwrap();
    fs::write(folder.join("application.json"), json).unwrap();
}

#[test]
fn a_federation_is_founded_agreed_published_and_installed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| run_in(folder.path(), line);
    let founded = run("init $D/f --name liaison-test --roots 3 --threshold 2").unwrap();
    let anchor = founded
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("anchor "))
        .unwrap()
        .to_owned();
    write_application(folder.path(), &TestMember::new("XA-POL"));
    let proposed = run("propose $D/f $D/application.json").unwrap();
    assert!(
        proposed.starts_with("add XA-POL (\"Police of XA\")\n"),
        "{proposed}"
    );
    assert!(proposed.contains("0 of 2 signatures"), "{proposed}");
    let sign = |n: u32| {
        run(&format!(
            "sign $D/f/proposal/membership.json --key $D/f/root-{n}.key"
        ))
    };
    assert_eq!(sign(1).unwrap(), "1 of 2 signatures\n");
    let early = run("publish $D/f").unwrap_err();
    assert_eq!(early.exit, Exit::Refused);
    assert!(early.message.contains("1 of 2 signatures"), "{early}");
    let install = |anchor: &str| {
        run(&format!(
            "install $D/f/directory.bundle --directory $D/node --anchor {anchor}"
        ))
    };
    let early = install(&anchor).unwrap_err();
    assert_eq!(early.exit, Exit::Refused);
    assert!(early.message.contains("1 of 2 signatures"), "{early}");
    assert_eq!(sign(2).unwrap(), "2 of 2 signatures\n");
    let unpublished = install(&anchor).unwrap_err();
    assert_eq!(unpublished.exit, Exit::Refused);
    assert!(
        unpublished.message.contains("publish it first"),
        "{unpublished}"
    );
    let published = run("publish $D/f").unwrap();
    assert!(
        published.starts_with("directory version 1, 1 members"),
        "{published}"
    );
    let wrong = install(&format!("sha256:{}", "0".repeat(64))).unwrap_err();
    assert_eq!(wrong.exit, Exit::Refused);
    assert!(!folder.path().join("node").exists());
    assert_eq!(
        install(&anchor).unwrap(),
        "installed directory version 1 of liaison-test in $D/node: fresh\n"
    );
    let shown = run(&format!("show $D/f/directory.bundle --anchor {anchor}")).unwrap();
    assert!(shown.contains("verified from the anchor given"), "{shown}");
    assert!(
        shown.contains("XA-POL  Police of XA\n  endpoints  127.0.0.1:7443\n"),
        "{shown}"
    );
    let unproved = run("show $D/f/directory.bundle").unwrap();
    assert!(unproved.contains("not proved"), "{unproved}");
    let extracted = run("extract-root $D/f/directory.bundle --out $D/root.json").unwrap();
    assert!(
        extracted.starts_with(&format!("anchor {anchor}\n")),
        "{extracted}"
    );
}

#[test]
fn one_keeper_signs_with_both_keys_and_a_configuration_says_where_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| run_in(folder.path(), line);
    let founded = run("init $D/f --name liaison-test").unwrap();
    let anchor = founded
        .lines()
        .next()
        .and_then(|line| line.split(' ').nth(1));
    write_application(folder.path(), &TestMember::new("XA-POL"));
    run("propose $D/f $D/application.json").unwrap();
    let both = "--key $D/f/root-1.key --key $D/f/root-2.key";
    let sign = format!("sign $D/f/proposal/membership.json {both}");
    assert_eq!(
        run(&sign).unwrap(),
        "1 of 2 signatures\n2 of 2 signatures\n"
    );
    run("publish $D/f").unwrap();
    assert_eq!(
        run(&sign).unwrap_err().exit,
        Exit::Usage,
        "nothing is proposed"
    );

    let zeros = format!("sha256:{}", "0".repeat(64));
    let reference = crate::node::CONFIG_REFERENCE;
    let right = reference.replace(&zeros, anchor.unwrap());
    fs::write(folder.path().join("node.toml"), right).unwrap();
    fs::write(folder.path().join("other.toml"), reference).unwrap();
    let install = "install $D/f/directory.bundle --config";
    let wrong = run(&format!("{install} $D/other.toml")).unwrap_err();
    assert_eq!(wrong.exit, Exit::Refused, "{wrong}");
    assert!(!folder.path().join("directory").exists());
    let missing = run(&format!("{install} $D/none.toml")).unwrap_err();
    assert_eq!(missing.exit, Exit::Usage, "{missing}");
    assert_eq!(
        run(&format!("{install} $D/node.toml")).unwrap(),
        "installed directory version 1 of liaison-test in $D/directory: fresh\n"
    );
}

#[test]
fn each_way_to_fail_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| run_in(folder.path(), line);
    run("init $D/f --name liaison-test").unwrap();
    fs::write(folder.path().join("broken.json"), "{\"surprise\": 1}").unwrap();
    let table = [
        ("init $D/f --name liaison-test", Exit::Refused),
        ("init $D/g --name liaison-test --threshold 9", Exit::Usage),
        ("propose $D/f", Exit::Refused),
        ("propose $D/f $D/none.json", Exit::Usage),
        ("propose $D/f $D/broken.json", Exit::Usage),
        ("propose $D/f --suspend XB-POL", Exit::NotFound),
        ("publish $D/f", Exit::Refused),
        (
            "sign $D/f/proposal/membership.json --key $D/f/root-1.key",
            Exit::Usage,
        ),
        ("sign $D/f/root.json --key $D/f/timestamp.key", Exit::Usage),
        ("show $D/none.bundle", Exit::Usage),
        ("show $D/f/root.json", Exit::Usage),
    ];
    for (line, exit) in table {
        let error = run(line).unwrap_err();
        assert_eq!(error.exit, exit, "{line}: {error}");
    }
}

#[test]
fn every_standing_is_said() {
    let words = [
        Standing::Fresh,
        Standing::Stale,
        Standing::Grace,
        Standing::Closed,
    ]
    .map(standing_text);
    let distinct: std::collections::HashSet<_> = words.iter().collect();
    assert_eq!(distinct.len(), words.len());
}

#[test]
fn an_entry_that_goes_back_is_refused_when_it_is_proposed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| run_in(folder.path(), line);
    let member = TestMember::new("XA-POL");
    let write = |number: u64| {
        let json = serde_json::to_vec(&member.application("liaison-test", number)).unwrap();
        fs::write(folder.path().join("application.json"), json).unwrap();
    };
    run("init $D/f --name liaison-test --roots 1 --threshold 1").unwrap();
    write(2);
    run("propose $D/f $D/application.json").unwrap();
    run("sign $D/f/proposal/membership.json --key $D/f/root-1.key").unwrap();
    run("publish $D/f").unwrap();
    write(1);
    let refused = run("propose $D/f $D/application.json").unwrap_err();
    assert_eq!(refused.exit, Exit::Refused);
    assert!(
        refused.message.contains("number 1") && refused.message.contains("holds number 2"),
        "{refused}"
    );
    write(3);
    let accepted = run("propose $D/f $D/application.json").unwrap();
    assert!(accepted.contains("entry 3 of XA-POL"), "{accepted}");
}

#[test]
fn roots_are_replaced_as_people_type_it_and_each_step_says_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| run_in(folder.path(), line);
    run("init $D/f --name liaison-test --roots 1 --threshold 1").unwrap();
    write_application(folder.path(), &TestMember::new("XA-POL"));
    run("propose $D/f $D/application.json").unwrap();
    run("sign $D/f/proposal/membership.json --key $D/f/root-1.key").unwrap();
    run("publish $D/f").unwrap();
    let shown = run("show $D/f/directory.bundle").unwrap();
    let line = shown
        .lines()
        .find(|line| line.starts_with("root list 1, 1 of "));
    let id = line
        .and_then(|line| line.rsplit(' ').next())
        .unwrap()
        .to_owned();

    let nothing = run("rotate $D/f").unwrap_err();
    assert_eq!(nothing.exit, Exit::Refused, "{nothing}");
    let unknown = run("rotate $D/f --add 1 --remove 0123456789abcdef").unwrap_err();
    assert_eq!(unknown.exit, Exit::NotFound, "{unknown}");
    let impossible = run(&format!("rotate $D/f --remove {id}")).unwrap_err();
    assert_eq!(impossible.exit, Exit::Usage, "{impossible}");

    let told = run(&format!(
        "rotate $D/f --add 1 --remove {id} --new-timestamp-key"
    ))
    .unwrap();
    for words in [
        "root list 2:",
        &format!("root key {id} goes"),
        "made $D/f/root-2.key: to its keeper",
        "sign $D/f/proposal/root-list-2.json --key",
        "sign $D/f/proposal/membership.json --key",
        "earliest safe time to destroy a key that goes: 24 h after publishing, so not before 2026-11-25T08:00:00Z",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
    let pending = run("propose $D/f --suspend XA-POL").unwrap_err();
    assert_eq!(pending.exit, Exit::Refused, "{pending}");
    let early = run("publish $D/f").unwrap_err();
    assert_eq!(early.exit, Exit::Refused);
    assert!(
        early
            .message
            .contains("0 of 1 signatures by the roots before it"),
        "{early}"
    );
    let list = "sign $D/f/proposal/root-list-2.json";
    let both = "--key $D/f/root-1.key --key $D/f/root-2.key";
    assert_eq!(
        run(&format!("{list} {both}")).unwrap(),
        "1 of 2 signatures\n2 of 2 signatures\n"
    );
    run("sign $D/f/proposal/membership.json --key $D/f/root-2.key").unwrap();
    let published = run("publish $D/f").unwrap();
    assert!(
        published.starts_with("directory version 2, 1 members"),
        "{published}"
    );
    let shown = run("show $D/f/directory.bundle").unwrap();
    assert!(
        shown.contains("root list 2, 1 of ") && !shown.contains(&id),
        "{shown}"
    );
}
