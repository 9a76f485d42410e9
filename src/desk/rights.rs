//! Who may call what: one table of role by call, and nothing beside it.

use crate::trust::tls::Role::{self, Administrator, Auditor, Duty, Officer, Ops, Supervisor};

macro_rules! calls {
    ($($call:ident $name:literal $roles:expr;)*) => {
        /// A call of `allpoints.desk.v1.Desk`; a peek is a call of its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "named as in desk.proto")]
        pub enum Call {
            $($call,)*
        }

        impl Call {
            /// Every call.
            pub const ALL: &[Self] = &[$(Self::$call),*];

            /// As people say it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$call => $name),* }
            }

            /// Whose it is.
            const fn roles(self) -> &'static [Role] {
                match self { $(Self::$call => $roles),* }
            }
        }
    };
}

/// Those who write, answer and see content.
const DESK: &[Role] = &[Officer, Supervisor, Duty];
/// Those, and whoever runs the node: routing and state only, no person.
const LINES: &[Role] = &[Officer, Supervisor, Duty, Ops];
/// The node itself: no alert at all.
const NODE: &[Role] = &[Officer, Supervisor, Duty, Ops, Administrator];
/// Content: an auditor gives a reason for it.
const CONTENT: &[Role] = &[Officer, Supervisor, Duty, Auditor];
/// A second person.
const RELEASES: &[Role] = &[Supervisor, Duty];
/// What the federation publishes of itself.
const PUBLISHED: &[Role] = &[Officer, Supervisor, Duty, Auditor];
/// Small figures and their cases, of the whole authority: who answers for its work, and who checks it.
const FIGURES: &[Role] = &[Supervisor, Auditor];

// The table. `Show`, `Peek`, `ShowDraft`, `AuditExport` and `Carry` hold persons, and `CountAtHome` says of cases what they
// are; lists, tracks and events hold routing only. An officer sees case by case, for work; all small figures at once are for
// who answers for the work of all. What is prepared for abroad is safe for abroad, so that every writer may prepare it. A
// system gets no call here: its one call, to ask about a document, does not exist yet.
calls! {
    Submit "send" DESK;
    List "list" LINES;
    Show "show" DESK;
    Peek "peek" CONTENT;
    Track "track" LINES;
    Resume "resume" LINES;
    Watch "watch" LINES;
    Links "links" NODE;
    Status "status" NODE;
    AuditList "audit list" &[Auditor];
    AuditExport "audit export" CONTENT;
    KeepDrafts "send --draft" DESK;
    ListDrafts "draft list" DESK;
    ShowDraft "draft show" DESK;
    ReleaseDraft "draft release" RELEASES;
    ReturnDraft "draft return" RELEASES;
    DiscardDraft "draft discard" DESK;
    Restrict "restrict" RELEASES;
    OpenWork "handover" DESK;
    HandOver "handover give" DESK;
    ShowHandover "handover show" DESK;
    TakeOver "handover take" DESK;
    ExerciseReport "exercise report" LINES;
    Statistics "stats" PUBLISHED;
    CountAtHome "stats --cases" FIGURES;
    PrepareReturn "stats --prepare-return" DESK;
    CallTest "call test" LINES;
    Carry "carry" DESK;
    ReportCarried "carried" DESK;
    Offers "offers" DESK;
    DeclineOffer "offers --decline" DESK;
}

/// The word of the table.
#[must_use]
pub fn may(role: Role, call: Call) -> bool {
    call.roles().contains(&role)
}

/// What a person without the right is told: whose call it is.
#[must_use]
pub fn refusal(call: Call, role: Role) -> String {
    let whose: Vec<&str> = call.roles().iter().map(|role| role.name()).collect();
    format!(
        "`{}` is for {}, not for {role}",
        call.name(),
        whose.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as people read it, cell by cell: officer, supervisor, duty, system, ops, administrator, auditor.
    /// `tests/rights.rs` asks the real service for each of them.
    #[test]
    fn every_cell_is_as_agreed() {
        let table = [
            (Call::Submit, "yes yes yes -   -   -   -  "),
            (Call::List, "yes yes yes -   yes -   -  "),
            (Call::Show, "yes yes yes -   -   -   -  "),
            (Call::Peek, "yes yes yes -   -   -   yes"),
            (Call::Track, "yes yes yes -   yes -   -  "),
            (Call::Resume, "yes yes yes -   yes -   -  "),
            (Call::Watch, "yes yes yes -   yes -   -  "),
            (Call::Links, "yes yes yes -   yes yes -  "),
            (Call::Status, "yes yes yes -   yes yes -  "),
            (Call::AuditList, "-   -   -   -   -   -   yes"),
            (Call::AuditExport, "yes yes yes -   -   -   yes"),
            (Call::KeepDrafts, "yes yes yes -   -   -   -  "),
            (Call::ListDrafts, "yes yes yes -   -   -   -  "),
            (Call::ShowDraft, "yes yes yes -   -   -   -  "),
            (Call::ReleaseDraft, "-   yes yes -   -   -   -  "),
            (Call::ReturnDraft, "-   yes yes -   -   -   -  "),
            (Call::DiscardDraft, "yes yes yes -   -   -   -  "),
            (Call::Restrict, "-   yes yes -   -   -   -  "),
            (Call::OpenWork, "yes yes yes -   -   -   -  "),
            (Call::HandOver, "yes yes yes -   -   -   -  "),
            (Call::ShowHandover, "yes yes yes -   -   -   -  "),
            (Call::TakeOver, "yes yes yes -   -   -   -  "),
            (Call::ExerciseReport, "yes yes yes -   yes -   -  "),
            (Call::Statistics, "yes yes yes -   -   -   yes"),
            (Call::CountAtHome, "-   yes -   -   -   -   yes"),
            (Call::PrepareReturn, "yes yes yes -   -   -   -  "),
            (Call::CallTest, "yes yes yes -   yes -   -  "),
            (Call::Carry, "yes yes yes -   -   -   -  "),
            (Call::ReportCarried, "yes yes yes -   -   -   -  "),
            (Call::Offers, "yes yes yes -   -   -   -  "),
            (Call::DeclineOffer, "yes yes yes -   -   -   -  "),
        ];
        assert_eq!(table.map(|(call, _)| call), Call::ALL);
        for (call, row) in table {
            let cells: Vec<bool> = row.split_whitespace().map(|cell| cell == "yes").collect();
            assert_eq!(cells.len(), Role::ALL.len(), "{call:?}");
            for (role, allowed) in Role::ALL.into_iter().zip(cells) {
                assert_eq!(may(role, call), allowed, "{role:?} {call:?}");
            }
        }
    }

    #[test]
    fn nobody_without_content_gets_content_and_only_people_who_answer_for_it_send() {
        for call in [
            Call::Show,
            Call::Peek,
            Call::ShowDraft,
            Call::AuditExport,
            Call::Carry,
            Call::Submit,
            Call::CountAtHome,
        ] {
            for role in [Role::Ops, Role::Administrator, Role::System] {
                assert!(!may(role, call), "{role} {call:?}");
            }
        }
        assert!(
            !may(Role::Auditor, Call::Show),
            "an auditor marks nothing opened"
        );
        assert!(Call::ALL.iter().all(|call| !may(Role::System, *call)));
    }

    #[test]
    fn a_refusal_names_who_may() {
        assert_eq!(
            refusal(Call::AuditList, Role::Officer),
            "`audit list` is for auditor, not for officer"
        );
        for call in Call::ALL {
            assert!(!call.roles().is_empty(), "{} is nobody's", call.name());
        }
    }
}
