//! A ticket system on loopback, written by hand: it takes documents, and does whatever a test wants it to do.
//!
//! In: what to do with each connection, in their order; the last goes on for ever. Out: the requests that came.
//! Each connection carries one request.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// What is done with a connection after its request was read.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// An answer with this status.
    Status(u16),
    /// The same with a header.
    With(u16, &'static str, &'static str),
    /// No answer, until the other side gives up.
    Stall,
    /// The connection is closed instead of an answer.
    Close,
    /// An answer that ends in the middle of its head.
    Half,
    /// An answer in another protocol.
    Garbage,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first line.
    pub line: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Request {
    /// The value of a header.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).1
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A ticket system that listens.
pub struct Endpoint {
    address: SocketAddr,
    scheme: &'static str,
    taken: Arc<Mutex<Vec<Request>>>,
}

impl Endpoint {
    /// One that speaks HTTP.
    pub fn start(replies: &[Reply]) -> Self {
        Self::listen(replies, None)
    }

    /// One that speaks HTTPS with a certificate (PEM) and its key.
    pub fn start_tls(replies: &[Reply], certificate: &str, key: &str) -> Self {
        let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a server");
        Self::listen(replies, Some(Arc::new(config)))
    }

    fn listen(replies: &[Reply], tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let taken = Arc::default();
        let (replies, shared) = (replies.to_vec(), Arc::clone(&taken));
        thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                let reply = *replies.get(at).or(replies.last()).expect("a reply");
                let (tls, taken) = (tls.clone(), Arc::clone(&shared));
                // Of its own, so that one that stalls holds up nobody. One that fails is the other side's doing.
                thread::spawn(move || match tls {
                    None => serve(stream, reply, &taken),
                    Some(config) => {
                        let session = ServerConnection::new(config).expect("a session");
                        serve(StreamOwned::new(session, stream), reply, &taken)
                    }
                });
            }
        });
        Self { address, scheme, taken }
    }

    /// Its address with this path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.taken.lock().expect("the requests").clone()
    }
}

/// An address at which nobody listens, now and as long as the tests run: it is the near end of a connection that stays.
/// An address that were let go could be given to an endpoint of a test beside this one.
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let stream = TcpStream::connect(listener.local_addr().expect("an address")).expect("loopback");
    let address = stream.local_addr().expect("an address");
    std::mem::forget((listener, stream));
    format!("http://{address}/")
}

fn serve(mut stream: impl Read + Write, reply: Reply, taken: &Mutex<Vec<Request>>) -> io::Result<()> {
    let request = read(&mut stream)?;
    taken.lock().expect("the requests").push(request);
    let answer = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status} So\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"),
        Reply::With(status, name, value) => {
            format!("HTTP/1.1 {status} So\r\n{name}: {value}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Reply::Half => "HTTP/1.1 20".to_owned(),
        Reply::Garbage => "\u{0}\u{1}SSH-2.0-nothing of this is HTTP\r\n\r\n".to_owned(),
        Reply::Close => String::new(),
        Reply::Stall => {
            // Ends when the other side closes.
            while stream.read(&mut [0; 512])? > 0 {}
            return Ok(());
        }
    };
    stream.write_all(answer.as_bytes())?;
    stream.flush()
}

fn read(stream: &mut impl Read) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet)?;
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Request { line, headers, body: String::from_utf8(body).map_err(io::Error::other)? })
}
