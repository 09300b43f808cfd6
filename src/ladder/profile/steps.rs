//! The ten steps of a ladder: their keys, which the contract fixes, and what a profile says of each.

use serde::{Deserialize, Serialize};

use crate::ladder::leg::Leg;

/// The ten steps, by their keys in contract order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Steps {
    invite: Step,
    mobile_lookup: Step,
    mobile_ringing: Step,
    push_created: Step,
    push_federated: Step,
    push_service: Step,
    device_woken: Step,
    push_accepted: Step,
    call_answered: Step,
    session_active: Step,
}

/// The definition of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// 1 to 10; fixed by the contract.
    pub number: u8,
    /// What it says in reports.
    pub title: String,
    /// The legs its evidence can be seen on.
    pub legs: Vec<Leg>,
    /// Steps that must precede it.
    #[serde(default)]
    pub after: Vec<StepKey>,
    /// Steps that must precede it, give or take `tolerance_ms`.
    #[serde(default)]
    pub after_loosely: Vec<StepKey>,
    /// How much earlier than `after_loosely` it may be seen, milliseconds.
    #[serde(default)]
    pub tolerance_ms: u32,
    /// The step its hard limit counts from.
    #[serde(default)]
    pub limit_from: Option<StepKey>,
    /// The hard limit, milliseconds.
    #[serde(default)]
    pub limit_ms: u32,
    /// ms-diagnostics ids that prove it, where the step is proved by a provisional response.
    #[serde(default)]
    pub diagnostics: Vec<u32>,
}

/// The key of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the contract's table of steps explains them")]
pub enum StepKey {
    Invite,
    MobileLookup,
    MobileRinging,
    PushCreated,
    PushFederated,
    PushService,
    DeviceWoken,
    PushAccepted,
    CallAnswered,
    SessionActive,
}

impl StepKey {
    /// All ten, in order.
    pub const ALL: [Self; 10] = [
        Self::Invite,
        Self::MobileLookup,
        Self::MobileRinging,
        Self::PushCreated,
        Self::PushFederated,
        Self::PushService,
        Self::DeviceWoken,
        Self::PushAccepted,
        Self::CallAnswered,
        Self::SessionActive,
    ];

    /// 0 to 9.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// 1 to 10, as reports count them.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The key as the contract spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::MobileLookup => "mobile-lookup",
            Self::MobileRinging => "mobile-ringing",
            Self::PushCreated => "push-created",
            Self::PushFederated => "push-federated",
            Self::PushService => "push-service",
            Self::DeviceWoken => "device-woken",
            Self::PushAccepted => "push-accepted",
            Self::CallAnswered => "call-answered",
            Self::SessionActive => "session-active",
        }
    }
}

impl Steps {
    /// The definition of one step.
    pub fn get(&self, key: StepKey) -> &Step {
        match key {
            StepKey::Invite => &self.invite,
            StepKey::MobileLookup => &self.mobile_lookup,
            StepKey::MobileRinging => &self.mobile_ringing,
            StepKey::PushCreated => &self.push_created,
            StepKey::PushFederated => &self.push_federated,
            StepKey::PushService => &self.push_service,
            StepKey::DeviceWoken => &self.device_woken,
            StepKey::PushAccepted => &self.push_accepted,
            StepKey::CallAnswered => &self.call_answered,
            StepKey::SessionActive => &self.session_active,
        }
    }
}
