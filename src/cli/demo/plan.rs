//! Who plays, and what they say. Invented countries under ISO's user-assigned codes, invented persons.

use crate::{
    cli::exit::{CliError, Exit},
    proto::alert::v1::Draft,
};

/// One invented authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Player {
    /// Its id.
    pub(super) id: &'static str,
    /// Its name.
    pub(super) name: &'static str,
}

/// Who sends.
pub(super) const ARCADIA: Player = Player {
    id: "XA-POL",
    name: "Arcadia Police",
};
/// Who meets the person.
pub(super) const BENSALEM: Player = Player {
    id: "XB-POL",
    name: "Bensalem Police",
};
/// Who finds no trace, and dies in mid-delivery.
pub(super) const COCKAIGNE: Player = Player {
    id: "XC-POL",
    name: "Cockaigne Police",
};
/// All three.
pub(super) const PLAYERS: [Player; 3] = [ARCADIA, BENSALEM, COCKAIGNE];
/// Their federation.
pub(super) const FEDERATION: &str = "demo";
/// Alerts under way when a node is killed.
pub(super) const BURST: usize = 40;

const MISSING_OFFENDER: &str = include_str!("alerts/missing_offender.json");

/// The alert that everything is about.
pub(super) fn alert(to: &[&str]) -> Result<Draft, CliError> {
    let mut draft: Draft = serde_json::from_str(MISSING_OFFENDER)
        .map_err(|error| CliError::new(Exit::Failed, format!("the demo's own alert: {error}")))?;
    draft.to = to.iter().map(|it| (*it).to_owned()).collect();
    Ok(draft)
}
