//! Requests to the clearing house that belong to no call.

use crate::flow::Side;
use crate::simulate::actor::User;
use crate::simulate::message::Text;
use crate::simulate::push::{Fate, Order, Push, outside_trust};
use crate::simulate::stage::Stage;
use crate::simulate::topology::{CLEARING_HOUSE, Hop};

/// A push for voice mail: the call it is about was never one of the phone's.
pub(super) fn voice_mail(stage: &mut Stage<'_>) {
    let user = User::callee(stage.options, stage.ladder, 0);
    let phone = user.phone(0, stage.options.client, String::new());
    let push = Push::new(stage, Order { phone: &phone, about: None });
    push.send(stage, 0, Fate::Accepted(81));
}

/// A push request of the test command: no user, no phone.
pub(super) fn test_cmdlet(stage: &mut Stage<'_>) {
    let (uri, tag) = (format!("sip:{}", stage.setting.push_target), stage.tag());
    let from = format!("<sip:mcxtest@example.com>;tag={tag}");
    let push = Push::request(stage, "RTCC/4.0.0.0".to_owned(), uri, from);
    push.send(stage, 0, Fate::Accepted(81));
}

/// The federation test asks the clearing house for its options; its first hop is the Edge.
pub(super) fn options(stage: &mut Stage<'_>) {
    let lane = stage.lane();
    let (inner, outer) = (Hop::EdgeInternal(lane), Hop::EdgeExternal(lane));
    let (own, edge) = (stage.service_via(inner), stage.proxy_via(outer, false));
    let passed_on = stage.received(&own, inner);
    let host = stage.setting.push_target.rsplit('@').next().unwrap_or_default();
    let uri = format!("sip:Options_User@{host}");
    let (tag, call_id, answer_tag) = (stage.tag(), stage.call_id(), stage.server_tag());
    let lines = |text: &mut Text, to_tag: &str| {
        text.header("From", format_args!("<sip:Options_User@example.com>;tag={tag}"));
        text.header("To", format_args!("<{uri}>{to_tag}"));
        text.header("Call-ID", &call_id).header("CSeq", "1 OPTIONS");
    };
    let request = |vias: &[&str], hops: u32| {
        let mut text = Text::request("OPTIONS", &uri);
        vias.iter().for_each(|via| _ = text.header("Via", via));
        text.header("Max-Forwards", hops);
        lines(&mut text, "");
        if vias.len() == 1 {
            text.header("Route", format_args!("<sip:{CLEARING_HOUSE};transport=tls;lr>;ms-edge-route"));
        }
        text.header("User-Agent", "RTCC/4.0.0.0");
        text.end(b"")
    };
    let answer = |vias: &[&str]| {
        let mut text = Text::response(200, "OK");
        vias.iter().for_each(|via| _ = text.header("Via", via));
        lines(&mut text, &format!(";tag={answer_tag}"));
        if vias.len() == 1 {
            text.header("ms-edge-proxy-message-trust", outside_trust("AuthorizedServer", CLEARING_HOUSE));
        }
        text.end(b"")
    };
    stage.say(0, inner, Side::Client, request(&[&own], 70));
    stage.say(5, outer, Side::Client, request(&[&edge, &passed_on], 69));
    stage.say(86, outer, Side::Server, answer(&[&edge, &passed_on]));
    stage.say(90, inner, Side::Server, answer(&[&own]));
}
