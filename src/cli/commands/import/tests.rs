use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_795_507_200_000_000);

fn mapping(text: &str) -> Mapping {
    toml::from_str(text).unwrap()
}

fn specimen() -> Value {
    let text = include_str!("../../../../examples/missing-offender.json");
    serde_json::to_value(read_draft_json(text).unwrap()).unwrap()
}

const COLUMNS: &str = "
template = \"draft.json\"
ignore = [\"remarks\"]
[columns]
surname = \"payload.subject.names[1].surname\"
born = \"payload.subject.birthDate\"
priority = \"priority\"
";

fn read(sheet: &Sheet) -> Result<Vec<Draft>, Vec<Wrong>> {
    let mapping = mapping(COLUMNS);
    let places = places(&mapping, sheet).unwrap();
    drafts(&specimen(), sheet, &places, NOW)
}

#[test]
fn rows_become_drafts_and_an_empty_cell_leaves_what_the_template_has() {
    let sheet = separated(
        "surname,born,priority,remarks\nERIKSON,1974-08,PRIORITY_FLASH,x\n\"ERIK, SON\",,,\n",
    );
    let drafts = read(&sheet.unwrap()).unwrap();
    let subjects: Vec<_> = drafts
        .iter()
        .map(|draft| {
            draft
                .payload
                .as_ref()
                .and_then(|it| it.subject.as_ref())
                .unwrap()
        })
        .map(|subject| {
            (
                subject.names[1].surname.as_str(),
                subject.birth_date.as_str(),
            )
        })
        .collect();
    assert_eq!(
        subjects,
        [("ERIKSON", "1974-08"), ("ERIK, SON", "1974-08-12")]
    );
    assert_eq!(drafts[0].priority().as_str_name(), "PRIORITY_FLASH");
    assert_eq!(drafts[1].priority().as_str_name(), "PRIORITY_URGENT");

    let objects = objects(
        r#"[{"surname": "ERIKSON", "born": "1974-08"}, {"surname": null, "priority": "PRIORITY_FLASH"}]"#,
    );
    assert_eq!(read(&objects.unwrap()).unwrap().len(), 2);
}

#[test]
fn everything_wrong_is_told_at_once_with_row_and_column() {
    let sheet = separated(
        "surname,born,priority,remarks\nERIKSON,yesterday,SOON,\nERIKSON,1974-08,PRIORITY_FLASH,\nERIKSON,12.8.74,PRIORITY_FLASH,=1\n",
    );
    let wrong = read(&sheet.unwrap()).unwrap_err();
    let places: Vec<_> = wrong
        .iter()
        .map(|it| (it.line, it.column.as_str()))
        .collect();
    assert_eq!(places, [(2, "priority"), (4, "born")]);
    let shown = refused(Path::new("offenders.csv"), &wrong);
    assert_eq!(shown.exit, Exit::Refused);
    insta::assert_snapshot!(shown.message);
}

#[test]
fn a_mapping_fits_its_table_or_says_which_column_does_not() {
    let fits = |mapping_text: &str, header: &str| {
        let sheet = separated(&format!(
            "{header}\n{}\n",
            ",".repeat(header.matches(',').count()) + "x"
        ));
        let sheet = sheet.unwrap();
        let mapping = mapping(mapping_text);
        places(&mapping, &sheet).map(|places| places.len())
    };
    assert_eq!(fits(COLUMNS, "surname,born,priority,remarks"), Ok(4));
    for (header, words) in [
        ("surname,born,priority,other", "column `other` of the table"),
        ("surname,born", "names `priority`"),
        ("surname,born,priority,born", "stands twice"),
    ] {
        let refused = fits(COLUMNS, header).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
    let no_field = COLUMNS.replace("subject.birthDate", "subject..birthDate");
    assert!(
        fits(&no_field, "surname,born,priority")
            .unwrap_err()
            .contains("is no field")
    );
    let many = Sheet {
        columns: vec!["surname".to_owned()],
        rows: vec![
            Row {
                line: 2,
                cells: vec!["x".to_owned()],
            };
            SUBMIT_MAX_DRAFTS + 1
        ],
    };
    let one = mapping("template = \"d\"\n[columns]\nsurname = \"id\"");
    assert!(places(&one, &many).unwrap_err().contains("split it"));
}

#[test]
fn a_path_is_fields_and_places_in_lists() {
    let path = steps("payload.subject.names[0].surname").unwrap();
    assert_eq!(path.len(), 5);
    assert_eq!(path[3], Step::Item(0));
    for wrong in ["", "a..b", "a[", "a[x]", "a[64]", "[0]", "a b", "a[0]b"] {
        assert!(steps(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn uneven_and_empty_tables_are_refused_with_their_line() {
    assert!(separated("").unwrap_err().contains("it is empty"));
    assert!(
        separated("a,b\n1\n")
            .unwrap_err()
            .starts_with("line 2: 1 cells")
    );
    assert!(objects("{}").unwrap_err().contains("an array of objects"));
    assert!(
        objects(r#"[{"a": []}]"#)
            .unwrap_err()
            .starts_with("row 1: `a`")
    );
}

#[test]
fn the_example_becomes_two_drafts() {
    let mapping = mapping(include_str!("../../../../examples/table-mapping.toml"));
    let sheet = separated(include_str!("../../../../examples/table.csv")).unwrap();
    let places = places(&mapping, &sheet).unwrap();
    let drafts = drafts(&specimen(), &sheet, &places, NOW).unwrap();
    let to: Vec<_> = drafts.iter().map(|draft| draft.to[0].as_str()).collect();
    assert_eq!(to, ["XB-POL", "XB"]);
}
