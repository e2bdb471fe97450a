//! Which authorities are trusted.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tidegate_artifact::LoadError;

use crate::request::invalid;

/// The authorities whose certificates are trusted.
#[derive(Clone, Debug)]
pub struct Roots {
    store: Arc<RootCertStore>,
}

impl Roots {
    /// Those of this machine: what `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or the system's usual place. Reads some hundred
    /// kilobytes, so do it once. A machine that has none still reaches what has an authority of its own.
    pub fn native() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "some root certificates cannot be read");
        }
        let mut store = RootCertStore::empty();
        let (_, refused) = store.add_parsable_certificates(found.certs);
        if refused > 0 {
            tracing::debug!(refused, "some root certificates are of a kind that is not understood");
        }
        Self { store: Arc::new(store) }
    }

    /// None: only the authorities that a request brings are trusted.
    pub fn none() -> Self {
        Self { store: Arc::new(RootCertStore::empty()) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// These, and those of a text in PEM.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub fn and(&self, pem: &[u8]) -> Result<Self, LoadError> {
        const HINT: &str = "give the certificate of the authority as PEM, from -----BEGIN CERTIFICATE----- to \
                            -----END CERTIFICATE-----; several, one after the other";
        let mut store = RootCertStore::clone(&self.store);
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            found += 1;
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|certificate| store.add(certificate).map_err(|error| error.to_string()));
            if let Err(error) = added {
                let message =
                    format!("certificate {found} of the authorities to trust cannot be read: {error}");
                return Err(invalid(message, HINT));
            }
        }
        if found == 0 {
            return Err(invalid("there is no certificate among the authorities to trust".into(), HINT));
        }
        Ok(Self { store: Arc::new(store) })
    }

    /// What a connection is made with.
    ///
    /// # Errors
    /// Never with the provider that is used here; it might know no version of TLS.
    pub fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(versions.with_root_certificates(Arc::clone(&self.store)).with_no_client_auth())
    }
}
