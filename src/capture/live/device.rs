//! Which interfaces there are, and what state they are in.

use std::fs;
use std::net::IpAddr;

use pcap::{ConnectionStatus, Device};

use crate::error::{Error, Result};

/// Where Linux says what state interfaces are in.
const STATE: &str = "/sys/class/net";
/// The flag of an interface that is up. Source: Linux include/uapi/linux/if.h, IFF_UP.
const UP: u64 = 1;

/// An interface that can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, for `-i`.
    pub name: String,
    /// What libpcap says of it.
    pub description: Option<String>,
    /// Its addresses, with the length of their network's prefix.
    pub addresses: Vec<(IpAddr, Option<u32>)>,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is connected; none where that means nothing or is not known.
    pub connected: Option<bool>,
    /// Whether it leads back to this host.
    pub loopback: bool,
}

/// Every interface that can be watched.
///
/// # Errors
/// The system does not tell.
pub fn interfaces() -> Result<Vec<Interface>> {
    let devices = Device::list()
        .map_err(|error| Error::new(format!("cannot list interfaces: {}", super::watched::plain(&error))))?;
    Ok(devices.into_iter().map(interface).collect())
}

fn interface(device: Device) -> Interface {
    let addresses = device.addresses.iter().map(|address| (address.addr, address.netmask.and_then(prefix)));
    Interface {
        addresses: addresses.collect(),
        up: device.flags.is_up(),
        connected: match device.flags.connection_status {
            ConnectionStatus::Connected => Some(true),
            ConnectionStatus::Disconnected => Some(false),
            ConnectionStatus::Unknown | ConnectionStatus::NotApplicable => None,
        },
        loopback: device.flags.is_loopback(),
        name: device.name,
        description: device.desc,
    }
}

/// The length of a prefix by its mask; none for a mask with holes.
fn prefix(mask: IpAddr) -> Option<u32> {
    let (bits, width) = match mask {
        IpAddr::V4(mask) => (u128::from(mask.to_bits()) << 96, 32),
        IpAddr::V6(mask) => (mask.to_bits(), 128),
    };
    let ones = bits.leading_ones();
    (bits.count_ones() == ones && ones <= width).then_some(ones)
}

/// What Linux says of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Whether frames can come.
    pub(super) up: bool,
    /// How often its link went or came.
    pub(super) changes: u64,
}

/// The state of an interface; none where the system does not say, as of `any`.
pub(super) fn state(name: &str) -> Option<State> {
    if matches!(name, "" | "." | "..") || name.contains('/') {
        return None;
    }
    let read = |what: &str| fs::read_to_string(format!("{STATE}/{name}/{what}")).ok();
    let flags = read("flags")?;
    let flags = u64::from_str_radix(flags.trim().trim_start_matches("0x"), 16).ok()?;
    // Of an interface that is down it cannot be read.
    let carrier = read("carrier").is_some_and(|carrier| carrier.trim() == "1");
    let changes = read("carrier_changes").and_then(|changes| changes.trim().parse().ok()).unwrap_or(0);
    Some(State { up: flags & UP != 0 && carrier, changes })
}

/// Whether the system knows an interface of this name.
pub(super) fn exists(name: &str) -> bool {
    name == "any" || state(name).is_some() || interfaces().is_ok_and(|all| all.iter().any(|one| one.name == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (mask, expected) in [
            ("255.255.255.0", Some(24)),
            ("0.0.0.0", Some(0)),
            ("255.255.255.255", Some(32)),
            ("255.0.255.0", None),
            ("ffff:ffff:ffff:ffff::", Some(64)),
        ] {
            assert_eq!(prefix(mask.parse().unwrap()), expected, "{mask}");
        }
    }

    #[test]
    fn names_that_are_paths_have_no_state() {
        for name in ["", ".", "..", "../net/lo", "lo/../lo", "any"] {
            assert_eq!(state(name), None, "{name}");
        }
    }
}
