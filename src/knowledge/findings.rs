//! What each finding code means and how it looks on the wire, for who reads a report.
//!
//! The codes and their titles are [`crate::judge`]'s; a test sees to it that each has its row here.

/// One finding code.
#[derive(Debug)]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What is seen on the wire.
    pub wire: &'static str,
    /// What to look at, where no cause is found; empty when nothing needs doing.
    pub look: &'static str,
}

/// Every finding code.
pub const EXPLANATIONS: &[Explanation] = &[
    // Failed.
    row(
        "LP105",
        "The push request did not leave: the Front End or the Edge answered it with a refusal of their own. Steps 6 to 8 cannot have happened.",
        "A final response outside 2xx to the push request, with ms-edge-proxy-message-trust EdgeProxyGenerated or without that header, and no request on the Edge's external leg.",
        "Who reports it, and with which ms-diagnostics number.",
    ),
    row(
        "LP108",
        "The push request left, and the answer is a refusal.",
        "The request on the Edge's external leg, or an answer whose ms-edge-proxy-message-trust names a source outside; its status is not 2xx.",
        "Whether the answer came from outside or was made by the Edge after a time.",
    ),
    row(
        "LP109",
        "The caller got a final response that says no. It does not say why nobody answered: read it together with the push.",
        "A final response outside 2xx to the INVITE that no CANCEL explains.",
        "Whether the push was accepted; if it was, the phone or its user.",
    ),
    // Missing.
    row(
        "LP201",
        "The call shows itself further in, and its INVITE does not on the caller's leg, which is in view.",
        "The 180 or the push without an INVITE before it.",
        "Whether the capture filter drops client traffic.",
    ),
    row(
        "LP202",
        "The Front End took the INVITE and did not send it on to the mobility service.",
        "No 101 with ms-diagnostics 13004 and no copy of the INVITE to the mobility service's port.",
        "Whether the user is signed in on a phone: Get-CsUserPoolInfo, Get-CsService -WebServer.",
    ),
    row(
        "LP203",
        "The mobility service got the INVITE and did not answer it.",
        "The INVITE's copy to the mobility service without a 180 whose Server names McxService or UCWA.",
        "The web services of the Front End: the application pools of Mcx and Ucwa in IIS.",
    ),
    row(
        "LP204",
        "The phone rang in the mobility service, and no push request was made although this client needs one.",
        "A mobile 180, and no request to the clearing house on the first hop, which is in view.",
        "Whether push notifications are enabled, throttled, or the phone gave no token.",
    ),
    row(
        "LP205",
        "No push request left through the Edge in time.",
        "The request on its first hop, or the phone's 180, and no copy of the request towards the Edge, which is in view.",
        "The first hop, on the Front End's loopback: it shows whether the push was made and who refused it.",
    ),
    row(
        "LP208",
        "The push request was sent and no final response came within 32 seconds (SIP's transaction timer).",
        "The request on a leg in view, without a final response.",
        "The next hop outwards.",
    ),
    row(
        "LP209",
        "The call has no final response although the capture runs on.",
        "An INVITE with provisional responses only.",
        "Whether the caller is still ringing; whether the capture filter drops something.",
    ),
    row(
        "LP210",
        "The call was answered, and nothing came of it.",
        "A 2xx to the INVITE without an ACK or any request after it.",
        "The caller: its ACK does not arrive, or it is gone.",
    ),
    // Late.
    row(
        "LP302",
        "Step 2 came later than its limit.",
        "The 101 or the INVITE's copy, long after the INVITE.",
        "The load of the Front End.",
    ),
    row(
        "LP303",
        "Step 3 came later than its limit.",
        "The mobile 180, long after the INVITE's copy.",
        "The load of the mobility service.",
    ),
    row(
        "LP304",
        "Step 4 came later than its limit.",
        "The push request, long after the mobile 180.",
        "The mobility service: throttling, load.",
    ),
    row(
        "LP305",
        "Step 5 came later than its limit.",
        "The push request's copy towards the Edge, long after the first.",
        "The load of the Front End, and its connection to the Edge.",
    ),
    row(
        "LP308",
        "The answer to the push came later than the hard limit.",
        "A 2xx to the push request, more than 32 seconds after it.",
        "The way from the Edge to the clearing house.",
    ),
    row(
        "LP309",
        "The call was answered long after the push was accepted.",
        "A 2xx to the INVITE past its limit.",
        "The phone: it woke late, or its user took long.",
    ),
    row(
        "LP310",
        "The session began late.",
        "The ACK, long after the 2xx.",
        "The caller, and its connection to the Front End.",
    ),
    // Out of order.
    row("LP402", "Step 2 stands before step 1.", "The 101 or the INVITE's copy before the INVITE.", ORDER),
    row("LP403", "Step 3 stands before step 2.", "A mobile 180 before its INVITE reached the mobility service.", ORDER),
    row(
        "LP404",
        "Step 4 stands before what causes it.",
        "The push request well before the mobile 180 or the INVITE.",
        ORDER,
    ),
    row(
        "LP405",
        "Step 5 stands before step 4.",
        "The push request's copy towards the Edge before the first hop's.",
        ORDER,
    ),
    row("LP408", "Step 8 stands before step 5.", "The answer of the push before its request.", ORDER),
    row("LP409", "Step 9 stands before step 1.", "The final response before the INVITE.", ORDER),
    row("LP410", "Step 10 stands before step 9.", "ACK or in-dialog requests before the 2xx.", ORDER),
    // Notes and warnings.
    row(
        "LP501",
        "The user may have opened the app by chance, or the phone was woken before the answer of the push came back.",
        "The 2xx of the INVITE before that of the push.",
        "",
    ),
    row(
        "LP502",
        "The callee answered on another endpoint: nothing is wrong with the push.",
        "A 2xx whose To tag is not the phone's; CANCEL and 487 on the phone's branch.",
        "",
    ),
    row(
        "LP503",
        "The caller hung up before anybody answered: nothing is wrong with the push.",
        "CANCEL on the caller's leg, 487.",
        "",
    ),
    row(
        "LP504",
        "The phone's branch was cancelled, and this capture does not show why.",
        "CANCEL and 487 between Front End and mobility service; the caller's leg is not in view.",
        "The caller's leg.",
    ),
    row(
        "LP505",
        "The app held its connection, so no push was needed.",
        "The phone answers 2xx, no push request on covered legs.",
        "",
    ),
    row(
        "LP506",
        "This client keeps its own connection or is woken in another way; no push is made for it.",
        "The product tokens of the mobile 180 name a family without push in the profile.",
        "",
    ),
    row(
        "LP507",
        "Nobody has said whether this client gets a push.",
        "Product tokens of a family or version that the profile does not know.",
        "The profile: mobile.families.",
    ),
    row(
        "LP508",
        "The call ended before the mobility service had to make a push.",
        "A final response soon after the 180.",
        "",
    ),
    row(
        "LP509",
        "The push was accepted, later than usual.",
        "A 2xx to the push request after several seconds.",
        "The way from the Edge to the clearing house, if it comes often.",
    ),
    row("LP510", "The phone answered without a 180.", "A 2xx of the phone's endpoint, no 180 before it.", ""),
    row(
        "LP511",
        "The callee has several phones, and the push of one of them broke.",
        "Pushes for some endpoints of the callee and not for others.",
        "The phone with that epid: its sign-in, its token.",
    ),
    row(
        "LP512",
        "The phone's endpoint sent something that may be its push, to an address that is not known as the clearing house's.",
        "A request with the phone's epid to another host.",
        "Get-CsMcxConfiguration: PushNotificationProxyUri; and --push-uri.",
    ),
    row(
        "LP513",
        "While this ladder ran, frames were lost before they could be read: no step is said to be missing because of it.",
        "Nothing: the kernel, an interface or its driver counts frames it had no room for, the interface was down, or the clock was set.",
        "What LP907 says of the interface.",
    ),
    row(
        "LP514",
        "A push for the phone was refused, and another one for the same call came further. The steps are those of the one that came furthest.",
        "A final response outside 2xx to one push request, and another push request.",
        "The number of the refusal, lyncpush explain tells its meaning: what refuses one push now and then refuses others too.",
    ),
    row(
        "LP515",
        "The phone should get a push, and no leg that a push takes is in view: nothing is known of it.",
        "The caller's leg or the mobility service's, and none of the push's.",
        "A capture on the Front End's loopback and network card, or on the Edge.",
    ),
    // Connections.
    row(
        "LP601",
        "A TLS connection on which SIP is expected was refused or broken off in its handshake: no SIP passes there. An error on the Edge's legs, where pushes pass: where --vantage names a place on them; where SIP between the same hosts, or of one of them with others, shows the Edge; where a name of the Edge or of who is behind it, known from SIP or from the profile (push.peer_hosts), stands in the handshake; and where the push of a ladder waited for it. Elsewhere a warning, and also where nothing shows which leg it is.",
        "A TLS alert, an end of the connection before the handshake is complete, or an answer in plain text, such as HTTP, to the client's hello. TLS 1.3 encrypts alerts and certificates: without a key log it shows only that the connection ended before the client can have finished, and not whether a server took its client's certificate.",
        "The certificates that the handshake shows, whether they are expired, and the alert's name: it says what the other side did not take. After an answer in plain text: whether the port is the right one, and whether a proxy stands in between.",
    ),
    row(
        "LP602",
        "A host dialed a port on which SIP is expected, and no connection came of it. A warning on the Edge's legs and where no ladder was found, a note elsewhere.",
        "SYN sent again and again without an answer in the capture, or answered by RST.",
        "Whether the server's host and service are up, and what stands between the two: nothing answers where a firewall throws packets away or a host is down, RST where a port is closed.",
    ),
    // The capture itself.
    row(
        "LP901",
        "There was something to read and nothing could be read.",
        "Encrypted or compressed streams on SIP ports, or an unknown link type.",
        "The coverage: it names the reason of each stream, and lyncpush explain tells what helps against each. For TLS a key log (--keylog) or, for suites named TLS_RSA_, the server's RSA key (--rsa-key); else a capture in a place where SIP is in the clear.",
    ),
    row(
        "LP902",
        "The capture ends in the middle of a record, or holds bytes that make no sense.",
        "A file that was cut short or damaged.",
        "How the file was copied.",
    ),
    row(
        "LP903",
        "The capture dropped packets of SIP streams, or does not hold the whole of them.",
        "Holes in TCP streams that carry SIP. Frames that hold less than was sent are counted as cut-frame in the coverage: the snapshot length of the capture was too short.",
        "The capturing host: a larger buffer, a narrower filter; where frames were cut, whole frames (tcpdump -s 0).",
    ),
    row(
        "LP904",
        "More was going on at once than is kept; the oldest was closed early.",
        "Very many calls or pushes without an end.",
        "A narrower filter.",
    ),
    row(
        "LP905",
        "Frames go back in time, so nothing is said to be missing.",
        "Timestamps that are more than a second older than one before them.",
        "reordercap, or mergecap without -a.",
    ),
    row(
        "LP906",
        "The clocks of the captures are further apart than Kerberos allows.",
        "Messages that two captures share carry times minutes apart.",
        "w32tm /query /status on the hosts that captured.",
    ),
    row(
        "LP907",
        "An interface that was watched lost frames, or was down for a time.",
        "The kernel, the interface or its driver counts frames it had no room for; or the interface was down or away.",
        "A larger ring (--buffer), a narrower filter (--bpf), a host with less to do; whether the interface's link is stable.",
    ),
    row(
        "LP908",
        "Some SIP was read, and some streams that may be SIP were not: pushes may be in there. A warning where no ladder was found, else a note.",
        "Encrypted or compressed streams on SIP ports, or on connections that were seen to be SIP; TLS of a host that speaks SIP, on a port that the profile does not name.",
        "The coverage: it names each stream, why it was not read, and what would open it (--keylog, --rsa-key, a capture from before the connection is made). Where it names a port for the profile, that belongs into ports.sip if it is SIP, else into ports.other.",
    ),
];

const ORDER: &str =
    "Whether several captures were merged without their clocks being compared; give them as separate files.";

const fn row(code: &'static str, meaning: &'static str, wire: &'static str, look: &'static str) -> Explanation {
    Explanation { code, meaning, wire, look }
}

/// What is known of a code.
pub fn find(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|known| known.code.eq_ignore_ascii_case(code))
}
