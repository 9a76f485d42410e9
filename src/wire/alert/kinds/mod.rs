//! The kinds: one line in the table, one file here, one message in `alert.proto`, one type in `domain::alert::kinds`.
//!
//! A line: kind, file, name in JSON, what it does to its thread, and the name of its target where it has one.

use crate::{
    domain::{
        alert::kinds::{Content, Extender, Target},
        id::StatementRef,
        routing::{Effect, Kind},
    },
    proto::{alert::v1 as pb, envelope::v1 as envelope},
    wire::{
        alert::reader::{Reader, TargetRule},
        fields,
    },
};

macro_rules! kinds {
    ($($variant:ident $module:ident $json:literal $effect:ident $($named:ident.target)?;)*) => {
        $(mod $module;)*

        /// The kind of a payload; none when it is absent or newer than this version.
        pub(super) fn kind_of(payload: &pb::Payload) -> Option<Kind> {
            payload.kind.as_ref().map(|kind| match kind {
                $(pb::payload::Kind::$variant(_) => Kind::$variant,)*
            })
        }

        /// The kind of a legal content.
        pub(super) const fn kind_of_content(content: &Content) -> Kind {
            match content { $(Content::$variant(_) => Kind::$variant,)* }
        }

        /// Reads what the kind adds.
        pub(super) fn read(reader: &mut Reader, payload: &pb::Payload) -> Option<Content> {
            match payload.kind.as_ref()? {
                $(pb::payload::Kind::$variant(wire) => reader
                    .within($json, |reader| $module::read(reader, wire, payload))
                    .map(Content::$variant),)*
            }
        }

        /// The effect of a kind that needs no look inside.
        pub(super) const fn plain_effect(kind: Kind) -> Effect {
            match kind { $(Kind::$variant => Effect::$effect,)* }
        }

        /// What a content names as its target.
        pub(super) const fn target(content: &Content) -> Option<Target> {
            match content {
                $($(Content::$variant($named) => Some($named.target),)?)*
                _ => None,
            }
        }

        /// Where a payload names its target; none for kinds that name none.
        pub fn target_slot(payload: &mut pb::Payload) -> Option<&mut Option<envelope::StatementRef>> {
            match payload.kind.as_mut()? {
                $($(pb::payload::Kind::$variant($named) => Some(&mut $named.target),)?)*
                _ => None,
            }
        }
    };
}

kinds! {
    MissingOffender missing_offender "missingOffender" Starts;
    TravelNotice travel_notice "travelNotice" Starts;
    RestrictionOrder restriction_order "restrictionOrder" Starts;
    Sighting sighting "sighting" Informs;
    Outcome outcome "outcome" Informs;
    Update update "update" Updates update.target;
    Correction correction "correction" Corrects correction.target;
    Recall recall "recall" Recalls recall.target;
    Closure closure "closure" Closes closure.target;
    Answer answer "answer" Informs answer.target;
    Instruction instruction "instruction" Instructs instruction.target;
    PublicProtection public_protection "publicProtection" Starts;
    InformationRequest information_request "informationRequest" Informs;
    InformationReply information_reply "informationReply" Informs information_reply.target;
    NoticeOfService notice_of_service "noticeOfService" Starts;
    Extend extend "extend" Extends extend.target;
    Statistics statistics "statistics" Starts;
}

pub(super) use self::statistics::write as write_statistics;

/// What a content does to its thread.
pub(super) fn effect(content: &Content) -> Effect {
    match content {
        Content::Answer(answer) => Effect::Answers(answer.code),
        Content::Extend(extend) => match extend.by {
            Extender::Origin => Effect::Extends,
            Extender::Holder => Effect::PassesOn,
        },
        content => plain_effect(kind_of_content(content)),
    }
}

/// The same of the extension of a payload.
pub(super) const fn effect_of_extend(extend: &pb::Extend) -> Effect {
    match extend.passing_on {
        None => Effect::Extends,
        Some(_) => Effect::PassesOn,
    }
}

/// Reads a target; a draft may leave it to its header.
fn read_target(reader: &mut Reader, wire: Option<&envelope::StatementRef>) -> Option<Target> {
    match wire {
        None if reader.target_rule == TargetRule::MayBeOfHeader => Some(Target::OfHeader),
        None => {
            reader.demand(false, "target", "the statement that it refers to");
            None
        }
        Some(wire) => reader
            .within("target", |reader| read_reference(reader, wire))
            .map(Target::Statement),
    }
}

/// The name of a statement.
pub(super) fn read_reference(
    reader: &mut Reader,
    wire: &envelope::StatementRef,
) -> Option<StatementRef> {
    let origin = reader.needed("origin", &wire.origin);
    let reference = fields::reference(wire).ok();
    if origin.is_some() && reference.is_none() {
        let found = format!("{} bytes", wire.id.len());
        reader.fault("id", found, "a UUID of version 7, 16 bytes");
    }
    let StatementRef { id, .. } = reference?;
    Some(StatementRef {
        origin: origin?,
        id,
    })
}

#[cfg(test)]
mod tests;
