//! What the search finds a ladder by, beside what its row shows: what a log, a trace or another report calls it.

use super::markup::Text;
use crate::report::model::{Finding, Ladder, Report};
use crate::report::words::findings;

/// Keys of one ladder at most: a page holds thousands of ladders.
const KEYS: usize = 64;

/// The ladder's id, Call-IDs, epid, codes, causes, fingerprints, addresses and hosts, as the value of an attribute:
/// each once, a blank between.
pub fn keys(report: &Report, ladder: &Ladder) -> String {
    let mut keys: Vec<&str> = vec![&ladder.id];
    keys.extend(ladder.call_id.as_deref());
    keys.extend(ladder.push_call_ids.iter().map(String::as_str));
    keys.extend(ladder.mobile.as_ref().and_then(|mobile| mobile.epid.as_deref()));
    keys.extend(ladder.diagnosis.as_ref().map(|diagnosis| diagnosis.cause.as_str()));
    keys.extend(findings(report, ladder).flat_map(of_finding));
    for seen in ladder.steps.iter().flat_map(|step| &step.evidence) {
        keys.extend([seen.from.as_str(), &seen.to]);
        keys.extend(host(&seen.summary));
    }
    let mut once: Vec<&str> = Vec::new();
    for key in keys {
        if once.len() < KEYS && !key.is_empty() && !once.contains(&key) {
            once.push(key);
        }
    }
    // A blank inside a key, which no name has, would make two of it.
    once.into_iter().map(|key| Text(&key.replace(' ', "_")).to_string()).collect::<Vec<_>>().join(" ")
}

/// A finding's own names, and the hosts it names.
fn of_finding(finding: &Finding) -> Vec<&str> {
    let mut keys: Vec<&str> = vec![&finding.code, &finding.fingerprint];
    keys.extend(finding.cause.as_deref());
    if let Some(said) = &finding.diagnostics {
        keys.extend(said.reported_by.as_deref());
        keys.extend(said.reported.iter().filter_map(|one| one.reported_by.as_deref()));
    }
    if let Some(tls) = &finding.tls {
        keys.extend(tls.server_name.as_deref());
        let certificates = [&tls.certificate, &tls.client_certificate];
        keys.extend(certificates.into_iter().flatten().flat_map(|one| &one.names).map(String::as_str));
    }
    keys
}

/// The host that a request goes to: `fe01.example.com` of `INVITE sip:fe01.example.com:5087;transport=tls`.
fn host(summary: &str) -> Option<&str> {
    let (_, uri) = summary.split_once(" sip:").or_else(|| summary.split_once(" sips:"))?;
    let address = uri.split([' ', ';', '?']).next()?;
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    // An address of IPv6 has colons of its own.
    let end = host.find(']').map_or_else(|| host.find(':'), |bracket| Some(bracket + 1));
    host.get(..end.unwrap_or(host.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Evidence;
    use crate::report::sample;

    #[test]
    fn hosts_of_requests() {
        for (summary, expected) in [
            ("INVITE sip:bob@example.com", Some("example.com")),
            ("INVITE sip:fe01.example.com:5087;transport=tls", Some("fe01.example.com")),
            ("MESSAGE sips:…@push.lync.com;opaque=a@b", Some("push.lync.com")),
            ("ACK sip:bob@[2001:db8::1]:5061;gruu", Some("[2001:db8::1]")),
            ("180 Ringing", None),
            ("ACK sip:", Some("")),
        ] {
            assert_eq!(host(summary), expected, "{summary}");
        }
    }

    #[test]
    fn a_ladder_has_each_of_its_names_once_and_no_more_than_a_page_can_hold() {
        let mut report = sample::mixed();
        let all = keys(&report, &report.ladders[1]);
        let keys_of = |all: &str| all.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let ladder = &report.ladders[1];
        for name in [
            ladder.id.as_str(),
            ladder.call_id.as_deref().unwrap(),
            &ladder.push_call_ids[0],
            "3102EB8BD1",
            "domain-not-allowed",
            "LP105",
            &ladder.diagnosis.as_ref().unwrap().fingerprint,
            "192.0.2.7:5086",
            "push.lync.com",
            "edge01.example.com",
        ] {
            assert_eq!(keys_of(&all).iter().filter(|key| *key == name).count(), 1, "{name} in {all}");
        }
        let seen = report.ladders[1].steps[0].evidence[0].clone();
        let copies = (0..1_000).map(|port| Evidence { from: format!("192.0.2.1:{port}"), ..seen.clone() });
        report.ladders[1].steps[0].evidence = copies.collect();
        assert_eq!(keys_of(&keys(&report, &report.ladders[1])).len(), KEYS);
    }
}
