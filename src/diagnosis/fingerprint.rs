//! Fingerprints: equal for the same fault of the same hop and cause, whoever the users are.
//!
//! What goes in: the finding's code, the cause, the status and first ms-diagnostics number of the refusal, and where
//! it happened: the host that reports it, or, where none does, the leg and its servers' addresses. What stays out:
//! users, Call-IDs, times, frame numbers, ports, and every text. The recipe never changes within a major version,
//! since tickets are told apart by it; a golden test holds it.

use sha2::{Digest as _, Sha256};

use crate::judge::finding::Finding;

/// The name of the recipe.
const RECIPE: &str = "lyncpush fingerprint 1";

/// The fingerprint of a finding and its cause, where one is known: 32 hexadecimal digits.
pub fn of(finding: &Finding, cause: Option<&str>) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        // The length goes first, so that no two lists of parts are the same octets.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(RECIPE);
    part(finding.code);
    part(cause.unwrap_or_default());
    let refusal = finding.refusal.as_ref();
    part(&refusal.map_or_else(String::new, |refusal| refusal.status.to_string()));
    part(&refusal.and_then(|refusal| refusal.ms_diagnostics).map_or_else(String::new, |id| id.to_string()));
    match refusal.and_then(|refusal| refusal.reported_by.as_deref()) {
        Some(host) => part(&host.trim_end_matches('.').to_ascii_lowercase()),
        None => part(finding.hop.as_deref().unwrap_or_default()),
    }
    hash.finalize().iter().take(16).map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::finding::{Refusal, Severity, make};

    fn refused(status: u16, id: Option<u32>, by: Option<&str>) -> Refusal {
        Refusal { status, ms_diagnostics: id, reported_by: by.map(Into::into), reports: Vec::new() }
    }

    fn finding(code: &'static str, refusal: Option<Refusal>, hop: Option<&str>) -> Finding {
        make(code, Severity::Error, None, "whoever".into(), refusal, Vec::new(), hop)
    }

    /// Tickets depend on these: a change of any of them makes every open fault a new one.
    #[test]
    fn golden() {
        let edge = || Some(refused(504, Some(1009), Some("edge01.example.com")));
        for (finding, cause, expected) in [
            (finding("LP105", edge(), None), Some("domain-not-allowed"), "541c6568e05992e05e68d4c2d597a5a4"),
            (finding("LP105", edge(), None), None, "bc9efc337296b3a2330bba3b16a443c1"),
            (
                finding("LP204", None, Some("mcx 192.0.2.7 192.0.2.7")),
                Some("push-not-made"),
                "fc1eb8b1f7aeae82f2ae760fc27c7976",
            ),
            (finding("LP901", None, None), None, "60b6bf47cf025a597616731a98d48ac2"),
        ] {
            assert_eq!(of(&finding, cause), expected, "{} {cause:?}", finding.code);
        }
    }

    #[test]
    fn everything_that_tells_faults_apart_does() {
        let edge = |status, id, by| finding("LP105", Some(refused(status, id, by)), Some("edge-internal 1 2"));
        let all = [
            of(&edge(504, Some(1009), Some("edge01")), Some("a")),
            of(&edge(504, Some(1009), Some("edge01")), Some("b")),
            of(&edge(504, Some(1009), Some("edge02")), Some("a")),
            of(&edge(504, Some(1008), Some("edge01")), Some("a")),
            of(&edge(404, Some(1009), Some("edge01")), Some("a")),
            of(&edge(504, Some(1009), None), Some("a")),
            of(&finding("LP105", Some(refused(504, Some(1009), None)), Some("edge-internal 1 3")), Some("a")),
            of(&finding("LP108", Some(refused(504, Some(1009), None)), Some("edge-internal 1 2")), Some("a")),
        ];
        let unique: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(unique.len(), all.len(), "{all:?}");
    }

    #[test]
    fn the_host_s_spelling_and_the_address_it_was_seen_at_do_not() {
        let edge = |by, hop| of(&finding("LP105", Some(refused(504, None, Some(by))), Some(hop)), Some("a"));
        assert_eq!(edge("edge01.example.com", "edge-internal 1 2"), edge("EDGE01.Example.com.", "push-internal 3 3"));
    }
}
