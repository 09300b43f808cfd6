//! TLS handshakes that came to nothing, and which of them ladders cite.

use std::collections::HashMap;

use crate::flow::{Flow, Side};
use crate::frame::FrameRef;
use crate::report::model::{Citation, Finding, Tls, common_names};

/// Handshakes remembered that ladders cite; further ones are told of twice.
const MAX_CITED: usize = 4_096;

/// A TLS handshake that was refused or broken off.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its endpoints.
    pub flow: Flow,
    /// The frame that shows it.
    pub at: FrameRef,
    /// What was said of why: equal for the same fault.
    pub cause: String,
    /// Who refused it, in words.
    pub how: String,
    /// The side that does not take the other one's certificate, where that is why.
    pub distrusting: Option<Side>,
    /// What it showed of itself.
    pub tls: Tls,
}

impl Refused {
    /// The frame that shows it.
    pub const fn citation(&self) -> Citation {
        Citation { input: self.at.input, frame: self.at.number }
    }

    /// Whether the server is one of these hosts, by what either side calls it.
    pub fn is_with(&self, hosts: &[&str]) -> bool {
        let certificate = self.tls.certificate.as_ref();
        let names = certificate.into_iter().flat_map(|certificate| &certificate.names).chain(&self.tls.server_name);
        let common = certificate.into_iter().flat_map(|certificate| common_names(&certificate.subject));
        let mut all = names.map(String::as_str).chain(common);
        all.any(|name| hosts.iter().any(|host| host.trim_end_matches('.').eq_ignore_ascii_case(name)))
    }
}

/// Handshakes that ladders cite: the cause of the finding that cites each, and its code.
#[derive(Debug, Default)]
pub(in crate::report) struct Cited(HashMap<Citation, (String, String)>);

impl Cited {
    /// Takes note of a handshake, if one of these findings cites it.
    pub(super) fn note(&mut self, handshake: &Refused, findings: &[Finding]) {
        if self.0.len() < MAX_CITED
            && let Some(finding) = findings.iter().find(|finding| finding.tls.is_some())
            && let Some(cause) = &finding.cause
        {
            self.0.entry(handshake.citation()).or_insert_with(|| (cause.clone(), finding.code.clone()));
        }
    }

    /// The cause and the code of the finding that cites a handshake.
    pub(in crate::report) fn get(&self, handshake: &Refused) -> Option<&(String, String)> {
        self.0.get(&handshake.citation())
    }
}
