//! Findings with their diagnosis, as the report shows them.

use super::{Refused, Waited};
use crate::diagnosis::case::{self, Case};
use crate::diagnosis::names::{Names, host};
use crate::diagnosis::{self, Certainty, causes, fingerprint, remedy};
use crate::flow::Side;
use crate::judge::Judgement;
use crate::judge::finding::{self, Refusal};
use crate::knowledge::diagnostics;
use crate::ladder::Ladder as Closed;
use crate::ladder::profile::Profile;
use crate::report::model::{Certificate, Command, Diagnosis, Finding, Input, Remedy, Reported, RuledOut, common_names};
use crate::report::wide;

/// Captures whose clocks are further apart are told of, milliseconds: what Kerberos allows.
const CLOCKS_APART_MS: f64 = 300_000.0;

/// What a finding has to do with the cause that was found.
#[derive(Clone, Copy)]
struct Part<'a> {
    cause: &'static str,
    /// The finding that shows the cause, for one that is only a symptom.
    symptom_of: Option<&'static str>,
    /// What to do, for the one that shows it.
    remedy: Option<&'a remedy::Remedy>,
}

/// The diagnosis of a ladder, its findings, and which of them cites what the push waited for. Frames are those of
/// `several` inputs, or of one.
pub(super) fn of_ladder(
    closed: &Closed,
    judgement: &Judgement,
    profile: &Profile,
    waited: Option<&Waited>,
    several: bool,
) -> (Option<Diagnosis>, Vec<Finding>, Option<usize>) {
    let shown = waited.map(|waited| match waited {
        Waited::Handshake(refused) => {
            case::Waited::Handshake { distrusting: refused.distrusting, shown: wide::waited_for(refused, several) }
        }
        Waited::Connection { dialed, to_edge, sure } => case::Waited::Connection {
            refused: dialed.refused,
            to_edge: *to_edge,
            sure: *sure,
            shown: wide::dialed_meanwhile(dialed, *sure, several),
        },
    });
    let diagnosis = diagnosis::diagnose(&Case { ladder: closed, judgement, profile, waited: shown.as_ref(), several });
    let part = |at: usize| {
        let diagnosis = diagnosis.as_ref()?;
        let cause = diagnosis.cause.name;
        if at == diagnosis.primary {
            return Some(Part { cause, symptom_of: None, remedy: Some(&diagnosis.remedy) });
        }
        let shown_by = judgement.findings.get(diagnosis.primary).map(|primary| primary.code);
        diagnosis.symptoms.contains(&at).then_some(Part { cause, symptom_of: shown_by, remedy: None })
    };
    let mut findings: Vec<Finding> = judgement
        .findings
        .iter()
        .enumerate()
        .map(|(at, found)| with_cause(found, Some(&closed.id), part(at)))
        .collect();
    let mut citing = None;
    if let (Some(diagnosis), Some(waited)) = (&diagnosis, waited)
        && diagnosis.shows_waited
        && let Some(primary) = findings.get_mut(diagnosis.primary)
    {
        citing = Some(diagnosis.primary);
        if let Waited::Handshake(refused) = waited {
            primary.tls = Some(refused.tls.clone());
        }
        primary.evidence.extend(waited.citations());
        primary.evidence.sort_by_key(|cited| (cited.input, cited.frame));
        primary.evidence.dedup();
    }
    (diagnosis.as_ref().map(|diagnosis| told(diagnosis, &findings)), findings, citing)
}

/// A diagnosis in the report's words.
fn told(diagnosis: &diagnosis::Diagnosis, findings: &[Finding]) -> Diagnosis {
    let explained = std::iter::once(&diagnosis.primary).chain(&diagnosis.symptoms);
    let primary = findings.get(diagnosis.primary);
    Diagnosis {
        cause: diagnosis.cause.name.to_owned(),
        title: diagnosis.cause.title.to_owned(),
        certainty: diagnosis.certainty,
        evidence: evidence(diagnosis, primary),
        explains: explained.filter_map(|at| findings.get(*at)).map(|finding| finding.code.clone()).collect(),
        fingerprint: primary.map(|finding| finding.fingerprint.clone()).unwrap_or_default(),
        remedy: Remedy {
            advice: diagnosis.remedy.advice.to_owned(),
            check: commands(&diagnosis.remedy.check),
            change: commands(&diagnosis.remedy.change),
            capture_next: diagnosis.remedy.capture_next.map(str::to_owned),
        },
        ruled_out: diagnosis
            .ruled_out
            .iter()
            .map(|one| RuledOut { cause: one.cause.name.to_owned(), why: one.why.clone() })
            .collect(),
    }
}

/// What speaks for a cause. Of a push that went elsewhere the finding tells more: where that is.
fn evidence(diagnosis: &diagnosis::Diagnosis, primary: Option<&Finding>) -> String {
    match primary.filter(|finding| finding.code == "LP512") {
        Some(finding) => format!("{} Only its host counts there: any user part will do.", finding.detail),
        None => diagnosis.why.clone(),
    }
}

fn commands(commands: &[remedy::Command]) -> Vec<Command> {
    commands.iter().map(|one| Command { place: one.place.clone(), command: one.command.clone() }).collect()
}

/// A finding with what it has to do with a cause.
fn with_cause(found: &finding::Finding, ladder: Option<&str>, part: Option<Part<'_>>) -> Finding {
    let plain = super::finding(found, ladder);
    let Some(Part { cause, symptom_of, remedy }) = part else { return plain };
    Finding {
        remedy: remedy.map(remedy::Remedy::text),
        fingerprint: fingerprint::of(found, Some(cause)),
        cause: Some(cause.to_owned()),
        symptom_of: symptom_of.map(str::to_owned),
        ..plain
    }
}

/// The fingerprint of a finding whose cause is not known.
pub(super) fn fingerprint(found: &finding::Finding) -> String {
    fingerprint::of(found, None)
}

/// Every number that a refusal carries.
pub(super) fn reported(refusal: &Refusal) -> Vec<Reported> {
    let one = |one: &finding::Reported| Reported {
        ms_diagnostics: one.id,
        reported_by: one.by.as_deref().map(str::to_owned),
        meaning: diagnostics::meaning(one.id).map(str::to_owned),
    };
    refusal.reports.iter().map(one).collect()
}

/// A refused handshake, with its cause and remedy where a certificate is not taken. `is_outside` says that the server is
/// the clearing house.
pub(in crate::report) fn of_handshake(
    found: &finding::Finding,
    refused: &Refused,
    is_outside: bool,
    profile: &Profile,
) -> Finding {
    let name = |certificate: &Option<Certificate>| {
        let certificate = certificate.as_ref()?;
        certificate.names.iter().map(String::as_str).chain(common_names(&certificate.subject).next()).find_map(host)
    };
    // A client that says no before its turn has not shown its own.
    let client = name(&refused.tls.client_certificate).or_else(|| host(&refused.flow.client.ip().to_string()));
    let server = refused.tls.server_name.as_deref().and_then(host).or_else(|| name(&refused.tls.certificate));
    let (cause, names) = match refused.distrusting {
        // What the clearing house does not take is the Edge's own.
        Some(Side::Server) if is_outside => {
            ("certificate-refused", Names { edge: client, ..Names::documented(profile) })
        }
        Some(Side::Server) => ("certificate-not-trusted", Names { reporter: server, peer: client, ..Names::default() }),
        Some(Side::Client) => ("certificate-not-trusted", Names { reporter: client, peer: server, ..Names::default() }),
        None => return with_cause(found, None, None),
    };
    let cause = causes::find(cause);
    let remedy = cause.map(|cause| remedy::Remedy::new(cause, &names, Certainty::Certain));
    with_cause(found, None, cause.map(|cause| Part { cause: cause.name, symptom_of: None, remedy: remedy.as_ref() }))
}

/// That the clocks of the captures are too far apart, where the messages they share show it.
pub(super) fn of_clocks(inputs: &[Input]) -> Option<Finding> {
    let apart = inputs.iter().map(|input| input.clock_offset_ms.abs()).fold(0.0, f64::max);
    if apart <= CLOCKS_APART_MS {
        return None;
    }
    let detail = format!(
        "The clocks of the captures are up to {:.0} s apart, measured by the messages they share; Kerberos allows 300 s.",
        apart / 1000.0
    );
    let code = "LP906";
    let found = finding::make(code, finding::severity(code), None, detail, None, Vec::new(), None);
    let cause = causes::all().find(|cause| cause.codes.contains(&code));
    let remedy = cause.map(|cause| remedy::Remedy::new(cause, &Names::default(), Certainty::Likely));
    let part = cause.map(|cause| Part { cause: cause.name, symptom_of: None, remedy: remedy.as_ref() });
    Some(with_cause(&found, None, part))
}
