//! Legs: the hops of a push ladder, and where a capture can stand to see them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One hop of the push exchange between two roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leg {
    /// Caller to Front End.
    Caller,
    /// Front End to the mobility service.
    Mcx,
    /// The push request's first hop, inside the pool.
    PushInternal,
    /// Front End or Director to the Edge's internal side.
    EdgeInternal,
    /// The Edge's external side to the push clearing house.
    EdgeExternal,
}

impl Leg {
    /// Every leg, in the order a push meets them.
    pub const ALL: [Self; 5] = [Self::Caller, Self::Mcx, Self::PushInternal, Self::EdgeInternal, Self::EdgeExternal];

    /// The name in reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Mcx => "mcx",
            Self::PushInternal => "push-internal",
            Self::EdgeInternal => "edge-internal",
            Self::EdgeExternal => "edge-external",
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegSet(u8);

impl LegSet {
    /// No leg.
    pub const EMPTY: Self = Self(0);

    /// The set of `legs`.
    pub fn of(legs: &[Leg]) -> Self {
        legs.iter().fold(Self::EMPTY, |set, leg| set.with(*leg))
    }

    /// This set and `leg`.
    #[must_use]
    pub const fn with(self, leg: Leg) -> Self {
        Self(self.0 | 1 << leg as u8)
    }

    /// Whether `leg` is in it.
    pub const fn contains(self, leg: Leg) -> bool {
        self.0 & (1 << leg as u8) != 0
    }

    /// Whether the two share a leg.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The legs in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The legs in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The legs in this one that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The legs in it, from the caller outwards.
    pub fn iter(self) -> impl Iterator<Item = Leg> {
        Leg::ALL.into_iter().filter(move |leg| self.contains(*leg))
    }

    /// The only leg in it, when there is exactly one.
    pub fn only(self) -> Option<Leg> {
        let mut legs = self.iter();
        legs.next().filter(|_| legs.next().is_none())
    }
}

/// Where a capture was taken, as `--vantage` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vantage {
    /// The caller's computer.
    Caller,
    /// The Front End's network card.
    Frontend,
    /// The Front End's loopback, where it talks to its own mobility service.
    FrontendLoopback,
    /// The Edge's internal network card.
    EdgeInternal,
    /// The Edge's external network card.
    EdgeExternal,
}

impl Vantage {
    /// All of them: the registry behind `--vantage`.
    pub const ALL: [Self; 5] =
        [Self::Caller, Self::Frontend, Self::FrontendLoopback, Self::EdgeInternal, Self::EdgeExternal];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Frontend => "frontend",
            Self::FrontendLoopback => "frontend-loopback",
            Self::EdgeInternal => "edge-internal",
            Self::EdgeExternal => "edge-external",
        }
    }

    /// The vantage of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vantage| vantage.name() == name)
    }

    /// The legs that pass such a place.
    pub fn legs(self) -> LegSet {
        LegSet::of(match self {
            Self::Caller => &[Leg::Caller],
            Self::Frontend => &[Leg::Caller, Leg::EdgeInternal],
            Self::FrontendLoopback => &[Leg::Mcx, Leg::PushInternal],
            Self::EdgeInternal => &[Leg::EdgeInternal],
            Self::EdgeExternal => &[Leg::EdgeExternal],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_legs() {
        let set = LegSet::of(&[Leg::Mcx, Leg::EdgeExternal]);
        assert!(set.contains(Leg::Mcx) && !set.contains(Leg::Caller));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Leg::Mcx, Leg::EdgeExternal]);
        assert_eq!(set.only(), None);
        assert_eq!(set.without(LegSet::of(&[Leg::Mcx, Leg::Caller])).only(), Some(Leg::EdgeExternal));
        assert_eq!(set.intersection(Vantage::EdgeExternal.legs()).only(), Some(Leg::EdgeExternal));
        assert!(LegSet::EMPTY.is_empty() && !LegSet::EMPTY.meets(set));
    }

    #[test]
    fn every_vantage_has_its_name_back() {
        for vantage in Vantage::ALL {
            assert_eq!(Vantage::from_name(vantage.name()), Some(vantage));
        }
        assert_eq!(Vantage::from_name("edge"), None);
    }
}
