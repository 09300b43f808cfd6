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

/// What is given twice is a mistake: the program cannot know which of the two was meant.
#[test]
fn options_are_given_once_but_those_that_may_repeat() {
    use clap::ArgAction;
    let mut command = Cli::command();
    command.build();
    for (name, needed, repeat) in [
        ("analyze", &["a.pcap"][..], &["keylog", "push-uri", "rsa-key", "vantage"][..]),
        #[cfg(feature = "live")]
        ("live", &["--interface=lo"], &["interface", "keylog", "push-uri", "rsa-key", "vantage"]),
        ("simulate", &["happy"], &["mischief", "vantage"]),
    ] {
        let options = command.find_subcommand(name).unwrap().get_arguments().filter(|arg| arg.get_long().is_some());
        let mut may_repeat: Vec<&str> = Vec::new();
        for option in options.filter(|arg| !matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpLong)) {
            let long = option.get_long().unwrap();
            if matches!(option.get_action(), ArgAction::Append) {
                may_repeat.push(long);
                continue;
            }
            let possible = option.get_possible_values();
            // What the option takes is looked at before what is missing beside it, so that any value of its kind will do.
            let values = possible.iter().map(|value| value.get_name().to_owned()).chain(
                ["60", "1000", "a@b.example", "1s", "http://h.example/", "127.0.0.1:1", "1.2:RSA_WITH_NULL_SHA"]
                    .map(str::to_owned),
            );
            let takes = option.get_action().takes_values();
            let errors: Vec<String> = values
                .map(|value| if takes { format!("--{long}={value}") } else { format!("--{long}") })
                .map(|typed| [&["lyncpush", name], needed, &[typed.as_str(), typed.as_str()]].concat().join("\n"))
                .filter_map(|typed| Cli::try_parse_from(typed.lines()).err())
                .map(|error| error.to_string())
                .collect();
            let expected = "cannot be used multiple times";
            assert!(errors.iter().any(|error| error.contains(expected)), "{name} --{long}: {errors:#?}");
        }
        may_repeat.sort_unstable();
        let repeat: Vec<&str> = repeat
            .iter()
            .copied()
            .filter(|one| cfg!(feature = "tls") || !["keylog", "rsa-key"].contains(one))
            .collect();
        assert_eq!(may_repeat, repeat, "{name}");
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
