//! A program of an authority at its own desk, by the library's client.
//!
//! ```text
//!  program --client--> XA-POL ==exchange==> XB-POL <--client-- program
//!    sends, repeats, pages                    watches, answers
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use std::{sync::Arc, time::Duration};

use allpoints::{
    client::{Client, ClientError, Profile, ProfileError},
    domain::reason::Reason,
    node::system::SystemClock,
    proto::{
        alert::v1::{self as alert, payload::Kind},
        desk::v1 as pb,
    },
    trust::tls::Role,
};
use common::{Net, until};
use futures_util::StreamExt as _;

/// A profile file as `pki desk` writes it, of a certificate made here.
async fn profile(net: &Net, id: &str, role: Role) -> Profile {
    net.desk(id, role).await;
    let text = format!(
        "authority = '{id}'\nendpoint = '{}'\ncertificate = 'desk/{role}-duty-7.pem'\n\
         key = 'desk/{role}-duty-7.key'\nca = 'ca/desk-ca.pem'\n",
        net.addresses(id).desk
    );
    let file = net.home(id).join(format!("{role}.toml"));
    std::fs::write(&file, text).expect("written");
    Profile::read(&file).expect("legal")
}

async fn connected(profile: Profile) -> Result<Client, ClientError> {
    Client::connect(profile, Arc::new(SystemClock::new())).await
}

async fn client(net: &Net, id: &str, role: Role) -> Client {
    let profile = profile(net, id, role).await;
    connected(profile).await.expect("connected")
}

/// A draft without an id.
fn draft(net: &Net) -> alert::Draft {
    let mut draft = net.draft(&["XB-POL"]);
    draft.id.clear();
    draft
}

async fn sent(client: &Client, net: &Net) -> String {
    let accepted = client.submit(&mut [draft(net)]).await.expect("accepted");
    accepted[0].reference.clone()
}

fn references(page: &pb::ListResponse) -> Vec<String> {
    page.items.iter().map(|it| it.reference.clone()).collect()
}

/// Verifies that what is handed in twice with the same ids is accepted once and gets the same answer, that another content
/// under such an id is refused, and that faulty drafts give every fault by its path and leave nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_repeated_is_accepted_once_and_what_is_wrong_is_said_by_field() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let client = client(&net, "XA-POL", Role::Officer).await;
    let mut drafts = [draft(&net)];
    let first = client.submit(&mut drafts).await.expect("accepted");
    let id = drafts[0].id.clone();
    assert!(!id.is_empty() && !first[0].repeated_submission);
    let again = client.submit(&mut drafts).await.expect("accepted before");
    assert_eq!(drafts[0].id, id);
    assert!(again[0].repeated_submission);
    assert_eq!(again[0].statement, first[0].statement);
    assert_eq!(again[0].accepted_at_us, first[0].accepted_at_us);

    let mut other = [alert::Draft { id, ..other(&net) }];
    let refused = client
        .submit(&mut other)
        .await
        .expect_err("another content");
    assert!(
        matches!(
            refused,
            ClientError::Refused {
                reason: Some(Reason::IdConflict),
                ..
            }
        ),
        "{refused:?}"
    );

    let mut faulty = draft(&net);
    faulty.to = vec!["nobody".to_owned()];
    faulty.payload = None;
    let refused = client.submit(&mut [draft(&net), faulty]).await;
    let Err(ClientError::FaultyDraft(faults)) = refused else {
        panic!("{refused:?}");
    };
    let mut paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["drafts[1].kind", "drafts[1].to[0]"]);
    assert!(faults.iter().all(|fault| fault.what.contains("expected")));

    let mut pages = client.outbox(pb::ListRequest::default());
    let page = pages.next().await.expect("a page").expect("listed");
    assert_eq!(references(&page), [first[0].reference.as_str()]);
    assert!(pages.next().await.is_none());
}

/// A legal draft of other content than [`draft`].
fn other(net: &Net) -> alert::Draft {
    let mut other = draft(net);
    let payload = other.payload.as_mut().expect("a payload");
    payload.remarks = Some(alert::Text {
        text: "Something else.".to_owned(),
        ..alert::Text::default()
    });
    other
}

/// Verifies that a role gets what is its own and nothing else, and that what is not there is not found.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_let_do_what_is_its_own_and_nothing_else() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let officer = client(&net, "XA-POL", Role::Officer).await;
    let ops = client(&net, "XA-POL", Role::Ops).await;
    let reference = sent(&officer, &net).await;

    let track = ops.track(&reference).await.expect("routing only");
    assert_eq!(track.summary.expect("a line").reference, reference);
    officer.show(&reference).await.expect("an officer's");
    let refused = ops.show(&reference).await.expect_err("holds a person");
    assert!(matches!(refused, ClientError::NotPermitted(_)), "{refused}");
    let refused = ops.submit(&mut [draft(&net)]).await.expect_err("writes");
    assert!(matches!(refused, ClientError::NotPermitted(_)), "{refused}");
    let refused = officer.track("XA-26-00000").await.expect_err("not there");
    assert!(matches!(refused, ClientError::NotFound(_)), "{refused}");

    // Our certificate is nobody's at another authority's desk, and its node is not whom we trust.
    let mut stranger = profile(&net, "XA-POL", Role::Officer).await;
    stranger.endpoint = net.addresses("XB-POL").desk.to_string();
    let refused = connected(stranger).await.expect_err("not our desk");
    assert!(matches!(refused, ClientError::Unreachable(_)), "{refused}");
    let mut without = profile(&net, "XA-POL", Role::Officer).await;
    without.key = net.home("XA-POL").join("desk/lost.key");
    let refused = connected(without).await.expect_err("no key");
    assert!(
        matches!(refused, ClientError::Profile(ProfileError::Unusable { .. })),
        "{refused}"
    );
}

/// Verifies that pages by cursor give everything once, newest first, though more is sent between two of them, and that
/// another stream goes on where one was left.
#[tokio::test(flavor = "multi_thread")]
async fn pages_by_cursor_miss_nothing() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let officer = client(&net, "XA-POL", Role::Officer).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, sent(&officer, &net).await);
    }
    let by_two = pb::ListRequest {
        limit: 2,
        ..pb::ListRequest::default()
    };
    let mut pages = officer.outbox(by_two.clone());
    let first = pages.next().await.expect("a page").expect("listed");
    assert_eq!(references(&first), expected[..2]);

    let newer = sent(&officer, &net).await;
    let mut rest = Vec::new();
    while let Some(page) = pages.next().await {
        rest.extend(references(&page.expect("listed")));
    }
    assert_eq!(rest, expected[2..]);
    let mut resumed = officer.outbox(pb::ListRequest {
        cursor: first.next_cursor,
        ..by_two.clone()
    });
    let page = resumed.next().await.expect("a page").expect("listed");
    assert_eq!(references(&page), expected[2..4]);

    let partner = client(&net, "XB-POL", Role::Officer).await;
    expected.insert(0, newer);
    until("all of them in the inbox", || async {
        let pages = partner.inbox(by_two.clone());
        let found: Vec<_> = pages
            .map(|page| references(&page.expect("listed")))
            .collect()
            .await;
        let mut found = found.concat();
        found.sort_unstable();
        let mut all = expected.clone();
        all.sort_unstable();
        (found == all).then_some(())
    })
    .await;

    let refused = officer.outbox(pb::ListRequest {
        cursor: "made up".to_owned(),
        ..by_two
    });
    let refused: Vec<_> = refused.collect().await;
    assert!(
        matches!(refused[..], [Err(ClientError::Refused { .. })]),
        "{refused:?}"
    );
}

/// Verifies that a watcher hears of an alert, that an answer to it reaches its originator's track, and that an answer to
/// nothing is not made.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_watched_for_and_answered() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let officer = client(&net, "XA-POL", Role::Officer).await;
    let partner = client(&net, "XB-POL", Role::Officer).await;
    let mut events = partner.watch().await.expect("watched");
    let reference = sent(&officer, &net).await;
    let heard = async {
        loop {
            let event = events.next().await.expect("no end").expect("an event");
            if event.summary.is_some_and(|it| it.reference == reference) {
                return;
            }
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(60), heard).await;
    heard.expect("an event of it");

    let target = partner.target(&reference).await.expect("here");
    let assigned = alert::Answer {
        code: alert::AnswerCode::Assigned.into(),
        unit: "harbour unit".to_owned(),
        ..alert::Answer::default()
    };
    let to = vec![target.first.origin.clone()];
    let answer = target.follow_up(to, None).draft(Kind::Answer(assigned));
    partner.submit(&mut [answer]).await.expect("accepted");
    until("the answer", || async {
        let track = officer.track(&reference).await.expect("ours");
        let latest = track.deliveries.first()?.latest_answer.clone();
        (latest == "assigned").then_some(())
    })
    .await;
    let refused = partner.target("XA-26-00000").await.expect_err("not there");
    assert!(matches!(refused, ClientError::NotFound(_)), "{refused}");
}

/// Verifies that a stopped node leaves the outcome of what was handed in unknown, with the ids to repeat with, and is
/// unreachable from then on; and that the same client repeats with effect once the node runs again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_node_is_unreachable_and_what_was_handed_in_is_repeated() {
    let mut net = Net::of(&["XA-POL", "XB-POL"]).await;
    let client = client(&net, "XA-POL", Role::Officer).await;
    let here = profile(&net, "XA-POL", Role::Officer).await;
    let mut events = client.watch().await.expect("watched");
    let desk = net.addresses("XA-POL").desk.to_string();
    net.stop("XA-POL").await;

    let mut drafts = [draft(&net)];
    let unknown = client.submit(&mut drafts).await.expect_err("no answer");
    let ClientError::OutcomeUnknown { ids, .. } = unknown else {
        panic!("{unknown:?}");
    };
    assert_eq!(ids, [drafts[0].id.as_str()]);
    let gone = client.submit(&mut drafts).await.expect_err("nobody there");
    assert!(matches!(gone, ClientError::Unreachable(_)), "{gone}");
    let gone = connected(here).await.expect_err("nobody there");
    assert!(matches!(gone, ClientError::Unreachable(_)), "{gone}");
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        while let Some(event) = events.next().await {
            if let Err(error) = event {
                return error;
            }
        }
        panic!("it ended without a word");
    });
    let ended = ended.await.expect("it ends");
    assert!(matches!(ended, ClientError::Unreachable(_)), "{ended}");

    // `listen` of the desk stands before that of the operator's page.
    net.reconfigure("XA-POL", |text| text.replacen("127.0.0.1:0", &desk, 1));
    net.start("XA-POL").await;
    let accepted = client.submit(&mut drafts).await.expect("accepted");
    let again = client.submit(&mut drafts).await.expect("accepted before");
    assert_eq!(drafts[0].id, ids[0]);
    assert_eq!(again[0].reference, accepted[0].reference);
    assert!(!accepted[0].repeated_submission && again[0].repeated_submission);
}
