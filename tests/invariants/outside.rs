//! I8, no personal data outside sealed bodies, and I9, everything is bounded.

use std::{fs, path::Path, time::Duration};

use allpoints::{
    domain::{
        limits::{PAGE_MAX_ITEMS, SUBMIT_MAX_DRAFTS},
        routing::Status,
        time::Clock as _,
    },
    proto::{
        alert::v1::Draft,
        desk::v1::{Box as ListBox, ListRequest, ShowRequest, SubmitRequest},
    },
    wire::generate::{Recipe, drafts},
};

use super::fleet::{Desk, Fleet, Outcome};

const SURNAME: &str = "QUETZALCOATLUSSON";

/// Two real nodes as child processes, so that all that they leave is files.
fn started() -> Fleet {
    let program = env!("CARGO_BIN_EXE_allpoints");
    let mut fleet = Fleet::found(program.as_ref(), &["XA-POL", "XB-POL"]).unwrap();
    fleet.start(0).unwrap();
    fleet.start(1).unwrap();
    fleet
}

fn alerts(fleet: &Fleet, count: usize) -> Vec<Draft> {
    let recipe = Recipe {
        seed: 5,
        to: vec!["XB-POL".to_owned()],
        status: Status::Exercise,
        priority: None,
        now: fleet.clock().now(),
        payload_bytes: None,
    };
    drafts(recipe).take(count).collect()
}

async fn submit(desk: &mut Desk, drafts: Vec<Draft>) -> Result<(), tonic::Status> {
    let request = SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    };
    desk.submit(request).await.map(drop)
}

/// The id of what came into the second node's inbox.
async fn received(fleet: &Fleet) -> String {
    let mut desk = fleet.members()[1].door.open().await.unwrap();
    for _ in 0..1000 {
        let request = ListRequest {
            r#box: ListBox::In.into(),
            ..<_>::default()
        };
        let listed = desk.list(request).await.unwrap().into_inner();
        if let Some(item) = listed.items.first() {
            return item.reference.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came");
}

/// Every file below that holds these bytes.
fn files_with(folder: &Path, wanted: &[u8], found: &mut Vec<String>) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_with(&path, wanted, found)?;
            continue;
        }
        let bytes = fs::read(&path)?;
        let named = path.to_string_lossy().contains(SURNAME);
        let first = wanted[0];
        let mut starts = (0..bytes.len()).filter(|at| bytes[*at] == first);
        if named || starts.any(|at| bytes[at..].starts_with(wanted)) {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}

/// Verifies that a surname that was sent, received and read stands in no file of either node in the clear, and
/// that the same look finds what may stand there.
#[tokio::test(flavor = "multi_thread")]
async fn i08_a_surname_is_found_in_no_file_of_sender_or_receiver() {
    let mut fleet = started();
    let mut draft = alerts(&fleet, 1).remove(0);
    let payload = draft.payload.as_mut().unwrap();
    let subject = payload.subject.as_mut().unwrap();
    subject.names[0].surname = SURNAME.to_owned();
    subject.documents.clear();
    let id: allpoints::domain::id::MessageId = draft.id.parse().unwrap();
    let mut desk = fleet.members()[0].door.open().await.unwrap();
    submit(&mut desk, vec![draft]).await.unwrap();
    let show = ShowRequest {
        id: received(&fleet).await,
        peek: false,
        ..<_>::default()
    };
    let mut receiver = fleet.members()[1].door.open().await.unwrap();
    let shown = receiver.show(show).await.unwrap().into_inner();
    assert!(
        format!("{shown:?}").contains(SURNAME),
        "the officer reads it"
    );
    fleet.stop(0).unwrap();
    fleet.stop(1).unwrap();
    for at in [0, 1] {
        let member = &fleet.members()[at];
        let home = member.config.store.folder.parent().unwrap();
        let mut found = Vec::new();
        files_with(home, SURNAME.as_bytes(), &mut found).unwrap();
        assert_eq!(found, Vec::<String>::new());
        files_with(&member.config.store.folder, id.as_bytes(), &mut found).unwrap();
        assert!(
            !found.is_empty(),
            "the look finds an id, which may stand there"
        );
    }
}

/// Verifies that a submit at the cap is accepted, and one above it is refused with its reason.
#[tokio::test(flavor = "multi_thread")]
async fn i09_a_submit_above_the_cap_is_refused() {
    let fleet = started();
    let mut desk = fleet.members()[0].door.open().await.unwrap();
    let mut all = alerts(&fleet, 2 * SUBMIT_MAX_DRAFTS + 1);
    let over = all.split_off(SUBMIT_MAX_DRAFTS);
    submit(&mut desk, all).await.unwrap();
    let refused = submit(&mut desk, over).await.unwrap_err();
    assert!(
        refused.message().contains(&SUBMIT_MAX_DRAFTS.to_string()),
        "{refused}"
    );
    let page = |limit| ListRequest {
        r#box: ListBox::In.into(),
        limit,
        ..<_>::default()
    };
    let most = u32::try_from(PAGE_MAX_ITEMS).unwrap();
    desk.list(page(most)).await.unwrap();
    desk.list(page(most + 1)).await.unwrap_err();
}

/// Verifies that every cap that is written down is one that the program keeps.
#[test]
fn i09_every_cap_in_limits_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let limits = fs::read_to_string(root.join("domain/limits.rs")).unwrap();
    let names = limits.lines().filter_map(|line| {
        let rest = line.strip_prefix("pub const ")?;
        rest.split_once(':').map(|(name, _)| name)
    });
    let mut program = String::new();
    sources(&root, &mut program);
    let uses = |name: &str| {
        let word = |part: char| part.is_ascii_alphanumeric() || part == '_';
        let is_whole = |(at, _): &(usize, &str)| {
            let before = program[..*at].chars().next_back();
            let after = program[at + name.len()..].chars().next();
            !before.is_some_and(word) && !after.is_some_and(word)
        };
        program.match_indices(name).filter(is_whole).count()
    };
    let (mut count, mut idle) = (0, Vec::new());
    for name in names {
        count += 1;
        if uses(name) == 0 {
            idle.push(name);
        }
    }
    assert!(count > 50, "the look finds the caps");
    assert_eq!(uses("NO_SUCH_CAP"), 0);
    assert_eq!(idle, Vec::<&str>::new(), "caps that nothing keeps");
}

/// All sources but the list of caps itself and tests.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, all);
            }
        } else if name.ends_with(".rs") && name != "limits.rs" && !name.contains("test") {
            all.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
