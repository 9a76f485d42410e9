//! Tables of the rules: each `accepts` row has its `refuses` twin.

use super::*;
use crate::{
    delivery::testing::{Shelf, at, first, id, later, named},
    domain::routing::{Handling, HandlingSet, Kind, Status},
};

/// XA alerts XB and XC.
fn alert() -> Routing {
    first("XA", 1, &["XB", "XC"])
}

fn in_thread(origin: &str, to: &[&str], kind: Kind, target: StatementRef) -> Routing {
    later(origin, 9, to, kind, target, alert().statement)
}

/// XA extends its alert to so many days after its issue.
fn extending(days: u16) -> Routing {
    let issued = crate::domain::alert::value::Day::of(alert().issued_at).unwrap();
    let mut update = in_thread("XA", &["XB", "XC"], Kind::Update, alert().statement);
    update.terms.valid_until = Some(issued.plus_days(days));
    update
}

/// A sighting by XB in that thread, to XA and XC.
fn sighting() -> Routing {
    Routing {
        statement: named("XB", 2),
        ..in_thread("XB", &["XA", "XC"], Kind::Sighting, alert().statement)
    }
}

#[test]
fn who_may_write_what_to_whom() {
    let target = alert().statement;
    let exercise = |routing: Routing| Routing {
        status: Status::Exercise,
        ..routing
    };
    let astray = |routing: Routing| Routing {
        thread: named("XA", 77),
        ..routing
    };
    let table: Vec<(&str, Routing, Result<(), Reason>)> = vec![
        ("a first alert", first("XA", 5, &["XB"]), Ok(())),
        (
            "a recall that stands first",
            Routing {
                kind: Kind::Recall,
                effect: Effect::Recalls,
                ..first("XA", 5, &["XB"])
            },
            Err(Reason::Malformed),
        ),
        (
            "an alert inside a thread",
            in_thread("XA", &["XB"], Kind::TravelNotice, target),
            Err(Reason::Malformed),
        ),
        (
            "the origin recalls, to all",
            in_thread("XA", &["XB", "XC"], Kind::Recall, target),
            Ok(()),
        ),
        (
            "the origin recalls, to some",
            in_thread("XA", &["XB"], Kind::Recall, target),
            Err(Reason::RecipientsNarrowed),
        ),
        (
            "the origin extends, to the longest validity",
            extending(1096),
            Ok(()),
        ),
        (
            "the origin extends, past it",
            extending(1097),
            Err(Reason::ValidityExceeded),
        ),
        (
            "another recalls",
            in_thread("XB", &["XA", "XC"], Kind::Recall, target),
            Err(Reason::NotOwner),
        ),
        (
            "another corrects",
            in_thread("XC", &["XA", "XB"], Kind::Correction, target),
            Err(Reason::NotOwner),
        ),
        (
            "XB corrects its own sighting",
            in_thread("XB", &["XA", "XC"], Kind::Correction, named("XB", 2)),
            Ok(()),
        ),
        (
            "XB corrects its own sighting, to some",
            in_thread("XB", &["XA"], Kind::Correction, named("XB", 2)),
            Err(Reason::RecipientsNarrowed),
        ),
        (
            "an addressee answers the first origin",
            in_thread("XB", &["XA"], Kind::Answer, target),
            Ok(()),
        ),
        (
            "an addressee answers somebody else too",
            in_thread("XB", &["XA", "XC"], Kind::Answer, target),
            Err(Reason::Malformed),
        ),
        (
            "an outsider answers",
            in_thread("XD", &["XA"], Kind::Answer, target),
            Err(Reason::NotInThread),
        ),
        (
            "the first origin names a newcomer before we know of it",
            in_thread("XA", &["XB", "XC", "XD"], Kind::Recall, target),
            Ok(()),
        ),
        (
            "the first origin gives its alert to a newcomer",
            in_thread("XA", &["XB", "XC", "XD"], Kind::Extend, target),
            Ok(()),
        ),
        (
            "the first origin gives what is another's",
            in_thread("XA", &["XB", "XC", "XD"], Kind::Extend, named("XB", 2)),
            Err(Reason::NotOwner),
        ),
        (
            "an addressee gives it to somebody in the thread",
            in_thread("XB", &["XA", "XC"], Kind::Extend, target),
            Err(Reason::NotOwner),
        ),
        (
            "an extension of nothing",
            Routing {
                in_reply_to: None,
                ..in_thread("XA", &["XD"], Kind::Extend, target)
            },
            Err(Reason::Malformed),
        ),
        (
            "an addressee tells an outsider",
            in_thread("XB", &["XA", "XD"], Kind::Sighting, target),
            Err(Reason::NotInThread),
        ),
        (
            "the first origin instructs",
            in_thread("XA", &["XB"], Kind::Instruction, named("XB", 2)),
            Ok(()),
        ),
        (
            "an addressee instructs",
            in_thread("XB", &["XC"], Kind::Instruction, target),
            Err(Reason::NotOwner),
        ),
        (
            "an exercise in a live thread",
            exercise(in_thread("XB", &["XA"], Kind::Answer, target)),
            Err(Reason::ExerciseMixed),
        ),
        (
            "a target of another thread",
            astray(in_thread("XA", &["XB", "XC"], Kind::Recall, target)),
            Err(Reason::TargetMismatch),
        ),
        (
            "a recall of nothing",
            Routing {
                in_reply_to: None,
                ..in_thread("XA", &["XB", "XC"], Kind::Recall, target)
            },
            Err(Reason::Malformed),
        ),
    ];
    let shelf = Shelf::with(&[alert(), sighting()]);
    for (what, routing, expected) in table {
        assert_eq!(check_thread(&routing, &shelf), expected, "{what}");
    }
}

/// XA asks XB in the thread.
fn question() -> Routing {
    Routing {
        statement: named("XA", 3),
        ..in_thread("XA", &["XB"], Kind::InformationRequest, alert().statement)
    }
}

#[test]
fn who_may_ask_and_reply_and_what_stands_alone() {
    let asked = question().statement;
    let reply =
        |origin: &str, to: &[&str], target| in_thread(origin, to, Kind::InformationReply, target);
    let begins = |kind| Routing {
        kind,
        ..first("XA", 5, &["XB"])
    };
    let unaimed = Routing {
        in_reply_to: None,
        ..reply("XB", &["XA"], asked)
    };
    let alert = alert().statement;
    let table: Vec<(&str, Routing, Result<(), Reason>)> = vec![
        (
            "a question that begins a thread",
            begins(Kind::InformationRequest),
            Ok(()),
        ),
        (
            "a question in a thread",
            in_thread("XC", &["XA"], Kind::InformationRequest, alert),
            Ok(()),
        ),
        (
            "a question by an outsider",
            in_thread("XD", &["XA"], Kind::InformationRequest, alert),
            Err(Reason::NotInThread),
        ),
        (
            "who was asked replies to who asked",
            reply("XB", &["XA"], asked),
            Ok(()),
        ),
        (
            "who was not asked replies",
            reply("XC", &["XA"], asked),
            Err(Reason::NotAsked),
        ),
        (
            "a reply to others too",
            reply("XB", &["XA", "XC"], asked),
            Err(Reason::NotAsked),
        ),
        (
            "a reply to somebody else",
            reply("XB", &["XC"], asked),
            Err(Reason::NotAsked),
        ),
        (
            "a reply to an alert",
            reply("XB", &["XA"], alert),
            Err(Reason::NotARequest),
        ),
        (
            "a reply to a sighting",
            reply("XA", &["XB"], named("XB", 2)),
            Err(Reason::NotARequest),
        ),
        (
            "a reply to what is not here",
            reply("XB", &["XA"], named("XA", 8)),
            Err(Reason::ThreadNotYet),
        ),
        ("a reply to nothing", unaimed, Err(Reason::Malformed)),
        (
            "a reply that stands first",
            begins(Kind::InformationReply),
            Err(Reason::Malformed),
        ),
        ("a notice of service", begins(Kind::NoticeOfService), Ok(())),
        ("a return", begins(Kind::Statistics), Ok(())),
        (
            "a return in a thread",
            in_thread("XA", &["XB"], Kind::Statistics, alert),
            Err(Reason::Malformed),
        ),
        (
            "a notice of service in a thread",
            in_thread("XA", &["XB"], Kind::NoticeOfService, alert),
            Err(Reason::Malformed),
        ),
        (
            "a warning for public protection",
            begins(Kind::PublicProtection),
            Ok(()),
        ),
        (
            "a warning for public protection in a thread",
            in_thread("XA", &["XB"], Kind::PublicProtection, alert),
            Err(Reason::Malformed),
        ),
    ];
    let shelf = Shelf::with(&[self::alert(), sighting(), question()]);
    for (what, routing, expected) in table {
        assert_eq!(check_thread(&routing, &shelf), expected, "{what}");
    }
}

#[test]
fn before_the_first_is_here_only_its_origin_is_kept() {
    let target = alert().statement;
    let recall = in_thread("XA", &["XB"], Kind::Recall, target);
    let answer = in_thread("XB", &["XA"], Kind::Answer, target);
    let nothing = Shelf::default();
    assert_eq!(check_thread(&recall, &nothing), Ok(()));
    assert_eq!(check_thread(&answer, &nothing), Err(Reason::ThreadNotYet));

    let refused = |reason| Known {
        leaf: LeafHash([1; 32]),
        verdict: Verdict::Refused(reason),
        index: 0,
    };
    let for_good = Shelf::default().refused(target, refused(Reason::NotAddressed));
    assert_eq!(check_thread(&recall, &for_good), Err(Reason::NotInThread));
    let until_updated = Shelf::default().refused(target, refused(Reason::UnsupportedVersion));
    assert_eq!(check_thread(&recall, &until_updated), Ok(()));
}

fn arrival() -> Arrival {
    Arrival {
        own: id("XB"),
        peer: id("XA"),
        now: at(2000),
        clocks: Clocks::Agree,
        demands_release: KindSet::default(),
    }
}

#[test]
fn addressed_in_time_and_by_its_own_origin() {
    let plain = || first("XA", 5, &["XB"]);
    let differing = Arrival {
        clocks: Clocks::Differ,
        ..arrival()
    };
    let issued = |seconds| Routing {
        issued_at: at(seconds),
        ..plain()
    };
    let carried = |seconds| Routing {
        carried_until: at(seconds),
        ..plain()
    };
    let table = [
        ("plain", arrival(), plain(), Ok(())),
        (
            "for somebody else",
            arrival(),
            first("XA", 5, &["XC"]),
            Err(Reason::NotAddressed),
        ),
        (
            "of another origin",
            arrival(),
            first("XC", 5, &["XB"]),
            Err(Reason::NoRelay),
        ),
        ("two minutes ahead", arrival(), issued(2120), Ok(())),
        (
            "more than two minutes ahead",
            arrival(),
            issued(2121),
            Err(Reason::ClockSkew),
        ),
        ("at the end of carriage", arrival(), carried(2000), Ok(())),
        (
            "after the end of carriage",
            arrival(),
            carried(1999),
            Err(Reason::Expired),
        ),
        (
            "after it, but the clocks differ",
            differing,
            carried(1999),
            Err(Reason::ClockSkew),
        ),
    ];
    for (what, arrival, routing, expected) in table {
        assert_eq!(
            admit(&arrival, &routing, &Shelf::default()),
            expected,
            "{what}"
        );
    }
}

#[test]
fn a_release_is_by_two_people_in_order() {
    let release = |by: &str, created, released| Release {
        created_by: "XA-POL/officer-7".into(),
        created_at: at(created),
        released_by: by.into(),
        released_at: at(released),
    };
    assert_eq!(check_release(&release("XA-POL/duty-1", 10, 10)), Ok(()));
    let faulty = [
        release("XA-POL/officer-7", 10, 20),
        release("XA-POL/duty-1", 20, 10),
    ];
    for release in faulty {
        assert_eq!(check_release(&release), Err(Reason::NotReleased));
    }
}

/// Whoever says in the directory that it sends a kind only after a release is taken at its word.
#[test]
fn a_kind_that_its_origin_releases_is_not_held_without() {
    let release = Release {
        created_by: "XA-POL/officer-7".into(),
        created_at: at(10),
        released_by: "XA-POL/duty-1".into(),
        released_at: at(20),
    };
    let demands = |kinds: &[Kind]| Arrival {
        demands_release: KindSet::new(kinds.iter().copied()),
        ..arrival()
    };
    let plain = first("XA", 5, &["XB"]);
    let released = Routing {
        release: Some(release.clone()),
        ..plain.clone()
    };
    let by_one = Routing {
        release: Some(Release {
            released_by: release.created_by.clone(),
            ..release
        }),
        ..plain.clone()
    };
    let this = [plain.kind];
    let table = [
        ("none is demanded", demands(&[]), &plain, Ok(())),
        ("of another kind", demands(&[Kind::Recall]), &plain, Ok(())),
        (
            "none is there",
            demands(&this),
            &plain,
            Err(Reason::NotReleased),
        ),
        ("one is there", demands(&this), &released, Ok(())),
        (
            "by one person",
            demands(&this),
            &by_one,
            Err(Reason::NotReleased),
        ),
        (
            "by one person, undemanded",
            demands(&[]),
            &by_one,
            Err(Reason::NotReleased),
        ),
    ];
    for (what, arrival, routing, expected) in table {
        assert_eq!(
            admit(&arrival, routing, &Shelf::default()),
            expected,
            "{what}"
        );
    }
}

#[test]
fn an_id_stands_for_one_leaf() {
    let known = |verdict| Known {
        leaf: LeafHash([1; 32]),
        verdict,
        index: 4,
    };
    let held = known(Verdict::Held);
    let refused = known(Verdict::Refused(Reason::NotAddressed));
    let waiting = known(Verdict::Refused(Reason::UnsupportedVersion));
    let (same, other) = (LeafHash([1; 32]), LeafHash([2; 32]));
    assert_eq!(recognise(None, same), Recognised::New);
    assert_eq!(recognise(Some(held), same), Recognised::Repeat(held));
    assert_eq!(recognise(Some(refused), same), Recognised::Repeat(refused));
    assert_eq!(recognise(Some(waiting), same), Recognised::New);
    for known in [held, refused, waiting] {
        assert_eq!(
            recognise(Some(known), other),
            Recognised::Conflict(known),
            "other bytes never pass"
        );
    }
}

/// What a carrier may hold inside: each row changes one thing of what is legal.
#[test]
fn a_carrier_holds_what_its_header_names_and_nothing_stricter_than_itself() {
    type Change = fn(&mut Routing, &mut Routing);
    let table: [(&str, Change, Result<(), Reason>); 9] = [
        ("as it is", |_, _| {}, Ok(())),
        ("an update", |_, inside| inside.kind = Kind::Update, Ok(())),
        (
            "another statement",
            |_, inside| inside.statement = named("XA", 7),
            Err(Reason::CarriedFaulty),
        ),
        (
            "of another thread",
            |_, inside| inside.thread = named("XA", 7),
            Err(Reason::CarriedFaulty),
        ),
        (
            "real, in an exercise",
            |carrier, _| carrier.status = Status::Exercise,
            Err(Reason::CarriedFaulty),
        ),
        (
            "what was said to one alone",
            |_, inside| inside.kind = Kind::Instruction,
            Err(Reason::CarriedFaulty),
        ),
        (
            "another carrier",
            |_, inside| inside.kind = Kind::Extend,
            Err(Reason::CarriedFaulty),
        ),
        (
            "stricter than the whole",
            |carrier, _| {
                carrier.handling = HandlingSet::new([Handling::H0]).unwrap();
            },
            Err(Reason::CarriedFaulty),
        ),
        (
            "issued after it",
            |_, inside| inside.issued_at = at(5000),
            Err(Reason::CarriedFaulty),
        ),
    ];
    for (what, change, expected) in table {
        let mut inside = alert();
        let mut carrier = in_thread("XA", &["XD"], Kind::Extend, inside.statement);
        change(&mut carrier, &mut inside);
        assert_eq!(check_carried(&carrier, &inside), expected, "{what}");
    }
}
