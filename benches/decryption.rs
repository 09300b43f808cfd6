//! How fast TLS is read and what is in it judged, against the ciphers alone on the same records.
//!
//! `cargo bench --bench decryption` writes 200 MB of happy ladders inside TLS for each suite, then runs the ciphers of
//! the suite over every record (each copied first, since it is decrypted in place, and each side of each connection with
//! keys of its own, made in the same time) and the whole analysis in turn, several times. It prints the median of the
//! ratios: first for messages as servers write them, of which something is wanted, then for messages as short as they can
//! be, of which an analysis has more to do for each octet. Last of each comes the ratio of both suites together.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aes::Aes256;
use aes::cipher::{Block, BlockModeDecrypt, InnerIvInit, KeyInit};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use lyncpush::pipeline::{self, Keys, Settings};
use lyncpush::report::ndjson::Tail;
use lyncpush::simulate;
use lyncpush::stream::Event;
use measure::{Lines, median, reached, tcp_events};
use sha2::Sha384;

mod measure;

/// The same allocator as the program's.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Octets of a capture, about.
const SIZE: u64 = 200_000_000;
/// Rounds, of which the median counts.
const ROUNDS: usize = 7;
/// The ratio wanted.
const WANTED: f64 = 2.5;
/// Its name.
const RATIO: &str = "whole analysis / ciphers alone";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What the ciphers of a suite do with a record, its header taken off.
type Primitive = Box<dyn FnMut(&mut [u8])>;

/// A suite, and what makes its ciphers ready.
type Suite = (&'static str, fn() -> Primitive);

const SUITES: [Suite; 2] =
    [("1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", cbc_sha384), ("1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", gcm)];

fn main() -> Outcome<()> {
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return Ok(());
    }
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(&directory)?;
    for (messages, wordy) in [("messages as servers write them", true), ("the shortest messages", false)] {
        let (mut alone, mut whole) = (0.0, 0.0);
        for (suite, primitive) in SUITES {
            let (path, keylog) = simulated(&directory, suite, wordy)?;
            let records = records(&path)?;
            let octets: usize = records.iter().map(|(_, record)| record.len()).sum();
            let mean = octets / records.len().max(1);
            let size = fs::metadata(&path)?.len() / 1_000_000;
            println!("{suite}, {messages}: {size} MB, {} records of {mean} octets", records.len());
            let rounds = rounds(&records, primitive, || analysis(&path, &keylog))?;
            fs::remove_file(&path)?;
            let seconds = [0, 1].map(|of| median(rounds.iter().map(|round| round[of]).collect()));
            for (what, seconds) in ["ciphers alone", "whole analysis"].into_iter().zip(seconds) {
                println!("{what:26} {:7.0} MB/s", octets as f64 / seconds / 1e6);
            }
            let ratio = median(rounds.iter().map(|[alone, whole]| whole / alone).collect());
            match wordy {
                true => reached(RATIO, ratio, WANTED, ""),
                false => println!("{RATIO:34} {ratio:6.2}"),
            }
            (alone, whole) = (alone + seconds[0], whole + seconds[1]);
        }
        println!("{:34} {:6.2}, both suites together", RATIO, whole / alone);
    }
    Ok(())
}

/// How long the ciphers alone and the whole analysis take in turn, seconds.
fn rounds(
    records: &[(usize, Vec<u8>)],
    primitive: fn() -> Primitive,
    mut analysis: impl FnMut() -> Outcome<()>,
) -> Outcome<Vec<[f64; 2]>> {
    let mut round = || -> Outcome<[f64; 2]> {
        let begun = Instant::now();
        let mut open: Vec<Primitive> = Vec::new();
        let mut scratch = Vec::new();
        for (stream, record) in records {
            // Each side of each connection has keys of its own.
            open.resize_with(open.len().max(stream + 1), primitive);
            scratch.clear();
            scratch.extend_from_slice(record);
            open[*stream](black_box(&mut scratch));
        }
        let alone = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        analysis()?;
        Ok([alone, begun.elapsed().as_secs_f64()])
    };
    (0..ROUNDS).map(|_| round()).collect()
}

/// AES-256 in CBC, and HMAC-SHA384 over what it gives.
fn cbc_sha384() -> Primitive {
    let key = [7; 32];
    let cipher = Aes256::new(&key.into());
    let mac = Hmac::<Sha384>::new_from_slice(&key).expect("a key of any length");
    Box::new(move |record| {
        let Some((iv, hidden)) = record.split_first_chunk_mut::<16>() else { return };
        let (blocks, _) = Block::<Aes256>::slice_as_chunks_mut(hidden);
        cbc::Decryptor::inner_iv_init(cipher.clone(), &(*iv).into()).decrypt_blocks(blocks);
        let mut mac = mac.clone();
        // The number, the header, and what is left without padding and code.
        mac.update(&[0; 13]);
        mac.update(hidden.get(..hidden.len().saturating_sub(56)).unwrap_or_default());
        black_box(mac.finalize());
    })
}

/// AES-256 in GCM. Encryption costs what decryption does, and does not stop at a tag that is not right.
fn gcm() -> Primitive {
    let cipher = Aes256Gcm::new(&[7; 32].into());
    Box::new(move |record| {
        let room = record.len().saturating_sub(16);
        let Some(hidden) = record.get_mut(8.min(room)..room) else { return };
        let sealed = cipher.encrypt_inout_detached(&Nonce::from([3; 12]), &[0; 13], hidden.into());
        let _ = black_box(sealed);
    })
}

/// The capture of about [`SIZE`] octets, and its key log.
fn simulated(directory: &Path, suite: &str, wordy: bool) -> Outcome<(PathBuf, Vec<u8>)> {
    let path = directory.join(format!("bench-{}.pcap", suite.replace(':', "-")));
    let mut options = simulate::Options { tls: Some(simulate::protection(suite)?), ..simulate::Options::default() };
    (options.spacing_ms, options.wordy) = (200, wordy);
    let write = |options: &simulate::Options| -> Outcome<(Vec<u8>, Vec<u8>)> {
        let (mut capture, mut keylog) = (Vec::new(), Vec::new());
        simulate::write_with_keys("happy", options, &mut capture, &mut keylog)?;
        Ok((capture, keylog))
    };
    options.ladders = 100;
    let few = write(&options)?.0.len() as u64;
    options.ladders = SIZE * 100 / few;
    let (capture, keylog) = write(&options)?;
    fs::write(&path, capture)?;
    Ok((path, keylog))
}

/// The protected records of a capture, without their headers, each with the number of the stream it is of.
fn records(path: &Path) -> Outcome<Vec<(usize, Vec<u8>)>> {
    let (mut records, mut open) = (Vec::new(), HashMap::<_, (Option<usize>, Vec<u8>)>::new());
    let mut streams = 0;
    let mut take = |connection: &lyncpush::flow::Connection, side, event: Event<'_>| {
        let Event::Bytes { bytes, .. } = event else { return };
        let (stream, held) = open.entry((connection.id, side)).or_default();
        held.extend_from_slice(bytes);
        while let Some([kind, _, _, high, low]) = held.first_chunk().copied() {
            let length = 5 + usize::from(u16::from_be_bytes([high, low]));
            if held.len() < length {
                break;
            }
            let record: Vec<u8> = held.drain(..length).collect();
            if kind == 23 {
                let stream = *stream.get_or_insert_with(|| {
                    streams += 1;
                    streams - 1
                });
                records.push((stream, record[5..].to_vec()));
            }
        }
    };
    tcp_events(path, &mut take)?;
    Ok(records)
}

fn analysis(path: &Path, keylog: &[u8]) -> Outcome<()> {
    let mut keys = Keys::default();
    keys.push_keylog(keylog);
    let mut lines = Lines::new();
    let report = pipeline::analyze_with(&Settings::of(vec![path.to_string_lossy().into_owned()])?, keys, &mut lines)?;
    lines.0.end(&Tail::of(&report, &[]))?;
    let streams = report.coverage.streams;
    assert_eq!(streams.tls, streams.tls_decrypted, "everything is read");
    Ok(())
}
