//! One request: a document to an endpoint, and what the answer means.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use sha2::{Digest as _, Sha256};
use ureq::Agent;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::backoff::Patience;
use super::headers::Headers;
use super::spool::Document;
use crate::error::{Error, Result, reason};

/// The longest wait that an endpoint may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// How the program calls itself.
const USER_AGENT: &str = concat!("lyncpush/", env!("CARGO_PKG_VERSION"));

/// Where tickets go. Paths and queries of webhooks are secrets: only the host is ever shown.
#[derive(Clone)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// Says what is wrong with it, without showing it.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| "expected http://HOST/… or https://HOST/…".to_owned())?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        match uri.scheme_str() {
            Some("http" | "https") if !authority.is_empty() => {}
            _ => return Err("expected http://HOST/… or https://HOST/…".to_owned()),
        }
        if authority.contains('@') {
            return Err("credentials belong into a file, as a header: --post-header-file FILE".to_owned());
        }
        Ok(Self(uri))
    }

    /// A name for the endpoint that tells nothing of it: the spool's.
    pub(super) fn digest(&self) -> String {
        Sha256::digest(self.0.to_string().as_bytes()).iter().take(8).map(|octet| format!("{octet:02x}")).collect()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.0.scheme_str().unwrap_or_default())?;
        f.write_str(self.0.authority().map_or("", |authority| authority.as_str()))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The document was taken.
    Taken,
    /// It may be taken later, after the time that was asked for.
    Later(Option<Duration>, String),
    /// It will never be.
    Refused(String),
    /// Nothing will be, as things are.
    Closed(String),
}

/// Sends documents to one endpoint.
pub(super) struct Client {
    agent: Agent,
    endpoint: Endpoint,
    headers: Headers,
    timeout: Duration,
}

impl Client {
    /// A client that trusts the certificates `ca`, or those that the system trusts.
    ///
    /// Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`, …). Redirections are never followed: they
    /// would carry credentials elsewhere, or make a POST a GET.
    pub(super) fn new(endpoint: Endpoint, headers: Headers, ca: Option<&[u8]>, patience: Patience) -> Result<Self> {
        let roots = ca.map_or(Ok(RootCerts::PlatformVerifier), certificates)?;
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(roots)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(patience.timeout))
            .tls_config(tls)
            .user_agent(USER_AGENT)
            .build();
        Ok(Self { agent: config.new_agent(), endpoint, headers, timeout: patience.timeout })
    }

    /// Sends a document once.
    pub(super) fn post(&self, document: &Document) -> Answer {
        let mut request = self
            .agent
            .post(&self.endpoint.0)
            .header("idempotency-key", &document.key)
            .header("content-type", &document.content_type);
        for (name, value) in self.headers.iter() {
            request = request.header(name, value);
        }
        match request.send(document.body.as_bytes()) {
            Ok(response) => answered(&response),
            Err(error) => self.failed(&error),
        }
    }

    /// What a failure means, in our own words: those of the library may hold the address.
    fn failed(&self, error: &ureq::Error) -> Answer {
        let later = |why: String| Answer::Later(None, why);
        match error {
            ureq::Error::Rustls(error) => Answer::Closed(distrusted(error)),
            ureq::Error::Io(error) => match in_tls(error) {
                Some(error) => Answer::Closed(distrusted(error)),
                None => later(reason(error)),
            },
            ureq::Error::Timeout(_) => later(format!("no answer within {} s", self.timeout.as_secs_f64())),
            ureq::Error::HostNotFound => later("host not found".to_owned()),
            ureq::Error::ConnectProxyFailed(_) => later("the proxy refused".to_owned()),
            ureq::Error::ConnectionFailed => later("no connection".to_owned()),
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
                later("what answers does not speak HTTP".to_owned())
            }
            ureq::Error::InvalidProxyUrl => {
                Answer::Closed("the proxy of the environment has no valid address".to_owned())
            }
            _ => later("the request failed".to_owned()),
        }
    }
}

/// A failure of TLS under one of input and output, where it stands: waiting does not heal it.
fn in_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

fn distrusted(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            format!("its certificate is not trusted ({why}); a private CA is given with --post-ca FILE")
        }
        other => format!("TLS failed: {other}"),
    }
}

/// What a response means.
fn answered<T>(response: &Response<T>) -> Answer {
    let status = response.status();
    let why = format!("the answer was {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Answer::Taken,
        429 | 500..=599 => Answer::Later(wait(response), why),
        300..=399 => Answer::Closed(format!("{why}, and redirections are not followed: give the address it leads to")),
        // About who asks and where, so that it is the same for every document.
        401 | 403 | 404 | 405 | 407 | 410 => Answer::Closed(why),
        _ => Answer::Refused(why),
    }
}

/// The time that the endpoint asks for: seconds, or a date. Source: RFC 9110 §10.2.3.
fn wait<T>(response: &Response<T>) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            u64::try_from(at.as_second().saturating_sub(jiff::Timestamp::now().as_second())).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// The certificates in a PEM file.
fn certificates(pem: &[u8]) -> Result<RootCerts> {
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(Error::new("--post-ca: the file is damaged; certificates in PEM are expected")),
        }
    }
    if found.is_empty() {
        return Err(Error::new("--post-ca: there is no certificate in the file; PEM is expected"));
    }
    Ok(RootCerts::new_with_certs(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, retry_after: Option<&str>) -> Response<()> {
        let mut response = Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        response.body(()).unwrap()
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("https://hooks.example.com/services/T0/secret", Ok("https://hooks.example.com")),
            ("http://[::1]:8080", Ok("http://[::1]:8080")),
            ("ftp://example.com/", Err("expected http://HOST/… or https://HOST/…")),
            ("example.com", Err("expected http://HOST/… or https://HOST/…")),
            ("https://", Err("expected http://HOST/… or https://HOST/…")),
            ("", Err("expected http://HOST/… or https://HOST/…")),
            (
                "https://me:secret@example.com/",
                Err("credentials belong into a file, as a header: --post-header-file FILE"),
            ),
        ] {
            let read = Endpoint::parse(text).map(|endpoint| endpoint.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text}");
        }
        let [one, other] = ["https://a.example/x", "https://a.example/y"].map(|text| Endpoint::parse(text).unwrap());
        assert!(one.digest() != other.digest() && one.digest().len() == 16);
        assert_eq!(format!("{one:?}"), "Endpoint(https://a.example)");
    }

    #[test]
    fn statuses() {
        for status in [200, 201, 202, 204] {
            assert_eq!(answered(&response(status, None)), Answer::Taken);
        }
        for status in [429, 500, 502, 503, 504] {
            assert_eq!(answered(&response(status, None)), Answer::Later(None, format!("the answer was {status}")));
        }
        for status in [400, 409, 413, 415, 422] {
            assert_eq!(answered(&response(status, None)), Answer::Refused(format!("the answer was {status}")));
        }
        for status in [301, 302, 307, 308, 401, 403, 404, 407] {
            assert!(matches!(answered(&response(status, None)), Answer::Closed(_)), "{status}");
        }
    }

    #[test]
    fn waits() {
        let far = Some(LONGEST_WAIT);
        for (value, expected) in [
            ("0", Some(Duration::ZERO)),
            (" 120 ", Some(Duration::from_secs(120))),
            ("99999999999", far),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)),
            ("Tue, 31 Dec 2999 23:59:59 GMT", far),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(wait(&response(503, Some(value))), expected, "{value}");
        }
        assert_eq!(wait(&response(503, None)), None);
    }

    #[test]
    fn certificates_are_pem() {
        for pem in ["", "nothing", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(certificates(pem.as_bytes()).unwrap_err().to_string().starts_with("--post-ca: "), "{pem}");
        }
    }
}
