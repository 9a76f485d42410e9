//! The command line from outside: usage errors end with exit 2, help and lists with 0, before any node is asked.
#![allow(missing_docs, reason = "a test has no reader but its names")]

use assert_cmd::Command;

fn allpoints(line: &str) -> assert_cmd::assert::Assert {
    Command::new(env!("CARGO_BIN_EXE_allpoints"))
        .args(line.split_whitespace())
        .env_remove("ALLPOINTS_PROFILE")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .assert()
}

fn said(assert: &assert_cmd::assert::Assert) -> (String, String) {
    let output = assert.get_output();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn usage_and_configuration_errors_end_with_2_and_name_the_fix() {
    let cases = [
        ("", "Usage"),
        ("no-such-command", "unrecognized"),
        ("send", "FILE"),
        ("send x.json --priority soon", "routine"),
        ("send x.json --id 1234", "message id"),
        (
            "send a.json b.json --id 01950000-0000-7000-8000-000000000000",
            "--id names one",
        ),
        ("send /nonexistent.json", "cannot read"),
        ("track 01950000 --timeout 3", "--wait"),
        ("track 01950000 --wait soon", "delivered"),
        ("answer 01950000", "--hit"),
        ("answer 01950000 --hit", "--place"),
        ("answer 01950000 --no-trace --place Port", "--hit"),
        ("recall 01950000 --why other", "--text"),
        ("inbox --limit 201", "200"),
        ("inbox", "no profile"),
        ("inbox --profile missing", "cannot read the profile"),
        ("inbox --profile ../x", "expected a name"),
        ("inbox --profile a --profile-file b", "cannot be used with"),
        ("audit verify /nonexistent", "cannot read"),
    ];
    for (line, named) in cases {
        let assert = allpoints(line).code(2);
        let (_, err) = said(&assert);
        assert!(err.contains(named), "`{line}` should name {named}: {err}");
    }
}

#[test]
fn a_profile_set_for_the_day_gives_way_to_one_given_by_hand() {
    let cases = [
        (
            "inbox",
            "cannot read the profile /nonexistent/allpoints/day.toml",
        ),
        (
            "inbox --profile-file /other.toml",
            "cannot read the profile /other.toml",
        ),
        (
            "pki desk /nonexistent --role officer --name duty-1",
            "cannot read /nonexistent/node.toml",
        ),
    ];
    for (line, named) in cases {
        let assert = Command::new(env!("CARGO_BIN_EXE_allpoints"))
            .args(line.split_whitespace())
            .env("ALLPOINTS_PROFILE", "day")
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .assert()
            .code(2);
        let (_, err) = said(&assert);
        assert!(err.contains(named), "`{line}` should name {named}: {err}");
    }
}

#[test]
fn a_reason_is_explained_and_an_unknown_one_ends_with_4() {
    let (out, _) = said(&allpoints("reasons not_addressed").code(0));
    assert!(
        out.contains("NOT_ADDRESSED") && out.contains("to do"),
        "{out}"
    );
    let (_, err) = said(&allpoints("reasons NO_SUCH").code(4));
    assert!(err.contains("error: ") && err.contains("help: "), "{err}");
}

#[test]
fn json_is_json() {
    let (out, _) = said(&allpoints("reasons --json").code(0));
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(rows.as_array().is_some_and(|rows| rows.len() > 40));
}

#[test]
fn bytes_that_are_no_evidence_are_not_proved() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\xff").unwrap();
    let (out, err) = said(&allpoints(&format!("audit verify {}", file.path().display())).code(7));
    assert!(
        out.contains("FAILS") && err.contains("not proved"),
        "{out}{err}"
    );
}

#[test]
fn help_of_every_command_stays_as_it_is() {
    let mut all = String::new();
    for line in [
        "--help",
        "send --help",
        "answer --help",
        "instruct --help",
        "track --help",
        "recall --help",
        "close --help",
        "audit --help",
        "audit verify --help",
        "links --help",
    ] {
        let (out, _) = said(&allpoints(line).code(0));
        all.push_str(&format!("$ allpoints {line}\n{out}\n"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn completions_are_written_for_a_shell() {
    let (out, _) = said(&allpoints("completions bash").code(0));
    assert!(out.contains("_allpoints"));
}

#[test]
fn generated_drafts_are_the_same_from_the_same_seed_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("drafts");
    let line = format!("dev generate --seed 7 --count 3 --out {}", out.display());
    allpoints(&line).code(0);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3);
    let (_, err) = said(&allpoints(&line).code(2));
    assert!(err.contains("draft-000001.json"), "{err}");

    let persons = || {
        let (out, _) =
            said(&allpoints("dev generate --seed 7 --count 3 --to XB-POL,@all-eu").code(0));
        let drafts = out.lines().map(|line| {
            let draft: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(draft["status"], "STATUS_EXERCISE");
            assert_eq!(draft["to"], serde_json::json!(["XB-POL", "@all-eu"]));
            draft["payload"]["subject"]["names"].clone()
        });
        drafts.collect::<Vec<_>>()
    };
    assert_eq!(persons(), persons());
    let one = out.join("draft-000001.json");
    let (_, err) = said(&allpoints(&format!("send {} --dry-run", one.display())).code(2));
    assert!(
        err.contains("no profile"),
        "a legal draft is asked whom to: {err}"
    );
    allpoints("dev generate --seed 7 --count 0").code(2);
}

/// Two of three roots must sign: one is too few for anything that follows, and an entry never goes back.
#[test]
fn a_membership_that_too_few_roots_signed_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str, code: i32| {
        let line = line.replace("$D", folder.path().to_str().unwrap());
        said(&allpoints(&line).code(code))
    };
    let (founded, _) = run(
        "federation init $D/f --name liaison-test --roots 3 --threshold 2",
        0,
    );
    let anchor = founded
        .lines()
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap()
        .to_owned();
    run(
        "pki init $D/xa --authority XA-POL --name Police --federation liaison-test --endpoint 127.0.0.1:7443 --anchor ANCHOR"
            .replace("ANCHOR", &anchor)
            .as_str(),
        0,
    );
    run("federation propose $D/f $D/xa/application.json", 0);
    run(
        "federation sign $D/f/proposal/membership.json --key $D/f/root-1.key",
        0,
    );
    let (_, err) = run("federation publish $D/f", 3);
    assert!(err.contains("1 of 2 signatures"), "{err}");
    run(
        "federation sign $D/f/proposal/membership.json --key $D/f/root-1.key",
        0,
    );
    let (_, err) = run("federation publish $D/f", 3);
    assert!(
        err.contains("1 of 2 signatures"),
        "one root counts once: {err}"
    );
    let install =
        format!("federation install $D/f/directory.bundle --directory $D/node --anchor {anchor}");
    run(&install, 3);
    run(
        "federation sign $D/f/proposal/membership.json --key $D/f/root-3.key",
        0,
    );
    run("federation publish $D/f", 0);
    run(&install, 0);
    let (_, err) = run("federation propose $D/f $D/xa/application.json", 3);
    assert!(err.contains("nothing to propose"), "{err}");
}
