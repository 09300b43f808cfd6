//! What the captures could show, what could not be read, and why.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

pub use crate::ladder::leg::Leg;
pub use crate::unreadable::UnreadableReason;

/// What the captures could show and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Coverage {
    /// Which legs are in view.
    pub legs: Legs,
    /// Whole SIP messages read.
    pub sip_messages: u64,
    /// SIP messages that break the grammar; what could be read of them was used.
    pub sip_malformed: u64,
    /// Connections by what they carry.
    pub streams: Streams,
    /// Holes inside SIP streams: bytes that were sent but are not in the capture.
    pub gaps: u64,
    /// Octets lost in those holes.
    pub gap_bytes: u64,
    /// Streams that could not be read, and why.
    pub unreadable: Vec<Unreadable>,
    /// What was given to read TLS with; null when nothing was.
    pub keys: Option<KeyCounts>,
    /// What became of every frame.
    pub frames: FrameCounts,
    /// Defects met on the way, by kind.
    pub anomalies: Vec<AnomalyCount>,
}

/// Which legs of the push exchange the captures show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Legs {
    /// Caller to Front End.
    pub caller: bool,
    /// Front End to the mobility service.
    pub mcx: bool,
    /// The push request's first hop, inside the pool.
    pub push_internal: bool,
    /// Front End or Director to the Edge's internal side.
    pub edge_internal: bool,
    /// The Edge's external side to the push clearing house.
    pub edge_external: bool,
}

impl Legs {
    /// Whether `leg` is in view.
    pub const fn covers(&self, leg: Leg) -> bool {
        match leg {
            Leg::Caller => self.caller,
            Leg::Mcx => self.mcx,
            Leg::PushInternal => self.push_internal,
            Leg::EdgeInternal => self.edge_internal,
            Leg::EdgeExternal => self.edge_external,
        }
    }
}

/// Connections by what they carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Streams {
    /// TCP connections.
    pub tcp: u64,
    /// TLS connections among them.
    pub tls: u64,
    /// TLS connections that could be decrypted.
    pub tls_decrypted: u64,
    /// Connections with Microsoft SIP compression.
    pub compressed: u64,
}

/// A stream that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unreadable {
    /// Its endpoints: `client > server`.
    pub stream: String,
    /// Why it could not be read.
    pub reason: UnreadableReason,
    /// The same in words, with what would help.
    pub detail: String,
    /// Frames of the stream.
    pub frames: u64,
    /// What its handshake shows; null for a stream without TLS.
    pub tls: Option<Tls>,
}

/// What a TLS connection shows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tls {
    /// The version agreed on.
    pub version: Option<String>,
    /// The cipher suite agreed on; its number if it is one that is not read.
    pub suite: Option<String>,
    /// The host name the client asked for.
    pub server_name: Option<String>,
    /// The server's certificate, where it can be seen.
    pub certificate: Option<Certificate>,
    /// The client's certificate, where there is one and it can be seen.
    pub client_certificate: Option<Certificate>,
    /// The first alert, a fatal one before others.
    pub alert: Option<String>,
    /// Whether the session was agreed on in an earlier connection.
    pub resumed: bool,
    /// Kinds of secret that were found and tried; where none was found, what was searched in vain: `key log`, `RSA key`,
    /// `key log in the capture`. So a list that is not empty does not say that a secret was found, and an RSA key stands
    /// in it either way: the `reason` and `detail` beside it tell.
    pub secrets_tried: Vec<String>,
}

/// A certificate that passed over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The last moment it is valid.
    pub not_after: String,
    /// Names and addresses in its subject alternative name; the first few.
    pub names: Vec<String>,
    /// The certificates that were sent with it to vouch for it, in that order; the first few.
    pub chain: Vec<Issuer>,
}

/// A certificate that was sent to vouch for another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Issuer {
    /// Whom it names.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The last moment it is valid.
    pub not_after: String,
}

/// The common names in the name of a certificate, as RFC 4514 writes it.
///
/// Source: RFC 4514 §2.3 and §3.
pub fn common_names(distinguished: &str) -> impl Iterator<Item = &str> {
    distinguished.split(',').filter_map(|part| part.trim().strip_prefix("CN="))
}

/// What was given to read TLS with, secrets inside captures included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyCounts {
    /// Lines of key logs that gave a secret.
    pub secrets: u64,
    /// Lines of key logs that are well formed and of no use here, like those of exporter secrets.
    pub unused: u64,
    /// Lines of key logs that say nothing that is understood.
    pub skipped: u64,
    /// RSA keys of servers.
    pub rsa_keys: u64,
}

/// What became of every frame: `read` is `used` plus everything set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FrameCounts {
    /// Frames read from all inputs.
    pub read: u64,
    /// Frames that reached TCP or UDP.
    pub used: u64,
    /// Frames that did not, by reason.
    pub set_aside: BTreeMap<String, u64>,
}

/// Defects of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnomalyCount {
    /// What kind, by its stable name.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// The first few of them.
    pub first: Vec<AnomalyCitation>,
}

/// One defect and the frame that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnomalyCitation {
    /// Index into `inputs`.
    pub input: u16,
    /// Frame number in that input, 1-based.
    pub frame: u64,
    /// What exactly.
    pub detail: String,
}
