//! Signed webhooks, as Standard Webhooks 1.0.0 says (standardwebhooks.com): three headers, HMAC-SHA256, no redirect.
//!
//! The way in is [`Webhook::open`], then [`Webhook::send`]. HTTPS under a named CA; plain HTTP to this machine alone.

use std::path::PathBuf;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    call::Call,
    http::{self, Target, TargetFault},
    secret,
    way::SendFault,
};
use crate::domain::{limits::CALL_RETRY_AFTER_MAX, reason::Reason, time::Timestamp};

/// What a webhook is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// How people call it.
    pub name: String,
    /// `https://host/path`, or `http://` to this machine.
    pub url: String,
    /// File of its secrets.
    pub secret: PathBuf,
    /// Who vouches for the receiver (PEM); only for HTTPS.
    pub ca: Option<PathBuf>,
}

/// A receiver of calls.
pub struct Webhook {
    name: String,
    target: Target,
    secret: PathBuf,
}

/// Why a webhook cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("webhook `{name}`: {fault}")]
pub struct HookFault {
    /// Which.
    pub name: String,
    /// What was found, and what would be right.
    pub fault: String,
}

impl Webhook {
    /// Checks address, CA and secrets.
    ///
    /// # Errors
    /// What is wrong, and the fix.
    pub fn open(settings: &WebhookSettings) -> Result<Self, HookFault> {
        let fault = |fault: String| HookFault {
            name: settings.name.clone(),
            fault,
        };
        let target = Target::new(&settings.url, settings.ca.as_deref());
        let target = target.map_err(|it: TargetFault| fault(it.to_string()))?;
        secret::read(&settings.secret).map_err(|it| fault(it.to_string()))?;
        Ok(Self {
            name: settings.name.clone(),
            target,
            secret: settings.secret.clone(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// One try.
    pub(super) async fn send(&self, call: &Call, now: Timestamp) -> Result<(), SendFault> {
        let secrets = secret::read(&self.secret)
            .map_err(|fault| SendFault::new(Reason::CallUnreachable, fault.to_string()))?;
        let body = call.json();
        let id = format!("msg_{}", call.id);
        let timestamp = now.as_micros().div_euclid(1_000_000);
        let headers = [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            (
                "webhook-signature",
                signatures(&secrets, &id, timestamp, &body),
            ),
        ];
        let answer = http::post(&self.target, &headers, body.into())
            .await
            .map_err(|fault| SendFault::new(Reason::CallUnreachable, fault.to_string()))?;
        match answer.status {
            200..=299 => Ok(()),
            410 => Err(SendFault::new(
                Reason::CallGone,
                "410: it wants no more calls",
            )),
            status => Err(SendFault {
                retry_after: answer.retry_after.map(|it| it.min(CALL_RETRY_AFTER_MAX)),
                ..SendFault::new(Reason::CallRefused, format!("it answered {status}"))
            }),
        }
    }
}

/// `v1,BASE64` for each secret, the present one first.
fn signatures(secrets: &[hmac::Key], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let each = secrets.iter().map(|secret| {
        let tag = hmac::sign(secret, &signed);
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    });
    each.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(base64: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(base64).unwrap())
    }

    /// The example that the specification's own libraries are tested with.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = |secrets: &[hmac::Key]| {
            let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
            signatures(secrets, id, 1_614_265_330, br#"{"test": 2432232314}"#)
        };
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed(std::slice::from_ref(&secret)), expected);
        // While one secret replaces another, both sign, the new one first.
        let new = key("bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3");
        let both = signed(&[new, secret]);
        assert!(both.ends_with(&format!(" {expected}")), "{both}");
        assert_eq!(both.split(' ').count(), 2);
    }
}
