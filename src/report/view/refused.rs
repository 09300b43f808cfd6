//! TLS handshakes that came to nothing, what pushes waited for in vain, and which of it ladders cite.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::Dialed;
use crate::flow::{Flow, Side};
use crate::frame::FrameRef;
use crate::report::model::{Certificate, Citation, Finding, Tls, common_names};

/// How much is remembered that ladders cite; what is beyond that is told of twice.
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
    /// What the server speaks in place of TLS, where it answered in plain text.
    pub plainly: Option<&'static str>,
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
        let mut names = names(self.tls.certificate.as_ref()).chain(self.tls.server_name.as_deref());
        names.any(|name| is_one_of(name, hosts))
    }

    /// Whether either side is one of these hosts, likewise.
    pub fn is_between(&self, hosts: &[&str]) -> bool {
        self.is_with(hosts) || names(self.tls.client_certificate.as_ref()).any(|name| is_one_of(name, hosts))
    }
}

/// The names of a certificate.
fn names(certificate: Option<&Certificate>) -> impl Iterator<Item = &str> {
    certificate
        .into_iter()
        .flat_map(|Certificate { names, subject, .. }| names.iter().map(String::as_str).chain(common_names(subject)))
}

fn is_one_of(name: &str, hosts: &[&str]) -> bool {
    hosts.iter().any(|host| host.trim_end_matches('.').eq_ignore_ascii_case(name))
}

/// What a push waited for, and what came to nothing.
#[derive(Clone, Debug)]
pub enum Waited {
    /// A TLS handshake.
    Handshake(Box<Refused>),
    /// A connection.
    Connection {
        /// What was dialed.
        dialed: Dialed,
        /// Whether that was the Edge, from inside.
        to_edge: bool,
        /// Whether it cannot have been another server that it waited for.
        sure: bool,
    },
}

impl Waited {
    /// The connections that it was about.
    pub fn flows(&self) -> &[Flow] {
        match self {
            Self::Handshake(refused) => std::slice::from_ref(&refused.flow),
            Self::Connection { dialed, .. } => &dialed.flows,
        }
    }

    /// Frames that show it.
    pub(super) fn citations(&self) -> Vec<Citation> {
        match self {
            Self::Handshake(refused) => vec![refused.citation()],
            Self::Connection { dialed, .. } => dialed.citations().collect(),
        }
    }

    fn subject(&self) -> Subject {
        match self {
            Self::Handshake(refused) => Subject::Handshake(refused.citation()),
            Self::Connection { dialed, .. } => Subject::of_connection(dialed),
        }
    }
}

/// What findings about the whole capture and those of ladders have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::report) enum Subject {
    /// The handshake that this frame shows.
    Handshake(Citation),
    /// The server that is dialed in vain, and whether a RST says so.
    Connection(SocketAddr, bool),
}

impl Subject {
    pub(in crate::report) const fn of_connection(dialed: &Dialed) -> Self {
        Self::Connection(dialed.server, dialed.refused)
    }
}

/// Handshakes and connections that ladders cite: the cause of the finding that cites each, and its code.
#[derive(Debug, Default)]
pub(in crate::report) struct Cited(HashMap<Subject, (String, String)>);

impl Cited {
    /// Takes note of what a push waited for, which `finding` cites.
    pub(super) fn note(&mut self, waited: &Waited, finding: &Finding) {
        if self.0.len() < MAX_CITED
            && let Some(cause) = &finding.cause
        {
            self.0.entry(waited.subject()).or_insert_with(|| (cause.clone(), finding.code.clone()));
        }
    }

    /// The cause and the code of the finding that cites one of these.
    pub(in crate::report) fn get(&self, mut subjects: impl Iterator<Item = Subject>) -> Option<&(String, String)> {
        subjects.find_map(|subject| self.0.get(&subject))
    }
}
