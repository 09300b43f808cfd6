//! Sessions that rustls makes while the test runs: many records both ways, keys that change, segments of odd sizes,
//! and losses in the middle.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use lyncpush::flow::Side;
use lyncpush::tls::{Secrets, State};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection};
use rustls::{SignatureScheme, SupportedCipherSuite};

use crate::fixture::{self, hex};
use crate::replay::{Step, play};

/// Writes key log lines down.
#[derive(Debug, Default)]
struct Lines(Mutex<String>);

impl rustls::KeyLog for Lines {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        *self.0.lock().unwrap() += &format!("{label} {} {}\n", hex(client_random), hex(secret));
    }
}

/// The test's own certificate is not to be judged.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client and a server in memory, and what passed between them.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
    lines: Arc<Lines>,
    sent: Vec<(Side, Vec<u8>)>,
}

impl Pair {
    fn new(suite: SupportedCipherSuite) -> Self {
        let provider = CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() };
        let provider = Arc::new(provider);
        let versions = [suite.version()];
        let lines = Arc::new(Lines::default());
        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate))
            .with_no_client_auth();
        client.key_log = lines.clone();
        let certificate = CertificateDer::from_pem_slice(&fixture::file("server.crt")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&fixture::file("server.key")).unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let name = ServerName::try_from("pool.example.test").unwrap();
        let client = ClientConnection::new(Arc::new(client), name).unwrap();
        let server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut pair = Self { client, server, lines, sent: Vec::new() };
        while pair.client.is_handshaking() || pair.server.is_handshaking() {
            pair.carry();
        }
        pair
    }

    /// Carries over what either has to send.
    fn carry(&mut self) {
        for side in [Side::Client, Side::Server] {
            let mut bytes = Vec::new();
            match side {
                Side::Client => while self.client.write_tls(&mut bytes).unwrap() > 0 {},
                Side::Server => while self.server.write_tls(&mut bytes).unwrap() > 0 {},
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let mut sink = Vec::new();
                match side {
                    Side::Client => {
                        self.server.read_tls(&mut rest).unwrap();
                        self.server.process_new_packets().unwrap();
                        let _ = self.server.reader().read_to_end(&mut sink);
                    }
                    Side::Server => {
                        self.client.read_tls(&mut rest).unwrap();
                        self.client.process_new_packets().unwrap();
                        let _ = self.client.reader().read_to_end(&mut sink);
                    }
                }
            }
            if !bytes.is_empty() {
                self.sent.push((side, bytes));
            }
        }
    }

    fn write(&mut self, side: Side, text: &[u8]) {
        match side {
            Side::Client => self.client.writer().write_all(text).unwrap(),
            Side::Server => self.server.writer().write_all(text).unwrap(),
        }
        self.carry();
    }

    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.push_keylog(self.lines.0.lock().unwrap().as_bytes());
        secrets
    }
}

/// A text in which every place looks different.
fn text(side: Side, length: usize) -> Vec<u8> {
    (0..length).map(|place| (place.wrapping_mul(2_654_435_761) >> 11) as u8 ^ side.index() as u8).collect()
}

fn suites() -> Vec<SupportedCipherSuite> {
    let suites = ring::ALL_CIPHER_SUITES.iter().copied();
    let rsa = |suite: &SupportedCipherSuite| !format!("{:?}", suite.suite()).contains("ECDSA");
    suites.filter(rsa).collect()
}

#[test]
fn long_sessions_are_read_whole_in_segments_of_odd_sizes() {
    let suites = suites();
    assert_eq!(suites.len(), 6, "three of TLS 1.3, three of TLS 1.2");
    for suite in suites {
        let mut pair = Pair::new(suite);
        let texts = [text(Side::Client, 200_000), text(Side::Server, 150_000)];
        for (number, piece) in texts[0].chunks(7_001).enumerate() {
            pair.write(Side::Client, piece);
            if number % 9 == 4 && suite.tls13().is_some() {
                pair.client.refresh_traffic_keys().unwrap();
                pair.server.refresh_traffic_keys().unwrap();
            }
            for piece in texts[1].chunks(2_900).skip(number * 2).take(2) {
                pair.write(Side::Server, piece);
            }
        }
        pair.client.send_close_notify();
        pair.carry();
        let mut size = 1;
        let steps: Vec<Step> = pair
            .sent
            .iter()
            .flat_map(|(side, bytes)| {
                size = size * 7 % 1_461 + 1;
                bytes.chunks(size).map(|piece| Step::Bytes(*side, piece.to_vec())).collect::<Vec<_>>()
            })
            .collect();
        let read = play(&steps, &mut pair.secrets());
        let sent: usize = texts[1].chunks(2_900).take(29 * 2).map(<[u8]>::len).sum();
        assert!(read.plain[0] == texts[0] && read.plain[1] == texts[1][..sent], "{suite:?}");
        assert_eq!((&read.facts.state, read.facts.lost_octets), (&State::Reading, [0, 0]), "{suite:?}");
        assert_eq!(read.facts.server_name.as_deref(), Some("pool.example.test"));
        assert_eq!(read.facts.alert, None, "a goodbye is no alert to tell of");
    }
}

#[test]
fn reading_goes_on_after_many_lost_records() {
    for suite in suites() {
        for (lost, cut) in [(1, 0), (40, 3), (300, 17)] {
            let mut pair = Pair::new(suite);
            let before = pair.sent.len();
            let whole = text(Side::Client, 400 * 100);
            whole.chunks(100).for_each(|piece| pair.write(Side::Client, piece));
            let mut steps: Vec<Step> =
                pair.sent.iter().map(|(side, bytes)| Step::Bytes(*side, bytes.clone())).collect();
            // From the middle of one record to the beginning of another.
            let (first, last) = (before + 50, before + 50 + lost);
            let mut octets = 0;
            for step in steps.drain(first..last) {
                let Step::Bytes(Side::Client, bytes) = step else { panic!("only the client writes") };
                octets += bytes.len() as u64;
            }
            if let Step::Bytes(_, bytes) = &mut steps[first - 1] {
                octets += cut as u64;
                bytes.truncate(bytes.len() - cut);
            }
            steps.insert(first, Step::Gap(Side::Client, octets));
            let read = play(&steps, &mut pair.secrets());
            let cut_record = usize::from(cut > 0);
            let expected = [&whole[..(50 - cut_record) * 100], &whole[(50 + lost) * 100..]].concat();
            assert!(read.plain[0] == expected, "{suite:?} {lost}: {:?}", read.facts);
            assert_eq!(read.gaps[0].len(), 1);
            assert_eq!(read.facts.state, State::Reading);
        }
    }
}

#[test]
fn a_lost_change_of_keys_is_found_out() {
    for suite in suites().into_iter().filter(|suite| suite.tls13().is_some()) {
        let mut pair = Pair::new(suite);
        let whole = text(Side::Client, 1_000);
        let mut update = 0;
        for (number, piece) in whole.chunks(100).enumerate() {
            if number == 5 {
                update = pair.sent.len();
                pair.client.refresh_traffic_keys().unwrap();
            }
            pair.write(Side::Client, piece);
        }
        // The update and the text behind it went out together.
        let mut steps: Vec<Step> = pair.sent.iter().map(|(side, bytes)| Step::Bytes(*side, bytes.clone())).collect();
        let Step::Bytes(side, bytes) = steps[update].clone() else { panic!() };
        steps[update] = Step::Gap(side, bytes.len() as u64);
        let read = play(&steps, &mut pair.secrets());
        let expected = [&whole[..500], &whole[600..]].concat();
        assert!(read.plain[0] == expected, "{suite:?}: {:?}", read.facts);
    }
}
