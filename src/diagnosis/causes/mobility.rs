//! Why the mobility service makes no push.

use super::{Cause, Evidence, FRONT_END, SHELL, Stage, evidence, on};
use crate::diagnosis::Certainty::{Certain, Likely, Possible};
use crate::diagnosis::case::Case;
use crate::judge::push::Reach;
use crate::judge::status::Status;
use crate::knowledge::sources::{BHARGAV, COUNTERS, MCX, MOBILITY, PUSH_SET_UP};
use crate::ladder::profile::StepKey;

pub(super) const CAUSES: &[Cause] = &[
    Cause {
        name: "push-not-made",
        title: "The mobility service made no push: disabled, throttled, or no subscription",
        stage: Stage::Mobility,
        meaning: "The phone needs a push and none was made. Either push notifications are disabled (as they are by default), or the service throttles them, or the phone has given it no token to push to. On the wire the three look the same; the service's counters tell them apart. An app that is open needs no push either, and nobody may have answered it.",
        wire: "A mobile 180 and no request to the clearing house on the first hop, which is in view; later 408, 480 or 487 to the caller, as when nobody answers.",
        numbers: &[],
        statuses: &[408, 480],
        codes: &["LP204"],
        applies: |case| {
            let is_missing =
                case.status(StepKey::PushCreated) == Status::Missing && case.judgement.reach == Reach::None;
            let why = "The phone rang in the mobility service, and no push for it was made although the first hop is in view.";
            if is_missing { evidence(Likely, why.into()) } else { None }
        },
        advice: "Enable push notifications; if they are, look at the counters for throttling and for subscriptions, and let the user sign in on the phone again.",
        check: &[
            on(
                SHELL,
                "Get-CsPushNotificationConfiguration | Format-List Identity, EnableApplePushNotificationService, EnableMicrosoftPushNotificationService",
            ),
            on(SHELL, "Get-CsUser -Identity 'sip:{user}' | Format-List SipAddress, MobilityPolicy"),
            on(SHELL, "Get-CsMobilityPolicy | Format-List Identity, EnableMobility, EnablePushNotifications"),
            on(
                FRONT_END,
                "(Get-Counter -ListSet 'LS:WEB - Mobile Communication Service').Paths | Where-Object { $_ -like '*Push*' } | Get-Counter",
            ),
        ],
        change: &[on(
            SHELL,
            "Set-CsPushNotificationConfiguration -EnableApplePushNotificationService $True -EnableMicrosoftPushNotificationService $True",
        )],
        next: "",
        example: ("push-disabled", &[]),
        sources: &[PUSH_SET_UP, COUNTERS, BHARGAV],
    },
    Cause {
        name: "push-stayed-inside",
        title: "No push left the Front End, and why is out of view",
        stage: Stage::FrontEnd,
        meaning: "No push went to the Edge. It may not have been made, the Front End may have refused it, or it may not reach the Edge: all of that happens on legs that this capture does not show whole.",
        wire: "No push request on the Edge's legs, which are in view, and no answer on the first hop that says why.",
        numbers: &[],
        statuses: &[],
        codes: &["LP205"],
        applies: stayed_inside,
        advice: "Find out whether the push was made before changing anything.",
        check: &[
            on(
                SHELL,
                "Get-CsPushNotificationConfiguration | Format-List Identity, EnableApplePushNotificationService, EnableMicrosoftPushNotificationService",
            ),
            on(SHELL, "Get-CsMcxConfiguration | Format-List Identity, PushNotificationProxyUri"),
            on(SHELL, "Get-CsSite | Format-List Identity, FederationRoute"),
        ],
        change: &[],
        next: "on the Front End's loopback (with RawCap, or Npcap's loopback adapter): it shows whether the push is made, and who refuses it.",
        example: ("push-disabled", &["--vantage", "frontend"]),
        sources: &[PUSH_SET_UP, MCX],
    },
    Cause {
        name: "push-to-another-address",
        title: "Pushes go to an address that is not the clearing house's",
        stage: Stage::Mobility,
        meaning: "The mobility service sends pushes where PushNotificationProxyUri says. The phone's endpoint sent something elsewhere, which may be its push.",
        wire: "A request with the phone's epid to a host that is none of the profile's.",
        numbers: &[],
        statuses: &[],
        codes: &["LP512"],
        applies: |case| {
            let why = "The phone's endpoint sent a request to an address that is not known as the clearing house's.";
            if case.has("LP512") { evidence(Possible, why.into()) } else { None }
        },
        advice: "If that address is right, name it with --push-uri; if it is not, set it back.",
        check: &[on(SHELL, "Get-CsMcxConfiguration | Format-List Identity, PushNotificationProxyUri")],
        change: &[on(SHELL, "Set-CsMcxConfiguration -PushNotificationProxyUri 'sip:push@{push-domain}'")],
        next: "",
        example: ("other-push-uri", &[]),
        sources: &[MCX],
    },
];

/// One of the last rows: nothing is wrong.
pub(super) const FOREGROUND: Cause = Cause {
    name: "app-in-foreground",
    title: "The app was open, so no push was needed",
    stage: Stage::Client,
    meaning: "While the app is in the foreground its connection to the mobility service is open, and calls reach it there.",
    wire: "The phone answers the call with 2xx, and no push request is seen on legs that are in view.",
    numbers: &[],
    statuses: &[],
    codes: &["LP505"],
    applies: |case| {
        let why = "The phone answered the call itself, and no push was sent.";
        if case.has("LP505") { evidence(Certain, why.into()) } else { None }
    },
    advice: "Nothing needs doing.",
    check: &[],
    change: &[],
    next: "",
    example: ("foreground", &[]),
    sources: &[MOBILITY],
};

/// Likewise.
pub(super) const NO_PUSH: Cause = Cause {
    name: "client-needs-no-push",
    title: "This client gets no push",
    stage: Stage::Client,
    meaning: "Android and Nokia clients run in the background, and Lync 2013 on iPhone and iPad keeps its own connection: no push is made for them. Which families get one is in the profile: lyncpush profile, mobile.families.",
    wire: "A mobile 180 whose product tokens name such a family, and no push request.",
    numbers: &[],
    statuses: &[],
    codes: &["LP506"],
    applies: |case| {
        let why = "The phone's client is of a family that gets no push from this service.";
        if case.has("LP506") { evidence(Certain, why.into()) } else { None }
    },
    advice: "Nothing needs doing. If such a phone does not ring in the background, look at the phone: battery savers and missing permissions stop it.",
    check: &[],
    change: &[],
    next: "",
    example: ("android", &[]),
    sources: &[MOBILITY],
};

fn stayed_inside(case: &Case<'_>) -> Option<Evidence> {
    if case.status(StepKey::PushFederated) != Status::Missing || case.status(StepKey::PushCreated) == Status::Missing {
        return None;
    }
    let made = case.push().and_then(|push| push.requests.first()).map(|(rung, _)| case.frame(rung));
    let why = match made {
        Some(frame) => {
            format!("The push was made (frame {frame}), no answer to it was seen there, and none went to the Edge.")
        }
        None => "No push went to the Edge; whether one was made, this capture does not show.".to_owned(),
    };
    evidence(Possible, why)
}
