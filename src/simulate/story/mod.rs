//! The scenarios: what happens in each, as data where that is enough.
//!
//! A new scenario is one entry of [`SCENARIOS`].

mod ordinary;
mod orphan;
mod plot;
mod refusal;
mod several;

use super::agenda::Dial;
use super::options::Client;
use super::push::Fate;
use super::stage::{Setting, Stage};
use crate::flow::Side;
pub(super) use ordinary::{after, before};
use plot::{Ending, HAPPY, Plot};

/// Which part of the story the capture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// All of it.
    Whole,
    /// From this many milliseconds after the first ladder's beginning.
    From(i64),
    /// To this many milliseconds after the last ladder's beginning.
    Until(i64),
}

/// How a ladder is told.
#[derive(Clone, Copy, Debug)]
enum Story {
    /// One call, by its facts.
    Call(Plot),
    /// Anything else.
    Told(fn(&mut Stage<'_>)),
}

/// One known story about a ladder.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called on the command line, in kebab case.
    pub name: &'static str,
    /// What happens in it, one line.
    pub summary: &'static str,
    story: Story,
    /// The phone's application, where the scenario is about one.
    pub(super) client: Option<Client>,
    pub(super) setting: Setting,
    pub(super) span: Span,
}

impl Scenario {
    const fn call(name: &'static str, summary: &'static str, plot: Plot) -> Self {
        Self { name, summary, story: Story::Call(plot), client: None, setting: USUAL, span: Span::Whole }
    }

    const fn told(name: &'static str, summary: &'static str, story: fn(&mut Stage<'_>)) -> Self {
        Self { name, summary, story: Story::Told(story), client: None, setting: USUAL, span: Span::Whole }
    }

    const fn by(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    const fn within(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    const fn set(mut self, setting: Setting) -> Self {
        self.setting = setting;
        self
    }

    /// Tells one ladder.
    pub(super) fn tell(&self, stage: &mut Stage<'_>) {
        match self.story {
            Story::Call(plot) => plot.tell(stage),
            Story::Told(story) => story(stage),
        }
    }
}

/// The deployment as the product's documents describe it.
const USUAL: Setting = Setting { push_target: "push@push.lync.com", odd: false };

/// A push that fails in some way, after which nobody answers the call.
const fn failing(fate: Fate) -> Plot {
    Plot { push: Some((70, fate)), ending: Ending::Refused { at: 60_000, refusal: refusal::NO_SUBSCRIPTION }, ..HAPPY }
}

/// Every scenario, in the order they are listed.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::call("happy", "all ten steps: the phone is pushed and the user answers on it", HAPPY),
    // Where the ladder stops, from the call to the phone.
    Scenario::call(
        "push-disabled",
        "the mobility service sends no push; the call times out with 408",
        Plot { push: None, ..failing(Fate::Unanswered) },
    ),
    Scenario::call(
        "im-filter",
        "the intelligent IM filter of the Front End rejects the push with 606",
        failing(Fate::RefusedByFrontEnd(refusal::FILTERED)),
    ),
    Scenario::call(
        "not-federated",
        "the Front End refuses the push with 403: the user may not talk to federated partners (1002)",
        failing(Fate::RefusedByFrontEnd(refusal::NOT_FEDERATED)),
    ),
    Scenario::call(
        "not-federated-edge",
        "the Edge refuses the push with 403: the user may not talk to the outside (1012)",
        failing(Fate::RefusedByEdge(3, refusal::NOT_OUTSIDE)),
    ),
    Scenario::call(
        "edge-down",
        "the Edge does not answer the Front End, which answers the push with 504 (1038)",
        failing(Fate::NoWayToEdge(refusal::EDGE_DOWN)),
    ),
    Scenario::call(
        "domain-not-allowed",
        "push.lync.com is not an allowed domain at the Edge: 504 (1009)",
        failing(Fate::RefusedByEdge(12, refusal::DOMAIN_NOT_ALLOWED)),
    ),
    Scenario::call(
        "dns-missing",
        "the Edge finds no SRV record for the clearing house: 504 (1008)",
        failing(Fate::RefusedByEdge(2_300, refusal::DNS_MISSING)),
    ),
    Scenario::call(
        "firewall",
        "the Edge's packets to the clearing house are thrown away: 504 (1046) after 21 seconds",
        failing(Fate::NoWayOut(Dial::Silence, refusal::FIREWALL)),
    ),
    Scenario::call(
        "connection-refused",
        "the clearing house's port is closed: 504 (1046) at once",
        failing(Fate::NoWayOut(Dial::Refused, refusal::CLOSED)),
    ),
    Scenario::call(
        "certificate",
        "the connection to the clearing house is reset, its certificate not trusted: 504 (1010)",
        failing(Fate::NoWayOut(Dial::Reset(Side::Client), refusal::CERTIFICATE)),
    ),
    Scenario::call(
        "certificate-refused",
        "the clearing house ends the TLS handshake, the Edge's certificate not trusted: 504 (1047)",
        failing(Fate::NoWayOut(Dial::Reset(Side::Server), refusal::HANDSHAKE)),
    ),
    Scenario::call(
        "no-route",
        "the Edge does not route such a request to the clearing house: 504 (1027)",
        failing(Fate::RefusedByEdge(8, refusal::NO_ROUTE)),
    ),
    Scenario::call(
        "clock-skew",
        "the Front End's clock and its peer's are too far apart: 401 (1013)",
        failing(Fate::RefusedByFrontEnd(refusal::CLOCKS)),
    ),
    Scenario::call(
        "push-refused",
        "the Front End refuses the push with 500, for a reason that says nothing of pushes (5003)",
        failing(Fate::RefusedByFrontEnd(refusal::BROKEN_SERVER)),
    ),
    Scenario::call(
        "clearing-house-rejects",
        "the clearing house answers 403; the Edge adds 1034",
        failing(Fate::RefusedOutside(refusal::REJECTED)),
    ),
    Scenario::call(
        "clearing-house-silent",
        "the clearing house does not answer; the Edge answers 408 after 32 seconds",
        failing(Fate::Silence(32_000, refusal::TIMED_OUT)),
    ),
    Scenario::call(
        "push-unanswered",
        "no answer to the push is ever seen, not even the Edge's",
        failing(Fate::Unanswered),
    ),
    Scenario::call(
        "answered-anyway",
        "the push fails at the Edge, but the user opens the app and answers",
        Plot { push: Some((70, Fate::RefusedByEdge(12, refusal::DOMAIN_NOT_ALLOWED))), ..HAPPY },
    ),
    // How the call ends although the push is whole.
    Scenario::call(
        "device-never-wakes",
        "the push is accepted, but nobody answers: 480 after 75 seconds",
        Plot { ending: Ending::GivenUp { at: 75_000, refusal: refusal::NO_ANSWER }, ..HAPPY },
    ),
    Scenario::call(
        "caller-gives-up",
        "the caller hangs up after 20 seconds: CANCEL, 487",
        Plot { ending: Ending::Cancelled { at: 20_000 }, ..HAPPY },
    ),
    Scenario::call(
        "caller-gives-up-early",
        "the caller hangs up while the push is still on its way",
        Plot { ending: Ending::Cancelled { at: 110 }, ..HAPPY },
    ),
    Scenario::call(
        "answered-on-desktop",
        "the user answers on the desktop; the phone's copy is cancelled",
        Plot { desktop: true, ending: Ending::AnsweredOnDesktop { at: 3_100 }, ..HAPPY },
    ),
    Scenario::call(
        "declined",
        "the user declines on the phone: 603",
        Plot { ending: Ending::Refused { at: 5_200, refusal: refusal::DECLINED }, ..HAPPY },
    ),
    Scenario::call(
        "call-refused",
        "the push is accepted, but the call is refused: 403 (17000)",
        Plot { ending: Ending::Refused { at: 900, refusal: refusal::NOT_ALLOWED }, ..HAPPY },
    ),
    // Which phone it is.
    Scenario::call("android", "Lync 2010 on Android: no push is due", HAPPY).by(Client::AndroidLync2010),
    Scenario::call("ios-ucwa", "Lync 2013 on an iPhone: no push is due", HAPPY).by(Client::IphoneUcwa),
    Scenario::call("wp-ucwa", "Lync 2013 on Windows Phone: pushed, through UCWA", HAPPY).by(Client::WpUcwa),
    Scenario::call("foreground", "the app is open: no push is sent, the user answers", Plot { push: None, ..HAPPY }),
    // More than one of something.
    Scenario::told("two-devices", "the user has two phones: two pushes, one phone answers", several::two_devices),
    Scenario::told("two-calls", "two calls to one phone seconds apart, and one to another", several::two_calls),
    Scenario::told("further-im", "a further message in the conversation needs a push of its own", several::further_im),
    Scenario::told("push-repeated", "the first push fails at the Edge, a second one is accepted", several::repeated),
    // Pushes without a call.
    Scenario::told("voice-mail", "a push for voice mail: no call belongs to it", orphan::voice_mail),
    Scenario::told("test-cmdlet", "Test-CsMcxPushNotification: a push without a user", orphan::test_cmdlet),
    Scenario::told(
        "options-test",
        "Test-CsFederatedPartner: OPTIONS by Options_User through the Edge",
        orphan::options,
    ),
    // Order and time.
    Scenario::call(
        "answer-before-push",
        "the user opens the app and answers before the clearing house does",
        Plot {
            push: Some((70, Fate::Accepted(3_400))),
            ending: Ending::Answered { at: 1_900, confirmed: 15 },
            ..HAPPY
        },
    ),
    Scenario::call(
        "push-before-ringing",
        "the push leaves 10 milliseconds before the phone's 180",
        Plot { push: Some((50, Fate::Accepted(81))), ..HAPPY },
    ),
    Scenario::call(
        "push-long-before-ringing",
        "the push leaves 600 milliseconds before the phone's 180: too early to be chance",
        Plot { ringing: 670, ..HAPPY },
    ),
    Scenario::call("late-lookup", "the Front End needs 3 seconds to find the phone", shifted(3_000, 3_000, 3_000)),
    Scenario::call("late-ringing", "the phone's 180 comes after 4 seconds", shifted(0, 4_000, 4_000)),
    Scenario::call("late-push", "the push leaves 3.5 seconds after the phone's 180", shifted(0, 0, 3_500)),
    Scenario::call(
        "late-acceptance",
        "the clearing house accepts the push after 40 seconds",
        Plot {
            push: Some((70, Fate::Accepted(40_000))),
            ending: Ending::Answered { at: 45_000, confirmed: 15 },
            ..HAPPY
        },
    ),
    Scenario::call(
        "late-answer",
        "the user answers 80 seconds after the push was accepted",
        Plot { ending: Ending::Answered { at: 80_300, confirmed: 15 }, ..HAPPY },
    ),
    Scenario::call(
        "late-session",
        "the caller confirms the answer after 4 seconds",
        Plot { ending: Ending::Answered { at: 4_200, confirmed: 4_000 }, ..HAPPY },
    ),
    // What the capture shows.
    Scenario::call("starts-late", "the capture begins after the INVITE", HAPPY).within(Span::From(30)),
    Scenario::call("ends-early", "the capture ends before the call is answered", HAPPY).within(Span::Until(3_000)),
    Scenario::call("ends-in-push", "the capture ends before the push is answered", HAPPY).within(Span::Until(120)),
    Scenario::call("skewed-files", "as happy; written as a set, each file has its own clock", HAPPY),
    // How it is written.
    Scenario::call("header-oddities", "every odd way of writing headers that was ever seen", HAPPY)
        .set(Setting { odd: true, ..USUAL }),
    Scenario::call("other-push-uri", "pushes go to sip:notify@push.lab.example.net", HAPPY)
        .set(Setting { push_target: "notify@push.lab.example.net", ..USUAL }),
];

/// All ten steps, some of them later: the lookup, the ringing, the push.
const fn shifted(lookup: i64, ringing: i64, push: i64) -> Plot {
    Plot {
        lookup: HAPPY.lookup + lookup,
        ringing: HAPPY.ringing + ringing,
        push: Some((70 + push, Fate::Accepted(81))),
        ending: Ending::Answered { at: 4_200 + push, confirmed: 15 },
        ..HAPPY
    }
}
