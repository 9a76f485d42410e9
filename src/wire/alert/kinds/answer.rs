//! Where the work abroad stands: each code demands its own words, and takes no other's.

use super::read_target;
use crate::{
    domain::{
        alert::kinds::{Answer, Kept, Retention, RetentionCode},
        id::AuthorityId,
        routing::AnswerCode,
    },
    proto::alert::v1 as pb,
    wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Answer,
    _payload: &pb::Payload,
) -> Option<Answer> {
    let target = read_target(reader, wire.target.as_ref());
    let code = reader.coded("code", wire.code);
    let unit = reader.line("unit", &wire.unit);
    let agrees = reader.lines("agrees", &wire.agrees);
    let disagrees = reader.lines("disagrees", &wire.disagrees);
    let wanted = reader.lines("wanted", &wire.wanted);
    let checked = reader.lines("checked", &wire.checked);
    let checked_until = reader.optional("checkedUntil", &wire.checked_until);
    let question = reader.text("question", wire.question.as_ref());
    let reason = reader.text("reason", wire.reason.as_ref());
    let article = reader.line("article", &wire.article);
    let retention = reader.message("retention", wire.retention.as_ref(), retention);
    let text = reader.text("text", wire.text.as_ref());
    if let Some(code) = code {
        check_code(reader, wire, code);
    }
    Some(Answer {
        target: target?,
        code: code?,
        unit,
        agrees,
        disagrees,
        wanted,
        checked,
        checked_until,
        question,
        reason,
        article,
        retention,
        text,
    })
}

/// Which field belongs to which code, and whether the code demands it.
fn check_code(reader: &mut Reader, wire: &pb::Answer, code: AnswerCode) {
    use AnswerCode::{Actioned, Assigned, CannotAct, NeedsInformation, NoTrace, PossibleHit};
    const MANDATORY: bool = true;
    const OPTIONAL: bool = false;
    let hits = [PossibleHit, AnswerCode::Hit, AnswerCode::Misidentified];
    for (field, present, codes, mandatory) in [
        ("unit", !wire.unit.is_empty(), &[Assigned][..], MANDATORY),
        ("checked", !wire.checked.is_empty(), &[NoTrace], MANDATORY),
        ("checkedUntil", !wire.checked_until.is_empty(), &[NoTrace], OPTIONAL),
        ("question", wire.question.is_some(), &[NeedsInformation], MANDATORY),
        ("reason", wire.reason.is_some(), &[CannotAct], MANDATORY),
        ("article", !wire.article.is_empty(), &[CannotAct], OPTIONAL),
        ("retention", wire.retention.is_some(), &[Actioned], OPTIONAL),
        ("agrees", !wire.agrees.is_empty(), &hits, OPTIONAL),
        ("disagrees", !wire.disagrees.is_empty(), &hits, OPTIONAL),
        ("wanted", !wire.wanted.is_empty(), &hits, OPTIONAL),
    ] {
        let belongs = codes.contains(&code);
        if belongs && mandatory {
            reader.demand(present, field, format!("{field}, as the answer is {code}"));
        }
        if !belongs {
            reader.forbid(present, field, format!("nothing, as the answer is {code}"));
        }
    }
    if code == PossibleHit {
        reader.demand(!wire.agrees.is_empty(), "agrees", "what agrees");
    }
}

fn retention(reader: &mut Reader, wire: &pb::Retention) -> Option<Retention> {
    let code = reader.coded("code", wire.code);
    let law = reader.line("law", &wire.law);
    let until = reader.optional("until", &wire.until);
    let passed_on_to: Vec<AuthorityId> = reader.parsed_list("passedOnTo", &wire.passed_on_to);
    let kept = match code? {
        RetentionCode::Removed => {
            reader.forbid(!wire.law.is_empty(), "law", "nothing, as it was removed");
            reader.forbid(!wire.until.is_empty(), "until", "nothing, as it was removed");
            Kept::Removed
        }
        RetentionCode::Kept => {
            reader.demand(!wire.law.is_empty(), "law", "the law under which it is kept");
            reader.demand(!wire.until.is_empty(), "until", "until when it is kept");
            Kept::Under {
                law: law?,
                until: until?,
            }
        }
    };
    Some(Retention { kept, passed_on_to })
}
