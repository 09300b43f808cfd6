//! Says in one line what is missing when the feature `live` is on but libpcap cannot be linked.
//!
//! Without this the build would end minutes later, in the linker, with a message about `-lpcap`.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const CURE: &str = "libpcap cannot be linked: install libpcap-dev (Debian, Ubuntu, Alpine), libpcap-devel (Fedora, RHEL, SUSE) \
    or libpcap (Arch, Homebrew), or build with --no-default-features, which still reads capture files";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBPCAP_LIBDIR");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    if env::var_os("CARGO_FEATURE_LIVE").is_some() && env::var_os("DOCS_RS").is_none() && !links() {
        println!("cargo::error={CURE}");
    }
}

/// Whether an empty program links with libpcap, in the same places where the `pcap` crate lets the linker look.
fn links() -> bool {
    let mut places = Vec::new();
    if let Ok(place) = env::var("LIBPCAP_LIBDIR") {
        places.push(place);
    } else if let Ok(found) = Command::new("pkg-config").args(["--libs-only-L", "libpcap"]).output() {
        let text = String::from_utf8_lossy(&found.stdout);
        places.extend(text.split_whitespace().filter_map(|word| word.strip_prefix("-L")).map(str::to_owned));
    }
    // Where not even an empty program links, the trouble is another, and cargo itself will report it.
    link(&places, true) || !link(&places, false)
}

/// Whether an empty program links, with or without libpcap.
fn link(places: &[String], with_libpcap: bool) -> bool {
    try_link(places, with_libpcap).unwrap_or(false)
}

fn try_link(places: &[String], with_libpcap: bool) -> Option<bool> {
    let (rustc, out) = (env::var_os("RUSTC")?, env::var_os("OUT_DIR")?);
    let mut command = Command::new(rustc);
    command.args(["-", "--crate-name", "probe", "--edition", "2024", "-o"]).arg(Path::new(&out).join("probe"));
    if with_libpcap {
        command.arg("-l").arg(if cfg!(windows) { "wpcap" } else { "pcap" });
    }
    for place in places {
        command.arg("-L").arg(format!("native={place}"));
    }
    if let Ok(target) = env::var("TARGET") {
        command.args(["--target", &target]);
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        command.arg("-C").arg(format!("linker={linker}"));
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    command.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    child.stdin.take()?.write_all(b"fn main() {}").ok()?;
    Some(child.wait().ok()?.success())
}
