//! A report in which the wire is out to do harm.

use super::mixed;
use crate::report::model::Report;

/// Names that would do something to a terminal, or take more room than there is.
pub fn hostile() -> Report {
    let mut report = mixed();
    report.inputs[0].path = "tr\u{1b}]0;owned\u{7}ace.pcap".to_owned();
    let names = [
        "\u{1b}[2J\u{1b}[Hcleared\u{9b}31m\r\n",
        "sip:\u{202e}moc.elpmaxe@eve\u{202c}@example.com",
        "sip:山田太郎山田太郎山田太郎山田太郎@例え.テスト",
        "sip:e\u{301}e\u{301}e\u{301}👩‍👩‍👧🏳️‍🌈@example.com",
        "sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    for (ladder, name) in report.ladders.iter_mut().zip(names) {
        ladder.caller = Some(name.to_owned());
        ladder.callee = Some(name.to_owned());
        ladder.callee_name = Some(format!("{name} {name}"));
        ladder.call_id = Some(name.to_owned());
        if let Some(mobile) = &mut ladder.mobile {
            mobile.device = Some(name.to_owned());
        }
        for evidence in ladder.steps.iter_mut().flat_map(|step| &mut step.evidence) {
            evidence.summary = format!("INVITE {name}");
            evidence.text = Some(format!("INVITE {name} SIP/2.0\r\nX: \u{1b}[31m\r\n\r\n{}", "山".repeat(150)));
        }
    }
    for finding in &mut report.findings {
        finding.detail = names.join(" ");
        finding.remedy = Some(format!("{}\n  {}", names[0], names[1]));
    }
    for diagnosis in report.ladders.iter_mut().filter_map(|ladder| ladder.diagnosis.as_mut()) {
        diagnosis.evidence = names.join(" ");
        let commands = diagnosis.remedy.check.iter_mut().chain(&mut diagnosis.remedy.change);
        for (command, name) in commands.zip(names) {
            (command.place, command.command) = (name.to_owned(), format!("Get-X '{name}' | {name}"));
        }
        diagnosis.ruled_out[0].why = names.join(" ");
    }
    report.coverage.unreadable[0].stream = names[0].to_owned();
    report
}
