//! tshark, where it is installed, opens what [`simulate`] writes inside TLS: every message of it.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use lyncpush::simulate::{self, Options, protection};

/// One suite of every family and version.
const CHOICES: [&str; 19] = [
    "1.0:TLS_RSA_WITH_AES_128_CBC_SHA",
    "1.0:TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "1.0:TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA",
    "1.0:TLS_RSA_WITH_RC4_128_MD5",
    "1.1:TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
    "1.1:TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "1.1:TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "1.1:TLS_RSA_WITH_NULL_SHA",
    "1.2:TLS_RSA_WITH_AES_256_CBC_SHA256",
    "1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    "1.2:TLS_DH_anon_WITH_AES_256_CBC_SHA",
    "1.2:TLS_RSA_WITH_RC4_128_SHA",
    "1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "1.2:TLS_RSA_WITH_AES_128_CCM",
    "1.2:TLS_DHE_RSA_WITH_AES_256_CCM_8",
    "1.2:TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "1.3:TLS_AES_256_GCM_SHA384",
    "1.3:TLS_CHACHA20_POLY1305_SHA256",
    "1.3:TLS_AES_128_CCM_8_SHA256",
];

/// Ports of SIP that tshark does not expect it at.
const PORTS: [u16; 2] = [5087, 5088];

/// How many SIP messages tshark finds, and how often it finds something malformed.
fn tshark(capture: &Path, keys: &Path) -> (u64, usize) {
    let fields = |filter: &str, field: &[&str]| {
        let mut command = Command::new("tshark");
        command.args(["-n", "-T", "fields", "-E", "aggregator=|", "-Y", filter, "-r"]).arg(capture);
        command.arg("-o").arg(format!("tls.keylog_file:{}", keys.display()));
        PORTS.iter().for_each(|port| _ = command.arg("-d").arg(format!("tls.port=={port},sip")));
        field.iter().for_each(|field| _ = command.args(["-e", field]));
        let output = command.output().expect("tshark runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let messages = fields("sip", &["sip.Method", "sip.Status-Code"]);
    let count = messages.split(['\n', '\t', '|']).filter(|value| !value.is_empty()).count();
    (count as u64, fields("_ws.malformed", &["frame.number"]).lines().count())
}

#[test]
fn tshark_opens_every_message() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: tshark_opens_every_message: tshark is not installed");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (capture, log) = (directory.path().join("hidden.pcap"), directory.path().join("keys.log"));
    for choice in CHOICES {
        let options = Options { tls: Some(protection(choice).expect("a suite of its version")), ..Options::default() };
        let (mut file, mut keys) = (File::create(&capture).expect("a file"), File::create(&log).expect("a file"));
        let summary = simulate::write_with_keys("happy", &options, &mut file, &mut keys).expect("a capture");
        assert!(summary.messages > 70);
        assert_eq!(tshark(&capture, &log), (summary.messages, 0), "{choice}");
    }
    // The key log is what it takes: the last capture shows nothing without.
    File::create(&log).expect("a file");
    assert_eq!(tshark(&capture, &log), (0, 0));
}
