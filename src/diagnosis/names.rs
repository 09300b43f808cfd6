//! Names out of a capture, for commands that people will paste into a shell.
//!
//! Whoever sends SIP chooses what stands in it. A name goes into a command only where it has the shape of a host
//! name or of a user's address in plain ASCII, which holds nothing that PowerShell reads in any other way than as
//! itself; the command has it in single quotes. Everything else is left as a gap such as `<edge>`: PowerShell
//! refuses a command with `<` in it, so that a gap cannot be run by mistake.

use super::case::Case;
use super::causes::Cause;
use crate::ladder::profile::{Profile, uri_host};

/// Octets of the longest host name. Source: RFC 1035 §2.3.4.
const LONGEST_HOST: usize = 253;
/// Octets of its longest label.
const LONGEST_LABEL: usize = 63;
/// Octets of the longest user part: that of an e-mail address.
const LONGEST_USER: usize = 64;

/// The names that commands may hold; `None` where the capture does not show one, or a hostile one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The SIP domain that pushes go to.
    pub push_domain: Option<String>,
    /// The clearing house's proxy.
    pub proxy: Option<String>,
    /// The Edge.
    pub edge: Option<String>,
    /// Who reports the failure.
    pub reporter: Option<String>,
    /// The server that the report is about.
    pub peer: Option<String>,
    /// The user in whose name the push is sent, without a scheme.
    pub user: Option<String>,
    /// That user's SIP domain.
    pub sip_domain: Option<String>,
}

impl Names {
    /// The names of one ladder. Where several hosts report, the one whose number says the cause counts.
    pub fn of(case: &Case<'_>, cause: &Cause) -> Self {
        let mut told = case.told();
        told.sort_by_key(|told| !cause.numbers.contains(&told.report.id));
        let reports = || told.iter().map(|told| told.report);
        let documented = Self::documented(case.profile);
        let push_domain = case.push().and_then(|push| host(&push.host));
        let answers = case.push().into_iter().flat_map(|push| &push.answers);
        let edge = answers.filter_map(|answer| answer.edge.as_deref()).find_map(host);
        let reporter = reports().find_map(|report| report.source.as_deref()).and_then(host);
        let made_by_edge = case.is_made_by_edge() || case.is_from_outside();
        // A push may be sent for the caller: policies are those of its sender.
        let sender = case.push().and_then(|push| push.sender.as_deref());
        let user = sender.or(case.ladder.callee.as_deref()).and_then(user);
        Self {
            push_domain: push_domain.or(documented.push_domain),
            proxy: documented.proxy,
            edge: edge.or_else(|| reporter.clone().filter(|_| made_by_edge)),
            peer: reports().find_map(|report| report.peer.as_deref()).and_then(host),
            reporter,
            sip_domain: user.as_deref().and_then(|user| user.rsplit_once('@')).map(|(_, domain)| domain.to_owned()),
            user,
        }
    }

    /// The names that are known without a capture: those of the profile.
    pub fn documented(profile: &Profile) -> Self {
        Self {
            push_domain: profile.push.uris.first().and_then(|uri| uri_host(uri)).and_then(host),
            proxy: profile.push.peer_hosts.first().and_then(|peer| host(peer)),
            ..Self::default()
        }
    }

    /// The name for a gap, as templates call it.
    pub fn get(&self, gap: &str) -> Option<&str> {
        match gap {
            "push-domain" => &self.push_domain,
            "proxy" => &self.proxy,
            "edge" => &self.edge,
            "reporter" => &self.reporter,
            "peer" => &self.peer,
            "user" => &self.user,
            "sip-domain" => &self.sip_domain,
            _ => &None,
        }
        .as_deref()
    }
}

/// A host name in lower case, if it looks like one: letters, digits and hyphens in labels.
///
/// Source: RFC 1123 §2.1.
pub fn host(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (name.len() <= LONGEST_HOST && name.split('.').all(is_label)).then(|| name.to_ascii_lowercase())
}

/// A user's address without its scheme, if it looks like one: a plain user part at a host.
fn user(address: &str) -> Option<String> {
    let address = address.strip_prefix("sips:").or_else(|| address.strip_prefix("sip:")).unwrap_or(address);
    let (user, domain) = address.split_once('@')?;
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-' | b'+');
    let fits = (1..=LONGEST_USER).contains(&user.len()) && user.bytes().all(plain) && !user.starts_with('-');
    if fits { Some(format!("{user}@{}", host(domain)?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for name in ["edge01.example.com", "fe01", "xn--bcher-kva.example", "192.0.2.9", "a.b.c.d"] {
            assert_eq!(host(name).as_deref(), Some(name));
        }
        assert_eq!(host("Edge01.EXAMPLE.com.").as_deref(), Some("edge01.example.com"));
    }

    #[test]
    fn what_is_no_host_never_reaches_a_command() {
        for name in [
            "",
            ".",
            "-Force",
            "a..b",
            "a b",
            "a'; Remove-Item C:\\ -Recurse; '",
            "a\u{2019}; calc; \u{2018}",
            "$(calc)",
            "`whoami`",
            "a\nb",
            "a\u{0}b",
            "edge01.example.com;calc",
            "a&b",
            "a|b",
            "<script>",
            "\"",
            "bücher.example",
            "a_b",
            "edge-.example.com",
            &"a".repeat(64),
            &"a.".repeat(130),
        ] {
            assert_eq!(host(name), None, "{name:?}");
        }
    }

    #[test]
    fn users() {
        assert_eq!(user("sip:Bob.Smith+1@Example.com").as_deref(), Some("Bob.Smith+1@example.com"));
        for address in ["", "bob", "@example.com", "bob@", "b'ob@example.com", "-bob@a", "b ob@a", "bob@a@b", "bob@a;b"]
        {
            assert_eq!(user(address), None, "{address:?}");
        }
    }
}
