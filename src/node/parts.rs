//! Opens everything that a node serves, in order, and checks that it fits together. Serves nothing yet.

use std::{fs, path::Path, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use rustls::ServerConfig;
use zeroize::Zeroizing;

use super::{config::Config, error::NodeError, view::LazyView};
use crate::{
    desk::Expiry,
    domain::{limits::RECIPIENTS_MAX, time::Clock},
    store::{self, Store, StoreConfig, disk::RealDisk},
    trust::{
        batch::{BatchSigner, Purpose},
        directory::{Directory, DirectoryHandle},
        keys::{KeyUse, SigningKey},
        tls::{self, TlsError, TlsIdentity, certificate_validity, crl_validity},
    },
};

/// What the configuration names, opened and checked.
pub(super) struct Parts {
    pub(super) directory: DirectoryHandle,
    pub(super) listeners: Listeners,
    pub(super) statement_signer: BatchSigner,
    pub(super) receipt_signer: BatchSigner,
    pub(super) log_key: SigningKey,
    pub(super) pseudonym_key: [u8; 32],
    pub(super) store: Store,
}

/// TLS of the two listeners and of dialling; swapped as a whole when files change.
#[derive(Clone)]
pub(super) struct Listeners {
    pub(super) identity: Arc<ArcSwap<TlsIdentity>>,
    pub(super) exchange: Arc<ArcSwap<ServerConfig>>,
    pub(super) desk: Arc<ArcSwap<ServerConfig>>,
    pub(super) expiries: Arc<ArcSwap<Vec<Expiry>>>,
}

impl Listeners {
    /// Takes what was read anew; connections that stand are not touched.
    pub(super) fn take(&self, read: Certificates) {
        self.identity.store(read.identity);
        self.exchange.store(read.exchange);
        self.desk.store(read.desk);
        self.expiries.store(Arc::new(read.expiries));
    }
}

/// What is read from certificate files at one moment.
pub(super) struct Certificates {
    pub(super) identity: Arc<TlsIdentity>,
    pub(super) exchange: Arc<ServerConfig>,
    pub(super) desk: Arc<ServerConfig>,
    expiries: Vec<Expiry>,
}

/// Opens in the order in which a fault is cheapest: keys, directory, certificates, and last the store.
pub(super) fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Parts, NodeError> {
    let statement_key = SigningKey::load(&config.keys.statement, KeyUse::Statement)?;
    let receipt_key = SigningKey::load(&config.keys.receipt, KeyUse::Receipt)?;
    let log_key = SigningKey::load(&config.keys.log, KeyUse::Log)?;
    let directory = Directory::load(
        &config.directory.folder,
        config.directory.anchor,
        clock.now(),
    )
    .map_err(|source| NodeError::Directory {
        folder: config.directory.folder.clone(),
        source: Box::new(source),
    })?;
    if directory.member(&config.authority).is_none() {
        return Err(NodeError::NotListed {
            authority: config.authority,
            version: directory.version(),
        });
    }
    tracing::info!(
        version = directory.version(),
        members = directory.members().take(RECIPIENTS_MAX).count(),
        "the directory holds"
    );
    let federation = directory.federation().to_owned();
    let directory: DirectoryHandle = Arc::new(ArcSwap::from_pointee(directory));
    let certificates = certificates(config, &directory, &**clock)?;
    // The store first: it says best what is wrong with its key.
    let store = open_store(config, clock)?;
    let pseudonym_key = pseudonym_key(&config.store.key)?;
    Ok(Parts {
        listeners: Listeners {
            identity: Arc::new(ArcSwap::from(certificates.identity)),
            exchange: Arc::new(ArcSwap::from(certificates.exchange)),
            desk: Arc::new(ArcSwap::from(certificates.desk)),
            expiries: Arc::new(ArcSwap::from_pointee(certificates.expiries)),
        },
        directory,
        statement_signer: BatchSigner::new(
            &federation,
            config.authority,
            Purpose::Statement,
            statement_key,
        ),
        receipt_signer: BatchSigner::new(
            &federation,
            config.authority,
            Purpose::Receipt,
            receipt_key,
        ),
        log_key,
        pseudonym_key,
        store,
    })
}

/// Reads and checks certificates, keys, desk CA and its list.
pub(super) fn certificates(
    config: &Config,
    directory: &DirectoryHandle,
    clock: &dyn Clock,
) -> Result<Certificates, NodeError> {
    let identity = TlsIdentity::load(&config.exchange.certificate, &config.exchange.key, clock)?;
    let desk_identity = TlsIdentity::load(&config.desk.certificate, &config.desk.key, clock)?;
    let exchange = tls::exchange_server(config.authority, &identity, Arc::clone(directory))?;
    let ca = read("desk.ca", &config.desk.ca)?;
    let crl = read("desk.crl", &config.desk.crl)?;
    let desk =
        tls::desk_server(config.authority, &desk_identity, &ca, &crl).map_err(
            |error| match error {
                TlsError::DeskCa(_) | TlsError::DeskCrl(_) => NodeError::DeskTrust {
                    ca: config.desk.ca.clone(),
                    crl: config.desk.crl.clone(),
                    source: Box::new(error),
                },
                error => error.into(),
            },
        )?;
    let node_certificate = read("exchange.certificate", &config.exchange.certificate)?;
    let desk_certificate = read("desk.certificate", &config.desk.certificate)?;
    let validities = [
        ("node certificate", certificate_validity(&node_certificate)),
        ("desk certificate", certificate_validity(&desk_certificate)),
        ("desk CA", certificate_validity(&ca)),
        ("desk CRL", crl_validity(&crl)),
    ];
    Ok(Certificates {
        expiries: validities
            .into_iter()
            .filter_map(|(what, validity)| Some(Expiry::of(what, validity?)))
            .collect(),
        identity: Arc::new(identity),
        exchange,
        desk,
    })
}

fn open_store(config: &Config, clock: &Arc<dyn Clock>) -> Result<Store, NodeError> {
    let view = LazyView::new(config.store.folder.join("view"));
    let (store, recovery) = Store::open(
        StoreConfig {
            folder: config.store.folder.clone(),
            key_file: config.store.key.clone(),
            authority: config.authority,
        },
        Arc::new(RealDisk),
        Box::new(view),
        Arc::clone(clock),
    )?;
    told(&recovery);
    Ok(store)
}

fn told(recovery: &store::Recovery) {
    tracing::info!(
        entries = recovery.entries,
        replayed = recovery.replayed,
        "the journal holds"
    );
    if recovery.torn_groups > 0 {
        tracing::warn!(
            bytes = recovery.tail_cut_bytes,
            "a torn last group was cut: it had not been acknowledged"
        );
    }
    if let Some(why) = &recovery.view_rebuilt {
        tracing::warn!(%why, "the view was rebuilt from the journal");
    }
}

/// Keys the callers' pseudonyms: derived from the store's key file, so that they stay the same.
fn pseudonym_key(store_key: &Path) -> Result<[u8; 32], NodeError> {
    let secret = Zeroizing::new(read("store.key", store_key)?);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let tag = hmac::sign(&key, b"allpoints.pseudonym.v1");
    let mut derived = [0; 32];
    for (byte, from) in derived.iter_mut().zip(tag.as_ref()) {
        *byte = *from;
    }
    Ok(derived)
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, NodeError> {
    fs::read(file).map_err(|source| NodeError::File {
        what,
        file: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_keyed_by_the_store_and_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, content: &str| {
            let file = folder.path().join(name);
            fs::write(&file, content).expect("written");
            pseudonym_key(&file).expect("derived")
        };
        assert_eq!(file("a", "one"), file("b", "one"));
        assert_ne!(file("a", "one"), file("b", "two"));
        let missing = pseudonym_key(&folder.path().join("none")).expect_err("missing");
        assert!(missing.to_string().contains("store.key"));
    }
}
