//! Who may call what: one table of role by call, and nothing beside it.

use crate::trust::tls::Role;

/// A call of `allpoints.desk.v1.Desk`; a peek is a call of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as in desk.proto")]
pub enum Call {
    Submit,
    List,
    Show,
    Peek,
    Track,
    Resume,
    Watch,
    Links,
    Status,
    AuditList,
    AuditExport,
    CallTest,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 12] = [
        Self::Submit,
        Self::List,
        Self::Show,
        Self::Peek,
        Self::Track,
        Self::Resume,
        Self::Watch,
        Self::Links,
        Self::Status,
        Self::AuditList,
        Self::AuditExport,
        Self::CallTest,
    ];
}

impl Call {
    /// As people say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submit => "send",
            Self::List => "list",
            Self::Show => "show",
            Self::Peek => "peek",
            Self::Track => "track",
            Self::Resume => "resume",
            Self::Watch => "watch",
            Self::Links => "links",
            Self::Status => "status",
            Self::AuditList => "audit list",
            Self::AuditExport => "audit export",
            Self::CallTest => "call test",
        }
    }
}

/// The word of the table: `Show` and `Peek` hold persons; lists, tracks and events hold routing only.
#[must_use]
pub const fn may(role: Role, call: Call) -> bool {
    match role {
        Role::Officer | Role::Supervisor => !matches!(call, Call::AuditList),
        Role::Ops => matches!(
            call,
            Call::List
                | Call::Track
                | Call::Resume
                | Call::Watch
                | Call::Links
                | Call::Status
                | Call::CallTest
        ),
        Role::Auditor => matches!(call, Call::Peek | Call::AuditList | Call::AuditExport),
    }
}

/// What a person without the right is told: whose call it is.
#[must_use]
pub fn refusal(call: Call, role: Role) -> String {
    let whose: Vec<&str> = Role::ALL
        .into_iter()
        .filter(|role| may(*role, call))
        .map(Role::name)
        .collect();
    format!(
        "`{}` is for {}, not for {role}",
        call.name(),
        whose.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Officer, Role::Supervisor, Role::Ops, Role::Auditor];

    /// The table as people read it, cell by cell.
    #[test]
    fn every_cell_is_as_agreed() {
        let table = [
            (Call::Submit, [true, true, false, false]),
            (Call::List, [true, true, true, false]),
            (Call::Show, [true, true, false, false]),
            (Call::Peek, [true, true, false, true]),
            (Call::Track, [true, true, true, false]),
            (Call::Resume, [true, true, true, false]),
            (Call::Watch, [true, true, true, false]),
            (Call::Links, [true, true, true, false]),
            (Call::Status, [true, true, true, false]),
            (Call::AuditList, [false, false, false, true]),
            (Call::AuditExport, [true, true, false, true]),
            (Call::CallTest, [true, true, true, false]),
        ];
        assert_eq!(table.map(|(call, _)| call), Call::ALL);
        for (call, row) in table {
            for (role, allowed) in ROLES.into_iter().zip(row) {
                assert_eq!(may(role, call), allowed, "{role:?} {call:?}");
            }
        }
    }

    #[test]
    fn ops_never_sees_a_person_and_only_people_who_answer_for_it_send() {
        for call in [Call::Show, Call::Peek, Call::AuditExport, Call::Submit] {
            assert!(!may(Role::Ops, call));
        }
        assert!(
            !may(Role::Auditor, Call::Show),
            "an auditor marks nothing opened"
        );
    }

    #[test]
    fn a_refusal_names_who_may() {
        assert_eq!(
            refusal(Call::AuditList, Role::Officer),
            "`audit list` is for auditor, not for officer"
        );
        for call in Call::ALL {
            let may_nobody = ROLES.into_iter().all(|role| !may(role, call));
            assert!(!may_nobody, "{} is nobody's", call.name());
        }
    }
}
