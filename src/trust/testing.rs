//! A federation in memory for tests: keys, certificate authorities, and bundles that can be spoiled.
//!
//! The way in: [`TestFederation::new`], then [`TestFederation::directory`] or, for what must be refused,
//! [`TestFederation::bundle_with`].

use std::{sync::Arc, time::Duration};

use prost::Message as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

use super::{
    directory::{Anchor, Directory, author},
    keys::{KeyUse, SigningKey},
    merkle::sha256,
    pae::DocumentType,
};
use crate::{
    domain::{id::AuthorityId, time::Timestamp},
    proto::directory::v1 as pb,
};

/// 2026-11-24T08:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_507_200_000_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// One authority with all its keys.
pub(crate) struct TestMember {
    pub(crate) id: AuthorityId,
    pub(crate) ca: Issuer<'static, KeyPair>,
    pub(crate) ca_der: Vec<u8>,
    pub(crate) directory: SigningKey,
    pub(crate) statement: SigningKey,
    pub(crate) receipt: SigningKey,
}

impl TestMember {
    pub(crate) fn new(id: &str) -> Self {
        Self::with_keys(id, KeyPair::generate().unwrap(), SigningKey::generate)
    }

    /// The same keys for the same seed, in every process.
    pub(crate) fn seeded(id: &str, seed: u64) -> Self {
        Self::with_keys(id, seeded_ca(id, seed), |key_use| {
            seeded_key(key_use, &format!("{id} {seed}"))
        })
    }

    fn with_keys(id: &str, key: KeyPair, signing: impl Fn(KeyUse) -> SigningKey) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(
            rcgen::DnType::CommonName,
            format!(
                "{id} exchange CA {}",
                hex(&sha256(key.public_key_raw())[..4])
            ),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        Self {
            id: id.parse().unwrap(),
            ca_der: certificate.der().to_vec(),
            ca: Issuer::new(params, key),
            directory: signing(KeyUse::Directory),
            statement: signing(KeyUse::Statement),
            receipt: signing(KeyUse::Receipt),
        }
    }

    /// An empty revocation list.
    pub(crate) fn crl(&self, number: u64) -> Vec<u8> {
        self.crl_of(number, &[])
    }

    /// A list that revokes the certificates with these serial numbers.
    pub(crate) fn crl_of(&self, number: u64, revoked: &[u64]) -> Vec<u8> {
        let at = time::OffsetDateTime::from_unix_timestamp(NOW.as_micros() / 1_000_000).unwrap();
        CertificateRevocationListParams {
            this_update: at,
            next_update: at + time::Duration::days(7),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(revoking).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(&self.ca)
        .unwrap()
        .der()
        .to_vec()
    }

    pub(crate) fn listed(&self) -> pb::Member {
        pb::Member {
            id: self.id.to_string(),
            country: self.id.country().to_owned(),
            name: format!("Police of {}", self.id.country()),
            status: pb::MemberStatus::Active.into(),
            exchange_ca: self.ca_der.clone(),
            other_exchange_cas: Vec::new(),
            directory_key: self.directory.public().to_vec(),
            groups: vec!["nordic".to_owned()],
            off_network: None,
        }
    }

    pub(crate) fn entry(&self, federation: &str, number: u64) -> pb::Entry {
        let key = |key: &SigningKey, key_use: pb::KeyUse| pb::Key {
            r#use: key_use.into(),
            public_key: key.public().to_vec(),
            valid_from_us: NOW.minus(DAY).as_micros(),
            valid_until_us: NOW.plus(DAY * 90).as_micros(),
            revoked_at_us: 0,
        };
        pb::Entry {
            federation: federation.to_owned(),
            authority: self.id.to_string(),
            number,
            endpoints: vec!["127.0.0.1:7443".to_owned()],
            keys: vec![
                key(&self.statement, pb::KeyUse::Statement),
                key(&self.receipt, pb::KeyUse::Receipt),
            ],
            contact: Some(pb::Contact {
                function: "Duty officer".to_owned(),
                telephone: "+00 1".to_owned(),
                email: String::new(),
            }),
            min_crl_number: 1,
            spki_pins: Vec::new(),
            release_kinds: Vec::new(),
            receives: Vec::new(),
            issued_at_us: NOW.as_micros(),
        }
    }

    pub(crate) fn application(&self, federation: &str, number: u64) -> pb::Application {
        let entry = self.entry(federation, number);
        pb::Application {
            member: Some(self.listed()),
            entry: Some(author::sign_message(
                DocumentType::Entry,
                &entry,
                &[&self.directory],
            )),
            crl: self.crl(number),
            other_crls: Vec::new(),
        }
    }
}

fn revoking(serial: &u64) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: time::OffsetDateTime::UNIX_EPOCH,
        reason_code: None,
        invalidity_date: None,
    }
}

/// What goes into a bundle before it is signed: tests change it to make what must be refused.
pub(crate) struct Draft {
    pub(crate) roots: Vec<(pb::Root, Vec<usize>)>,
    pub(crate) membership: pb::Membership,
    /// Root keys that sign the membership.
    pub(crate) membership_signers: Vec<usize>,
    pub(crate) entries: Vec<pb::Entry>,
    pub(crate) crls: Vec<Vec<u8>>,
    pub(crate) timestamp: pb::Timestamp,
}

/// Three roots, two of which must sign; `XA-POL`, `XB-POL` and `XC-POL`.
pub(crate) struct TestFederation {
    pub(crate) name: String,
    pub(crate) roots: Vec<SigningKey>,
    pub(crate) timestamp: SigningKey,
    pub(crate) members: Vec<TestMember>,
}

impl TestFederation {
    pub(crate) fn new() -> Self {
        Self::of(&["XA-POL", "XB-POL", "XC-POL"])
    }

    pub(crate) fn of(members: &[&str]) -> Self {
        Self {
            name: "liaison-test".to_owned(),
            roots: (0..3).map(|_| SigningKey::generate(KeyUse::Root)).collect(),
            timestamp: SigningKey::generate(KeyUse::Timestamp),
            members: members.iter().map(|id| TestMember::new(id)).collect(),
        }
    }

    /// One with these members, whose keys and documents are the same for the same seed in every process.
    pub(crate) fn seeded(members: &[String], seed: u64) -> Self {
        Self {
            name: "liaison-simulated".to_owned(),
            roots: (0..3)
                .map(|number| seeded_key(KeyUse::Root, &format!("root {number} {seed}")))
                .collect(),
            timestamp: seeded_key(KeyUse::Timestamp, &format!("timestamp {seed}")),
            members: members
                .iter()
                .map(|id| TestMember::seeded(id, seed))
                .collect(),
        }
    }

    pub(crate) fn member(&self, id: &str) -> &TestMember {
        self.members
            .iter()
            .find(|member| member.id.as_str() == id)
            .unwrap()
    }

    pub(crate) fn root(&self, version: u64) -> pb::Root {
        pb::Root {
            federation: self.name.clone(),
            version,
            root_keys: self.roots.iter().map(|key| key.public().to_vec()).collect(),
            threshold: 2,
            timestamp_keys: vec![self.timestamp.public().to_vec()],
            issued_at_us: NOW.as_micros(),
        }
    }

    pub(crate) fn anchor(&self) -> Anchor {
        Anchor(sha256(&self.root(1).encode_to_vec()))
    }

    /// Everything of directory version `version`, all of it sound.
    pub(crate) fn draft(&self, version: u64) -> Draft {
        Draft {
            roots: vec![(self.root(1), vec![0, 1])],
            membership: pb::Membership {
                federation: self.name.clone(),
                version,
                issued_at_us: NOW.as_micros(),
                expires_at_us: NOW.plus(DAY * 30).as_micros(),
                grace_days: 14,
                members: self.members.iter().map(TestMember::listed).collect(),
            },
            membership_signers: vec![0, 2],
            entries: self
                .members
                .iter()
                .map(|member| member.entry(&self.name, version))
                .collect(),
            crls: self
                .members
                .iter()
                .map(|member| member.crl(version))
                .collect(),
            timestamp: pb::Timestamp {
                federation: self.name.clone(),
                version,
                issued_at_us: NOW.as_micros(),
                expires_at_us: NOW.plus(DAY).as_micros(),
                ..pb::Timestamp::default()
            },
        }
    }

    /// Signs a draft; the timestamp's heads are made to fit.
    pub(crate) fn sign(&self, draft: Draft) -> pb::Bundle {
        let signers = |which: &[usize]| -> Vec<&SigningKey> {
            which.iter().map(|n| &self.roots[*n]).collect()
        };
        let roots: Vec<_> = draft
            .roots
            .iter()
            .map(|(root, by)| author::sign_message(DocumentType::Root, root, &signers(by)))
            .collect();
        let membership = author::sign_message(
            DocumentType::Membership,
            &draft.membership,
            &signers(&draft.membership_signers),
        );
        let entries: Vec<_> = draft
            .entries
            .iter()
            .map(|entry| {
                let by = self.member(&entry.authority);
                author::sign_message(DocumentType::Entry, entry, &[&by.directory])
            })
            .collect();
        let mut timestamp = draft.timestamp;
        timestamp.root_version = draft.roots.last().map_or(0, |(root, _)| root.version);
        timestamp.root_hash = roots
            .last()
            .map_or(Vec::new(), |root| sha256(&root.document).to_vec());
        timestamp.membership_version = draft.membership.version;
        timestamp.membership_hash = sha256(&membership.document).to_vec();
        timestamp.entries = draft
            .entries
            .iter()
            .zip(&entries)
            .map(|(entry, document)| pb::EntryHead {
                authority: entry.authority.clone(),
                number: entry.number,
                hash: sha256(&document.document).to_vec(),
            })
            .collect();
        pb::Bundle {
            roots,
            membership: Some(membership),
            entries,
            timestamp: Some(author::sign_message(
                DocumentType::Timestamp,
                &timestamp,
                &[&self.timestamp],
            )),
            crls: draft.crls,
        }
    }

    /// A bundle of this version after `change` was made to it and before it is signed.
    pub(crate) fn bundle_with(&self, version: u64, change: impl FnOnce(&mut Draft)) -> pb::Bundle {
        let mut draft = self.draft(version);
        change(&mut draft);
        self.sign(draft)
    }

    pub(crate) fn bundle(&self, version: u64) -> pb::Bundle {
        self.bundle_with(version, |_| ())
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory_with(1, |_| ())
    }

    pub(crate) fn directory_with(
        &self,
        version: u64,
        change: impl FnOnce(&mut Draft),
    ) -> Arc<Directory> {
        let bundle = self.bundle_with(version, change);
        Arc::new(Directory::verify(&bundle, self.anchor(), NOW).unwrap())
    }
}

/// A signing key from a label.
pub(crate) fn seeded_key(key_use: KeyUse, label: &str) -> SigningKey {
    let seed = sha256(format!("{key_use} {label}").as_bytes());
    SigningKey::from_seed(key_use, seed.into()).unwrap()
}

/// Ed25519 and not P-256, as its signatures are of one length and the same each time.
fn seeded_ca(id: &str, seed: u64) -> KeyPair {
    // RFC 8410: version 0, id-Ed25519, a private key of 32 bytes.
    let mut document = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    document.extend_from_slice(&sha256(format!("ca {id} {seed}").as_bytes()));
    let document = rustls::pki_types::PrivatePkcs8KeyDer::from(document);
    KeyPair::from_pkcs8_der_and_sign_algo(&document, &rcgen::PKCS_ED25519).unwrap()
}

/// A clock that stands.
#[derive(Debug)]
pub(crate) struct FixedClock(pub(crate) Timestamp);
impl crate::domain::time::Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
