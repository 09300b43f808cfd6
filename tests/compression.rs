//! SIP compression: what is packed comes out again, hostile octets do no harm, and another decoder agrees.

use ironrdp_bulk::{BulkCompressor, CompressionType, flags};
use lyncpush::anomaly::AnomalyLog;
use lyncpush::flow::Side;
use lyncpush::frame::{FrameRef, Timestamp};
use lyncpush::sipcomp::mppc::{Decoded, Decoder, Encoder, Packed, survey};
use lyncpush::sipcomp::{Compressor, Decompressor, LAYOUTS, recognise};
use lyncpush::stream::{Event, UNKNOWN_LENGTH};
use proptest::prelude::*;

fn at(number: u64) -> FrameRef {
    FrameRef { input: 0, number, time: Timestamp::new(number as i64, 6) }
}

/// Text that repeats itself as SIP does, with something of everything in between.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            &b"SIP/2.0 200 OK\r\n"[..],
            b"Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK",
            b"From: <sip:alice@example.com>;tag=38f581c9e6;epid=76a9b807df\r\n",
            b"Content-Length: 0\r\n\r\n",
        ])
        .prop_map(<[u8]>::to_vec),
        2 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 1..3000_usize).prop_map(|(octet, times)| vec![octet; times]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// What [`BulkCompressor`] calls the flags of a packet.
fn rdp(packed: &Packed) -> u32 {
    match packed {
        Packed::Compressed { at_front: true, .. } => flags::PACKET_COMPRESSED | flags::PACKET_AT_FRONT,
        Packed::Compressed { at_front: false, .. } => flags::PACKET_COMPRESSED,
        Packed::Flushed => flags::PACKET_FLUSHED,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn packed_text_comes_out_of_both_decoders(texts in prop::collection::vec(text(), 1..6)) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let mut oracle = BulkCompressor::new(CompressionType::Rdp4);
        for part in texts.iter().flat_map(|text| text.chunks(Encoder::LIMIT)) {
            let packed = encoder.encode(part);
            let flags = rdp(&packed);
            match &packed {
                Packed::Compressed { at_front, payload } => {
                    prop_assert!(payload.len() <= part.len());
                    if *at_front {
                        decoder.to_front();
                    }
                    prop_assert_eq!(survey(payload).map(|survey| survey.text), Ok(part.len()));
                    prop_assert_eq!(decoder.decode(payload), Ok(Decoded::Text(part)));
                    prop_assert_eq!(oracle.decompress(payload, flags).expect("the oracle decodes"), part);
                }
                Packed::Flushed => {
                    decoder.flush();
                    prop_assert_eq!(oracle.decompress(part, flags).expect("the oracle decodes"), part);
                }
            }
        }
    }

    #[test]
    fn another_encoder_is_understood(texts in prop::collection::vec(text(), 1..6)) {
        let mut oracle = BulkCompressor::new(CompressionType::Rdp4);
        let mut decoder = Decoder::default();
        for part in texts.iter().flat_map(|text| text.chunks(8000)).filter(|part| !part.is_empty()) {
            let (size, flags) = oracle.compress(part).expect("the oracle encodes");
            if flags & flags::PACKET_FLUSHED != 0 {
                decoder.flush();
            }
            if flags & flags::PACKET_AT_FRONT != 0 {
                decoder.to_front();
            }
            if flags & flags::PACKET_COMPRESSED != 0 {
                prop_assert_eq!(decoder.decode(oracle.compressed_data(size)), Ok(Decoded::Text(part)));
            }
        }
    }

    #[test]
    fn both_decoders_agree_on_any_octets(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..20)) {
        let mut decoder = Decoder::default();
        let mut oracle = BulkCompressor::new(CompressionType::Rdp4);
        for packed in &packets {
            match decoder.decode(packed) {
                // The oracle masks an offset beyond the history instead of refusing it, so only what we take counts.
                Ok(Decoded::Text(text)) => {
                    prop_assert_eq!(oracle.decompress(packed, flags::PACKET_COMPRESSED).expect("the oracle decodes"), text);
                }
                Ok(Decoded::Doubtful(length)) => panic!("{length} doubtful octets and nothing was lost"),
                Err(_) => break,
            }
        }
    }

    /// Whatever is lost or changed, nothing panics, and of a mere loss nothing comes out that was not put in.
    #[test]
    fn losses_give_no_wrong_text(
        row in 0..LAYOUTS.len(),
        texts in prop::collection::vec(text(), 1..8),
        pieces in prop::collection::vec((1..2000_usize, 0..6_u8), 1..60),
    ) {
        let layout = LAYOUTS.get(row).expect("a layout");
        let first = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
        let all = [vec![first], texts].concat();
        let mut packed = Vec::new();
        let mut compressor = Compressor::new(layout);
        all.iter().for_each(|text| compressor.push(text, &mut packed));
        let said = all.concat();
        let mut decompressor = Decompressor::new([0, 0]);
        let (mut offset, mut known, mut runs, mut is_whole) = (0, Some(0), Vec::new(), true);
        let mut anomalies = AnomalyLog::default();
        let mut take = |event: Event<'_>| match event {
            Event::Bytes { bytes, .. } => {
                runs.push((known, bytes.to_vec()));
                known = known.map(|known: usize| known + bytes.len());
            }
            Event::Gap { length, .. } => {
                known = known.filter(|_| length != UNKNOWN_LENGTH).map(|known| known + length as usize);
            }
            _ => {}
        };
        for (number, (length, what)) in pieces.iter().cycle().enumerate().take(500) {
            let Some(rest) = packed.get(offset..).filter(|rest| !rest.is_empty()) else { break };
            let piece = rest.get(..*length).unwrap_or(rest);
            let (offset_then, frame) = (offset as u64, at(number as u64));
            offset += piece.len();
            let event = if *what == 0 && number > 0 {
                is_whole = false;
                Event::Gap { offset: offset_then, length: piece.len() as u64, after: None, frame }
            } else {
                Event::Bytes { offset: offset_then, bytes: piece, frame }
            };
            decompressor.push(Side::Server, event, &mut anomalies, &mut |_, event| take(event));
        }
        decompressor.push(Side::Server, Event::End { frame: at(1000), over: true }, &mut anomalies, &mut |_, event| take(event));
        for (place, run) in &runs {
            match place {
                Some(place) => prop_assert_eq!(said.get(*place..place + run.len()), Some(&run[..])),
                None => prop_assert!(said.windows(run.len()).any(|window| window == run)),
            }
        }
        if is_whole && offset == packed.len() {
            prop_assert_eq!(runs.into_iter().map(|(_, run)| run).collect::<Vec<_>>().concat(), said);
        }
    }

    #[test]
    fn hostile_octets_do_no_harm(
        row in 0..LAYOUTS.len(),
        text in text(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        size in 1..3000_usize,
    ) {
        let layout = LAYOUTS.get(row).expect("a layout");
        let mut packed = Vec::new();
        let mut compressor = Compressor::new(layout);
        compressor.push(b"SIP/2.0 200 OK\r\n\r\n", &mut packed);
        compressor.push(&text, &mut packed);
        for (index, octet) in changes {
            let length = packed.len();
            packed[index.index(length)] = octet;
        }
        recognise(&packed);
        let (mut decompressor, mut anomalies) = (Decompressor::new([0, 0]), AnomalyLog::default());
        let (mut offset, mut text) = (0, 0);
        for piece in packed.chunks(size) {
            let event = Event::Bytes { offset, bytes: piece, frame: at(offset) };
            decompressor.push(Side::Client, event, &mut anomalies, &mut |_, event| match event {
                Event::Bytes { offset, bytes, .. } => {
                    assert!(offset >= text && !bytes.is_empty());
                    text = offset + bytes.len() as u64;
                }
                Event::Gap { length, .. } => assert!(length > 0),
                _ => {}
            });
            offset += piece.len() as u64;
        }
        for side in [Side::Client, Side::Server] {
            let mut ends = 0;
            let event = Event::End { frame: at(9), over: true };
            decompressor.push(side, event, &mut anomalies, &mut |_, event| ends += u32::from(matches!(event, Event::End { .. })));
            prop_assert!(ends <= 2);
        }
    }

    #[test]
    fn any_octets_decode_or_are_refused(packed in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut decoder = Decoder::default();
        if let Ok(Decoded::Text(text)) = decoder.decode(&packed) {
            prop_assert!(text.len() <= 8192);
            prop_assert_eq!(survey(&packed).map(|survey| survey.text), Ok(text.len()));
        }
        prop_assert!(!recognise(&packed));
    }
}
