//! The tables of stand-ins: a number for each name, in the order they are first met.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Blocks that belong to nobody, first and how many: documentation, then benchmarks when those are used up.
///
/// Source: RFC 5737 §3; RFC 2544 §C.2.2.
const BLOCKS: [(Ipv4Addr, u32); 4] = [
    (Ipv4Addr::new(192, 0, 2, 1), 254),
    (Ipv4Addr::new(198, 51, 100, 1), 254),
    (Ipv4Addr::new(203, 0, 113, 1), 254),
    (Ipv4Addr::new(198, 18, 0, 1), 131_070),
];

/// Numbers for the names of one kind, from 1.
#[derive(Debug, Default)]
struct Numbers(HashMap<Box<str>, usize>);

impl Numbers {
    fn of(&mut self, name: &str) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(name.into()).or_insert(next)
    }
}

/// Every name met so far, and those that stay.
#[derive(Debug)]
pub(super) struct Names {
    kept_users: Vec<String>,
    kept_hosts: Vec<String>,
    users: Numbers,
    display_names: Numbers,
    domains: Numbers,
    hosts: Numbers,
    ipv4: Numbers,
    ipv6: Numbers,
    calls: Numbers,
    conversations: Numbers,
    epids: Numbers,
    files: Numbers,
}

impl Names {
    /// `uris` and `hosts` stay as they are, and so do the hosts of `uris`.
    pub(super) fn new(uris: Vec<String>, hosts: Vec<String>) -> Self {
        let address = |uri: &String| uri.split_once(':').map_or(uri.as_str(), |(_, rest)| rest).to_ascii_lowercase();
        let kept_users: Vec<String> = uris.iter().map(address).collect();
        let of_users = kept_users.iter().filter_map(|user| user.split_once('@')).map(|(_, host)| host.to_owned());
        let kept_hosts = of_users.chain(hosts.iter().map(|host| host.to_ascii_lowercase())).collect();
        Self {
            kept_users,
            kept_hosts,
            users: Numbers::default(),
            display_names: Numbers::default(),
            domains: Numbers::default(),
            hosts: Numbers::default(),
            ipv4: Numbers::default(),
            ipv6: Numbers::default(),
            calls: Numbers::default(),
            conversations: Numbers::default(),
            epids: Numbers::default(),
            files: Numbers::default(),
        }
    }

    /// Whether an address, with or without scheme, is one that everybody knows.
    pub(super) fn is_kept(&self, uri: &str) -> bool {
        let address = uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).map_or(uri, |(_, rest)| rest);
        self.kept_users.iter().any(|kept| kept.eq_ignore_ascii_case(address))
    }

    /// An address of a user or a server, whatever stands after it; its port stays.
    pub(super) fn uri(&mut self, uri: &str) -> String {
        let (scheme, rest) = match uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
            Some((scheme, rest)) => (format!("{}:", scheme.to_ascii_lowercase()), rest),
            None => (String::new(), uri),
        };
        let (address, params) = rest.split_at(rest.find([';', '?']).unwrap_or(rest.len()));
        let cut = if params.is_empty() { "" } else { ";…" };
        if scheme == "tel:" {
            return format!("tel:user{}{cut}", self.users.of(&address.to_ascii_lowercase()));
        }
        let (user, host) = match address.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, address),
        };
        let (name, port) = with_port(host);
        let stand_in = self.host(name);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        match user {
            // What is hidden already is no user.
            Some("…") => format!("{scheme}…@{stand_in}{port}{cut}"),
            Some(user) if self.is_kept(&format!("{user}@{name}")) => format!("{scheme}{user}@{stand_in}{port}{cut}"),
            Some(user) => {
                let number = self.users.of(&format!("{user}@{name}").to_ascii_lowercase());
                format!("{scheme}user{number}@{stand_in}{port}{cut}")
            }
            None => format!("{scheme}{stand_in}{port}{cut}"),
        }
    }

    /// A host name, a domain or an address.
    pub(super) fn host(&mut self, host: &str) -> String {
        if let Some(address) = address(host) {
            let stand_in = self.address(address);
            return if host.starts_with('[') { format!("[{stand_in}]") } else { stand_in.to_string() };
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if name.is_empty() || self.kept_hosts.contains(&name) {
            return host.to_owned();
        }
        // Service labels say nothing of whose they are.
        if let Some((label, rest)) = name.split_once('.').filter(|(label, _)| label.starts_with('_')) {
            return format!("{label}.{}", self.host(rest));
        }
        if self.domains.0.contains_key(name.as_str()) {
            return self.domain(&name);
        }
        match name.split_once('.') {
            Some((_, domain)) if domain.contains('.') || self.domains.0.contains_key(domain) => {
                let (number, domain) = (self.hosts.of(&name), self.domain(domain));
                format!("host{number}.{domain}")
            }
            Some(_) => self.domain(&name),
            None => format!("host{}", self.hosts.of(&name)),
        }
    }

    /// Whether this name was given a stand-in as a host.
    pub(super) fn is_host(&self, name: &str) -> bool {
        self.hosts.0.contains_key(name.to_ascii_lowercase().as_str())
    }

    fn domain(&mut self, domain: &str) -> String {
        format!("domain{}.example", self.domains.of(domain))
    }

    /// An address, with or without a port, which stays.
    pub(super) fn endpoint(&mut self, endpoint: &str) -> String {
        match endpoint.parse::<SocketAddr>() {
            Ok(socket) => SocketAddr::new(self.address(socket.ip()), socket.port()).to_string(),
            Err(_) => self.host(endpoint),
        }
    }

    /// An address of nobody. What is the same everywhere stays: loopback, and none at all.
    pub(super) fn address(&mut self, address: IpAddr) -> IpAddr {
        if address.is_loopback() || address.is_unspecified() {
            return address;
        }
        let number = match address {
            IpAddr::V4(_) => self.ipv4.of(&address.to_string()),
            IpAddr::V6(_) => self.ipv6.of(&address.to_string()),
        };
        let mut left = u32::try_from(number - 1).unwrap_or(u32::MAX);
        for (first, count) in BLOCKS.into_iter().filter(|_| address.is_ipv4()) {
            if left < count {
                return Ipv4Addr::from(u32::from(first).saturating_add(left)).into();
            }
            left -= count;
        }
        // More than all blocks hold: an IPv6 one, in a part that no other has. Source: RFC 3849 §2.
        let part = if address.is_ipv4() { 4 } else { 6 };
        let [high, low] = [number >> 16, number].map(|half| (half & 0xffff) as u16);
        Ipv6Addr::new(0x2001, 0xdb8, part, 0, 0, 0, high, low).into()
    }

    /// What a user is called, by the number of the user's stand-in.
    pub(super) fn display_name(&mut self, name: &str, stand_in: Option<&str>) -> String {
        let user = stand_in.and_then(|uri| uri.split_once(':')).map_or("", |(_, address)| address);
        let number = user.split('@').next().and_then(|user| user.strip_prefix("user"));
        match number {
            Some(number) => format!("User {number}"),
            None => format!("Name {}", self.display_names.of(name)),
        }
    }

    pub(super) fn call(&mut self, call_id: &str) -> String {
        format!("call-{}", self.calls.of(call_id))
    }

    pub(super) fn conversation(&mut self, id: &str) -> String {
        format!("conversation-{}", self.conversations.of(id))
    }

    pub(super) fn epid(&mut self, epid: &str) -> String {
        format!("epid-{}", self.epids.of(&epid.to_ascii_lowercase()))
    }

    /// The number of a file.
    pub(super) fn file(&mut self, path: &str) -> usize {
        self.files.of(path)
    }
}

/// Whether this is a scheme of addresses in SIP.
pub(super) fn is_scheme(text: &str) -> bool {
    ["sip", "sips", "tel", "im", "pres", "mailto"].iter().any(|scheme| scheme.eq_ignore_ascii_case(text))
}

/// An address, in brackets or not, with a zone or not.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.split('%').next().unwrap_or(text).parse().ok()
}

/// A host and the port after it.
fn with_port(host: &str) -> (&str, Option<u16>) {
    if address(host).is_some() {
        return (host, None);
    }
    match host.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(vec!["sip:push@push.lync.com".into()], vec!["sipfed.online.lync.com".into()])
    }

    #[test]
    fn addresses_of_users_and_servers() {
        let mut names = names();
        for (real, expected) in [
            ("sip:alice@example.com", "sip:user1@domain1.example"),
            ("SIP:Alice@Example.com:5061", "sip:user1@domain1.example:5061"),
            ("sip:bob@example.com;opaque=user:epid:abc;gruu", "sip:user2@domain1.example;…"),
            ("bob@example.com", "user2@domain1.example"),
            ("sip:bob@other.example", "sip:user3@domain2.example"),
            ("sip:fe01.example.com:5087;transport=tls", "sip:host1.domain1.example:5087;…"),
            ("sip:192.168.7.7:5060", "sip:192.0.2.1:5060"),
            ("sip:carol@[fd00::7]:5060", "sip:user4@[2001:db8:6::1]:5060"),
            ("sip:push@push.lync.com", "sip:push@push.lync.com"),
            ("sip:token@push.lync.com", "sip:user5@push.lync.com"),
            ("sip:…@push.lync.com", "sip:…@push.lync.com"),
            ("tel:+49301234567;phone-context=x", "tel:user6;…"),
            ("sip:a@b@example.com", "sip:user7@domain1.example"),
            ("sip:", "sip:"),
        ] {
            assert_eq!(names.uri(real), expected, "{real}");
        }
        assert!(names.is_kept("sip:push@push.lync.com") && !names.is_kept("sip:alice@example.com"));
    }

    #[test]
    fn hosts() {
        let mut names = names();
        for (real, expected) in [
            ("fe01.corp.example.com", "host1.domain1.example"),
            ("FE01.corp.example.com.", "host1.domain1.example"),
            ("edge01.corp.example.com", "host2.domain1.example"),
            ("corp.example.com", "domain1.example"),
            ("fe01", "host3"),
            ("example.net", "domain2.example"),
            ("a.example.net", "host4.domain2.example"),
            ("sipfed.online.lync.com", "sipfed.online.lync.com"),
            ("_sipfederationtls._tcp.push.lync.com", "_sipfederationtls._tcp.push.lync.com"),
            ("_sip._tls.example.net", "_sip._tls.domain2.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("10.0.0.1", "192.0.2.1"),
            ("10.0.0.1", "192.0.2.1"),
            ("[fd00::1]", "[2001:db8:6::1]"),
            ("", ""),
        ] {
            assert_eq!(names.host(real), expected, "{real}");
        }
        assert_eq!(names.endpoint("10.0.0.2:5061"), "192.0.2.2:5061");
        assert_eq!(names.endpoint("[fd00::1]:5061"), "[2001:db8:6::1]:5061");
    }

    #[test]
    fn no_two_addresses_share_a_stand_in() {
        let mut names = names();
        let stand_ins: std::collections::BTreeSet<IpAddr> =
            (0..140_000_u32).map(|at| names.address(Ipv4Addr::from(0x0a00_0000 + at).into())).collect();
        assert_eq!(stand_ins.len(), 140_000);
        let six = names.address("fd00::1".parse().unwrap());
        assert!(!stand_ins.contains(&six));
    }
}
