//! How much memory the stages may take together, as the limits of their tables.
//!
//! The shares are those measured with the tables full of the smallest entries that an attacker can make, at
//! [`Budget::DEFAULT`]; another budget scales all of them.

use crate::ip::FragmentLimits;
use crate::ladder::correlator;
use crate::tcp;

/// Octets of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(u64);

impl Budget {
    /// 512 MiB.
    pub const DEFAULT: Self = Self(512 << 20);

    /// So many octets.
    pub const fn new(octets: u64) -> Self {
        Self(octets)
    }

    /// What of `whole`, which is for the default, is for this budget; never nothing.
    fn share(self, whole: usize) -> usize {
        let share = u128::from(self.0) * whole as u128 / u128::from(Self::DEFAULT.0);
        usize::try_from(share).unwrap_or(usize::MAX).max(1)
    }

    /// For TCP: 64 MiB of octets that wait, and connections of about 1 KiB each.
    pub(super) fn tcp(self) -> tcp::Limits {
        let whole = tcp::Limits::default();
        tcp::Limits {
            total_buffer: self.share(whole.total_buffer),
            stream_buffer: whole.stream_buffer.min(self.share(whole.total_buffer)),
            connections: self.share(whole.connections),
            remembered: self.share(whole.remembered),
        }
    }

    /// For fragments: 16 MiB.
    pub(super) fn fragments(self) -> FragmentLimits {
        let whole = FragmentLimits::default();
        FragmentLimits { packets: self.share(whole.packets), octets: self.share(whole.octets), ..whole }
    }

    /// For messages of which the end has not come: 64 MiB.
    pub(super) fn messages(self) -> usize {
        self.share(64 << 20)
    }

    /// For frames of connections of which it is not known what they are: 16 MiB.
    pub(super) fn sieve(self) -> usize {
        self.share(16 << 20)
    }

    /// For the latest frames, of which files of broken ladders are made: 64 MiB, and a quarter of that for beginnings.
    pub(super) fn recent(self) -> usize {
        self.share(64 << 20)
    }

    /// For one such file: 32 MiB; up to two of them are on their way to the disk, most of them frames that are counted
    /// already.
    pub(super) fn excerpt(self) -> usize {
        self.share(32 << 20)
    }

    /// For messages kept for a report: 32 MiB in open ladders, and as much again in those of the report.
    pub(super) fn texts(self) -> usize {
        self.share(32 << 20)
    }

    /// For calls and pushes: a call that is one INVITE takes about 2 KiB.
    pub(super) fn ladders(self) -> correlator::Limits {
        let whole = correlator::Limits::default();
        correlator::Limits {
            calls: self.share(whole.calls),
            pushes: self.share(whole.pushes / 4),
            endpoints: self.share(whole.endpoints),
            closed: self.share(whole.closed),
            texts: self.texts(),
            ..whole
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_budget_is_half_of_everything() {
        let (whole, half) = (Budget::DEFAULT, Budget::new(256 << 20));
        assert_eq!(whole.tcp(), tcp::Limits::default());
        assert_eq!(half.tcp().connections * 2, whole.tcp().connections);
        assert_eq!(half.messages() * 2, whole.messages());
        assert_eq!(half.ladders().calls * 2, whole.ladders().calls);
        assert_eq!(half.fragments().octets * 2, whole.fragments().octets);
        assert_eq!(Budget::new(0).messages(), 1);
    }
}
