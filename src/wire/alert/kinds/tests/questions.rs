//! Questions and their replies, notices of service, warnings for public protection.

use super::{faults, twins};

const ASKS: &str = r#""purpose":3,"questions":[{"text":"Known there?"}],"legalBasis":"L""#;

#[test]
fn a_question_says_what_is_asked_for_what_and_on_what_law() {
    let with = |more: &str| format!("{ASKS}{more}");
    let (check, consent) = (
        ASKS.replace(r#""purpose":3"#, r#""purpose":6"#),
        r#","position":"coach","consentReference":"C 1""#,
    );
    let person = r#""subject":{"names":[{"kind":1,"surname":"A","quality":1}],"sex":1},"#;
    let ask = |shared: &str, request: &str| {
        faults(&format!(
            r#"{{{shared}"informationRequest":{{{request}}}}}"#
        ))
    };
    for (shared, legal, illegal, path) in [
        (
            "",
            with(""),
            ASKS.replace(r#""purpose":3"#, r#""purpose":0"#),
            "purpose",
        ),
        (
            "",
            with(""),
            ASKS.replace(r#"{"text":"Known there?"}"#, ""),
            "questions",
        ),
        (
            "",
            with(""),
            ASKS.replace("Known there?", " "),
            "questions[0].text",
        ),
        ("", with(""), ASKS.replace(r#""L""#, r#""""#), "legalBasis"),
        (
            "",
            with(r#","wantedBy":"2026-11-24T07:00:00Z""#),
            with(r#","wantedBy":"2026-11-23T23:59:59Z""#),
            "wantedBy",
        ),
        ("", with(""), with(r#","position":"coach""#), "position"),
        (
            "",
            with(""),
            with(r#","consentReference":"C 1""#),
            "consentReference",
        ),
        (
            person,
            format!("{check}{consent}"),
            format!(r#"{check},"position":"coach""#),
            "consentReference",
        ),
        (
            person,
            format!("{check}{consent}"),
            format!(r#"{check},"consentReference":"C 1""#),
            "position",
        ),
    ] {
        assert_eq!(ask(shared, &legal), Vec::<String>::new(), "{legal}");
        assert_eq!(
            ask(shared, &illegal),
            [format!("informationRequest.{path}")],
            "{illegal}"
        );
    }
    assert_eq!(ask("", &format!("{check}{consent}")), ["subject"]);
}

#[test]
fn a_reply_says_what_its_result_demands_and_nothing_else() {
    twins(
        |reply| format!(r#"{{"informationReply":{{{reply}}}}}"#),
        &[
            (
                r#""result":1,"text":{"text":"x"},"validAsOf":"2026-11-24""#,
                r#""result":1,"validAsOf":"2026-11-24""#,
                "informationReply.text",
            ),
            (
                r#""result":1,"text":{"text":"x"},"validAsOf":"2026-11-24""#,
                r#""result":1,"text":{"text":"x"}"#,
                "informationReply.validAsOf",
            ),
            (
                r#""result":2,"validAsOf":"2026-11-24""#,
                r#""result":2"#,
                "informationReply.validAsOf",
            ),
            (
                r#""result":3,"reason":{"text":"no law"},"article":"art. 6""#,
                r#""result":3"#,
                "informationReply.reason",
            ),
            (
                r#""result":3,"reason":{"text":"no law"}"#,
                r#""result":3,"reason":{"text":"no law"},"text":{"text":"x"}"#,
                "informationReply.text",
            ),
            (
                r#""result":3,"reason":{"text":"no law"}"#,
                r#""result":3,"reason":{"text":"no law"},"validAsOf":"2026-11-24""#,
                "informationReply.validAsOf",
            ),
            (
                r#""result":4,"text":{"text":"x"},"validAsOf":"2026-11-24","reason":{"text":"y"}"#,
                r#""result":4,"text":{"text":"x"},"validAsOf":"2026-11-24""#,
                "informationReply.reason",
            ),
            (
                r#""result":2,"validAsOf":"2026-11-24""#,
                r#""result":2,"validAsOf":"2026-11-24","reason":{"text":"y"}"#,
                "informationReply.reason",
            ),
            (
                r#""result":2,"validAsOf":"2026-11-24""#,
                r#""result":2,"validAsOf":"2026-11-24","article":"art. 6""#,
                "informationReply.article",
            ),
            (
                r#""result":2,"validAsOf":"2026-11-24""#,
                r#""validAsOf":"2026-11-24""#,
                "informationReply.result",
            ),
        ],
    );
}

#[test]
fn permission_is_asked_and_granted_for_one_act_and_names_to_whom() {
    let asks = |permission: &str| {
        format!(r#"{{"informationRequest":{{{ASKS},"permission":{{{permission}}}}}}}"#)
    };
    let path = |field: &str| format!("informationRequest.permission.{field}");
    let (act, to) = (path("act"), path("to"));
    twins(
        asks,
        &[
            (r#""act":1"#, r#""act":0"#, &act),
            (r#""act":1"#, r#""act":1,"to":["XD-POL"]"#, &to),
            (r#""act":2,"to":["XD-POL"]"#, r#""act":2"#, &to),
            (
                r#""act":2,"to":["XD-POL","XE-POL"]"#,
                r#""act":2,"to":["XD-POL","XD-POL"]"#,
                &to,
            ),
        ],
    );
    let target = r#""target":{"origin":"XB-POL","id":"AZUAAAAAcACAAAAAAAAAAQ=="}"#;
    let replies = |reply: &str| format!(r#"{{"informationReply":{{{target},{reply}}}}}"#);
    let answered = r#""result":1,"text":{"text":"x"},"validAsOf":"2026-11-24","grant""#;
    let grant = |grant: &str| format!(r#"{answered}:{{{grant}}}"#);
    let good = grant(r#""act":2,"to":["XD-POL"],"until":"2026-11-24""#);
    let path = |field: &str| format!("informationReply.grant.{field}");
    for (illegal, path) in [
        (grant(r#""act":2,"to":["XD-POL"]"#), path("until")),
        (
            grant(r#""act":2,"to":["XD-POL"],"until":"2026-11-23""#),
            path("until"),
        ),
        (grant(r#""act":2,"until":"2026-11-24""#), path("to")),
        (
            r#""result":3,"reason":{"text":"no"},"grant":{"act":1,"until":"2026-11-24"}"#
                .to_owned(),
            "informationReply.grant".to_owned(),
        ),
    ] {
        twins(replies, &[(good.as_str(), illegal.as_str(), path.as_str())]);
    }
}

#[test]
fn a_draft_passes_on_and_leaves_the_rest_to_the_node() {
    let passes = |more: &str| format!(r#"{{"extend":{{"passingOn":{{{more}}}}}}}"#);
    twins(
        passes,
        &[
            (
                "",
                r#""passed":[{"to":"XD-POL"}]"#,
                "extend.passingOn.passed",
            ),
            ("", r#""grant":{}"#, "extend.passingOn.grant"),
        ],
    );
}

#[test]
fn a_notice_of_service_says_when_and_nothing_of_a_person() {
    twins(
        |notice| format!(r#"{{"noticeOfService":{{{notice}}}}}"#),
        &[
            (
                r#""code":1,"from":"2026-12-01T01:00:00Z","until":"2026-12-01T01:00:00Z""#,
                r#""code":1,"from":"2026-12-01T01:00:00Z""#,
                "noticeOfService.until",
            ),
            (
                r#""code":1,"from":"2026-12-01T01:00:00Z","until":"2026-12-01T02:00:00Z""#,
                r#""code":1,"from":"2026-12-01T01:00:00Z","until":"2026-12-01T00:59:00Z""#,
                "noticeOfService.until",
            ),
            (
                r#""code":2,"from":"2026-12-01T01:00:00Z""#,
                r#""code":2"#,
                "noticeOfService.from",
            ),
            (
                r#""code":2,"from":"2026-12-01T01:00:00Z""#,
                r#""from":"2026-12-01T01:00:00Z""#,
                "noticeOfService.code",
            ),
        ],
    );
    let drill = r#""noticeOfService":{"code":2,"from":"2026-12-01T01:00:00Z"}"#;
    let of_person = r#""subject":{"names":[{"kind":1,"surname":"A","quality":1}],"sex":1}"#;
    assert_eq!(faults(&format!("{{{of_person},{drill}}}")), ["subject"]);
}

#[test]
fn a_warning_for_public_protection_names_the_danger_and_what_it_rests_on() {
    let warn = |offences: &str, warning: &str| {
        faults(&format!(
            r#"{{"subject":{{"names":[{{"kind":1,"surname":"A","quality":1}}],"sex":1}},"asked":[{{"action":9}}],
            "basis":{{"authority":"C","law":"L","decisionReference":"1","validUntil":"2027-01-01"}},
            "offences":[{offences}],"publicProtection":{{{warning}}}}}"#
        ))
    };
    let convicted = r#"{"description":"x","conviction":{"court":"C","decidedOn":"2019"}}"#;
    let charged = r#"{"description":"x","charge":{"authority":"P","chargedOn":"2026"}}"#;
    let by_conviction = r#""ground":1,"danger":{"text":"d"}"#;
    let by_conduct = r#""ground":2,"danger":{"text":"d"},"conduct":{"text":"c"}"#;
    assert_eq!(warn(convicted, by_conviction), Vec::<String>::new());
    assert_eq!(warn("", by_conduct), Vec::<String>::new());
    for (offences, warning, path) in [
        (charged, by_conviction, "offences"),
        ("", by_conviction, "offences"),
        (convicted, r#""ground":1"#, "publicProtection.danger"),
        (
            "",
            r#""ground":2,"danger":{"text":"d"}"#,
            "publicProtection.conduct",
        ),
        ("", r#""danger":{"text":"d"}"#, "publicProtection.ground"),
    ] {
        assert_eq!(warn(offences, warning), [path], "{warning}");
    }
}
