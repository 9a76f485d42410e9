//! The way to the own node ([`client::dial`]), in words for a person.

use super::exit::{CliError, Exit};
use crate::{
    client::{self, DialDeskError, Profile, ProfileError},
    domain::time::Clock,
};

pub use crate::client::Desk;

/// Connects to the desk that the profile names.
///
/// # Errors
/// Exit 2 when the profile's files cannot be used, 5 when nobody (or somebody else) answers.
pub async fn connect(profile: &Profile, clock: &dyn Clock) -> Result<Desk, CliError> {
    client::dial(profile, clock).await.map_err(|error| match error {
        DialDeskError::Profile(error) => error.into(),
        DialDeskError::Unanswered { .. } => CliError::new(Exit::Unreachable, error.to_string()).hint(
            "nothing was sent; check that the node runs and that the profile names its desk listener",
        ),
    })
}

impl From<ProfileError> for CliError {
    fn from(error: ProfileError) -> Self {
        let (message, hint) = (error.to_string(), hint_for(&error));
        let message = match error {
            ProfileError::Name => format!("--profile: {message}"),
            _ => message,
        };
        Self::new(Exit::Usage, message).hint(hint)
    }
}

const fn hint_for(error: &ProfileError) -> &'static str {
    match error {
        ProfileError::Name | ProfileError::NoFolder => "give a path with --profile-file",
        ProfileError::Unread { .. } => {
            "make one with `allpoints pki desk`, or name one with --profile or --profile-file"
        }
        ProfileError::Wrong { .. } => {
            "a profile has exactly the keys authority, endpoint, certificate, key and ca"
        }
        ProfileError::Unusable { .. } => {
            "make a new certificate and profile with `allpoints pki desk`"
        }
    }
}
