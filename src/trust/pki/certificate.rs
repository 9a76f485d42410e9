//! The five certificate profiles, and issuing the three that nodes, servers and people hold.
//!
//! All keys are ECDSA P-256 (RFC 5480), all signatures ECDSA with SHA-256. `certs/` in the
//! repository shows each profile.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use super::{
    Ca, Generation, PkiError, ca_paths,
    crl::read_certificate,
    folder::{self, Access},
    name_in,
};
use crate::{
    domain::{
        id::AuthorityId,
        time::{Clock, Timestamp},
    },
    trust::{
        merkle::sha256,
        tls::{DeskName, Name, Role},
    },
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_DAYS: u32 = 3652;
const NODE_DAYS: u32 = 90;
const DESK_DAYS: u32 = 365;
/// Certificates begin this long before now: partners' clocks differ.
const BACKDATED: Duration = Duration::from_secs(300);

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM, the leaf alone.
    pub certificate: PathBuf,
    /// PKCS #8 PEM, mode 0600.
    pub key: PathBuf,
}

/// Whether an existing certificate may be replaced by a new one for the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// There is none yet: makes key and certificate.
    Never,
    /// There is one: keeps the key.
    SameKey,
}

/// A node to make certificates for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeProfile {
    /// Whose.
    pub authority: AuthorityId,
    /// 1, 2, 3, ...
    pub number: u32,
    /// More host names and addresses under which the desk is reached; loopback is always there.
    pub desk_hosts: Vec<String>,
}

/// A person or system of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskProfile {
    /// Whose.
    pub authority: AuthorityId,
    /// What it may do.
    pub role: Role,
    /// Pseudonym, such as `duty-7`.
    pub name: DeskName,
    /// Unit of the authority; `None`: the whole of it.
    pub unit: Option<DeskName>,
}

/// Issues `node/exchange` and `node/desk`: two certificates of two CAs, for 90 days.
///
/// # Errors
/// When they exist and `replace` is `Never`, or do not and it is `SameKey`; when files cannot be used.
pub fn issue_node(
    folder: &Path,
    profile: &NodeProfile,
    replace: Replace,
    clock: &dyn Clock,
) -> Result<(CertificateFiles, CertificateFiles), PkiError> {
    let (authority, number) = (profile.authority, profile.number);
    let exchange = files(&folder.join("node"), "exchange");
    let desk = files(&folder.join("node"), "desk");
    require(&exchange, replace)?;
    require(&desk, replace)?;
    require_hosts(&profile.desk_hosts)?;

    let name = Name::Node { authority, number };
    let hosts = vec![dns(&name.dns())?];
    let both = [
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    let order = Order::new(Ca::Exchange, &name, hosts, &both, NODE_DAYS);
    order.issue(folder, &exchange, replace, clock)?;

    let name = Name::DeskServer { authority, number };
    let hosts = desk_server_hosts(&name, &profile.desk_hosts)?;
    let server = [ExtendedKeyUsagePurpose::ServerAuth];
    let order = Order::new(Ca::Desk, &name, hosts, &server, NODE_DAYS);
    order.issue(folder, &desk, replace, clock)?;
    Ok((exchange, desk))
}

/// Issues `desk/ROLE-NAME` for one person or system, for one year.
///
/// # Errors
/// When it exists and `replace` is `Never`, or does not and it is `SameKey`; when files cannot be used.
pub fn issue_desk(
    folder: &Path,
    profile: &DeskProfile,
    replace: Replace,
    clock: &dyn Clock,
) -> Result<CertificateFiles, PkiError> {
    let desk = folder.join("desk");
    folder::make_folder(&desk)?;
    let files = files(&desk, &format!("{}-{}", profile.role, profile.name));
    require(&files, replace)?;
    let name = Name::DeskPerson {
        authority: profile.authority,
        role: profile.role,
        name: profile.name.clone(),
        unit: profile.unit.clone(),
    };
    let client = [ExtendedKeyUsagePurpose::ClientAuth];
    let order = Order::new(Ca::Desk, &name, Vec::new(), &client, DESK_DAYS);
    order.issue(folder, &files, replace, clock)?;
    Ok(files)
}

/// Issues the exchange certificate of a node for a new key, as `node/exchange-next`.
pub(super) fn issue_next_exchange(
    folder: &Path,
    name: &Name,
    replace: Replace,
    clock: &dyn Clock,
) -> Result<CertificateFiles, PkiError> {
    let next = files(&folder.join("node"), "exchange-next");
    let hosts = vec![dns(&name.dns())?];
    let both = [
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    let order = Order::new(Ca::Exchange, name, hosts, &both, NODE_DAYS);
    order.issue(folder, &next, replace, clock)?;
    Ok(next)
}

/// Issues the node's certificate of one CA anew: same name, same hosts, same key.
pub(super) fn reissue(folder: &Path, ca: Ca, clock: &dyn Clock) -> Result<(), PkiError> {
    let files = files(&folder.join("node"), ca.name());
    let name = name_in(&files.certificate)?;
    let usages: &[ExtendedKeyUsagePurpose] = match ca {
        Ca::Exchange => &[
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ],
        Ca::Desk => &[ExtendedKeyUsagePurpose::ServerAuth],
    };
    let hosts = hosts_in(&files.certificate)?;
    let order = Order::new(ca, &name, hosts, usages, NODE_DAYS);
    order.issue(folder, &files, Replace::SameKey, clock)
}

/// The hosts that a certificate names beside its URI.
fn hosts_in(certificate: &Path) -> Result<Vec<SanType>, PkiError> {
    let content = |why: &str| PkiError::Content {
        file: certificate.to_owned(),
        why: why.to_owned(),
    };
    let der = read_certificate(certificate)?;
    let (_, parsed) =
        X509Certificate::from_der(&der).map_err(|_| content("it is no certificate"))?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|_| content("it names its hosts twice"))?;
    let names = names.map_or(&[][..], |names| names.value.general_names.as_slice());
    let mut hosts = Vec::with_capacity(names.len());
    for name in names {
        match name {
            GeneralName::DNSName(host) => hosts.push(dns(host)?),
            GeneralName::IPAddress(bytes) => {
                let address = <[u8; 4]>::try_from(*bytes)
                    .map(IpAddr::from)
                    .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
                let address = address.map_err(|_| content("it names an address of odd length"))?;
                hosts.push(SanType::IpAddress(address));
            }
            _ => {}
        }
    }
    Ok(hosts)
}

/// Makes one of the two CAs, or the next of them: 10 years, signs leaves alone.
pub(super) fn make_ca(
    folder: &Path,
    authority: AuthorityId,
    (ca, generation): (Ca, Generation),
    clock: &dyn Clock,
) -> Result<(), PkiError> {
    let (certificate_file, key_file) = ca_paths(folder, ca, generation);
    folder::require_absent(&certificate_file)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    // Names differ per authority and CA: a CRL of another CA of the same name would be taken for
    // this one's, and fail as a bad signature. No name constraints: webpki knows none for URIs.
    let common_name = match generation {
        Generation::Present => format!("Allpoints {authority} {} CA", ca.name()),
        Generation::Next | Generation::Old => {
            let [a, b, c, d, ..] = sha256(key.public_key_raw());
            let number = u32::from_be_bytes([a, b, c, d]);
            format!("Allpoints {authority} {} CA {number:08x}", ca.name())
        }
    };
    let mut params = leaf_params(authority, &common_name, CA_DAYS, clock)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = false;
    let certificate = params.self_signed(&key)?;
    write_key(&key_file, &key)?;
    folder::write_new(
        &certificate_file,
        certificate.pem().as_bytes(),
        Access::Public,
    )
}

/// Reads the CA that issues now.
pub(in crate::trust) fn issuer(
    folder: &Path,
    ca: Ca,
) -> Result<Issuer<'static, KeyPair>, PkiError> {
    signer(folder, ca, Generation::Present)
}

/// Reads a CA to sign with.
pub(super) fn signer(
    folder: &Path,
    ca: Ca,
    generation: Generation,
) -> Result<Issuer<'static, KeyPair>, PkiError> {
    let (certificate_file, key_file) = ca_paths(folder, ca, generation);
    let certificate = folder::read(&certificate_file)?;
    let key_pem = folder::read_private(&key_file)?;
    let content = |file: &Path, error: &rcgen::Error| PkiError::Content {
        file: file.to_owned(),
        why: error.to_string(),
    };
    let key = KeyPair::from_pem(&key_pem).map_err(|error| content(&key_file, &error))?;
    Issuer::from_ca_cert_pem(&certificate, key).map_err(|error| content(&certificate_file, &error))
}

pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], PkiError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| PkiError::Random)?;
    Ok(bytes)
}

pub(super) fn at(time: Timestamp) -> Result<OffsetDateTime, PkiError> {
    OffsetDateTime::from_unix_timestamp(time.as_micros().div_euclid(1_000_000))
        .map_err(|_| PkiError::Clock)
}

pub(super) fn days(count: u32) -> Duration {
    DAY.saturating_mul(count)
}

/// A certificate to be made.
struct Order<'a> {
    ca: Ca,
    name: &'a Name,
    hosts: Vec<SanType>,
    usages: &'a [ExtendedKeyUsagePurpose],
    days: u32,
}

impl<'a> Order<'a> {
    fn new(
        ca: Ca,
        name: &'a Name,
        hosts: Vec<SanType>,
        usages: &'a [ExtendedKeyUsagePurpose],
        days: u32,
    ) -> Self {
        Self {
            ca,
            name,
            hosts,
            usages,
            days,
        }
    }

    fn issue(
        self,
        folder: &Path,
        files: &CertificateFiles,
        replace: Replace,
        clock: &dyn Clock,
    ) -> Result<(), PkiError> {
        let issuer = issuer(folder, self.ca)?;
        let uri = self.name.to_string();
        let mut params = leaf_params(self.name.authority(), &uri, self.days, clock)?;
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
        params.subject_alt_names.extend(self.hosts);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = self.usages.to_vec();
        let key = match replace {
            Replace::Never => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
                write_key(&files.key, &key)?;
                key
            }
            Replace::SameKey => {
                let pem = folder::read_private(&files.key)?;
                KeyPair::from_pem(&pem).map_err(|error| PkiError::Content {
                    file: files.key.clone(),
                    why: error.to_string(),
                })?
            }
        };
        let certificate = params.signed_by(&key, &issuer)?;
        folder::replace(&files.certificate, certificate.pem().as_bytes())
    }
}

fn leaf_params(
    authority: AuthorityId,
    common_name: &str,
    valid_days: u32,
    clock: &dyn Clock,
) -> Result<CertificateParams, PkiError> {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, authority.as_str());
    name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.serial_number = Some(serial()?);
    params.not_before = at(clock.now().minus(BACKDATED))?;
    params.not_after = at(clock.now().plus(days(valid_days)))?;
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// 16 random bytes, positive and of one length (RFC 5280, 4.1.2.2).
fn serial() -> Result<SerialNumber, PkiError> {
    let mut bytes: [u8; 16] = random_bytes()?;
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// BoringSSL clients (Python's grpcio) look at host names: loopback always, and what is given.
fn desk_server_hosts(name: &Name, more: &[String]) -> Result<Vec<SanType>, PkiError> {
    let mut hosts = vec![
        dns(&name.dns())?,
        dns("localhost")?,
        SanType::IpAddress([127, 0, 0, 1].into()),
        SanType::IpAddress(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
    ];
    for host in more {
        let san = host_name(host)?;
        if !hosts.contains(&san) {
            hosts.push(san);
        }
    }
    Ok(hosts)
}

/// Refuses hosts that cannot stand in a certificate, before anything is written.
pub(super) fn require_hosts(hosts: &[String]) -> Result<(), PkiError> {
    hosts.iter().try_for_each(|host| host_name(host).map(drop))
}

fn host_name(host: &str) -> Result<SanType, PkiError> {
    match host.parse() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => dns(host),
    }
}

fn dns(host: &str) -> Result<SanType, PkiError> {
    let wrong = || PkiError::Host(host.escape_default().to_string());
    rustls::pki_types::DnsName::try_from(host).map_err(|_| wrong())?;
    Ok(SanType::DnsName(host.try_into().map_err(|_| wrong())?))
}

fn files(folder: &Path, stem: &str) -> CertificateFiles {
    CertificateFiles {
        certificate: folder.join(format!("{stem}.pem")),
        key: folder.join(format!("{stem}.key")),
    }
}

fn require(files: &CertificateFiles, replace: Replace) -> Result<(), PkiError> {
    match replace {
        Replace::Never => folder::require_absent(&files.key)
            .and_then(|()| folder::require_absent(&files.certificate))
            .map_err(|error| match error {
                PkiError::Exists(file) => PkiError::Issued(file),
                other => other,
            }),
        Replace::SameKey => folder::read_private(&files.key).map(drop),
    }
}

fn write_key(file: &Path, key: &KeyPair) -> Result<(), PkiError> {
    let pem = zeroize::Zeroizing::new(key.serialize_pem());
    folder::write_new(file, pem.as_bytes(), Access::Owner)
}
