//! Commands that reports tell to run, and a report that tells some about the whole capture.

use super::unreadable;
use crate::report::model::{Finding, Report};
use crate::report::text::{sanitize, tokens};

/// A capture in which nothing could be read, and a refused handshake whose cause is known.
pub fn distrusted() -> Report {
    let mut report = unreadable();
    let remedy = "Put it there.\nCheck, on 198.51.100.9:\n  Get-ChildItem Cert:\\LocalMachine\\Root | Sort-Object Subject | \
                  Format-Table Subject, NotAfter\nChange, on 198.51.100.9:\n  Import-Certificate -FilePath <root.cer> \
                  -CertStoreLocation Cert:\\LocalMachine\\Root\n  Set-Quoted 'LS:WEB - Mobile Communication Service'";
    report.findings.push(Finding {
        code: "LP601".to_owned(),
        remedy: Some(remedy.to_owned()),
        cause: Some("certificate-not-trusted".to_owned()),
        ..report.findings[0].clone()
    });
    report
}

/// Every command of a report.
pub fn commands(report: &Report) -> Vec<&str> {
    let causes = report.ladders.iter().filter_map(|ladder| ladder.diagnosis.as_ref());
    let of_causes = causes.flat_map(|one| one.remedy.check.iter().chain(&one.remedy.change));
    let remedies = report.findings.iter().filter_map(|finding| finding.remedy.as_deref());
    let of_findings = remedies.flat_map(|remedy| remedy.lines().filter_map(|line| line.strip_prefix("  ")));
    of_causes.map(|one| one.command.as_str()).chain(of_findings).collect()
}

/// Whether a line of a page is nothing but a token of a command, which may pass the width.
pub fn is_token(report: &Report, line: &str, ascii: bool) -> bool {
    let line = line.trim().trim_end_matches('`').trim_end();
    let is_of = |command: &str| tokens(&sanitize(command, ascii)).iter().any(|token| token.trim_end() == line);
    commands(report).into_iter().any(is_of)
}
