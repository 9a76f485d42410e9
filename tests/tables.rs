//! Tables in and out, with the program's own commands against running nodes.
//!
//! ```text
//!  offenders.csv + mapping.toml --import--> XA-POL ==alerts==> XB-POL
//!  lists.csv <--outbox --csv--------------- XA-POL
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

#[path = "common/by_hand.rs"]
mod by_hand;

use std::fs;

use by_hand::Pair;

const MAPPING: &str = "
template = \"draft.json\"
ignore = [\"remarks\"]

[columns]
name = \"payload.subject.names[1].surname\"
born = \"payload.subject.birthDate\"
to = \"to[0]\"
";

const GOOD: &str = "name,born,to,remarks\nERIKSON,1974-08-12,XB-POL,=1+1\nERIKSSEN,1974-08,XB,\n";
const BAD: &str = "name,born,to,remarks\nERIKSON,1974-08-12,XB-POL,\nERIKSSEN,yesterday,XB-POL,\nERIKSEN,1974-08,XD,\n";

/// The references of the outbox, as comma-separated values have them.
fn sent(pair: &Pair) -> Vec<String> {
    let listed = pair.done("outbox --csv --profile-file xa/officer.toml");
    let lines = listed.lines().skip(1);
    let cells = lines.filter_map(|line| line.split(',').next());
    cells.map(ToOwned::to_owned).collect()
}

/// Verifies that a table with one wrong cell sends nothing and names the cell, be it seen here or at the node; that a good
/// one is sent whole, that repeating it sends nothing twice, and that what is listed for a spreadsheet holds no formula.
#[test]
fn a_table_is_sent_whole_or_not_at_all_and_once() {
    let pair = Pair::running();
    let write = |name: &str, text: &str| fs::write(pair.file(name), text).expect("written");
    write("mapping.toml", MAPPING);
    write(
        "draft.json",
        &include_str!("../examples/missing-offender.json").replace("\"XB-POL\", \"XC-POL\"", ""),
    );
    write("bad.csv", BAD);
    write("unknown.csv", &BAD.replace("yesterday", "1974"));
    write("good.csv", GOOD);

    for (table, exit, words) in [
        ("bad.csv", 3, vec!["│ 3    ┆ born", "nothing was sent"]),
        (
            "unknown.csv",
            4,
            vec![
                "nothing was sent",
                "line 4: PEER_UNKNOWN: no member is of country `XD`",
            ],
        ),
    ] {
        let line = format!("import {table} --mapping mapping.toml --profile-file xa/officer.toml");
        let output = pair.allpoints(&line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(exit), "{said}");
        assert!(words.iter().all(|it| said.contains(it)), "{said}");
    }
    let output =
        pair.allpoints("import good.csv --mapping absent.toml --profile-file xa/officer.toml");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("absent.toml: the mapping cannot be read"),
        "{said}"
    );
    let import = "import good.csv --mapping mapping.toml --profile-file xa/officer.toml";
    let rehearsed = pair.done(&format!("{import} --dry-run"));
    assert!(rehearsed.contains("nothing was sent"), "{rehearsed}");
    assert_eq!(sent(&pair), Vec::<String>::new());

    let batch = "--batch 0198c5a0-0000-7000-8000-000000000001";
    let first = pair.done(&format!("{import} {batch}"));
    assert_eq!(first.matches("XB-POL").count(), 4, "{first}");
    assert_eq!(sent(&pair).len(), 2);
    let again = pair.done(&format!("{import} {batch}"));
    assert_eq!(
        again.matches("had been accepted before").count(),
        2,
        "{again}"
    );
    assert_eq!(sent(&pair).len(), 2);

    let listed = pair.done("outbox --csv --profile-file xa/officer.toml");
    let cells = listed.lines().flat_map(|line| line.split(','));
    let formula = |cell: &str| {
        cell.trim_start_matches('"')
            .starts_with(['=', '+', '-', '@'])
    };
    assert!(!cells.into_iter().any(formula), "{listed}");
}
