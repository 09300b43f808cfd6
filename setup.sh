#!/usr/bin/env bash
# Installs what building and testing lyncpush needs and is not there yet: a C compiler, libpcap's
# development files, tshark and ip (tests use them where they are installed), and Rust.
# Prints what it does; needs root or sudo only where something is missing.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else
    say "run as root, or install by hand: $*"
    exit 1
  fi
}

has_libpcap() {
  printf 'int main(void){return 0;}\n' | cc -x c - -lpcap -o /dev/null 2>/dev/null
}

if ! command -v cc >/dev/null || ! has_libpcap || ! command -v tshark >/dev/null || ! command -v ip >/dev/null; then
  if command -v apt-get >/dev/null; then
    say "installing build-essential, libpcap-dev, tshark, iproute2"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    as_root apt-get install -y -qq build-essential libpcap-dev tshark iproute2 >&2
  elif command -v dnf >/dev/null; then
    say "installing gcc, libpcap-devel, wireshark-cli, iproute"
    as_root dnf install -y -q gcc libpcap-devel wireshark-cli iproute >&2
  elif command -v apk >/dev/null; then
    say "installing build-base, libpcap-dev, tshark, iproute2"
    as_root apk add -q build-base libpcap-dev tshark iproute2 >&2
  elif command -v pacman >/dev/null; then
    say "installing base-devel, libpcap, wireshark-cli, iproute2"
    as_root pacman -S --noconfirm --needed base-devel libpcap wireshark-cli iproute2 >&2
  else
    say "no package manager known here: install a C compiler and libpcap's development files"
    exit 1
  fi
fi

if ! command -v cargo >/dev/null && [ ! -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
  say "installing Rust with rustup"
  command -v curl >/dev/null || as_root apt-get install -y -qq curl >&2
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal >&2
fi
