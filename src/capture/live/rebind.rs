//! An interface that was deleted and made again: the handle of the old one is put onto the new one.
//!
//! To open a handle takes a right that is given up before a packet is read. To bind the one there is to another
//! interface takes none: its ring, its filter and its counters go on. What it is bound to is told by the link-layer
//! address of the new one, as the system lists it. Some kinds have none, as tun, ppp and WireGuard: they have to be
//! opened again.
//!
//! Source: packet(7), getifaddrs(3), Linux net/packet/af_packet.c (`packet_bind` asks for no capability; `packet_notifier` leaves a
//! socket whose interface is gone unbound).

use pcap::{Active, Capture};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rebound {
    /// Frames of the new interface come.
    Done,
    /// There is none of this name at this moment.
    NotThere,
    /// It is of another kind: the handle would misread its frames.
    OtherKind,
    /// The system does not do that, or not for an interface of this kind.
    Impossible,
}

/// The kind of an interface, as the system counts them; none where it has no link-layer address, or where the system
/// does not say.
///
/// Source: Linux include/uapi/linux/if_arp.h, ARPHRD.
#[cfg(target_os = "linux")]
pub(super) fn kind(name: &str) -> Option<u16> {
    linux::kind(linux::listed(name)?.as_ref())
}

/// Puts a handle that was of an interface of `kind` onto the one called `name`.
#[cfg(target_os = "linux")]
pub(super) fn rebind(handle: &Capture<Active>, name: &str, kind: Option<u16>) -> Rebound {
    use std::os::fd::AsRawFd;

    let Some(address) = linux::listed(name) else { return Rebound::NotThere };
    if linux::kind(address.as_ref()) != kind {
        return Rebound::OtherKind;
    }
    let Some(address) = address else { return Rebound::Impossible };
    // The protocol stands for itself where none is named.
    match nix::sys::socket::bind(handle.as_raw_fd(), &address) {
        Ok(()) => Rebound::Done,
        Err(nix::errno::Errno::ENODEV) => Rebound::NotThere,
        Err(_) => Rebound::Impossible,
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::ifaddrs::getifaddrs;
    use nix::sys::socket::SockaddrStorage;

    /// Whether an interface is listed, and then the address of itself, not of the host on it, if it has one.
    pub(super) fn listed(name: &str) -> Option<Option<SockaddrStorage>> {
        let mut own = getifaddrs().ok()?.filter(|one| one.interface_name == name).peekable();
        own.peek()?;
        Some(own.filter_map(|one| one.address).find(|address| address.as_link_addr().is_some()))
    }

    /// The kind that an address is of.
    pub(super) fn kind(address: Option<&SockaddrStorage>) -> Option<u16> {
        Some(address?.as_link_addr()?.hatype())
    }
}

/// Elsewhere nobody asks.
#[cfg(not(target_os = "linux"))]
pub(super) const fn kind(_: &str) -> Option<u16> {
    None
}

/// Elsewhere it is opened again: no right was given up.
#[cfg(not(target_os = "linux"))]
pub(super) const fn rebind(_: &Capture<Active>, _: &str, _: Option<u16>) -> Rebound {
    Rebound::Impossible
}
