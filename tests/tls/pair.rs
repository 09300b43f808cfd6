//! A client and a server of rustls in memory, with or without certificates that the other side takes.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use lyncpush::flow::Side;
use lyncpush::tls::Secrets;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error};
use rustls::{ServerConfig, ServerConnection, SignatureScheme, SupportedCipherSuite};

use crate::fixture::{self, hex};

/// Writes key log lines down.
#[derive(Debug, Default)]
struct Lines(Mutex<String>);

impl rustls::KeyLog for Lines {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        *self.0.lock().unwrap() += &format!("{label} {} {}\n", hex(client_random), hex(secret));
    }
}

/// Takes every certificate, or none.
#[derive(Debug)]
struct Judge {
    takes: bool,
}

impl Judge {
    fn say<T>(&self, yes: T) -> Result<T, Error> {
        if self.takes { Ok(yes) } else { Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) }
    }
}

/// What both traits of verifiers ask about signatures: every one is taken.
macro_rules! takes_every_signature {
    ($($of_version:ident),*) => {
        $(fn $of_version(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        })*

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            ring::default_provider().signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.say(ServerCertVerified::assertion())
    }

    takes_every_signature!(verify_tls12_signature, verify_tls13_signature);
}

impl ClientCertVerifier for Judge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.say(ClientCertVerified::assertion())
    }

    takes_every_signature!(verify_tls12_signature, verify_tls13_signature);
}

/// How two parties meet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meeting {
    /// The client does not take the server's certificate.
    pub distrusted: bool,
    /// The client shows a certificate, too.
    pub mutual: bool,
}

/// The suites of rustls that go with an RSA certificate.
pub fn suites() -> Vec<SupportedCipherSuite> {
    let suites = ring::ALL_CIPHER_SUITES.iter().copied();
    let rsa = |suite: &SupportedCipherSuite| !format!("{:?}", suite.suite()).contains("ECDSA");
    suites.filter(rsa).collect()
}

fn identity(name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(&fixture::file(&format!("{name}.crt"))).unwrap();
    (vec![certificate], PrivateKeyDer::from_pem_slice(&fixture::file(&format!("{name}.key"))).unwrap())
}

/// A client and a server in memory, and what passed between them.
pub struct Pair {
    pub client: ClientConnection,
    pub server: ServerConnection,
    lines: Arc<Lines>,
    pub sent: Vec<(Side, Vec<u8>)>,
    /// Whether one side has refused the other.
    pub failed: bool,
}

impl Pair {
    /// Two whose handshake is through.
    pub fn new(suite: SupportedCipherSuite) -> Self {
        let pair = Self::meet(suite, Meeting::default());
        assert!(!pair.failed);
        pair
    }

    /// Two whose handshake is through, or refused.
    pub fn meet(suite: SupportedCipherSuite, meeting: Meeting) -> Self {
        let provider = CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() };
        let provider = Arc::new(provider);
        let versions = [suite.version()];
        let lines = Arc::new(Lines::default());
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Judge { takes: !meeting.distrusted }));
        let (certificates, key) = identity("client");
        let mut client = match meeting.mutual {
            true => client.with_client_auth_cert(certificates, key).unwrap(),
            false => client.with_no_client_auth(),
        };
        client.key_log = lines.clone();
        let server = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions).unwrap();
        let server = match meeting.mutual {
            true => server.with_client_cert_verifier(Arc::new(Judge { takes: true })),
            false => server.with_no_client_auth(),
        };
        let (certificates, key) = identity("server");
        let server = server.with_single_cert(certificates, key).unwrap();
        let name = ServerName::try_from("pool.example.test").unwrap();
        let client = ClientConnection::new(Arc::new(client), name).unwrap();
        let server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut pair = Self { client, server, lines, sent: Vec::new(), failed: false };
        while !pair.failed && (pair.client.is_handshaking() || pair.server.is_handshaking()) {
            pair.carry();
        }
        if pair.failed {
            pair.carry();
        }
        pair
    }

    /// Carries over what either has to send.
    pub fn carry(&mut self) {
        for side in [Side::Client, Side::Server] {
            let mut bytes = Vec::new();
            match side {
                Side::Client => while self.client.write_tls(&mut bytes).unwrap() > 0 {},
                Side::Server => while self.server.write_tls(&mut bytes).unwrap() > 0 {},
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let mut sink = Vec::new();
                let taken = match side {
                    Side::Client => {
                        self.server.read_tls(&mut rest).unwrap();
                        let taken = self.server.process_new_packets();
                        let _ = self.server.reader().read_to_end(&mut sink);
                        taken
                    }
                    Side::Server => {
                        self.client.read_tls(&mut rest).unwrap();
                        let taken = self.client.process_new_packets();
                        let _ = self.client.reader().read_to_end(&mut sink);
                        taken
                    }
                };
                if taken.is_err() {
                    self.failed = true;
                    break;
                }
            }
            if !bytes.is_empty() {
                self.sent.push((side, bytes));
            }
        }
    }

    pub fn write(&mut self, side: Side, text: &[u8]) {
        match side {
            Side::Client => self.client.writer().write_all(text).unwrap(),
            Side::Server => self.server.writer().write_all(text).unwrap(),
        }
        self.carry();
        assert!(!self.failed);
    }

    /// The key log of the client.
    pub fn keylog(&self) -> String {
        self.lines.0.lock().unwrap().clone()
    }

    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.push_keylog(self.keylog().as_bytes());
        secrets
    }
}
