//! The page of all codes, numbers and causes, in Markdown: `docs/codes.md`. A test keeps it true.

use super::catalogue::{self, Body, Entry};
use super::causes;
use crate::judge::finding::CODES;
use crate::knowledge::diagnostics::{NUMBERS, RANGES};
use crate::knowledge::os_errors::OS_ERRORS;
use crate::knowledge::statuses::STATUSES;
use crate::knowledge::trust::ORIGINS;
use crate::knowledge::unread::REASONS;

/// The page.
pub fn text() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Findings\n");
    for (code, title) in CODES {
        let mut entry = catalogue::of_finding(code, title);
        // What to do about a cause, and where it is from, stands with the cause.
        entry.facts.retain(|fact| !matches!(fact.label, "Causes" | "Remedies" | "Sources"));
        let causes = causes::all().filter(|cause| cause.codes.contains(code));
        let linked: Vec<String> = causes.map(|cause| format!("[{0}](#{0})", cause.name)).collect();
        if !linked.is_empty() {
            entry.facts.push(catalogue::text("Causes", linked.join(", ")));
        }
        section(&mut page, &entry);
    }
    page.push_str("\n## Causes\n\nThe first that applies is the primary cause of a ladder.\n");
    for cause in causes::all() {
        section(&mut page, &catalogue::of_cause(cause));
    }
    page.push_str("\n## Not read\n\nThe reasons that the coverage of a report gives for streams that stayed closed.\n");
    for row in REASONS {
        section(&mut page, &catalogue::of_unread(row));
    }
    page.push_str("\n## ms-diagnostics\n\nMatched by number: servers word their reasons differently from the specification.\n\n| Number | Meaning | Usual status | In a push ladder | Sure | Source |\n|---|---|---|---|---|---|\n");
    for row in NUMBERS {
        let statuses: Vec<String> = row.statuses.iter().map(u16::to_string).collect();
        let cells = [&row.id.to_string(), row.meaning, &statuses.join(", "), row.reading, row.basis.name(), row.source];
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page.push_str("\nNumbers without a row:\n\n| From | To | Whose | Source |\n|---|---|---|---|\n");
    for row in RANGES {
        page.push_str(&format!("| {} | {} | {} | {} |\n", row.from, row.to, row.meaning, row.source));
    }
    page.push_str("\n## SIP status codes\n\n| Code | Phrase | As answer of the push | As answer of the call | Sure | Source |\n|---|---|---|---|---|---|\n");
    for row in STATUSES {
        let cells = [&row.code.to_string(), row.phrase, row.push, row.call, row.basis.name(), row.source];
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page.push_str("\n## Marks of the Edge\n\n`ms-source-type` of ms-edge-proxy-message-trust.\n\n| Value | Meaning | On the answer of a push | Source |\n|---|---|---|---|\n");
    for row in ORIGINS {
        page.push_str(&format!("| {} | {} | {} | {} |\n", row.name, row.meaning, row.reading, row.source));
    }
    page.push_str("\n## Numbers of Windows\n\n| Number | Name | Meaning |\n|---|---|---|\n");
    for row in OS_ERRORS {
        page.push_str(&format!("| {} | {} | {} |\n", row.number(), row.name, row.meaning));
    }
    page.push_str("\n## Mobile clients\n\nThese are settings: `lyncpush profile`, mobile.families.\n\n| Product token | Does it get a push? |\n|---|---|\n");
    for (name, family) in catalogue::families() {
        page.push_str(&format!("| {name} | {} |\n", catalogue::pushed(&family)));
    }
    page
}

const HEAD: &str = "\
# Codes

Generated from the tables that `lyncpush explain` reads; do not edit. `UPDATE_SNAPSHOTS=1 cargo test --test codes` writes it.

## Severity

A step that failed or is missing, a TLS handshake that failed on the Edge's legs, and a capture in which nothing could
be read, are errors. A handshake that failed elsewhere or on a leg that is not known, a step that is late or out
of order, a call answered before its push, and frames out of order are warnings. What only informs is a note.

## Certainty of a cause

`certain`: the messages say so themselves. `likely`: the evidence points to it, and how it is read is not documented.
`possible`: the evidence fits, and other causes would look the same. What was not in view rules out nothing.

## Fingerprint

Equal for the same fault of the same hop and cause, whoever the users are. It is made of the finding's code, the cause,
the status and first ms-diagnostics number of the refusal, and the host that reports it; where none does, of the leg and
the addresses of its servers. Users, Call-IDs, times, frames, ports and texts are no part of it.
";

fn section(page: &mut String, entry: &Entry) {
    page.push_str(&format!("\n### {}\n\n{}\n", entry.name, entry.title));
    for fact in &entry.facts {
        match &fact.body {
            Body::Text(text) => page.push_str(&format!("\n**{}:** {text}\n", fact.label)),
            Body::List(items) => {
                page.push_str(&format!("\n**{}:**\n\n", fact.label));
                items.iter().for_each(|item| page.push_str(&format!("- {item}\n")));
            }
            Body::Commands(commands) => {
                page.push_str(&format!("\n**{}:**\n\n```powershell\n", fact.label));
                let mut place = "";
                for command in commands {
                    if command.place != place {
                        place = &command.place;
                        page.push_str(&format!("# {place}\n"));
                    }
                    page.push_str(&format!("{}\n", command.command));
                }
                page.push_str("```\n");
            }
        }
    }
}
