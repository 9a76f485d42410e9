//! TLS of the two listeners and of dialling: read from files at the start, and swapped part by part while the node
//! runs, so that one broken file never keeps a good one out.
//!
//! The ways in are [`Listeners::open`], and one `take_..` for each part. What is taken was read and checked whole;
//! connections that stand are not touched.

use std::{fs, path::Path, sync::Arc};

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use super::{config::Config, error::NodeError};
use crate::{
    desk::Expiry,
    domain::{id::AuthorityId, time::Clock},
    trust::{
        directory::DirectoryHandle,
        merkle::sha256,
        tls::{
            self, ClockDoubts, DeskTrust, TlsError, TlsIdentity, certificate_validity, crl_validity,
        },
    },
};

/// What both listeners and the dialler use now.
#[derive(Clone)]
pub(super) struct Listeners {
    own: AuthorityId,
    directory: DirectoryHandle,
    pub(super) identity: Arc<ArcSwap<TlsIdentity>>,
    pub(super) exchange: Arc<ArcSwap<ServerConfig>>,
    pub(super) desk: Arc<ArcSwap<ServerConfig>>,
    pub(super) expiries: Arc<ArcSwap<Vec<Expiry>>>,
    desk_identity: Arc<ArcSwap<TlsIdentity>>,
    desk_trust: Arc<ArcSwap<DeskTrust>>,
    /// Of partners, here and where we dial.
    pub(super) doubts: ClockDoubts,
}

/// A part as its files have it, checked.
#[derive(Debug)]
pub(super) struct Part<T> {
    part: T,
    /// What `status` shows of it.
    pub(super) version: String,
    expiries: Vec<Expiry>,
}

impl Listeners {
    /// Reads and checks all parts.
    pub(super) fn open(
        config: &Config,
        directory: &DirectoryHandle,
        clock: &dyn Clock,
    ) -> Result<Self, NodeError> {
        let node = node_certificate(config, clock)?;
        let desk = desk_certificate(config, clock)?;
        let trust = desk_trust(config)?;
        let own = config.authority;
        let doubts = ClockDoubts::default();
        let members = Arc::new(Arc::clone(directory));
        let exchange = tls::exchange_server_watched(own, &node.part, members, doubts.clone())?;
        let server = tls::desk_server_under(&desk.part, &trust.part)?;
        let expiries = [node.expiries, desk.expiries, trust.expiries].concat();
        Ok(Self {
            own,
            directory: Arc::clone(directory),
            identity: Arc::new(ArcSwap::from_pointee(node.part)),
            exchange: Arc::new(ArcSwap::from(exchange)),
            desk: Arc::new(ArcSwap::from(server)),
            expiries: Arc::new(ArcSwap::from_pointee(expiries)),
            desk_identity: Arc::new(ArcSwap::from_pointee(desk.part)),
            desk_trust: Arc::new(ArcSwap::from_pointee(trust.part)),
            doubts,
        })
    }

    /// Whom the desk lets in now.
    pub(super) fn desk_trust(&self) -> Arc<DeskTrust> {
        self.desk_trust.load_full()
    }

    /// From now on this is shown to partners.
    pub(super) fn take_node_certificate(&self, read: Part<TlsIdentity>) -> Result<(), NodeError> {
        let members = Arc::new(Arc::clone(&self.directory));
        let doubts = self.doubts.clone();
        let exchange = tls::exchange_server_watched(self.own, &read.part, members, doubts)?;
        self.identity.store(Arc::new(read.part));
        self.exchange.store(exchange);
        self.renew(read.expiries);
        Ok(())
    }

    /// From now on this is shown at the desk.
    pub(super) fn take_desk_certificate(&self, read: Part<TlsIdentity>) -> Result<(), NodeError> {
        let server = tls::desk_server_under(&read.part, &self.desk_trust.load())?;
        self.desk_identity.store(Arc::new(read.part));
        self.desk.store(server);
        self.renew(read.expiries);
        Ok(())
    }

    /// From now on these are let in at the desk.
    pub(super) fn take_desk_trust(&self, read: Part<DeskTrust>) -> Result<(), NodeError> {
        let server = tls::desk_server_under(&self.desk_identity.load(), &read.part)?;
        self.desk_trust.store(Arc::new(read.part));
        self.desk.store(server);
        self.renew(read.expiries);
        Ok(())
    }

    fn renew(&self, read: Vec<Expiry>) {
        let mut all = self.expiries.load().to_vec();
        for expiry in read {
            match all.iter_mut().find(|known| known.what == expiry.what) {
                Some(known) => *known = expiry,
                None => all.push(expiry),
            }
        }
        self.expiries.store(Arc::new(all));
    }
}

/// The certificate that partners see.
pub(super) fn node_certificate(
    config: &Config,
    clock: &dyn Clock,
) -> Result<Part<TlsIdentity>, NodeError> {
    let files = &config.exchange;
    identity("node certificate", &files.certificate, &files.key, clock)
}

/// The certificate that the desk shows.
pub(super) fn desk_certificate(
    config: &Config,
    clock: &dyn Clock,
) -> Result<Part<TlsIdentity>, NodeError> {
    let files = &config.desk;
    identity("desk certificate", &files.certificate, &files.key, clock)
}

/// The desk's CA and its list.
pub(super) fn desk_trust(config: &Config) -> Result<Part<DeskTrust>, NodeError> {
    let ca = read("desk.ca", &config.desk.ca)?;
    let crl = read("desk.crl", &config.desk.crl)?;
    let part = DeskTrust::new(config.authority, &ca, &crl).map_err(|error| match error {
        TlsError::DeskCa(_) | TlsError::DeskCrl(_) => NodeError::DeskTrust {
            ca: config.desk.ca.clone(),
            crl: config.desk.crl.clone(),
            source: Box::new(error),
        },
        error => error.into(),
    })?;
    let list = crl_validity(&crl);
    let version = match &list {
        Some(list) => format!("list of {} {}", list.from, short(&sha256(&crl))),
        None => "a list without end".to_owned(),
    };
    let expiries = [("desk CA", certificate_validity(&ca)), ("desk CRL", list)];
    Ok(Part {
        part,
        version,
        expiries: expiries
            .into_iter()
            .filter_map(|(what, validity)| Some(Expiry::of(what, validity?)))
            .collect(),
    })
}

fn identity(
    what: &'static str,
    certificate: &Path,
    key: &Path,
    clock: &dyn Clock,
) -> Result<Part<TlsIdentity>, NodeError> {
    let identity = TlsIdentity::load(certificate, key, clock)?;
    let validity = certificate_validity(&read(what, certificate)?);
    Ok(Part {
        version: format!("{} {}", identity.name(), short(&identity.fingerprint())),
        part: identity,
        expiries: validity
            .map(|validity| Expiry::of(what, validity))
            .into_iter()
            .collect(),
    })
}

/// The first 8 bytes of a hash, as people compare them.
pub(super) fn short(hash: &[u8]) -> String {
    let digits: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{digits}")
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, NodeError> {
    fs::read(file).map_err(|source| NodeError::File {
        what,
        file: file.to_owned(),
        source,
    })
}
