//! The statements of a file are one whole thread: nothing foreign in it, nothing twice, nothing cut out.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    id::{AuthorityId, StatementRef},
    routing::Routing,
};

use super::{
    File,
    report::{Claim, Standing},
};

/// Checks that everything belongs together and that what is referred to is there.
pub(super) fn check(file: &File, routings: &[Routing], claims: &mut Vec<Claim>) {
    let mut seen = BTreeSet::new();
    for routing in routings {
        let who = routing.statement.origin.to_string();
        if routing.thread != file.thread {
            let what = format!("wrote {} in this thread", routing.statement);
            let why = format!("it belongs to the thread {}", routing.thread);
            claims.push(Claim::fails(&who, what, why));
        }
        if !seen.insert(routing.statement) {
            let what = format!("wrote {} once", routing.statement);
            claims.push(Claim::fails(&who, what, "it stands twice in the file"));
        }
    }
    if let Some(to) = file.carried_to {
        claims.push(bundle_for(to, routings));
    }
    let named = routings
        .iter()
        .flat_map(|it| [it.in_reply_to, it.supersedes]);
    let wanted: BTreeSet<StatementRef> = named.flatten().chain([file.thread]).collect();
    for target in wanted.difference(&seen) {
        let what = format!("holds {target}");
        // What others said in the thread is not carried to somebody who runs no node.
        if file.carried_to.is_some() && target.origin != file.exporter {
            let why = format!("{} has not sent it in this bundle", target.origin);
            claims.push(Claim::new("file", what, Standing::NotMade(why)));
            continue;
        }
        let why = "the thread refers to it, and it is not there";
        claims.push(Claim::fails("file", what, why));
    }
    claims.extend(gaps(file, routings));
}

/// A bundle holds what was sent to its recipient, and nothing else.
fn bundle_for(to: AuthorityId, routings: &[Routing]) -> Claim {
    let what = format!("is a bundle for {to}");
    let other = routings.iter().find(|it| it.recipient(&to).is_none());
    let standing = match other {
        Some(other) => Standing::Fails(format!("{} was not sent there", other.statement)),
        None => Standing::Holds(
            "what went to others, and what they said, is not in it, and not claimed".to_owned(),
        ),
    };
    Claim::new("file", what, standing)
}

/// An origin numbers what it sends to each recipient in a thread, from 0 without gaps: a number that is left out
/// was cut out of the exporter's own line, or has not reached it yet in another's.
fn gaps(file: &File, routings: &[Routing]) -> Vec<Claim> {
    let mut lines: BTreeMap<(AuthorityId, AuthorityId), BTreeSet<u32>> = BTreeMap::new();
    let mut claims = Vec::new();
    for routing in routings {
        let origin = routing.statement.origin;
        for recipient in &routing.recipients {
            let exporters = match file.carried_to {
                None => origin == file.exporter || recipient.authority == file.exporter,
                Some(to) if recipient.authority == to => origin == file.exporter,
                Some(_) => continue,
            };
            let line = lines.entry((origin, recipient.authority)).or_default();
            if exporters && !line.insert(recipient.thread_seq) {
                let (number, to) = (recipient.thread_seq, recipient.authority);
                let what = format!("sent {to} one number {number} in this thread");
                claims.push(Claim::fails(
                    origin.to_string(),
                    what,
                    "two have this number",
                ));
            }
        }
    }
    for ((origin, to), line) in &lines {
        let Some(last) = line.last() else { continue };
        let Some(missing) = (0..*last).find(|number| !line.contains(number)) else {
            continue;
        };
        let why = format!("number {missing} is not in the file, and number {last} is");
        let standing = match *origin == file.exporter {
            true => Standing::Fails(why),
            false => Standing::NotMade(why),
        };
        let what = format!("sent {to} nothing else in this thread");
        claims.push(Claim::new(origin.to_string(), what, standing));
    }
    claims
}
