//! Certificate and key of one listener or dialler, checked when they are read (threats, row 66).
//!
//! The way in is [`TlsIdentity::load`]. A key that others can read, that belongs to another
//! certificate, or whose certificate is out of date never becomes a [`TlsIdentity`].

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::{CertifiedKey, SingleCertAndKey},
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{CertificateNameError, Name, PROVIDER};
use crate::domain::time::{Clock, Timestamp};

/// Certificate chain and key of one listener or dialler, checked: matching, in date, key file 0600.
#[derive(Clone)]
pub struct TlsIdentity {
    file: PathBuf,
    name: Name,
    expires_at: Timestamp,
    certified: Arc<CertifiedKey>,
}

/// Configuration errors: each names the file and the fix.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Cannot be read.
    #[error("cannot read {}: {source}: put the file there, or correct its path in the configuration", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No certificate in it.
    #[error("{} holds no certificate: expected PEM", .0.display())]
    NoCertificate(PathBuf),
    /// No private key in it.
    #[error("{} holds no private key that can be used: expected PEM, ECDSA P-256", .0.display())]
    NoKey(PathBuf),
    /// Others can read the key.
    #[error("{} can be read by others (mode {mode:04o}, expected 0600): run `chmod 600 {}`", file.display(), file.display())]
    KeyExposed {
        /// Which file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The certificate is for another key.
    #[error("{} is not for the key in {}: pair the files that were made together, or run `{renew}`", certificate.display(), key.display())]
    Mismatch {
        /// Certificate file.
        certificate: PathBuf,
        /// Key file.
        key: PathBuf,
        /// The command that makes a matching certificate.
        renew: &'static str,
    },
    /// Out of date.
    #[error("{} expired at {at}: run `{renew}`", file.display())]
    Expired {
        /// Certificate file.
        file: PathBuf,
        /// Its end.
        at: Timestamp,
        /// The command that renews it.
        renew: &'static str,
    },
    /// Not valid yet.
    #[error("{} is valid only from {at}, and it is {now} here: check this machine's clock", file.display())]
    NotYetValid {
        /// Certificate file.
        file: PathBuf,
        /// Its beginning.
        at: Timestamp,
        /// Our clock.
        now: Timestamp,
    },
    /// No name of ours in it.
    #[error("{}: {source}", file.display())]
    Name {
        /// Certificate file.
        file: PathBuf,
        /// What is wrong with its name.
        source: CertificateNameError,
    },
    /// A certificate for something else.
    #[error("{} is the certificate of {found}, expected one of {expected}: name the right file, or correct `authority`", file.display())]
    WrongUse {
        /// Certificate file.
        file: PathBuf,
        /// What is needed here.
        expected: String,
        /// What it is.
        found: Name,
    },
    /// The desk CA cannot be used.
    #[error("the desk CA cannot be used: {0}")]
    DeskCa(String),
    /// The desk CRL cannot be used.
    #[error("the desk's revocation list cannot be used: {0}; run `allpoints pki crl`")]
    DeskCrl(String),
    /// The TLS library refuses our own settings.
    #[error("TLS settings are refused: {0}")]
    Inside(rustls::Error),
}

impl TlsIdentity {
    /// Reads and checks certificate and key.
    ///
    /// # Errors
    /// Names the file, what was wrong, and the fix.
    pub fn load(certificate: &Path, key: &Path, clock: &dyn Clock) -> Result<Self, TlsError> {
        let chain = read_chain(certificate)?;
        let leaf = chain
            .first()
            .ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
        let name = Name::of_certificate(leaf).map_err(|source| TlsError::Name {
            file: certificate.to_owned(),
            source,
        })?;
        let private = read_key(key)?;
        let signer = PROVIDER
            .key_provider
            .load_private_key(private)
            .map_err(|_| TlsError::NoKey(key.to_owned()))?;
        let expires_at = in_date(certificate, leaf, &name, clock)?;
        let certified = CertifiedKey::new(chain, signer);
        // `Unknown` cannot happen with our provider's keys; it would not prove a match either.
        certified.keys_match().map_err(|_| TlsError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            renew: renew_command(&name),
        })?;
        Ok(Self {
            file: certificate.to_owned(),
            name,
            expires_at,
            certified: Arc::new(certified),
        })
    }

    /// What the certificate is for.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// SHA-256 of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.certified
            .end_entity_cert()
            .map_or([0; 32], |leaf| super::sha256(leaf))
    }

    /// When it runs out: for alarms ahead of it.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(self.certified.clone()))
    }

    /// The error for an identity that is for another place.
    pub(super) fn wrong_use(&self, expected: String) -> TlsError {
        TlsError::WrongUse {
            file: self.file.clone(),
            expected,
            found: self.name.clone(),
        }
    }
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("name", &self.name)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Unreadable {
        file: file.to_owned(),
        source,
    })
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate(file.to_owned()))
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let mode = fs::metadata(file)
        .map_err(|source| TlsError::Unreadable {
            file: file.to_owned(),
            source,
        })?
        .permissions()
        .mode()
        & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyExposed {
            file: file.to_owned(),
            mode,
        });
    }
    let pem = zeroize::Zeroizing::new(read(file)?);
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::NoKey(file.to_owned()))
}

/// When the certificate ends, if it is valid now.
fn in_date(
    file: &Path,
    leaf: &CertificateDer<'_>,
    name: &Name,
    clock: &dyn Clock,
) -> Result<Timestamp, TlsError> {
    let (_, parsed) =
        X509Certificate::from_der(leaf).map_err(|_| TlsError::NoCertificate(file.to_owned()))?;
    let time = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    let validity = parsed.validity();
    let from = time(validity.not_before.timestamp());
    let until = time(validity.not_after.timestamp());
    let now = clock.now();
    if now < from {
        return Err(TlsError::NotYetValid {
            file: file.to_owned(),
            at: from,
            now,
        });
    }
    if now > until {
        return Err(TlsError::Expired {
            file: file.to_owned(),
            at: until,
            renew: renew_command(name),
        });
    }
    Ok(until)
}

fn renew_command(name: &Name) -> &'static str {
    match name {
        Name::Node { .. } | Name::DeskServer { .. } => "allpoints pki node DIR --renew",
        Name::DeskPerson { .. } => "allpoints pki desk DIR --role ROLE --name NAME --renew",
    }
}
