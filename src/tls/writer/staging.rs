//! Handshakes as they look from outside: the messages of both sides in their order, and the keys that follow.

use super::identity::Key;
use super::messages;
use super::{Draw, Parties, fault};
use crate::error::Result;
use crate::flow::Side;
use crate::tls::choice::Choice;
use crate::tls::handshake::kind as message;
use crate::tls::keylog::{self, MASTER};
use crate::tls::prf::Transcript;
use crate::tls::record::{self, MAX_TEXT, kind};
use crate::tls::schedule;
use crate::tls::secret::Secret;
use crate::tls::suite::{Exchange, Sealer};

/// The version in the header of a ClientHello's record, whatever is asked for. Source: RFC 5246 §E.1.
const FIRST: u16 = 0x0301;

/// A handshake on its way.
pub(super) struct Staging {
    choice: Choice,
    transcript: Transcript,
    pub(super) draw: Draw,
    pub(super) flights: Vec<(Side, Vec<u8>)>,
    pub(super) sealers: [Option<Sealer>; 2],
    /// What a client of TLS 1.3 protects instead of its part of the handshake.
    pub(super) instead: Option<Sealer>,
}

impl Staging {
    pub(super) fn new(choice: Choice, draw: Draw) -> Self {
        let transcript = Transcript::new(choice.suite.prf(choice.version));
        Self { choice, transcript, draw, flights: Vec::new(), sealers: [None, None], instead: None }
    }

    /// A full handshake of TLS 1.0 to 1.2; gives its line of a key log. Source: RFC 5246 §7.3.
    pub(super) fn classic(&mut self, parties: Parties<'_>) -> Result<String> {
        let Choice { version, suite } = self.choice;
        let key = Key::of(self.choice);
        let client = parties.client.filter(|_| key.is_some());
        let (client_random, server_random) = (self.drawn::<32>(), self.drawn::<32>());
        let session = self.drawn::<32>();
        let master = Secret::made(MASTER, &mut self.draw);

        let hello = messages::client_hello(self.choice, &client_random, &[], parties.server_name, None);
        self.message(Side::Client, message::CLIENT_HELLO, &hello)?;
        let hello = messages::server_hello(self.choice, &server_random, &session, None);
        self.message(Side::Server, message::SERVER_HELLO, &hello)?;
        if key.is_some() {
            let certificate = messages::certificate(version, &parties.server.chain);
            self.message(Side::Server, message::CERTIFICATE, &certificate)?;
        }
        if suite.exchange != Exchange::Rsa {
            let parameters = messages::server_parameters(self.choice, &mut self.draw);
            self.message(Side::Server, message::SERVER_KEY_EXCHANGE, &parameters)?;
        }
        if client.is_some() {
            self.message(Side::Server, message::CERTIFICATE_REQUEST, &messages::certificate_request(version))?;
        }
        self.message(Side::Server, message::SERVER_HELLO_DONE, &[])?;

        if let Some(client) = client {
            let certificate = messages::certificate(version, &client.chain);
            self.message(Side::Client, message::CERTIFICATE, &certificate)?;
        }
        let exchange = messages::client_exchange(suite.exchange, &mut self.draw);
        self.message(Side::Client, message::CLIENT_KEY_EXCHANGE, &exchange)?;
        if let (Some(_), Some(key)) = (client, key) {
            let signature = key.signature(version, &mut self.draw);
            self.message(Side::Client, message::CERTIFICATE_VERIFY, &signature)?;
        }
        let sides = [(Side::Client, &b"client finished"[..]), (Side::Server, b"server finished")];
        for (side, label) in sides {
            self.record(side, kind::CHANGE_CIPHER_SPEC, &[1])?;
            let randoms = [&client_random, &server_random];
            let block = schedule::block(suite, version, &master, randoms);
            self.protect(side, Sealer::new(suite, version, schedule::of_block(suite, version, &block, side)));
            let prf = suite.prf(version);
            let mut verify = [0; 12];
            prf.fill(master.octets(), label, [&self.transcript.clone().hash(), &[]], &mut verify);
            self.message(side, message::FINISHED, &verify)?;
        }
        Ok(keylog::line("CLIENT_RANDOM", &client_random, &master))
    }

    /// A full handshake of TLS 1.3; gives its lines of a key log. Source: RFC 8446 §2.
    pub(super) fn modern(&mut self, parties: Parties<'_>) -> Result<String> {
        let Choice { version, suite } = self.choice;
        let (client_random, server_random) = (self.drawn::<32>(), self.drawn::<32>());
        let (session, client_share, server_share) = (self.drawn::<32>(), self.drawn::<32>(), self.drawn::<32>());
        let mut keylog = String::new();
        let [client, server] = ["CLIENT", "SERVER"].map(|who| {
            ["HANDSHAKE_TRAFFIC_SECRET", "TRAFFIC_SECRET_0"].map(|what| {
                let secret = Secret::made(suite.prf.length(), &mut self.draw);
                keylog += &keylog::line(&format!("{who}_{what}"), &client_random, &secret);
                secret
            })
        });

        let name = parties.server_name;
        let hello = messages::client_hello(self.choice, &client_random, &session, name, Some(&client_share));
        self.message(Side::Client, message::CLIENT_HELLO, &hello)?;
        let hello = messages::server_hello(self.choice, &server_random, &session, Some(&server_share));
        self.message(Side::Server, message::SERVER_HELLO, &hello)?;
        let sides = [(Side::Server, Some(parties.server), server), (Side::Client, parties.client, client)];
        for (side, identity, [handshake, traffic]) in sides {
            // Said for the sake of middle boxes only. Source: RFC 8446 §D.4.
            self.record(side, kind::CHANGE_CIPHER_SPEC, &[1])?;
            let sealer = || schedule::of_traffic(suite, &handshake, |keys| Sealer::new(suite, version, keys));
            self.protect(side, sealer());
            self.instead = sealer();
            if side == Side::Server {
                self.message(side, message::ENCRYPTED_EXTENSIONS, &[0, 0])?;
            }
            if side == Side::Server && parties.client.is_some() {
                self.message(side, message::CERTIFICATE_REQUEST, &messages::certificate_request(version))?;
            }
            if let (Some(identity), Some(key)) = (identity, Key::of(self.choice)) {
                self.message(side, message::CERTIFICATE, &messages::certificate(version, &identity.chain))?;
                let signature = key.signature(version, &mut self.draw);
                self.message(side, message::CERTIFICATE_VERIFY, &signature)?;
            }
            let code = suite.prf.finished(handshake.octets(), &self.transcript.clone().hash());
            self.message(side, message::FINISHED, &code)?;
            self.protect(side, schedule::of_traffic(suite, &traffic, |keys| Sealer::new(suite, version, keys)));
        }
        Ok(keylog)
    }

    /// What `side` sends from now on is sealed.
    fn protect(&mut self, side: Side, sealer: Option<Sealer>) {
        *side.of(&mut self.sealers) = sealer;
    }

    /// Sends a message, in a record of its own or in several.
    fn message(&mut self, side: Side, kind: u8, body: &[u8]) -> Result<()> {
        let message = messages::whole(kind, body);
        self.transcript.push(&message);
        message.chunks(MAX_TEXT).try_for_each(|piece| self.record(side, kind::HANDSHAKE, piece))
    }

    fn record(&mut self, side: Side, kind: u8, text: &[u8]) -> Result<()> {
        let mut out = Vec::new();
        let initial = self.drawn();
        match side.of(&mut self.sealers) {
            Some(sealer) => sealer.seal(kind, text, &initial, &mut out).ok_or_else(fault)?,
            None => {
                let version = if self.flights.is_empty() { FIRST } else { self.choice.version.in_records() };
                record::write(record::front(kind, version), text, &mut out);
            }
        }
        match self.flights.last_mut() {
            Some((last, flight)) if *last == side => flight.extend(out),
            _ => self.flights.push((side, out)),
        }
        Ok(())
    }

    /// `N` octets drawn.
    fn drawn<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        (self.draw)(&mut octets);
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::record::HEADER;
    use crate::tls::writer::Identity;

    /// The records of a handshake whose suite hides nothing: who sends them, kind and body.
    fn staged(choice: Choice, is_mutual: bool) -> (Vec<(Side, u8, Vec<u8>)>, String) {
        let draw = |octet: u8| -> Draw { Box::new(move |octets| octets.fill(octet)) };
        let identity = Identity::new("a.example.com", &[], choice, [0, 1], draw(1)).unwrap();
        let client = is_mutual.then_some(&identity);
        let parties = Parties { server_name: "a.example.com", server: &identity, client };
        let mut staging = Staging::new(choice, draw(2));
        let keylog = staging.classic(parties).unwrap();
        let mut records = Vec::new();
        for (side, flight) in staging.flights {
            let mut rest = flight.as_slice();
            while let [kind, _, _, high, low, ..] = rest {
                let (record, behind) = rest.split_at(HEADER + usize::from(u16::from_be_bytes([*high, *low])));
                records.push((side, *kind, record[HEADER..].to_vec()));
                rest = behind;
            }
            assert!(rest.is_empty());
        }
        (records, keylog)
    }

    #[test]
    fn messages_stand_in_their_order_and_finished_proves_all_of_them() {
        use message::*;
        const CHANGE: u8 = 0;
        let server_only = [
            CLIENT_HELLO,
            SERVER_HELLO,
            CERTIFICATE,
            SERVER_KEY_EXCHANGE,
            SERVER_HELLO_DONE,
            CLIENT_KEY_EXCHANGE,
            CHANGE,
            FINISHED,
            CHANGE,
            FINISHED,
        ];
        let mutual = [
            CLIENT_HELLO,
            SERVER_HELLO,
            CERTIFICATE,
            SERVER_KEY_EXCHANGE,
            CERTIFICATE_REQUEST,
            SERVER_HELLO_DONE,
            CERTIFICATE,
            CLIENT_KEY_EXCHANGE,
            CERTIFICATE_VERIFY,
            CHANGE,
            FINISHED,
            CHANGE,
            FINISHED,
        ];
        let hidden = Choice::all().filter(|choice| choice.suite() == "TLS_ECDHE_RSA_WITH_NULL_SHA");
        let choices: Vec<Choice> = hidden.collect();
        assert_eq!(choices.len(), 3);
        for choice in choices {
            for expected in [&server_only[..], &mutual] {
                let (records, keylog) = staged(choice, expected.len() == mutual.len());
                assert_eq!(keylog, format!("CLIENT_RANDOM {} {}\n", "02".repeat(32), "02".repeat(MASTER)));
                let kinds: Vec<u8> = records
                    .iter()
                    .map(|(_, kind, body)| if *kind == kind::HANDSHAKE { body[0] } else { CHANGE })
                    .collect();
                assert_eq!(kinds, expected);
                let prf = choice.suite.prf(choice.version);
                let mut transcript = Transcript::new(prf);
                for (side, _, body) in records.iter().filter(|(_, kind, _)| *kind == kind::HANDSHAKE) {
                    // Behind a Finished stands the code of its record, 20 octets of SHA-1.
                    let body = if body[0] == FINISHED { &body[..body.len() - 20] } else { &body[..] };
                    if body[0] == FINISHED {
                        let label: &[u8] = if *side == Side::Client { b"client finished" } else { b"server finished" };
                        let mut expected = [0; 12];
                        prf.fill(&[2; MASTER], label, [&transcript.clone().hash(), &[]], &mut expected);
                        assert_eq!(body, [&[FINISHED, 0, 0, 12][..], &expected].concat());
                    }
                    transcript.push(body);
                }
            }
        }
    }
}
