//! What a node shows to those whom it dials and who dial it, and whether it is believed: TLS without its bytes.
//!
//! The ways in are [`Offices`], which issue and revoke, and [`Certificate::is_believed`]. CAs and lists are real, and are read
//! from the directory that the other end has in force; of a certificate there is its issuer and number alone.

use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use crate::{
    domain::{id::AuthorityId, reason::Reason},
    trust::{directory::Directory, testing::TestMember},
};

/// A certificate of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    owner: AuthorityId,
    /// The CA that issued it, in DER.
    issuer: Vec<u8>,
    pub(super) serial: u64,
}

impl Certificate {
    /// Whether whoever has this directory in force believes it.
    ///
    /// # Errors
    /// `TLS_REFUSED`: no CA of its owner vouches for it; `CERTIFICATE_REVOKED`: that CA's list names it.
    pub(super) fn is_believed(&self, directory: &Directory) -> Result<(), Reason> {
        let member = directory.member(&self.owner).ok_or(Reason::TlsRefused)?;
        let mut cas = member.exchange_cas.iter();
        let issuer = cas.find(|ca| ca.der == self.issuer);
        let list = issuer.and_then(|ca| ca.crl.as_ref());
        let list = list.ok_or(Reason::TlsRefused)?;
        match names(list, self.serial) {
            Some(false) => Ok(()),
            Some(true) => Err(Reason::CertificateRevoked),
            None => Err(Reason::TlsRefused),
        }
    }
}

/// Whether a list names a number; `None` when it is none.
fn names(list: &[u8], serial: u64) -> Option<bool> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    let mut revoked = list.iter_revoked_certificates();
    Some(revoked.any(|revoked| revoked.serial().to_u64_digits() == [serial]))
}

/// The CAs of one member, oldest first.
pub(super) struct Offices {
    owner: AuthorityId,
    seed: u64,
    /// CAs in force, each with the numbers that it revoked.
    cas: Vec<(TestMember, Vec<u64>)>,
    founded: u64,
    issued: u64,
}

impl Offices {
    /// With one CA.
    pub(super) fn new(owner: AuthorityId, seed: u64) -> Self {
        let mut offices = Self {
            owner,
            seed,
            cas: Vec::new(),
            founded: 0,
            issued: 0,
        };
        offices.found();
        offices
    }

    /// One more CA, beside those in force.
    pub(super) fn found(&mut self) {
        // The first is the one that the test federation lists.
        let seed = self.seed.wrapping_add(self.founded << 32);
        self.founded += 1;
        let ca = TestMember::seeded(self.owner.as_str(), seed);
        self.cas.push((ca, Vec::new()));
    }

    /// The oldest CA ends when another stands beside it.
    pub(super) fn end_oldest(&mut self) {
        if self.cas.len() > 1 {
            self.cas.remove(0);
        }
    }

    /// How many CAs are in force.
    pub(super) fn count(&self) -> usize {
        self.cas.len()
    }

    /// A new certificate by the newest CA.
    pub(super) fn issue(&mut self) -> Certificate {
        self.issued += 1;
        Certificate {
            owner: self.owner,
            issuer: self.ders().pop().unwrap_or_default(),
            serial: self.issued,
        }
    }

    /// The next list of its CA names it.
    pub(super) fn revoke(&mut self, certificate: &Certificate) {
        for (ca, revoked) in &mut self.cas {
            if ca.ca_der == certificate.issuer {
                revoked.push(certificate.serial);
            }
        }
    }

    /// The CAs in force, in DER.
    pub(super) fn ders(&self) -> Vec<Vec<u8>> {
        self.cas.iter().map(|(ca, _)| ca.ca_der.clone()).collect()
    }

    /// Their lists, under one number.
    pub(super) fn lists(&self, number: u64) -> Vec<Vec<u8>> {
        let lists = self.cas.iter();
        lists
            .map(|(ca, revoked)| ca.crl_of(number, revoked))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::federation::Federation, *};
    use crate::trust::testing::NOW;

    #[test]
    fn a_certificate_is_believed_until_it_is_revoked_or_its_ca_ends() {
        let mut federation = Federation::new(3, 1, NOW);
        let member = federation.members()[1];
        let first = federation.offices(member).unwrap().issue();
        let other = federation.offices(member).unwrap().issue();
        let before = federation.publish(NOW).unwrap();
        assert_eq!(first.is_believed(&before), Ok(()));

        federation.offices(member).unwrap().revoke(&first);
        let revoked = federation.publish(NOW).unwrap();
        assert_eq!(first.is_believed(&revoked), Err(Reason::CertificateRevoked));
        assert_eq!(first.is_believed(&before), Ok(()), "who has not heard");
        assert_eq!(other.is_believed(&revoked), Ok(()));

        federation.offices(member).unwrap().found();
        let succeeding = federation.offices(member).unwrap().issue();
        let both = federation.publish(NOW).unwrap();
        assert_eq!(succeeding.is_believed(&revoked), Err(Reason::TlsRefused));
        assert_eq!(succeeding.is_believed(&both), Ok(()));
        assert_eq!(other.is_believed(&both), Ok(()));
        federation.offices(member).unwrap().end_oldest();
        let after = federation.publish(NOW).unwrap();
        assert_eq!(succeeding.is_believed(&after), Ok(()));
        assert_eq!(other.is_believed(&after), Err(Reason::TlsRefused));
    }
}
