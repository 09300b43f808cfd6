//! `--pseudonyms`: a report that can leave the house.
//!
//! Users, display names, domains, hosts, addresses, Call-IDs, epids, conversations and file names become stand-ins:
//! the same name the same one throughout a report, different names different ones. Frame numbers, ports, times,
//! products and numbers stay. It is done on the model, before any format is written, so that no format can forget it.
//! Fingerprints and ladder ids are hashes and stay: they are how two reports are compared.

mod names;
mod prose;

use super::model::{Diagnosis, Finding, Input, Ladder, Mobile, Report, Step};
use crate::ladder::profile::Profile;
use names::Names;
use prose::Known;

/// Endings of file names that say what a file is, and nothing else.
const ENDINGS: &[&str] = &["pcap", "pcapng", "cap", "ntar", "gz", "zst"];
/// A word shorter than this is no name to look for in a sentence.
const SHORTEST: usize = 3;

/// The stand-ins of one report. Grows with the number of different names in it.
#[derive(Debug)]
pub struct Pseudonyms {
    names: Names,
}

impl Pseudonyms {
    /// No name seen yet. What everybody knows stays: the names of Microsoft's clearing house, as the built-in
    /// profile has them.
    ///
    /// # Errors
    /// None in practice: a test reads the built-in profile.
    pub fn new() -> crate::error::Result<Self> {
        let push = Profile::built_in()?.push;
        Ok(Self { names: Names::new(push.uris, push.peer_hosts) })
    }

    /// Puts stand-ins into a whole report.
    pub fn report(&mut self, report: &mut Report) {
        let known = self.inputs(&mut report.inputs);
        for unreadable in &mut report.coverage.unreadable {
            self.text(&mut unreadable.stream, &known);
            self.text(&mut unreadable.detail, &known);
        }
        for citation in report.coverage.anomalies.iter_mut().flat_map(|anomaly| &mut anomaly.first) {
            self.text(&mut citation.detail, &known);
        }
        for ladder in &mut report.ladders {
            let known = self.ladder(ladder);
            for at in &ladder.findings {
                let found = usize::try_from(*at).ok().and_then(|at| report.findings.get_mut(at));
                found.into_iter().for_each(|finding| self.finding(finding, &known));
            }
        }
        let wide = report.findings.iter_mut().filter(|finding| finding.ladder.is_none());
        wide.for_each(|finding| self.finding(finding, &known));
    }

    /// The stand-in of a capture's path: its number, and what its name says of the format.
    pub fn capture(&mut self, path: &str) -> String {
        if path == "-" {
            return path.to_owned();
        }
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let endings: Vec<&str> = name.split('.').skip(1).filter(|part| ENDINGS.contains(part)).collect();
        let stem = format!("capture{}", self.names.file(path));
        [&[stem.as_str()], endings.as_slice()].concat().join(".")
    }

    /// Puts stand-ins into one ladder and its findings, as they come.
    pub fn closed(&mut self, ladder: &mut Ladder, findings: &mut [Finding]) {
        let known = self.ladder(ladder);
        findings.iter_mut().for_each(|finding| self.finding(finding, &known));
    }

    fn inputs(&mut self, inputs: &mut [Input]) -> Known {
        let mut known = Known::default();
        for input in inputs.iter_mut() {
            let stand_in = self.capture(&input.path);
            known.add(&input.path, &stand_in);
            known.add(input.path.rsplit(['/', '\\']).next().unwrap_or_default(), &stand_in);
            input.path = stand_in;
        }
        for detail in inputs.iter_mut().filter_map(|input| input.ended_detail.as_mut()) {
            self.text(detail, &known);
        }
        known
    }

    /// One ladder; gives the names that its findings may hold in a sentence.
    fn ladder(&mut self, ladder: &mut Ladder) -> Known {
        let mut known = Known::default();
        for user in [&mut ladder.caller, &mut ladder.callee].into_iter().flatten() {
            let stand_in = self.names.uri(user);
            let bare = |uri: &str| {
                let user = uri.split_once('@').map_or(uri, |(user, _)| user);
                user.split_once(':').map_or(user, |(_, user)| user).to_owned()
            };
            known.add(user, &stand_in);
            if !self.names.is_kept(user) {
                known.add(&bare(user), &bare(&stand_in));
            }
            *user = stand_in;
        }
        if let Some(name) = &mut ladder.callee_name {
            let stand_in = self.names.display_name(name, ladder.callee.as_deref());
            known.add(name, &stand_in);
            *name = stand_in;
        }
        let calls = ladder.call_id.iter_mut().chain(&mut ladder.push_call_ids);
        let rivals = ladder.join.iter_mut().flat_map(|join| &mut join.rivals).map(|rival| &mut rival.call_id);
        for call_id in calls.chain(rivals) {
            known.replace(call_id, self.names.call(call_id));
        }
        if let Some(conversation) = &mut ladder.conversation_id {
            known.replace(conversation, self.names.conversation(conversation));
        }
        if let Some(mobile) = &mut ladder.mobile {
            self.mobile(mobile, &mut known);
        }
        for step in &mut ladder.steps {
            self.step(step, &known);
        }
        if let Some(diagnosis) = &mut ladder.diagnosis {
            self.diagnosis(diagnosis, &known);
        }
        known
    }

    fn mobile(&mut self, mobile: &mut Mobile, known: &mut Known) {
        if let Some(epid) = &mut mobile.epid {
            known.replace(epid, self.names.epid(epid));
        }
        // Versions stay as they are: some look like addresses.
        let texts = [&mut mobile.server, &mut mobile.service, &mut mobile.client];
        for text in texts.into_iter().chain([&mut mobile.platform, &mut mobile.device]).flatten() {
            self.text(text, known);
        }
    }

    fn step(&mut self, step: &mut Step, known: &Known) {
        if let Some(detail) = &mut step.detail {
            self.text(detail, known);
        }
        for evidence in &mut step.evidence {
            evidence.from = self.names.endpoint(&evidence.from);
            evidence.to = self.names.endpoint(&evidence.to);
            evidence.summary = prose::summary(&evidence.summary, known, &mut self.names);
            // Messages as they were are full of names that nothing here knows.
            evidence.text = None;
        }
    }

    fn diagnosis(&mut self, diagnosis: &mut Diagnosis, known: &Known) {
        self.text(&mut diagnosis.evidence, known);
        let remedy = &mut diagnosis.remedy;
        for command in remedy.check.iter_mut().chain(&mut remedy.change) {
            self.text(&mut command.place, known);
            self.text(&mut command.command, known);
        }
        for ruled_out in &mut diagnosis.ruled_out {
            self.text(&mut ruled_out.why, known);
        }
    }

    fn finding(&mut self, finding: &mut Finding, known: &Known) {
        let mut known = known.clone();
        if let Some(diagnostics) = &mut finding.diagnostics {
            let reported = diagnostics.reported.iter_mut().map(|reported| &mut reported.reported_by);
            for host in std::iter::once(&mut diagnostics.reported_by).chain(reported).flatten() {
                let stand_in = self.names.host(host);
                known.replace(host, stand_in);
            }
        }
        self.text(&mut finding.detail, &known);
        if let Some(remedy) = &mut finding.remedy {
            self.text(remedy, &known);
        }
    }

    fn text(&mut self, text: &mut String, known: &Known) {
        *text = prose::text(text, known, &mut self.names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{json, sample};

    fn written(report: &Report) -> String {
        let mut out = Vec::new();
        json::write(report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_name_of_a_report_is_left() {
        for mut report in sample::all() {
            Pseudonyms::new().unwrap().report(&mut report);
            let text = written(&report);
            for name in
                ["alice", "bob", "Bob", "example.com", "ce87b0b1c2d34e5f", "017b2c3d4e5f", "AdKjQw", "3102EB8BD1"]
            {
                assert!(!text.contains(name), "{name} in {text}");
            }
            assert!(!text.contains("trace"), "{text}");
        }
    }

    #[test]
    fn the_same_name_is_the_same_stand_in_and_the_rest_stays() {
        let before = sample::mixed();
        let mut report = before.clone();
        let mut pseudonyms = Pseudonyms::new().unwrap();
        pseudonyms.report(&mut report);
        assert_eq!(report.inputs[0].path, "capture1.pcap");
        for (ladder, real) in report.ladders.iter().zip(&before.ladders) {
            for (stand_in, real) in [(&ladder.caller, &real.caller), (&ladder.callee, &real.callee)] {
                let expected = real.as_deref().map(|real| match real {
                    "sip:alice@example.com" => "sip:user1@domain1.example",
                    "sip:bob@example.com" => "sip:user2@domain1.example",
                    other => panic!("{other}"),
                });
                assert_eq!(stand_in.as_deref(), expected);
            }
            assert_eq!(ladder.callee_name.is_some(), real.callee_name.is_some());
            assert_eq!((&ladder.id, &ladder.started_at), (&real.id, &real.started_at));
            let frames = |ladder: &Ladder| -> Vec<u64> {
                ladder.steps.iter().flat_map(|step| &step.evidence).map(|evidence| evidence.frame).collect()
            };
            assert_eq!(frames(ladder), frames(real));
        }
        // As they come, or at the end: the names are the same.
        let (mut ladder, mut findings) = (before.ladders[0].clone(), before.findings.clone());
        pseudonyms.closed(&mut ladder, &mut findings);
        assert_eq!(ladder, report.ladders[0]);
    }

    #[test]
    fn raw_messages_never_stay() {
        let mut report = sample::broken();
        report.ladders[0].steps[0].evidence[0].text = Some("INVITE sip:bob@example.com SIP/2.0".to_owned());
        Pseudonyms::new().unwrap().report(&mut report);
        assert_eq!(report.ladders[0].steps[0].evidence[0].text, None);
    }
}
