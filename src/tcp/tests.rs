//! What comes out of connections of every kind, as [`script`]s of segments.

mod script;

use super::*;
use crate::frame::Timestamp;
use script::*;

#[test]
fn in_order_and_both_ways() {
    check_open("> 'hello; < =5 'hi; > =2 'bye", "0>hello 0<hi 0>bye | 0>. 0<.");
    check_open("> '1 F; < =2 '2; < F; > =2", "0>1 0>. 0<2 0<. |");
    check_open("> 'x; < R", "0>x 0<. 0>. |");
    check_open("", "|");
    check_open("> F; < =1 F; > =1", "|");
    check_open("> F; < =1 'late; < F", "0<late 0>. 0<. |");
    check("> S 'early; < S =5; > 'more", "0>early 0>more | 0>. 0<.");
}

#[test]
fn any_order_and_repetition() {
    check_open("> @3 'def; > @0 'abc", "0>abc 0>def | 0>. 0<.");
    check_open("> @6 'ghi; > @3 'def; > @0 'abc", "0>abc 0>def 0>ghi | 0>. 0<.");
    check_open("> 'abc; > @0 'abc; > @0 'abcdef; > @2 'cde", "0>abc 0>def | 0>. 0<.");
    check_open("> @6 'ghi F; > @0 'abc; > @3 'def", "0>abc 0>def 0>ghi 0>. | 0<.");
    check_open("> 'ab x1; > @0 'ab; < =2 'ok; < @0 'ok", "0>ab 0<ok | 0>. 0<.");
    let mirrored =
        "> S; > S; < S =0; < S =0; > =0; > =0; > 'ab; > @0 'ab; < =2; < =2; > F; > F; < =3 F; < =3 F; > =1; > =1";
    check(mirrored, "0>ab 0>. 0<. |");
    assert_eq!(run(mirrored).counters.connections, 1);
}

#[test]
fn sequence_numbers_wrap() {
    let wrap = format!("> S i{}; < S =0;", u32::MAX - CLIENT_INITIAL - 4);
    check(&format!("{wrap} > 'abc; > 'def; > 'ghi"), "0>abc 0>def 0>ghi | 0>. 0<.");
    check(&format!("{wrap} > @6 'ghi; > @3 'def; > @0 'abc; < =9"), "0>abc 0>def 0>ghi | 0>. 0<.");
    check(&format!("{wrap} > @6 'ghi; > @0 'abc; < =9; > +300"), "0>abc 0>~3 0>ghi | 0>. 0<.");
}

#[test]
fn differing_copies_are_counted_once_for_each_segment() {
    for (script, conflicts, events) in [
        ("> 'abc; > @0 'abc", 0, "0>abc | 0>. 0<."),
        ("> 'abc; > @0 'abX; > @0 'XXX", 2, "0>abc | 0>. 0<."),
        ("> 'abc; < =3; > @0 'aXcd", 1, "0>abc 0>d | 0>. 0<."),
        ("> @3 'def; > @4 'EF; > @0 'abc", 1, "0>abc 0>def | 0>. 0<."),
        ("> 'ab; > @4 'ef; > @0 'ABCDEF", 1, "0>ab 0>CD 0>ef | 0>. 0<."),
        ("> 'abc; > 'def; > @1 'bcde", 0, "0>abc 0>def | 0>. 0<."),
        ("> 'abc; > 'def; > @1 'bcdE", 1, "0>abc 0>def | 0>. 0<."),
    ] {
        let run = run(&format!("{OPEN} {script}"));
        assert_eq!(
            (run.conflicts, run.counters.conflicts, run.events.as_str()),
            (conflicts, conflicts, events),
            "{script}"
        );
    }
}

#[test]
fn acknowledged_holes_become_gaps() {
    // The proof needs an acknowledgment past the hole and then time, or segments, or the end.
    check_open("> @3 'def; < =6; > @6 +100 'ghi", "| 0>~3 0>def 0>ghi 0>. 0<.");
    check_open("> @3 'def; < =6; > @6 +200 'ghi", "0>~3 0>def 0>ghi | 0>. 0<.");
    check_open("> @3 'def; < =6; < =6 x15; > 'ghi", "0>~3 0>def 0>ghi | 0>. 0<.");
    check_open("> @3 'def; < =6; < =6 x14; < @0 'hi", "0<hi | 0>~3 0>def 0>. 0<.");
    check_open("> @3 'def; < =6; < +500 R", "0>~3 0>def 0<. 0>. |");
    // It may still come late.
    check_open("> @3 'def; < =6; > @0 +100 'abc", "0>abc 0>def | 0>. 0<.");
    // Acknowledged up to the hole only: the receiver waits for it too.
    check_open("> @3 'def; < =0 x30; < +4000 =0; > @6 'ghi; > @0 'abc", "0>abc 0>def 0>ghi | 0>. 0<.");
    // An acknowledgment into the middle of the hole proves nothing of the whole.
    check_open("> @9 'jkl; < =5; < =5 +900; > @0 'abcdefghi", "0>abcdefghi 0>jkl | 0>. 0<.");
    // Several holes under one acknowledgment go together.
    check_open("> @1 'b; > @3 'd; > @5 'f; < =6; < =6 +200", "0>~1 0>b 0>~1 0>d 0>~1 0>f | 0>. 0<.");
    // A later hole needs its own proof.
    check_open("> @1 'b; < =2; > @3 +200 'd; < =4; < =4 +100; > @2 'c", "0>~1 0>b 0>c 0>d | 0>. 0<.");
    // A hole before the FIN.
    check_open("> 'ab; > @4 F; < =5; < +200 =5 F", "0>ab 0>~2 0>. 0<. |");
}

#[test]
fn acknowledged_tails_become_gaps() {
    check_open("> 'abc; < =10", "0>abc | 0>~7 0>. 0<.");
    check_open("> 'abc; < =10; > @10 +50 'xyz; < +100 =13; < +50 =13", "0>abc 0>~7 0>xyz | 0>. 0<.");
    check_open("> 'abc; < =10; > @10 +500 'xyz", "0>abc 0>~7 0>xyz | 0>. 0<.");
    // Nothing need follow: the proof has stood long enough.
    check_open("> 'abc; < =10; < +2999 'z", "0>abc 0<z | 0>~7 0>. 0<.");
    check_open("> 'abc; < =10; < +3000 'z", "0>abc 0<z 0>~7 | 0>. 0<.");
    check_open("> 'abc; < =10; > +2000 @3 'defghij", "0>abc 0>defghij | 0>. 0<.");
    check_open("> 'abc; < =10; < +3000 'z; > @10 'xyz; < =13", "0>abc 0<z 0>~7 0>xyz | 0>. 0<.");
    check_open("> 'abc; < =4; < +9000 'z", "0>abc 0<z | 0>. 0<.");
    // One octet more than was seen is a FIN that was not.
    check_open("> 'abc; < =4", "0>abc | 0>. 0<.");
    // The sender says so itself.
    check_open("> 'abc; > @10", "0>abc | 0>~7 0>. 0<.");
    // A side never seen at all.
    check_open("< 'abc; < =7 'def", "0<abc 0<def | 0>~7 0>. 0<.");
}

#[test]
fn a_reset_ends_its_sender_first_and_proves_what_was_sent_before_it() {
    check_open("> 'x; > R", "0>x 0>. 0<. |");
    check_open("> 'x; < 'y; < R", "0>x 0<y 0<. 0>. |");
    // It stands behind octets that were not seen, and acknowledges others: they may come late, or not at all.
    check_open("> 'abc; > @9 R", "0>abc | 0>~6 0>. 0<.");
    check_open("> 'abc; > @9 R; > @3 +100 'defghi", "0>abc 0>defghi 0>. 0<. |");
    check_open("> 'abc; > @9 R; < +200 'late", "0>abc 0<late 0>~6 0>. 0<. |");
    check_open("> 'abc; < =9 R; > @3 'defghi", "0>abc 0>defghi 0<. 0>. |");
    check_open("> 'abc; < =9 R; > +3000 @9", "0>abc 0>~6 0<. 0>. |");
    check_open("> 'abc; > @9 R; > S i70000; < S =0; > 'new", "0>abc 0>~6 0>. 0<. 1>new | 1>. 1<.");
    check_open("> 'abc F; < =4 'z; > @4 =1 R", "0>abc 0>. 0<z 0<. |");
    check_open("> 'abc; > @4 R", "0>abc 0>. 0<. |");
    // One that is far off is believed in nothing but the end.
    check_open("> 'abc; > @900000 R", "0>abc 0>. 0<. |");
}

#[test]
fn a_gap_lies_after_the_last_octets_or_the_begin_of_the_connection() {
    for (script, expected) in [
        ("> S; < S =0 +10; > =0 'abc +10; > =0 +500; < @3 +500 'def", (0, 1020)),
        ("> S; < S =0 +10; < 'abc +10; > 'x =9; < @9 +500 'def", (20, 520)),
    ] {
        let (mut tcp, mut anomalies, mut writer) =
            (Tcp::new(Limits::default()), AnomalyLog::default(), Writer::default());
        let mut gaps = Vec::new();
        let mut take = |_: &Connection, _: Side, event: Event<'_>| {
            if let Event::Gap { after, frame, .. } = event {
                gaps.push((after.unwrap().time, frame.time));
            }
        };
        let begin = writer.segment(&step("> S")).at.time;
        let mut writer = Writer::default();
        for text in script.split(';') {
            tcp.push(&writer.segment(&step(text)), &mut anomalies, &mut take);
        }
        tcp.finish(&mut anomalies, &mut take);
        let since = |time: Timestamp| time.since(begin) / 1_000_000;
        assert_eq!(gaps.iter().map(|(after, frame)| (since(*after), since(*frame))).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn the_window_proves_a_hole() {
    // The server never allowed more than 8 octets (2 shifted by 2) beyond what it had: octet 12 means it had 4.
    let small = "> S s2; < S =0 s2 w2; > =0; < =0 w2; > @4 'efgh; > @8 'ijkl;";
    check(&format!("{small} > @12 +200"), "0>~4 0>efgh 0>ijkl | 0>. 0<.");
    check(&format!("{small} > @0 'abcd"), "0>abcd 0>efgh 0>ijkl | 0>. 0<.");
    // Within the window nothing is proved.
    check(
        "> S s2; < S =0 s2; > =0; < =0 w3; > @4 'efgh; > @8 +900 'ijkl; > @0 +900 'abcd",
        "0>abcd 0>efgh 0>ijkl | 0>. 0<.",
    );
}

#[test]
fn one_direction_alone() {
    check("> S; > @3 'def; > @6 'ghi; > @9 +3000", "0>~3 0>def 0>ghi | 0>. 0<.");
    check("> S; > @3 'def; > @6 +2000 'ghi; > @0 'abc", "0>abc 0>def 0>ghi | 0>. 0<.");
    let many: String = (0..64).map(|index| format!("> @{} 'x;", index + 1)).collect();
    let seen: String = (0..64).map(|_| " 0>x".to_owned()).collect();
    check(&format!("> S; {many}"), &format!("0>~1{seen} | 0>. 0<."));
    let block = "y".repeat(60_000);
    check(
        &format!("> S; > @9 '{block}; > '{block}; > '{block}; > '{block}; > '{block}"),
        &format!("0>~9 0>{block} 0>{block} 0>{block} 0>{block} 0>{block} | 0>. 0<."),
    );
}

#[test]
fn joined_in_the_middle() {
    // The first segment is held for a moment, in case it is not the first.
    check("> @50 'abc; > 'def", "| 0>abc 0>def 0>. 0<.");
    check("> @50 'abc; > 'def; > 'ghi; > 'jkl", "0>abc 0>def 0>ghi 0>jkl | 0>. 0<.");
    check("> @50 'abc; > +50 'def", "0>abc 0>def | 0>. 0<.");
    check("> @53 'def; > @50 'abc; > +50", "0>abc 0>def | 0>. 0<.");
    check("> @53 'def; > +50; > @50 'abc", "0>def | 0>. 0<.");
    // What the segment tells of the other side fixes that side's start.
    check("> @50 =70 'abc; < @70 =53 'hi; < @75 'more; < @72 'ok_; > +50", "0<hi 0<ok  0<more 0>abc | 0>. 0<.");
    check("> @50 =70; < @70 'hi", "0<hi | 0>. 0<.");
    check("> @50 =70; > @50 'abc", "0>abc | 0>. 0<.");
    check("> @50 =70; < @75 'hi; < +50; > =77; > +200 =77", "0<~5 0<hi | 0>. 0<.");
    // A SYN captured late fixes it as well.
    check("> @0 'abc; > S @0; > @3 'def", "0>abc 0>def | 0>. 0<.");
    check("> @3 'def; > S @0; > @0 'abc", "0>abc 0>def | 0>. 0<.");
    // Without a SYN the SIP port is the server.
    check("< @9 =4 'hi; > @4 'yo; > +50", "0>yo 0<hi | 0>. 0<.");
}

#[test]
fn keep_alives_carry_nothing() {
    check_open("> 'abc; > @2 'c; > @2 '0; > @2; > 'def", "0>abc 0>def | 0>. 0<.");
    assert_eq!(run(&format!("{OPEN} > 'abc; > @2 '0; > @2 +9000 '0")).conflicts, 0);
    // As the first thing seen, with an octet or without.
    check("> @49 'x; > @50 'abc", "0>abc | 0>. 0<.");
    check("> @49; > @50 'abc", "0>abc | 0>. 0<.");
    check("> @49; < =50; > @50 'abc", "0>abc | 0>. 0<.");
    // A probe after lost data does not stand for it.
    check_open("> 'abc; < =9; > @8 +9000 '0; > @9 'xyz", "0>abc 0>~6 0>xyz | 0>. 0<.");
    // A window probe carries the next octet.
    check_open("> 'abc; < =3 w0; > @3 'd; < =3 w9; > @3 'def", "0>abc 0>d 0>ef | 0>. 0<.");
}

#[test]
fn octets_the_capture_cut_off() {
    check_open("> 'abc ~5; > 'def", "0>abc | 0>~5 0>def 0>. 0<.");
    check_open("> 'abc ~5; > 'def ~5; > +200", "0>abc 0>~5 0>def | 0>~5 0>. 0<.");
    check_open("> 'abc ~5; > @0 'abcdefgh; > 'ijk", "0>abc 0>defgh 0>ijk | 0>. 0<.");
    check_open("> 'abc ~5; > F; < =9; < +200 =9 F", "0>abc 0>~5 0>. 0<. |");
    check_open("> ~5 +0; > +300 ~5", "| 0>~10 0>. 0<.");
    let all: String = (0..40).map(|_| "> 'a ~3;".to_owned()).collect();
    let run = run(&format!("> S; {all}"));
    assert_eq!((run.counters.delivered, run.counters.gap_octets, run.counters.gaps), (40, 120, 40));
}

#[test]
fn ports_used_again() {
    // With a SYN, before or after the end.
    check_open("> 'old; > S i70000; < S =0; > 'new", "0>old 0>. 0<. 1>new | 1>. 1<.");
    check_open("> 'old; < R; > S i70000; < S =0; > 'new", "0>old 0<. 0>. 1>new | 1>. 1<.");
    check_open("> 'old F; < =4 F; > =1; > S i70000; < S =0; > 'new", "0>old 0>. 0<. 1>new | 1>. 1<.");
    // The same SYN again is the same connection.
    check_open("> 'abc; > S @0; > 'def", "0>abc 0>def | 0>. 0<.");
    check_open("> 'abc; < R; > S @0", "0>abc 0<. 0>. |");
    // A connection joined in the middle is older than a SYN.
    check("> @50 'old; > S i70000; > 'new", "0>old 0>. 0<. 1>new | 1>. 1<.");
    check("< @50 'old; > S i70000; > 'new", "0<old 0>. 0<. 1>new | 1>. 1<.");
    // Without a SYN: sequence numbers far away, three times in a row.
    check_open("> 'old; > i900000000 @0 'n1; > 'n2; > 'n3; > +50", "0>old 0>. 0<. 1>n3 | 1>. 1<.");
    check_open("> 'old; > i900000000 @0 'n1; > i3394967296 @3 'er", "0>old 0>er | 0>. 0<.");
    // After the end, without a SYN.
    check_open("> 'old; < R; > i900000000 @0 'new; > +50", "0>old 0<. 0>. 1>new | 1>. 1<.");
}

#[test]
fn late_segments_of_an_ended_connection_are_no_new_one() {
    for late in
        ["> @0 'old", "> @1 'l", "< =4", "< @0 F", "> F", "< R", "> 'under_way", "< 'under_way", "> S @0", "< S @0 =0"]
    {
        let script = format!("{OPEN} > 'old; > F; < =4 F; > =1; {late}; {late}");
        check(&script, "0>old 0>. 0<. |");
        assert_eq!(run(&script).counters.late, 3, "{script}");
    }
    // Much later it is a connection whose beginning was not captured.
    check_open("> 'old; > R; > @3 +2500 'new", "0>old 0>. 0<. | 1>new 1>. 1<.");
    check("> R; < R", "|");
}

#[test]
fn the_opener_is_the_client() {
    // Simultaneous and split handshakes: the first SYN counts.
    check("> S; < S; > S =0; > 'hi", "0>hi | 0>. 0<.");
    check("> S; < =0; < S; > =0; > 'hi; < 'yo", "0>hi 0<yo | 0>. 0<.");
    // The answer captured before the SYN.
    check("< S =0; > S @0; > 'hi; < =2 'yo", "0>hi 0<yo | 0>. 0<.");
    // The server port may be anything: here "the server" opens.
    check("< S; > S =0; < 'hi; > =2 'yo", "0>hi 0<yo | 0>. 0<.");
    check("> =9; < S @0; > S =0; < 'hi", "1>hi | 1>. 1<.");
}

#[test]
fn other_inputs_are_witnesses_once() {
    check_open("> 'abc; > @0 #1 'abc; > @0 #1 'abc; > #1 'def; > @3 'def", "0>abc 0>!1 0>def | 0>. 0<.");
    check_open("> 'abc; > #1 'def; < #1 'hi; < @0 'hi; > #2 @0 'ab", "0>abc 0>!1 0>def 0<hi 0<!0 0>!2 | 0>. 0<.");
    check_open("> 'abc; > #1; < =3 #1; > @2 #1 'c", "0>abc | 0>. 0<.");
}

#[test]
fn limits_give_holes_up() {
    let limits = Limits { stream_buffer: 300, total_buffer: 1000, connections: 2, remembered: 2 };
    // Each waiting piece costs 99 octets: the fourth is too much.
    let one = run_with(limits, &format!("{OPEN} < =0; > @3 'def; > @9 'jkl; > @15 'pqr; > @21 'vwx"));
    assert_eq!(one.events, "0>~3 0>def | 0>~3 0>jkl 0>~3 0>pqr 0>~3 0>vwx 0>. 0<.");
    assert_eq!((one.limits, one.counters.limit_reached, one.tables), (1, 1, 0));
    // All together: the connection that waits longest gives way.
    let all = run_with(
        Limits { stream_buffer: 300, total_buffer: 150, ..limits },
        &format!("{OPEN} < =0; > @3 'def; < @2 =0 'hi"),
    );
    assert_eq!(all.events, "0>~3 0>def 0<~2 0<hi | 0>. 0<.");
    assert_eq!((all.limits, all.counters.limit_reached, all.tables), (2, 2, 0));
}

/// Opens a connection from each of `ports` in turn and sends one octet on it.
fn from_ports(limits: Limits, ports: impl IntoIterator<Item = u16>) -> (Log, Counters, AnomalyLog) {
    let (mut tcp, mut anomalies, mut log, mut writer) =
        (Tcp::new(limits), AnomalyLog::default(), Log::default(), Writer::default());
    for port in ports {
        for text in ["> S @0", "> @0 'x"] {
            let step = step(text);
            let mut segment = writer.segment(&step);
            segment.source.set_port(port);
            tcp.push(&segment, &mut anomalies, &mut |connection, side, event| log.take(connection, side, event));
        }
    }
    let counters = tcp.counters();
    assert!(tcp.table.len() <= limits.connections);
    (log, counters, anomalies)
}

#[test]
fn the_longest_idle_connection_gives_way() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let (log, counters, anomalies) = from_ports(limits, [7001, 7002, 7001, 7003]);
    assert_eq!(log.events.join(" "), "0>x 1>x 1>. 1<. 2>x");
    assert_eq!((counters.evicted, anomalies.count(AnomalyKind::TableLimit)), (1, 1));
    let (log, counters, _) = from_ports(limits, 10_000..20_000);
    assert_eq!((counters.connections, counters.evicted, log.ends.len()), (10_000, 9_998, 2 * 9_998));
}

#[test]
fn a_hole_on_a_silent_connection_is_given_up_by_the_traffic_of_others() {
    let (mut tcp, mut anomalies, mut log, mut writer) =
        (Tcp::new(Limits::default()), AnomalyLog::default(), Log::default(), Writer::default());
    for (port, text) in [(7001, "> S"), (7001, "> @3 'def"), (7002, "> +2900 S @0"), (7002, "> +200 @0 'x")] {
        let step = step(text);
        let mut segment = writer.segment(&step);
        segment.source.set_port(port);
        tcp.push(&segment, &mut anomalies, &mut |connection, side, event| log.take(connection, side, event));
    }
    assert_eq!(log.events.join(" "), "0>~3 0>def 1>x");
}

#[test]
fn only_so_many_ended_connections_are_remembered() {
    let limits = Limits { remembered: 2, ..Limits::default() };
    let (mut tcp, mut anomalies, mut log, mut writer) =
        (Tcp::new(limits), AnomalyLog::default(), Log::default(), Writer::default());
    let script = [7001, 7002, 7003].map(|port| ["> S @0", "> @0 'x", "> @1 R"].map(|text| (port, text)));
    let late = [7001, 7002, 7003].map(|port| (port, "> @0 'x"));
    for (port, text) in script.into_iter().flatten().chain(late) {
        let step = step(text);
        let mut segment = writer.segment(&step);
        segment.source.set_port(port);
        tcp.push(&segment, &mut anomalies, &mut |connection, side, event| log.take(connection, side, event));
    }
    assert_eq!((tcp.counters().connections, tcp.counters().late), (4, 2), "the first one was forgotten");
}

#[test]
fn nonsense_is_survived() {
    for script in [
        "> S F R 'x; > S F 'x; > R; > F F; < S S =9 'y",
        "> @0 'abc; > @2147483647 'x; > @2147483650 'x; > @4294967295 'y; > @-1 'z",
        "> S; > F @70; > @90 'beyond; > @0 'abc; < =200; < =4000000000; > +9000; < F",
        "> S; > 'abc F; > @1 F; > 'more F; > @9 F; < R =900",
        "> S s255; < S =0 s255 w65535; > @0 'a; < =1 w65535; > @1000 'b; < =0 w0; > +70000 @2000 'c",
    ] {
        run(script);
        for limits in [
            Limits { stream_buffer: 0, total_buffer: 0, connections: 0, remembered: 0 },
            Limits { stream_buffer: 0, total_buffer: 1 << 20, connections: 1, remembered: 1 },
            Limits { stream_buffer: 1 << 20, total_buffer: 0, connections: 1, remembered: 1 },
        ] {
            run_with(limits, script);
        }
    }
}
