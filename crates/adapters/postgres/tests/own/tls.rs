//! TLS, by a proxy that speaks it in the server's place.

use super::{cases, namespace::Namespace, told};
use libtest_mimic::Trial;
use palavra_contracts::samples::user;
use palavra_domain::ports::UserRepository;
use palavra_postgres::{OpenError, PostgresOptions, PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    cases![url:
        a_certificate_for_the_host_from_somebody_trusted_is_accepted,
        a_certificate_for_another_host_is_refused,
        a_certificate_from_anybody_is_refused,
        unverified_modes_accept_any_certificate,
        tls_is_not_had_from_a_server_without,
        a_ca_file_has_certificates,
    ]
}

/// Speaks TLS for `localhost`, with a certificate of an authority of its own.
struct Secured {
    port: u16,
    folder: TempDir,
}

impl Secured {
    async fn before(server: String) -> Self {
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();

        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(secure(client, acceptor.clone(), server.clone()));
            }
        });
        Self { port, folder }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// Passes nothing on that does not come by TLS.
async fn secure(mut client: TcpStream, acceptor: TlsAcceptor, server: String) {
    let mut request = [0; 8];
    let asked = client.read_exact(&mut request).await.is_ok() && request[4..] == 80_877_103_u32.to_be_bytes();
    if !asked || client.write_all(b"S").await.is_err() {
        return;
    }
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let mut server = TcpStream::connect(server).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

async fn open(
    namespace: &Namespace,
    host: &str,
    port: u16,
    mode: &str,
    ca_file: Option<&Path>,
) -> Result<PostgresStore, OpenError> {
    let mut url = namespace.by(host, port);
    if !mode.is_empty() {
        url.query_pairs_mut().append_pair("sslmode", mode);
    }
    let options = PostgresOptions { ca_file: ca_file.map(Path::to_owned), ..namespace.options(&url) };
    PostgresStore::open(options).await
}

async fn a_certificate_for_the_host_from_somebody_trusted_is_accepted(namespace: &Namespace) {
    let secured = Secured::before(namespace.server()).await;
    let ca_file = secured.ca_file();
    for mode in ["verify-full", "require", ""] {
        let store = open(namespace, "localhost", secured.port, mode, Some(&ca_file)).await.unwrap();
        let ana = user(&format!("ana-{mode}"));
        store.users().insert(&ana).await.unwrap();
        assert_eq!(store.users().find(ana.id).await.unwrap(), Some(ana));
    }
}

async fn a_certificate_for_another_host_is_refused(namespace: &Namespace) {
    let secured = Secured::before(namespace.server()).await;
    let ca_file = secured.ca_file();
    for mode in ["verify-full", "require", ""] {
        let error = open(namespace, "127.0.0.1", secured.port, mode, Some(&ca_file)).await.unwrap_err();
        assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
        assert!(told(&error).contains("sslmode"), "{error:?}");
    }
}

async fn a_certificate_from_anybody_is_refused(namespace: &Namespace) {
    let (secured, other) = (Secured::before(namespace.server()).await, Secured::before(namespace.server()).await);
    for ca_file in [None, Some(other.ca_file())] {
        let error = open(namespace, "localhost", secured.port, "verify-full", ca_file.as_deref()).await.unwrap_err();
        assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
    }
}

async fn unverified_modes_accept_any_certificate(namespace: &Namespace) {
    let secured = Secured::before(namespace.server()).await;
    for mode in ["require", "prefer", ""] {
        open(namespace, "127.0.0.1", secured.port, mode, None).await.unwrap();
    }
    // This server speaks nothing else.
    open(namespace, "127.0.0.1", secured.port, "disable", None).await.unwrap_err();
}

async fn tls_is_not_had_from_a_server_without(namespace: &Namespace) {
    let port = super::refusing::refusing("28P01").await;
    for mode in ["require", "verify-full"] {
        let error = open(namespace, "localhost", port, mode, None).await.unwrap_err();
        assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
    }
}

async fn a_ca_file_has_certificates(namespace: &Namespace) {
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "This is no certificate.").unwrap();
    for path in [missing, empty] {
        let error = open(namespace, "localhost", 1, "", Some(&path)).await.unwrap_err();
        assert!(matches!(error, OpenError::CaFile { .. }), "{error:?}");
        assert!(error.to_string().contains("PALAVRA__POSTGRES__CA_FILE"), "{error}");
    }
}
