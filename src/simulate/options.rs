//! What can be chosen about a synthetic capture, each choice by its name.
//!
//! Every list of names here feeds the command line's help and the texts of its errors.

use std::fmt;
use std::str::FromStr;

use super::protection::Choice;
use crate::error::{Error, Result};
use crate::frame::{LinkType, Timestamp};
use crate::sipcomp::Layout;
use crate::spelling;

/// The one line that says a name is unknown and which ones are known.
pub(super) fn unknown(what: &str, wrong: &str, names: &[&str]) -> Error {
    let all = names.join(", ");
    match spelling::nearest(wrong, names.iter().copied()).first() {
        Some(near) => Error::new(format!("unknown {what} {wrong:?}, did you mean {near:?}? Known: {all}")),
        None => Error::new(format!("unknown {what} {wrong:?}. Known: {all}")),
    }
}

/// An enum whose variants have names: gives `ALL`, `NAMES`, `name`, `Display` and `FromStr`.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident, $what:literal: $($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $kind { $($(#[$doc])* $variant,)+ }

        impl $kind {
            /// Every choice, in the order help texts show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The names of [`Self::ALL`], in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];

            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $kind {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(unknown($what, text, Self::NAMES)),
                }
            }
        }
    };
}

named! {
    /// Where a capture was taken, and so which legs it shows.
    Vantage, "vantage":
    /// The caller's own computer: only the caller's leg.
    Caller = "caller",
    /// The Front End's network card: the clients' legs and the one to the Edge.
    Frontend = "frontend",
    /// The Front End's loopback: the Mobility Service's two legs.
    FrontendLoopback = "frontend-loopback",
    /// The Edge's inner network card.
    EdgeInternal = "edge-internal",
    /// The Edge's outer network card.
    EdgeExternal = "edge-external",
}

named! {
    /// Which application the called user's phone runs.
    Client, "client":
    /// Lync 2010 on Windows Phone: woken through Microsoft's service.
    WpLync2010 = "wp-lync2010",
    /// Lync 2010 on an iPhone: woken through Apple's service.
    IphoneLync2010 = "iphone-lync2010",
    /// Lync 2010 on an iPad: woken through Apple's service.
    IpadLync2010 = "ipad-lync2010",
    /// Lync 2010 on Android: runs in the background, gets no push.
    AndroidLync2010 = "android-lync2010",
    /// Lync 2010 on a Nokia: runs in the background, gets no push.
    NokiaLync2010 = "nokia-lync2010",
    /// Lync 2013 on Windows Phone, over UCWA: woken through Microsoft's service.
    WpUcwa = "wp-ucwa",
    /// Lync 2013 on an iPhone, over UCWA: gets no push.
    IphoneUcwa = "iphone-ucwa",
    /// Lync 2013 on Android, over UCWA: gets no push.
    AndroidUcwa = "android-ucwa",
    /// Skype for Business on an iPhone: whether it gets a push is a matter of configuration; here it does.
    SfbIphone = "sfb-iphone",
    /// Communicator Mobile of 2007 R2 on a Nokia: older than the clearing house, gets no push.
    ComoNokia = "como-nokia",
}

impl Client {
    /// The `Server` value of the mobility service when it speaks for this client.
    pub const fn server(self) -> &'static str {
        match self {
            Self::WpLync2010 => {
                "RTCC/4.0.0.0 McxService/4.0.0.0 WPLync/4.1.7947.0 \
                 (Microsoft Windows CE 7.10.7720; SAMSUNG SGH-i937 2103.11.10.1)"
            }
            Self::IphoneLync2010 => {
                "RTCC/4.0.0.0 McxService/4.0.0.0 iPhoneLync/4.3.8110.0 (iPhone OS 5.1.1; iPhone4,1)"
            }
            Self::IpadLync2010 => "RTCC/4.0.0.0 McxService/4.0.0.0 iPadLync/4.3.8110.0 (iPhone OS 5.1.1; iPad3,3)",
            Self::AndroidLync2010 => {
                "RTCC/4.0.0.0 McxService/4.0.0.0 AndroidLync/4.0.6509.3001 (Android 2.3.6; GT-I9100)"
            }
            Self::NokiaLync2010 => "RTCC/4.0.0.0 McxService/4.0.0.0 NokiaLync/4.0.7577.103 (S60 5.3; Nokia 700)",
            Self::WpUcwa => {
                "RTCC/5.0.0.0 UCWA/5.0.0.0 WPLync/5.4.1088.0 (Microsoft Windows Phone 8.0.10211; NOKIA Lumia 920)"
            }
            Self::IphoneUcwa => "RTCC/5.0.0.0 UCWA/5.0.0.0 iPhoneLync/5.2.1158.0 (iPhone OS 6.1.4; iPhone5,2)",
            Self::AndroidUcwa => "RTCC/5.0.0.0 UCWA/5.0.0.0 AndroidLync/5.1.1001.0 (Android 4.2.2; GT-I9505)",
            Self::SfbIphone => "RTCC/6.0.0.0 UCWA/6.0.0.0 iPhoneLync/6.21.1.66 (iOS 11.4; iPhone10,4)",
            Self::ComoNokia => "RTCC/3.5.0.0 MCXService/3.5.0.0 communicator.NOKIAS60R2.JVP.EN_US/1.0.6875.0",
        }
    }

    /// Whether a synthetic story sends a push for this client.
    pub const fn is_pushed(self) -> bool {
        matches!(self, Self::WpLync2010 | Self::IphoneLync2010 | Self::IpadLync2010 | Self::WpUcwa | Self::SfbIphone)
    }

    /// Whether it is served by UCWA and not by the older Mobility Service.
    pub const fn is_ucwa(self) -> bool {
        matches!(self, Self::WpUcwa | Self::IphoneUcwa | Self::AndroidUcwa | Self::SfbIphone)
    }

    /// Whether its pushes go through Microsoft's notification service, whose addresses are URLs.
    pub(super) const fn is_windows_phone(self) -> bool {
        matches!(self, Self::WpLync2010 | Self::WpUcwa)
    }
}

named! {
    /// Where a push names its user and its device: no public text shows one, so there are three guesses.
    PushVariant, "push variant":
    /// `From` is the mobile user with the endpoint's `epid`; the device's id is the body.
    V1 = "v1",
    /// `From` is the caller; the device's id and the mobile user are the body.
    V2 = "v2",
    /// `From` is the mobile user; the device's id is a parameter of the request URI; no body.
    V3 = "v3",
}

named! {
    /// How frames begin.
    Link, "link type":
    /// Ethernet.
    Ethernet = "ethernet",
    /// Ethernet with one 802.1Q tag.
    EthernetVlan = "ethernet-vlan",
    /// Ethernet with an 802.1ad and an 802.1Q tag.
    Qinq = "qinq",
    /// Linux cooked capture, version 1.
    Sll = "sll",
    /// Linux cooked capture, version 2.
    Sll2 = "sll2",
    /// BSD loopback, address family in the file's byte order.
    Null = "null",
    /// OpenBSD loopback, address family in network byte order.
    Loop = "loop",
    /// Bare IP.
    Raw = "raw",
}

impl Link {
    /// The number a file states for it.
    pub const fn link_type(self) -> LinkType {
        match self {
            Self::Ethernet | Self::EthernetVlan | Self::Qinq => LinkType::ETHERNET,
            Self::Sll => LinkType::LINUX_SLL,
            Self::Sll2 => LinkType::LINUX_SLL2,
            Self::Null => LinkType::NULL,
            Self::Loop => LinkType::LOOP,
            Self::Raw => LinkType::RAW,
        }
    }
}

named! {
    /// A file format, with or without compression.
    Container, "container":
    /// pcap, microseconds, little-endian.
    Pcap = "pcap",
    /// pcap, nanoseconds, little-endian.
    PcapNs = "pcap-ns",
    /// pcap, microseconds, big-endian.
    PcapBe = "pcap-be",
    /// pcapng, nanoseconds, little-endian.
    Pcapng = "pcapng",
    /// [`Self::Pcap`] in gzip.
    PcapGz = "pcap.gz",
    /// [`Self::PcapNs`] in gzip.
    PcapNsGz = "pcap-ns.gz",
    /// [`Self::PcapBe`] in gzip.
    PcapBeGz = "pcap-be.gz",
    /// [`Self::Pcapng`] in gzip.
    PcapngGz = "pcapng.gz",
    /// [`Self::Pcap`] in Zstandard.
    PcapZst = "pcap.zst",
    /// [`Self::PcapNs`] in Zstandard.
    PcapNsZst = "pcap-ns.zst",
    /// [`Self::PcapBe`] in Zstandard.
    PcapBeZst = "pcap-be.zst",
    /// [`Self::Pcapng`] in Zstandard.
    PcapngZst = "pcapng.zst",
}

impl Container {
    /// How a file of this kind usually ends, without the leading dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pcap | Self::PcapNs | Self::PcapBe => "pcap",
            Self::PcapGz | Self::PcapNsGz | Self::PcapBeGz => "pcap.gz",
            Self::PcapZst | Self::PcapNsZst | Self::PcapBeZst => "pcap.zst",
            Self::Pcapng => "pcapng",
            Self::PcapngGz => "pcapng.gz",
            Self::PcapngZst => "pcapng.zst",
        }
    }
}

named! {
    /// What the network or the capturing did to the packets; several may be combined.
    Mischief, "mischief":
    /// Messages are sent in many small segments, cut at odd places.
    Split = "split",
    /// Some frames are captured after frames that were sent later.
    Reorder = "reorder",
    /// Some segments are sent, and captured, twice.
    Repeat = "repeat",
    /// Some segments are missing from the capture.
    Drop = "drop",
    /// Every frame is captured twice in a row, as mirror ports do.
    Mirror = "mirror",
}

/// Everything that can be chosen about a synthetic capture; the default is one ladder seen from everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the capture is taken; none means everywhere at once.
    pub vantage: Vec<Vantage>,
    /// The called user's phone; scenarios about one kind of phone choose it themselves.
    pub client: Client,
    /// How many ladders, each with its own users, devices and identifiers.
    pub ladders: u64,
    /// Whether captures of many ladders, too, hold the header lines and messages that no reader needs.
    pub wordy: bool,
    /// Milliseconds from the beginning of one ladder to that of the next.
    pub spacing_ms: u64,
    /// What all identifiers and small delays are drawn from.
    pub seed: u64,
    /// The method of the push request.
    pub push_method: String,
    /// Where the push names its user and its device.
    pub push_variant: PushVariant,
    /// How frames begin.
    pub link: Link,
    /// Whether the hosts speak IPv6.
    pub ipv6: bool,
    /// The file's format.
    pub container: Container,
    /// What happened to the packets.
    pub mischief: Vec<Mischief>,
    /// How the packets of compressed connections are laid out; none means that nothing is compressed.
    pub compress: Option<&'static Layout>,
    /// What protects every connection; none means that nothing is protected, and is all there is in a build without
    /// the feature `tls`.
    pub tls: Option<Choice>,
    /// When the capture begins.
    pub start: Timestamp,
    /// Milliseconds by which the capturing host's clock is ahead.
    pub clock_offset_ms: i64,
}

impl Options {
    /// When captures begin unless something else is asked for: 2013-06-03T08:00:00Z.
    pub const START: Timestamp = Timestamp::new(1_370_246_400_000_000_000, 9);
}

impl Default for Options {
    fn default() -> Self {
        Self {
            vantage: Vec::new(),
            client: Client::WpLync2010,
            ladders: 1,
            wordy: false,
            spacing_ms: 50,
            seed: 1,
            push_method: "MESSAGE".to_owned(),
            push_variant: PushVariant::V1,
            link: Link::Ethernet,
            ipv6: false,
            container: Container::Pcap,
            mischief: Vec::new(),
            compress: None,
            tls: None,
            start: Self::START,
            clock_offset_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_choice() {
        for vantage in Vantage::ALL {
            assert_eq!(vantage.name().parse::<Vantage>().unwrap(), *vantage);
        }
        for container in Container::ALL {
            assert_eq!(container.to_string().parse::<Container>().unwrap(), *container);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let text = "edge-interal".parse::<Vantage>().unwrap_err().to_string();
        assert!(text.contains("did you mean \"edge-internal\"?"), "{text}");
        let text = "blackberry".parse::<Client>().unwrap_err().to_string();
        assert!(text.contains("Known: wp-lync2010, iphone-lync2010"), "{text}");
    }
}
