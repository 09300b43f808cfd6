//! A version of TLS and a cipher suite that belong together.

use super::suite::Suite;
use super::version::Version;

/// What protects a connection that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub(crate) version: Version,
    pub(crate) suite: &'static Suite,
}

impl Choice {
    /// Every suite of every version.
    pub fn all() -> impl Iterator<Item = Self> {
        Version::ALL.into_iter().flat_map(Self::of)
    }

    /// Every suite that can be used under `version`.
    pub fn of(version: Version) -> impl Iterator<Item = Self> {
        Suite::all().filter(move |suite| suite.fits(version)).map(move |suite| Self { version, suite })
    }

    /// The version.
    pub const fn version(self) -> Version {
        self.version
    }

    /// The registered name of the suite, such as `TLS_AES_128_GCM_SHA256`.
    pub const fn suite(self) -> &'static str {
        self.suite.name
    }
}
