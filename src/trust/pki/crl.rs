//! Revocation lists: what a CA takes back, and until when its list may be believed (RFC 5280, 5).
//!
//! The ways in are [`revoke`] and [`publish_crl`]. A list's number only grows; a revoked serial
//! number stays on every later list.

use std::path::{Path, PathBuf};

use rcgen::{
    CertificateRevocationList, CertificateRevocationListParams, KeyIdMethod, RevocationReason,
    RevokedCertParams, SerialNumber,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    Generation, PkiError, ca_paths,
    certificate::{at, days, signer},
    folder,
};
use crate::domain::time::{Clock, Timestamp};

/// Days until a list's `nextUpdate` when none are said.
pub const CRL_DAYS: u32 = 7;
const CRL_DAYS_MAX: u32 = 90;

/// One of an authority's two certificate authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ca {
    /// For nodes; named in the directory.
    Exchange,
    /// For the desk's server, people and systems; known to the own node alone.
    Desk,
}

impl Ca {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Exchange, Self::Desk];

    /// As it stands in file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Desk => "desk",
        }
    }
}

/// What became of a certificate that was to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It stands on this CA's lists from now on.
    Now(Ca),
    /// It did already.
    Before(Ca),
}

/// Puts a certificate on its CA's list. Nothing is published yet: [`publish_crl`] does that.
///
/// # Errors
/// When it was not issued by a CA of this folder, or files cannot be used.
pub fn revoke(folder: &Path, certificate: &Path, clock: &dyn Clock) -> Result<Revoked, PkiError> {
    let content = |why: &str| PkiError::Content {
        file: certificate.to_owned(),
        why: why.to_owned(),
    };
    let der = read_certificate(certificate)?;
    let (_, parsed) =
        X509Certificate::from_der(&der).map_err(|_| content("it is no certificate"))?;
    let (ca, generation) =
        issuer_of(folder, &parsed)?.ok_or_else(|| PkiError::NotOurs(certificate.to_owned()))?;
    let serial = hex(parsed.raw_serial());
    let mut state = State::read(folder, ca, generation)?;
    if state.revoked.iter().any(|known| known.serial == serial) {
        return Ok(Revoked::Before(ca));
    }
    state.revoked.push(RevokedSerial {
        serial,
        at_us: clock.now().as_micros(),
    });
    state.write(folder, ca, generation)?;
    Ok(Revoked::Now(ca))
}

/// Signs all CAs' lists anew, with the next numbers, and writes `exchange.crl` and `desk.crl`.
///
/// A list is DER. While one desk CA replaces the other, `desk.crl` holds the lists of both, as PEM; those of the exchange
/// go to the federation in the application.
///
/// # Errors
/// When `valid_days` is not 1 to 90, or files cannot be used.
pub fn publish_crl(folder: &Path, valid_days: u32, clock: &dyn Clock) -> Result<(), PkiError> {
    if !(1..=CRL_DAYS_MAX).contains(&valid_days) {
        return Err(PkiError::Days {
            days: valid_days,
            most: CRL_DAYS_MAX,
        });
    }
    Ca::ALL
        .into_iter()
        .try_for_each(|ca| publish_one(folder, ca, valid_days, clock))
}

/// Number of the list last published by a CA: the least of its generations, which go on together.
pub(super) fn crl_number(folder: &Path, ca: Ca) -> Result<u64, PkiError> {
    let mut least = u64::MAX;
    for generation in Generation::of(folder, ca) {
        least = least.min(State::read(folder, ca, generation)?.number);
    }
    Ok(least)
}

/// The exchange list last published, DER.
pub(super) fn exchange_list(folder: &Path, generation: Generation) -> Result<Vec<u8>, PkiError> {
    let file = list_file(folder, Ca::Exchange, generation);
    std::fs::read(&file).map_err(|source| PkiError::File {
        act: "read",
        file,
        source,
    })
}

/// Whether a CA has revoked this certificate.
pub(super) fn is_revoked(
    folder: &Path,
    (ca, generation): (Ca, Generation),
    certificate: &X509Certificate<'_>,
) -> Result<bool, PkiError> {
    let serial = hex(certificate.raw_serial());
    let state = State::read(folder, ca, generation)?;
    Ok(state.revoked.iter().any(|known| known.serial == serial))
}

/// Moves on what a CA must remember, when the next one takes the place of the present one. Safe to repeat.
pub(super) fn succeed(folder: &Path, ca: Ca) -> Result<(), PkiError> {
    let file = |generation| state_file(folder, ca, generation);
    let (old, present, next) = (
        file(Generation::Old),
        file(Generation::Present),
        file(Generation::Next),
    );
    if !old.exists() {
        folder::replace(&old, folder::read(&present)?.as_bytes())?;
    }
    if next.exists() {
        folder::put_in_place(&next, &present)?;
    }
    let list = list_file(folder, ca, Generation::Next);
    if list.exists() {
        // It is signed anew under its new name; one that is left would be taken for a state that was lost.
        folder::remove(&list)?;
    }
    Ok(())
}

/// Removes what a CA had to remember that is named no more. Safe to repeat.
pub(super) fn forget(folder: &Path, ca: Ca) -> Result<(), PkiError> {
    for file in [
        list_file(folder, ca, Generation::Old),
        state_file(folder, ca, Generation::Old),
    ] {
        if file.exists() {
            folder::remove(&file)?;
        }
    }
    Ok(())
}

fn publish_one(folder: &Path, ca: Ca, valid_days: u32, clock: &dyn Clock) -> Result<(), PkiError> {
    let generations = Generation::of(folder, ca);
    let mut states = Vec::with_capacity(generations.len());
    for generation in generations {
        states.push((generation, State::read(folder, ca, generation)?));
    }
    // One series of numbers for all: an entry names one number that no list of its authority may be below.
    let last = states.iter().map(|(_, state)| state.number).max();
    let number = last.unwrap_or_default().saturating_add(1);
    let mut lists = Vec::with_capacity(states.len());
    for (generation, state) in &mut states {
        state.number = number;
        let list = signed_list(folder, (ca, *generation), state, valid_days, clock)?;
        lists.push((*generation, list));
    }
    // The numbers first: after a crash between the two, one is skipped and none is used twice.
    for (generation, state) in &states {
        state.write(folder, ca, *generation)?;
    }
    let together = match ca {
        Ca::Desk if lists.len() > 1 => Some(pem_of(&lists)?),
        _ => None,
    };
    for (generation, list) in &lists {
        let file = list_file(folder, ca, *generation);
        match (&together, generation) {
            (Some(pem), Generation::Present) => folder::replace(&file, pem.as_bytes())?,
            _ => folder::replace(&file, list.der())?,
        }
    }
    Ok(())
}

fn pem_of(lists: &[(Generation, CertificateRevocationList)]) -> Result<String, PkiError> {
    let mut text = String::new();
    for (_, list) in lists {
        text.push_str(&list.pem()?);
    }
    Ok(text)
}

fn signed_list(
    folder: &Path,
    (ca, generation): (Ca, Generation),
    state: &State,
    valid_days: u32,
    clock: &dyn Clock,
) -> Result<CertificateRevocationList, PkiError> {
    let issuer = signer(folder, ca, generation)?;
    let revoked_certs = state
        .revoked
        .iter()
        .map(|known| known.for_list(&state_file(folder, ca, generation)))
        .collect::<Result<_, _>>()?;
    CertificateRevocationListParams {
        this_update: at(clock.now())?,
        next_update: at(clock.now().plus(days(valid_days)))?,
        crl_number: SerialNumber::from(state.number),
        issuing_distribution_point: None,
        key_identifier_method: KeyIdMethod::Sha256,
        revoked_certs,
    }
    .signed_by(&issuer)
    .map_err(PkiError::from)
}

/// What a CA has to remember between its lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// Number of the last list; 0 before the first.
    number: u64,
    #[serde(default)]
    revoked: Vec<RevokedSerial>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedSerial {
    /// Lower-case hexadecimal, without leading zero bytes.
    serial: String,
    at_us: i64,
}

impl RevokedSerial {
    fn for_list(&self, file: &Path) -> Result<RevokedCertParams, PkiError> {
        let bytes = unhex(&self.serial).ok_or_else(|| PkiError::Content {
            file: file.to_owned(),
            why: format!("`{}` is no serial number", self.serial.escape_default()),
        })?;
        Ok(RevokedCertParams {
            serial_number: SerialNumber::from_slice(&bytes),
            revocation_time: at(Timestamp::from_micros(self.at_us))?,
            reason_code: Some(RevocationReason::Unspecified),
            invalidity_date: None,
        })
    }
}

impl State {
    fn read(folder: &Path, ca: Ca, generation: Generation) -> Result<Self, PkiError> {
        let file = state_file(folder, ca, generation);
        match folder::read(&file) {
            Ok(text) => toml::from_str(&text).map_err(|error| PkiError::Content {
                file,
                why: error.to_string(),
            }),
            // No list was published yet. Were the state lost later, its CRL would still be there.
            Err(PkiError::Missing(_)) if !list_file(folder, ca, generation).exists() => {
                Ok(Self::default())
            }
            Err(error) => Err(error),
        }
    }

    fn write(&self, folder: &Path, ca: Ca, generation: Generation) -> Result<(), PkiError> {
        let file = state_file(folder, ca, generation);
        let text = toml::to_string(self).map_err(|error| PkiError::Content {
            file: file.clone(),
            why: error.to_string(),
        })?;
        folder::replace(&file, text.as_bytes())
    }
}

fn state_file(folder: &Path, ca: Ca, generation: Generation) -> PathBuf {
    let name = format!("{}{}-crl.toml", ca.name(), generation.suffix());
    folder.join("ca").join(name)
}

fn list_file(folder: &Path, ca: Ca, generation: Generation) -> PathBuf {
    folder.join(format!("{}{}.crl", ca.name(), generation.suffix()))
}

pub(super) fn read_certificate(file: &Path) -> Result<CertificateDer<'static>, PkiError> {
    let pem = folder::read(file)?;
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| PkiError::Content {
        file: file.to_owned(),
        why: "expected a certificate in PEM".into(),
    })
}

/// Which CA of this folder signed it, if any did.
pub(super) fn issuer_of(
    folder: &Path,
    certificate: &X509Certificate<'_>,
) -> Result<Option<(Ca, Generation)>, PkiError> {
    let all = Ca::ALL.into_iter().flat_map(|ca| {
        let generations = Generation::of(folder, ca).into_iter();
        generations.map(move |generation| (ca, generation))
    });
    for (ca, generation) in all {
        let file = ca_paths(folder, ca, generation).0;
        let der = read_certificate(&file)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| PkiError::Content {
            file,
            why: "it is no certificate".into(),
        })?;
        if certificate
            .verify_signature(Some(parsed.public_key()))
            .is_ok()
        {
            return Ok(Some((ca, generation)));
        }
    }
    Ok(None)
}

/// DER adds a zero byte to keep a number positive: it is no part of the number.
fn hex(serial: &[u8]) -> String {
    serial
        .iter()
        .skip_while(|byte| **byte == 0)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_state_is_read_as_it_was_written(number in 0..=i64::MAX.cast_unsigned(), serials in prop::collection::vec(("[0-9a-f]{32}", any::<i64>()), 0..4)) {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("ca")).unwrap();
            let revoked = serials.into_iter().map(|(serial, at_us)| RevokedSerial { serial, at_us }).collect();
            let state = State { number, revoked };
            for generation in Generation::ALL {
                state.write(folder.path(), Ca::Desk, generation).unwrap();
                prop_assert_eq!(&State::read(folder.path(), Ca::Desk, generation).unwrap(), &state);
            }
        }

        #[test]
        fn a_serial_number_keeps_its_bytes(bytes in prop::collection::vec(any::<u8>(), 1..20)) {
            let trimmed: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
            prop_assert_eq!(unhex(&hex(&bytes)).unwrap_or_default(), trimmed);
        }
    }
}
