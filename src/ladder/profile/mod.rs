//! The definition of a ladder as data: steps, limits, ports, clients and push targets.
//!
//! In: the built-in [`LYNC_MCX`] text and, over it, a user's TOML file. Out: a checked [`Profile`].
//! Nothing Lync-specific that may differ between sites stands in code.

mod steps;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use steps::{Step, StepKey, Steps};

use crate::error::{Error, Result};

/// The built-in profile, as TOML.
pub const LYNC_MCX: &str = include_str!("lync-mcx.toml");

/// Beyond this a head is no head: it is kept for every connection at once, octets.
const LARGEST_HEAD: usize = 16 << 20;
/// Likewise a body.
const LARGEST_BODY: usize = 1 << 30;

/// A ladder definition in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, as reports show it.
    pub name: String,
    /// The push request.
    pub push: Push,
    /// Which call a push belongs to.
    pub join: Join,
    /// Mobile clients.
    pub mobile: Mobile,
    /// Listening ports.
    pub ports: Ports,
    /// How large a SIP message may be.
    pub sip: Sip,
    /// Times that are not of one step.
    pub limits: Limits,
    /// The steps by key.
    pub steps: Steps,
}

/// How the push request is recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// Addresses of the clearing house; a request to the host of any of them is a push.
    pub uris: Vec<String>,
    /// Methods a push is expected to have.
    pub methods: Vec<String>,
    /// Whether a request of another method to the same target is a push too.
    pub accept_other_methods: bool,
    /// Methods that make it a health check.
    pub test_methods: Vec<String>,
    /// User parts that make it a health check.
    pub test_users: Vec<String>,
    /// Host names of the Edge's next hop.
    pub peer_hosts: Vec<String>,
    /// `ms-source-type` values of answers that came from outside.
    pub outside_sources: Vec<String>,
    /// `ms-source-type` values of answers the Edge made itself.
    pub edge_sources: Vec<String>,
}

/// How a push is joined to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// How long before the mobile 180 a push may be seen, milliseconds.
    pub before_ms: u32,
    /// How long after it the push is close in time, milliseconds.
    pub after_ms: u32,
    /// How long a push waits before it is joined, milliseconds of capture time.
    pub settle_ms: u32,
    /// Below this confidence, 0 to 1, a push joins nothing.
    pub min_confidence: f64,
    /// Whether other calls that came into question are listed.
    pub report_rivals: bool,
    /// What each kind of evidence is worth.
    pub weights: Weights,
}

/// The weight of each kind of join evidence, 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The push comes from the endpoint that rang.
    pub epid: f64,
    /// The push comes from the callee's address.
    pub aor: f64,
    /// The call's Call-ID or conversation id stands in the push.
    pub identifier: f64,
    /// The callee's or caller's address stands in the push.
    pub name: f64,
    /// The push comes from the caller's address.
    pub caller: f64,
    /// The push is close to the mobile 180 in time.
    pub time: f64,
    /// No other call to a phone was open.
    pub only: f64,
}

/// Mobile clients and their families.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mobile {
    /// Product tokens of mobility services.
    pub products: Vec<String>,
    /// Client product token → family.
    pub families: BTreeMap<String, Family>,
}

/// A family of mobile clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// What the phone is called in reports.
    pub platform: String,
    /// Major client version → whether it gets a push.
    #[serde(default)]
    pub push: BTreeMap<String, Expectation>,
    /// For versions not listed.
    #[serde(default)]
    pub default: Expectation,
}

/// Whether a client gets a push.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// It does: no push is a fault.
    Yes,
    /// It does not: no push is as it should be.
    No,
    /// Nobody has said.
    #[default]
    Unknown,
}

/// Listening ports by purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// The mobility service's SIP ports.
    pub mobility: Vec<u16>,
    /// SIP of servers and clients.
    pub sip: Vec<u16>,
    /// SIP of remote users, shared with HTTPS.
    pub remote: Vec<u16>,
    /// TLS that is not SIP. What is SIP above stays so.
    ///
    /// Source: Microsoft, "Port and protocol requirements for servers"; IANA's registry for what is no part of Lync.
    pub other: Vec<u16>,
}

impl Ports {
    /// All on which SIP is expected.
    pub fn all(&self) -> impl Iterator<Item = u16> {
        self.sip.iter().chain(&self.mobility).chain(&self.remote).copied()
    }

    /// Whether nothing is known of this one: what is inside TLS there may be SIP.
    pub fn is_foreign(&self, port: u16) -> bool {
        !self.other.contains(&port) && self.all().all(|known| known != port)
    }

    /// Whether servers and phones' services talk SIP to each other on this one.
    pub fn is_of_servers(&self, port: u16) -> bool {
        self.sip.contains(&port) || self.mobility.contains(&port)
    }
}

/// The largest SIP message that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// Octets of a head, its empty line included.
    pub max_head: usize,
    /// Octets of a body.
    pub max_body: usize,
}

/// Times in milliseconds that are not of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// An accepted push slower than this earns a note.
    pub push_slow_ms: u32,
    /// A call without a final response is closed after this.
    pub ring_ms: u32,
    /// How long a finished ladder waits for copies on other legs.
    pub linger_ms: u32,
    /// How long after its hard limit something is still waited for, to be called late.
    pub late_ms: u32,
    /// How long an answered call is remembered.
    pub session_idle_ms: u32,
}

impl Profile {
    /// The built-in profile with what `overrides` (TOML text) says put over it.
    ///
    /// # Errors
    /// One line that names the key, when the text is not TOML, names a key that does not exist, or
    /// gives a value of the wrong kind or outside its range.
    pub fn with_overrides(overrides: &str) -> Result<Self> {
        let mut table = parse(LYNC_MCX)?;
        merge(&mut table, parse(overrides)?);
        let profile: Self = table.try_into().map_err(|error: toml::de::Error| one_line(&error))?;
        profile.check()?;
        Ok(profile)
    }

    /// The built-in profile.
    ///
    /// # Errors
    /// None in practice: a test reads the built-in text.
    pub fn built_in() -> Result<Self> {
        Self::with_overrides("")
    }

    /// The profile as TOML, as `lyncpush profile` prints it.
    ///
    /// # Errors
    /// When a value cannot be written as TOML; none in practice.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::new(format!("cannot print the profile: {error}")))
    }

    /// Puts other clearing house addresses in place of the profile's.
    ///
    /// # Errors
    /// When one of them has no host.
    pub fn set_push_uris(&mut self, uris: &[String]) -> Result<()> {
        if !uris.is_empty() {
            self.push.uris = uris.to_vec();
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        for uri in &self.push.uris {
            if uri_host(uri).is_none() {
                return Err(Error::new(format!("{uri:?} is not a push address: expected sip:user@host")));
            }
        }
        for key in StepKey::ALL {
            let number = self.steps.get(key).number;
            if number != key.number() {
                return Err(Error::new(format!("steps.{}.number must stay {}", key.name(), key.number())));
            }
        }
        if !(1_024..=LARGEST_HEAD).contains(&self.sip.max_head) || self.sip.max_body > LARGEST_BODY {
            return Err(Error::new(format!(
                "sip.max_head must lie between 1024 and {LARGEST_HEAD} octets, sip.max_body below {LARGEST_BODY}"
            )));
        }
        let weights = &self.join.weights;
        let in_range = [
            ("join.min_confidence", self.join.min_confidence),
            ("join.weights.epid", weights.epid),
            ("join.weights.aor", weights.aor),
            ("join.weights.identifier", weights.identifier),
            ("join.weights.name", weights.name),
            ("join.weights.caller", weights.caller),
            ("join.weights.time", weights.time),
            ("join.weights.only", weights.only),
        ];
        match in_range.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            Some((key, value)) => Err(Error::new(format!("{key} = {value} is not between 0 and 1"))),
            None => Ok(()),
        }
    }

    /// Whether the client with this product token and version gets a push, and the family's platform.
    pub fn family(&self, product: &str, version: Option<&str>) -> Option<(&str, &Family, Expectation)> {
        let (name, family) = self.mobile.families.iter().find(|(name, _)| name.eq_ignore_ascii_case(product))?;
        let major = version.and_then(|version| version.split('.').next());
        let expectation = major.and_then(|major| family.push.get(major)).copied().unwrap_or(family.default);
        Some((name, family, expectation))
    }
}

/// The host of a SIP URI as people write it on a command line, without brackets, parameters or port.
pub fn uri_host(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("sips:").or_else(|| uri.strip_prefix("sip:"))?;
    let after_user = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = after_user.split([';', '?', ':']).next()?;
    (!host.is_empty() && !host.contains(char::is_whitespace)).then_some(host)
}

fn parse(text: &str) -> Result<toml::Table> {
    text.parse::<toml::Table>().map_err(|error| one_line(&error))
}

fn one_line(error: &toml::de::Error) -> Error {
    Error::new(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Puts every value of `over` into `base`, table by table.
fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profile_reads_and_prints_and_reads_again() {
        let profile = Profile::built_in().unwrap();
        assert_eq!(Profile::with_overrides(&profile.to_toml().unwrap()).unwrap(), profile);
    }

    #[test]
    fn every_key_that_is_overridden_changes_and_nothing_else() {
        let profile = Profile::with_overrides(
            "[limits]\npush_slow_ms = 1\n[steps.push-accepted]\nlimit_ms = 7\n[mobile.families.WPLync.push]\n6 = 'yes'",
        )
        .unwrap();
        assert_eq!(profile.limits.push_slow_ms, 1);
        assert_eq!(profile.limits.ring_ms, 180_000);
        assert_eq!(profile.steps.get(StepKey::PushAccepted).limit_ms, 7);
        assert_eq!(profile.steps.get(StepKey::PushAccepted).number, 8);
        assert_eq!(profile.family("wplync", Some("6.1")).unwrap().2, Expectation::Yes);
        assert_eq!(profile.family("WPLync", Some("4.1.7947.0")).unwrap().2, Expectation::Yes);
    }

    #[test]
    fn bad_profiles_are_refused_in_one_line() {
        for (text, expected) in [
            ("[limits]\npush_slowly_ms = 1", "push_slowly_ms"),
            ("[limits]\npush_slow_ms = 'x'", "push_slow_ms"),
            ("[limits", ""),
            ("[push]\nuris = ['push.lync.com']", "push.lync.com"),
            ("[steps.invite]\nnumber = 4", "steps.invite.number"),
            ("[join]\nmin_confidence = 3.0", "min_confidence"),
            ("[sip]\nmax_head = 0", "sip.max_head"),
            ("[ports]\nother = [65536]", "65536"),
            ("[ports]\nother = 8443", "8443"),
            ("[ports]\nothers = [8443]", "others"),
        ] {
            let error = Profile::with_overrides(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn ports_of_which_nothing_is_known() {
        let foreign = |overrides: &str, port| Profile::with_overrides(overrides).unwrap().ports.is_foreign(port);
        for port in [5060, 5061, 5086, 5089, 443, 444, 448, 636, 3389, 4443, 8057, 8061, 8080, 50_003] {
            assert!(!foreign("", port), "{port}");
        }
        // Other SIP of a Front End, and what may be anything.
        for port in [5041, 5062, 5065, 5076, 5081, 8404, 8443, 5099] {
            assert!(foreign("", port), "{port}");
        }
        assert!(!foreign("[ports]\nother = [8443]", 8443) && foreign("[ports]\nother = [8443]", 444));
        assert!(!foreign("[ports]\nsip = [5061, 5099]\nother = []", 5099));
        assert!(foreign("[ports]\nremote = []\nother = []", 443));
    }

    #[test]
    fn who_gets_a_push() {
        let profile = Profile::built_in().unwrap();
        for (product, version, expected) in [
            ("WPLync", "4.1", Expectation::Yes),
            ("WPLync", "5.4", Expectation::Yes),
            ("iPhoneLync", "4.0", Expectation::Yes),
            ("iPhoneLync", "5.0", Expectation::No),
            ("iPhoneLync", "6.0", Expectation::Unknown),
            ("AndroidLync", "4.0", Expectation::No),
            ("NokiaLync", "4.0", Expectation::No),
            ("LWA", "5.0", Expectation::No),
        ] {
            assert_eq!(profile.family(product, Some(version)).unwrap().2, expected, "{product}/{version}");
        }
        assert!(profile.family("Unheard", None).is_none());
    }

    #[test]
    fn hosts_of_push_addresses() {
        for (uri, expected) in [
            ("sip:push@push.lync.com", Some("push.lync.com")),
            ("sip:push.lync.com", Some("push.lync.com")),
            ("sips:push@push.lync.com:5061;transport=tls", Some("push.lync.com")),
            ("push@push.lync.com", None),
            ("sip:", None),
        ] {
            assert_eq!(uri_host(uri), expected, "{uri}");
        }
    }
}
