//! ```text
//!   XA-POL --restriction order: not to XC, told 7 days before--> XB-POL
//!          <-travel notice: to XC, told 5 days before----------- XB-POL    nobody says yet that it is one person
//!          <-update: same person as the order's----------------- XB-POL    both desks are called and shown which clauses
//!          <-travel notice of the same person: to XB, in time--- XB-POL    touches nothing
//! ```

use serde_json::{Value, json};

use crate::scene::{Scene, golden};

const SUBJECT: &str = r#"{ "names": [{ "kind": "NAME_KIND_LEGAL", "surname": "ERIKSSON", "forenames": "ANNA MARIA",
    "quality": "NAME_QUALITY_GOOD" }], "sex": "SEX_FEMALE", "birthDate": "1974-08-12", "nationalities": ["UTO"] }"#;

fn draft(to: &str, kind: &str, content: &Value, orders: &Value) -> Value {
    let subject: Value = serde_json::from_str(SUBJECT).expect("JSON");
    json!({
        "to": [to],
        "priority": "PRIORITY_PRIORITY",
        "status": "STATUS_EXERCISE",
        "handling": ["HANDLING_H1", "HANDLING_H2"],
        "ground": "TRANSFER_GROUND_SAFEGUARDS",
        "payload": {
            "subject": subject,
            "orders": orders,
            "asked": [{ "action": "ASKED_ACTION_INFORM_ONLY" }],
            "basis": {
                "authority": "Specimen District Court",
                "law": "Specimen Protection Act s. 3",
                "decisionReference": "SDC 2026/1201",
                "validUntil": "2027-05-01",
            },
            kind: content,
        },
    })
}

fn journey(to: &str, notified_on: &str) -> Value {
    let travel = json!({
        "legs": [{
            "fromCountry": "XA", "toCountry": to,
            "departsAt": "2027-01-10T08:00:00Z", "arrivesAt": "2027-01-10T11:00:00Z",
        }],
        "notifiedOn": notified_on,
        "expectedReturnOn": "2027-01-20",
    });
    draft("XA-POL", "travelNotice", &travel, &json!([]))
}

/// Verifies that a journey which one country tells of touches the clauses of another's order from the word on that it is
/// one person, that both desks are called about it once and shown it wherever the alerts are shown, that nothing is sent
/// by itself, and that a journey which keeps to the order calls nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_journey_touches_an_order_of_another_country_and_both_desks_are_told() {
    let scene = Scene::of(&["XA-POL", "XB-POL"]).await;
    let order = json!([{
        "authority": "Specimen District Court",
        "reference": "SDC 2026/1201",
        "country": "XA",
        "startsOn": "2026-10-01",
        "clauses": [
            { "residence": { "condition": "a change of address is notified before it" } },
            { "foreignTravel": { "scope": "TRAVEL_SCOPE_NAMED", "countries": ["XC"] } },
            { "travelNotification": { "to": "Specimen Police, station 3", "daysBefore": 7 } },
        ],
    }]);
    let order = draft("XB-POL", "restrictionOrder", &json!({}), &order);
    let order = scene.file("order.json", &order);
    let order = scene.delivered("XA-POL", &format!("send {order}")).await;
    let travel = scene.file("travel.json", &journey("XC", "2027-01-05"));
    let travel = scene.delivered("XB-POL", &format!("send {travel}")).await;
    for id in ["XA-POL", "XB-POL"] {
        let track = scene.track(id, &travel).await;
        assert_eq!(track["touched"], Value::Null, "nobody said so: {track}");
    }

    let (mut at_xa, mut at_xb) = (scene.calls("XA-POL").await, scene.calls("XB-POL").await);
    let sent = scene.outbox("XA-POL").await;
    scene
        .delivered("XB-POL", &format!("link {travel} {order}"))
        .await;
    for calls in [&mut at_xa, &mut at_xb] {
        assert_eq!(calls.next("clause_touched").await, travel);
    }
    for (id, alert) in [("XA-POL", &order), ("XB-POL", &travel)] {
        for line in ["show --peek", "track", "outbox"] {
            let of = if line == "outbox" { "" } else { alert.as_str() };
            let said = scene.done(id, &format!("{line} {of}")).await;
            for part in [
                format!(
                    "{travel} touches clause 2 of order XA/SDC 2026/1201 in {order}: leg 1 leads to XC, 2027-01-10"
                ),
                "clause 3 of order XA/SDC 2026/1201".to_owned(),
                "notified 5 days before the departure on 2027-01-10, 7 days demanded".to_owned(),
            ] {
                assert!(said.contains(&part), "{id}, {line}, {part}: {said}");
            }
            assert!(!said.contains("clause 1 of"), "{id}, {line}: {said}");
        }
    }
    assert_eq!(
        scene.outbox("XA-POL").await,
        sent,
        "nothing is sent by itself"
    );

    let kept_to = scene.file("kept-to.json", &journey("XB", "2027-01-03"));
    let kept_to = scene.delivered("XB-POL", &format!("send {kept_to}")).await;
    scene
        .delivered("XB-POL", &format!("link {kept_to} {order}"))
        .await;
    let track = scene.track("XB-POL", &kept_to).await;
    assert_eq!(track["touched"], Value::Null, "{track}");
    let told = scene.done("XA-POL", &format!("track {order}")).await;
    golden("a_journey_that_touches_an_order", &told);
}
