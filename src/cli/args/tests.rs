//! What can be typed and what cannot.

use clap::CommandFactory;

use super::*;

fn analyze(typed: &[&str]) -> Analyze {
    match Cli::try_parse_from(["lyncpush", "analyze"].iter().chain(typed)).unwrap().command {
        Command::Analyze(args) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn defaults() {
    let args = analyze(&["a.pcap"]);
    let shared = args.shared;
    assert_eq!(shared.format().name, "table");
    assert_eq!(shared.fail_on, FailOn::Error);
    assert_eq!(shared.color, ColorChoice::Auto);
    assert!(shared.vantages.is_empty() && shared.user.is_none() && !shared.show_text);
}

#[test]
fn everything_at_once() {
    let args = analyze(&[
        "a.pcap",
        "-",
        "--format",
        "ndjson",
        "-o",
        "out",
        "--fail-on",
        "never",
        "--vantage",
        "frontend",
        "--vantage",
        "edge-external=a=b.pcap",
        "--push-uri",
        "sip:p@q",
        "--push-uri",
        "sip:r@s",
        "--user",
        "bob@example.com",
        "--bpf",
        "port 5061",
        "--show-text",
        "--color",
        "always",
        "-v",
        "--no-progress",
        "--profile",
        "p.toml",
        "--width",
        "120",
    ]);
    assert_eq!(args.captures, ["a.pcap", "-"]);
    let args = args.shared;
    assert_eq!(args.format().name, "ndjson");
    assert_eq!(args.fail_on.severity(), None);
    let edge = (Vantage::EdgeExternal, Some("a=b.pcap".to_owned()));
    assert_eq!(args.vantages, [(Vantage::Frontend, None), edge]);
    assert_eq!(args.push_uris, ["sip:p@q", "sip:r@s"]);
    assert_eq!(args.user.as_deref(), Some("sip:bob@example.com"));
    assert_eq!(args.width, Some(120));
}

#[test]
fn addresses() {
    for (typed, expected) in [
        ("bob@example.com", Some("sip:bob@example.com")),
        ("sip:bob@example.com", Some("sip:bob@example.com")),
        ("SIP:Bob@Example.com", Some("sip:Bob@Example.com")),
        ("Sips:bob@example.com:5061", Some("sips:bob@example.com:5061")),
        ("bob@example.com:5061", Some("sip:bob@example.com:5061")),
        ("sip:bob", None),
        ("sip:@example.com", None),
        ("", None),
    ] {
        assert_eq!(sip_uri(typed).ok().as_deref(), expected, "{typed}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for typed in [
        &["a", "--format", "xml"][..],
        &["a", "--width", "39"],
        &["a", "--vantage", "frontend="],
        &["a", "--user", "bob"],
        &["a", "-v", "-q"],
        &["a", "--color", "pink"],
        &[],
    ] {
        assert!(Cli::try_parse_from(["lyncpush", "analyze"].iter().chain(typed)).is_err(), "{typed:?}");
    }
}

#[test]
fn every_format_and_role_is_in_the_help() {
    let help = Cli::command().find_subcommand_mut("analyze").unwrap().render_long_help().to_string();
    for format in FORMATS {
        assert!(help.contains(format.name) && help.contains(format.help), "{}", format.name);
    }
    for vantage in Vantage::ALL {
        assert!(help.contains(vantage.name()), "{}", vantage.name());
    }
    assert!(help.contains("Exit codes:"));
}
