//! The reply to a question: each result demands its own words, and takes no other's.

use super::read_target;
use crate::{
    domain::alert::kinds::{InformationReply, ReplyResult},
    proto::alert::v1 as pb,
    wire::alert::{permission, reader::Reader},
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::InformationReply,
    _payload: &pb::Payload,
) -> Option<InformationReply> {
    let target = read_target(reader, wire.target.as_ref());
    let result = reader.coded("result", wire.result);
    let text = reader.text("text", wire.text.as_ref());
    let valid_as_of = reader.optional("validAsOf", &wire.valid_as_of);
    let reason = reader.text("reason", wire.reason.as_ref());
    let article = reader.line("article", &wire.article);
    let grant = reader.message("grant", wire.grant.as_ref(), permission::grant);
    if let Some(result) = result {
        check_result(reader, wire, result);
    }
    Some(InformationReply {
        target: target?,
        result: result?,
        text,
        valid_as_of,
        reason,
        article,
        grant,
    })
}

/// Which field belongs to which result, and whether the result demands it.
fn check_result(reader: &mut Reader, wire: &pb::InformationReply, result: ReplyResult) {
    use ReplyResult::{Answered, Partly, Refused};
    let (something, refused) = ([Answered, Partly], [Refused, Partly]);
    for (field, present, belongs, demanded) in [
        (
            "text",
            wire.text.is_some(),
            result != Refused,
            something.contains(&result),
        ),
        (
            "validAsOf",
            !wire.valid_as_of.is_empty(),
            result != Refused,
            result != Refused,
        ),
        (
            "reason",
            wire.reason.is_some(),
            refused.contains(&result),
            refused.contains(&result),
        ),
        (
            "article",
            !wire.article.is_empty(),
            refused.contains(&result),
            false,
        ),
        (
            "grant",
            wire.grant.is_some(),
            something.contains(&result),
            false,
        ),
    ] {
        if demanded {
            reader.demand(present, field, format!("{field}, as the result is {result}"));
        } else if !belongs {
            reader.forbid(present, field, format!("nothing, as the result is {result}"));
        }
    }
}
