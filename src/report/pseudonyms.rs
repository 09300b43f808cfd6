//! `--pseudonyms`: a report that can leave the house.
//!
//! Users, display names, domains, hosts, addresses, Call-IDs, epids, conversations and file names become stand-ins:
//! the same name the same one throughout a report, different names different ones. Frame numbers, ports, times,
//! products and numbers stay. It is done on the model, before any format is written, so that no format can forget it.
//! Fingerprints and ladder ids are hashes and stay: they are how two reports are compared.

mod names;
mod prose;

use super::model::{
    AnomalyCitation, AnomalyCount, Certificate, Command, Coverage, Diagnosis, Diagnostics, Evidence, Finding, Input,
    Issuer, Join, Ladder, Mobile, Remedy, Report, Reported, Rival, RuledOut, Step, Tls, Unreadable, common_names,
};
use super::wide::in_sentence;
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
        let Report { schema: _, tool: _, inputs, coverage, ladders, findings, summary: _ } = report;
        let known = self.inputs(inputs);
        self.coverage(coverage, &known);
        for ladder in ladders {
            let known = self.ladder(ladder);
            for at in &ladder.findings {
                let found = usize::try_from(*at).ok().and_then(|at| findings.get_mut(at));
                found.into_iter().for_each(|finding| self.finding(finding, &known));
            }
        }
        let wide = findings.iter_mut().filter(|finding| finding.ladder.is_none());
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

    // Every field is named below, so that a new one cannot be forgotten: the compiler asks what is in it. Titles,
    // causes and advice are out of our own tables, and name nobody.

    fn inputs(&mut self, inputs: &mut [Input]) -> Known {
        let mut known = Known::default();
        for input in inputs.iter_mut() {
            let stand_in = self.capture(&input.path);
            known.add(input.path.rsplit(['/', '\\']).next().unwrap_or_default(), &stand_in);
            known.replace(&mut input.path, stand_in);
        }
        for input in inputs {
            let Input {
                path: _,
                format: _,
                frames: _,
                bytes: _,
                first_frame_at: _,
                last_frame_at: _,
                link_types: _,
                clock_offset_ms: _,
                clock_compared: _,
                ended: _,
                ended_detail,
                drops: _,
            } = input;
            self.texts(ended_detail, &known);
        }
        known
    }

    fn coverage(&mut self, coverage: &mut Coverage, known: &Known) {
        let Coverage {
            legs: _,
            sip_messages: _,
            sip_malformed: _,
            streams: _,
            gaps: _,
            gap_bytes: _,
            unreadable,
            frames: _,
            anomalies,
            keys: _,
        } = coverage;
        for Unreadable { stream, reason: _, detail, frames: _, tls } in unreadable {
            self.texts([stream, detail], known);
            self.tls(tls.as_mut(), &mut known.clone());
        }
        for AnomalyCount { kind: _, count: _, first } in anomalies {
            for AnomalyCitation { input: _, frame: _, detail } in first {
                self.text(detail, known);
            }
        }
    }

    /// One ladder; gives the names that its findings may hold in a sentence.
    fn ladder(&mut self, ladder: &mut Ladder) -> Known {
        let Ladder {
            id: _,
            profile: _,
            trigger: _,
            verdict: _,
            broken_at: _,
            started_at: _,
            ended_at: _,
            duration_ms: _,
            caller,
            callee,
            callee_name,
            call_id,
            push_call_ids,
            conversation_id,
            mobile,
            join,
            steps,
            diagnosis,
            findings: _,
        } = ladder;
        let mut known = Known::default();
        for user in [caller, &mut *callee].into_iter().flatten() {
            self.user(user, &mut known);
        }
        if let Some(name) = callee_name {
            known.replace(name, self.names.display_name(name, callee.as_deref()));
        }
        let rivals = join.iter_mut().flat_map(|Join { confidence: _, evidence: _, rivals }| rivals);
        let rivals = rivals.map(|Rival { call_id, confidence: _ }| call_id);
        for call_id in call_id.iter_mut().chain(push_call_ids).chain(rivals) {
            known.replace(call_id, self.names.call(call_id));
        }
        if let Some(conversation) = conversation_id {
            known.replace(conversation, self.names.conversation(conversation));
        }
        if let Some(mobile) = mobile {
            self.mobile(mobile, &mut known);
        }
        for step in steps {
            self.step(step, &known);
        }
        if let Some(diagnosis) = diagnosis {
            self.diagnosis(diagnosis, &known);
        }
        known
    }

    /// A caller or callee, and the user part alone, which a sentence may hold.
    fn user(&mut self, user: &mut String, known: &mut Known) {
        let bare = |uri: &str| {
            let user = uri.split_once('@').map_or(uri, |(user, _)| user);
            user.split_once(':').map_or(user, |(_, user)| user).to_owned()
        };
        let stand_in = self.names.uri(user);
        if !self.names.is_kept(user) {
            known.add(&bare(user), &bare(&stand_in));
        }
        known.replace(user, stand_in);
    }

    fn mobile(&mut self, mobile: &mut Mobile, known: &mut Known) {
        // Versions stay as they are: some look like addresses.
        let Mobile {
            server,
            service,
            service_version: _,
            client,
            client_version: _,
            platform,
            device,
            epid,
            push_expected: _,
        } = mobile;
        if let Some(epid) = epid {
            known.replace(epid, self.names.epid(epid));
        }
        self.texts([server, service, client, platform, device].into_iter().flatten(), known);
    }

    fn step(&mut self, step: &mut Step, known: &Known) {
        let Step { number: _, key: _, title, status: _, at: _, since_previous_ms: _, detail, evidence } = step;
        self.texts(detail.iter_mut().chain([title]), known);
        for Evidence { input: _, frame: _, at: _, leg: _, from, to, summary, text } in evidence {
            *from = self.names.endpoint(from);
            *to = self.names.endpoint(to);
            *summary = prose::summary(summary, known, &mut self.names);
            // Messages as they were are full of names that nothing here knows.
            *text = None;
        }
    }

    fn diagnosis(&mut self, diagnosis: &mut Diagnosis, known: &Known) {
        let Diagnosis { cause: _, title: _, certainty: _, evidence, explains: _, fingerprint: _, remedy, ruled_out } =
            diagnosis;
        let Remedy { advice: _, check, change, capture_next: _ } = remedy;
        self.text(evidence, known);
        for Command { place, command } in check.iter_mut().chain(change) {
            self.text(place, known);
            *command = prose::command(command, known, &mut self.names);
        }
        for RuledOut { cause: _, why } in ruled_out {
            self.text(why, known);
        }
    }

    fn finding(&mut self, finding: &mut Finding, known: &Known) {
        let Finding {
            code: _,
            severity: _,
            ladder: _,
            step: _,
            title: _,
            detail,
            remedy,
            diagnostics,
            fingerprint: _,
            evidence: _,
            cause: _,
            symptom_of: _,
            tls,
        } = finding;
        let mut known = known.clone();
        self.tls(tls.as_mut(), &mut known);
        if let Some(Diagnostics { status: _, ms_diagnostics: _, reported_by, reported }) = diagnostics {
            let reported =
                reported.iter_mut().map(|Reported { ms_diagnostics: _, reported_by, meaning: _ }| reported_by);
            for host in std::iter::once(reported_by).chain(reported).flatten() {
                known.replace(host, self.names.host(host));
            }
        }
        self.text(detail, &known);
        if let Some(remedy) = remedy {
            *remedy = prose::command(remedy, &known, &mut self.names);
        }
    }

    /// What a handshake shows; `known` gains the names that a sentence about it may hold.
    fn tls(&mut self, tls: Option<&mut Tls>, known: &mut Known) {
        let Some(tls) = tls else { return };
        let Tls {
            version: _,
            suite: _,
            server_name,
            certificate,
            client_certificate,
            alert: _,
            resumed: _,
            secrets_tried: _,
        } = tls;
        if let Some(name) = server_name {
            known.replace(name, self.names.host(name));
        }
        for Certificate { subject, issuer, not_after: _, names, chain } in
            [certificate, client_certificate].into_iter().flatten()
        {
            for name in names {
                known.replace(name, self.names.host(name));
            }
            let above = chain.iter_mut().flat_map(|Issuer { subject, issuer, not_after: _ }| [subject, issuer]);
            for name in [subject, issuer].into_iter().chain(above) {
                let stand_in = self.distinguished(name);
                known.add(&in_sentence(name), &stand_in);
                *name = stand_in;
            }
        }
    }

    /// The stand-in of a certificate's name: of all that stands in it, a host name is what people look for.
    fn distinguished(&mut self, name: &str) -> String {
        match common_names(name).next().filter(|common| common.contains('.') && !common.contains(' ')) {
            Some(host) => format!("CN={}", self.names.host(host)),
            None => format!("CN={}", self.names.display_name(name, None)),
        }
    }

    fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a mut String>, known: &Known) {
        texts.into_iter().for_each(|text| self.text(text, known));
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
