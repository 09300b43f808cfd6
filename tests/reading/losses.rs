//! What the capture lost, told in time to whoever would otherwise call a message missing.

use crate::wire::{ACK, BYE, SYN, Wire};

#[test]
fn an_answer_that_is_only_acknowledged_is_told_while_somebody_waits_for_it() {
    let mut wire = Wire::new(5061);
    wire.push(10, true, ACK, [101, 501], BYE);
    wire.push(20, true, ACK, [143, 801], "");
    wire.check(&["BYE 4"]);
    // Another connection shows that time goes by.
    wire.ports[1] = 5062;
    wire.push(3_030, true, SYN, [100, 0], "");
    wire.check(&["BYE 4", "lost 0-3030"]);
}

#[test]
fn a_stream_of_which_no_message_is_left_is_told_where_sip_is_expected() {
    for (port, told) in [(5061, &["lost 0-3020"][..]), (8080, &[])] {
        let mut wire = Wire::new(port);
        wire.push(20, false, ACK, [501, 143], "");
        wire.push(3_020, false, ACK, [501, 143], "");
        wire.check(told);
    }
}

#[test]
fn octets_passed_over_behind_a_loss_are_lost() {
    let mut wire = Wire::new(5061);
    wire.push(10, true, ACK, [101, 501], BYE);
    // 100 octets are lost; then the end of a body, and behind it in the same segment a message that nobody can find.
    wire.push(20, true, ACK, [243, 501], "tail");
    wire.push(30, false, ACK, [501, 247], "");
    wire.push(240, false, ACK, [501, 247], "");
    wire.check(&["BYE 4", "lost 10-240", "lost 20-20"]);
    wire.push(5_000, true, ACK, [247, 501], &format!("more of it{BYE}"));
    wire.check(&["BYE 4", "lost 10-240", "lost 20-20", "lost 20-5000"]);
    // A segment that begins with a message is found, and from then on nothing is in doubt.
    wire.push(9_000, true, ACK, [299, 501], BYE);
    wire.push(9_001, true, ACK, [341, 501], BYE);
    wire.check(&["BYE 4", "lost 10-240", "lost 20-20", "lost 20-5000", "BYE 9", "BYE 10"]);
}

#[test]
fn the_beginning_of_a_capture_is_no_loss() {
    let mut wire = Wire::new(5061);
    wire.ports[1] = 5062;
    wire.push(10, true, ACK, [7_000, 9_000], "the end of a message\r\n\r\n");
    wire.push(80, true, ACK, [7_024, 9_000], BYE);
    wire.push(90, true, ACK, [7_066, 9_000], BYE);
    // What was read of it before its port was known to carry SIP may have been the end of a message, no more.
    wire.check(&["BYE 5", "BYE 6"]);
}
