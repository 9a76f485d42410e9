//! `CallTest`, and how calls go out: each way with its name, never its secret.

use tonic::Status;

use super::service::{DeskService, store_failed};
use crate::{
    calling::{Tried, WayState},
    domain::time::Timestamp,
    proto::desk::v1 as pb,
};

/// Calls once through each way; journaled before.
pub(super) async fn test(desk: &DeskService) -> Result<pb::CallTestResponse, Status> {
    let tried = desk.parts().calling.test().await;
    let tried = tried.map_err(|error| store_failed(&error))?;
    Ok(pb::CallTestResponse {
        tried: tried.into_iter().map(line).collect(),
    })
}

fn line(tried: Tried) -> pb::CallTried {
    let arrived = tried.fault.is_none();
    let (reason, detail) = tried.fault.map_or_else(<_>::default, |(reason, detail)| {
        (reason.to_string(), detail)
    });
    pb::CallTried {
        way: tried.way,
        what: tried.what.to_owned(),
        arrived,
        reason,
        detail,
    }
}

/// How one way is.
pub(super) fn way(state: WayState) -> pb::CallWay {
    let (fault_us, reason, detail) = state
        .fault
        .map_or_else(<_>::default, |(at, reason, detail)| {
            (at.as_micros(), reason.to_string(), detail)
        });
    pb::CallWay {
        name: state.name,
        what: state.what.to_owned(),
        waiting: state.waiting,
        sent: state.sent,
        failed: state.failed,
        sent_us: state.sent_at.map_or(0, Timestamp::as_micros),
        fault_us,
        reason,
        detail,
    }
}

/// What a person must look at: people who would be called are not.
pub(super) fn alarm(state: &WayState) -> Option<String> {
    let given_up = match state.failed {
        0 => String::new(),
        failed => format!(", {failed} given up since the start"),
    };
    match &state.fault {
        Some((at, reason, _)) => Some(format!(
            "{reason}: calls by `{}` do not arrive, last tried at {at}{given_up}",
            state.name
        )),
        None if state.failed > 0 => Some(format!("calls by `{}`{given_up}", state.name)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::Reason;

    #[test]
    fn a_way_that_fails_alarms_and_one_that_works_does_not() {
        let mut state = WayState {
            name: "duty".to_owned(),
            what: "webhook",
            waiting: 0,
            sent: 4,
            failed: 0,
            sent_at: Some(Timestamp::from_micros(0)),
            fault: None,
        };
        assert_eq!(alarm(&state), None);
        state.failed = 2;
        let told = alarm(&state).unwrap_or_default();
        assert_eq!(told, "calls by `duty`, 2 given up since the start");
        state.fault = Some((
            Timestamp::from_micros(0),
            Reason::CallRefused,
            "it answered 500".to_owned(),
        ));
        assert_eq!(
            alarm(&state).unwrap_or_default(),
            "CALL_REFUSED: calls by `duty` do not arrive, last tried at 1970-01-01T00:00:00Z, 2 given up since the \
             start"
        );
        assert_eq!(way(state).reason, "CALL_REFUSED");
    }
}
