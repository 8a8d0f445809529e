//! Whom a driver believes: the usual authorities, or the very certificate that the operator named.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

/// Whose certificates are good.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those of the authorities that browsers know.
    Authorities,
    /// These, and those that they signed.
    Pinned(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// Reads certificates in PEM, or one in DER.
    ///
    /// # Errors
    /// When there is none in it.
    pub fn pinned(text: &[u8]) -> Result<Self, String> {
        let mut certificates: Vec<_> = CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect();
        // a sequence of bytes, as every certificate in DER begins
        if certificates.is_empty() && text.first() == Some(&0x30) {
            certificates.push(CertificateDer::from(text.to_vec()));
        }
        if certificates.is_empty() {
            return Err("there is no certificate in it; expected is PEM (-----BEGIN CERTIFICATE-----)".to_owned());
        }
        Ok(Self::Pinned(certificates))
    }

    /// What a connection is to be made with.
    ///
    /// # Errors
    /// When a certificate that was named is none.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(match self {
            Self::Authorities => {
                let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Self::Pinned(certificates) => {
                let verifier = Pinned::new(certificates.clone(), provider)?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
        })
    }
}

/// Takes the certificate that was named, whatever name it is for: nodes sign their own, for names that change. Takes
/// as well what a named authority signed for the name that was called.
#[derive(Debug)]
struct Pinned {
    certificates: Vec<CertificateDer<'static>>,
    signed: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn new(certificates: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let (good, _) = roots.add_parsable_certificates(certificates.iter().cloned());
        let signed = if good == 0 {
            None
        } else {
            let made = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
            Some(made.map_err(|error| error.to_string())?)
        };
        Ok(Self { certificates, signed, provider })
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.iter().any(|known| known.as_ref() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.signed {
            Some(signed) => signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
