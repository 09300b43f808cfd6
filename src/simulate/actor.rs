//! The people of a story and their devices.

use super::options::{Client, Options};
use super::random::Random;
use super::topology::Hop;
use crate::sip::epid::gruu_opaque;

/// The callers of a ladder, by their place in it.
const CALLERS: [&str; 4] = ["Alice", "Carol", "Dave", "Frank"];
/// The called users of a ladder, by their place in it.
const CALLEES: [&str; 4] = ["Bob", "Erin", "Grace", "Heidi"];
/// Users of each kind a ladder has room for.
const USERS: u64 = 4;

/// What a desktop calls itself.
pub(super) const DESKTOP: &str = "UCCAPI/15.0.4569.1503 OC/15.0.4569.1503 (Microsoft Lync)";

/// One user with a desktop.
#[derive(Clone, Debug)]
pub(super) struct User {
    /// The display name.
    pub(super) name: String,
    /// The address, with its scheme.
    pub(super) aor: String,
    /// The desktop's connection to the Front End.
    pub(super) hop: Hop,
    /// The desktop's `epid`, lower case.
    pub(super) epid: String,
    path: [u64; 4],
}

impl User {
    /// The `place`th caller of the ladder of this number.
    pub(super) fn caller(options: &Options, ladder: u64, place: u64) -> Self {
        let number = ladder.wrapping_mul(USERS).wrapping_add(place % USERS);
        Self::new(&CALLERS, [options.seed, ladder, place, 1], Hop::Caller(number))
    }

    /// The `place`th called user of the ladder of this number.
    pub(super) fn callee(options: &Options, ladder: u64, place: u64) -> Self {
        let number = ladder.wrapping_mul(USERS).wrapping_add(place % USERS);
        Self::new(&CALLEES, [options.seed, ladder, place, 2], Hop::Callee(number))
    }

    fn new(names: &[&str; 4], path: [u64; 4], hop: Hop) -> Self {
        let [_, ladder, place, _] = path;
        let name = names.get((place % USERS) as usize).copied().unwrap_or("Ivan");
        let user = name.to_ascii_lowercase();
        let (name, aor) = if ladder == 0 {
            (name.to_owned(), format!("sip:{user}@example.com"))
        } else {
            (format!("{name} {ladder}"), format!("sip:{user}{ladder}@example.com"))
        };
        Self { name, aor, hop, epid: Random::of(&path).hex(10), path }
    }

    /// The user's desktop as one end of a dialog.
    pub(super) fn desktop(&self, tag: String) -> End {
        let gruu = format!("{};opaque={};gruu", self.aor, gruu_opaque(self.epid.as_bytes()));
        End {
            name: self.name.clone(),
            aor: self.aor.clone(),
            epid: self.epid.clone(),
            gruu,
            tag,
            agent: DESKTOP,
            phone: None,
        }
    }

    /// The user's phone of this number, as the mobility service speaks for it.
    pub(super) fn phone(&self, number: u64, client: Client, tag: String) -> End {
        let [seed, ladder, place, kind] = self.path;
        let mut random = Random::of(&[seed, ladder, place, kind, 16 + number]);
        let epid = random.upper_hex(10);
        let device = if client.is_windows_phone() {
            format!("http://db3.notify.example.net/throttledthirdparty/01.00/{}", random.base64_url(24))
        } else {
            random.hex(64)
        };
        let gruu = format!("{};opaque={};gruu", self.aor, gruu_opaque(epid.as_bytes()));
        let phone = Some(Phone { client, device });
        End { name: self.name.clone(), aor: self.aor.clone(), epid, gruu, tag, agent: client.server(), phone }
    }
}

/// What makes an endpoint a phone.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    /// Which application it runs.
    pub(super) client: Client,
    /// Where pushes for it go: Apple's token or Microsoft's address.
    pub(super) device: String,
}

/// One end of a dialog.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// The display name.
    pub(super) name: String,
    /// The address, with its scheme.
    pub(super) aor: String,
    /// The endpoint's `epid`.
    pub(super) epid: String,
    /// The endpoint's GRUU, computed from `epid`.
    pub(super) gruu: String,
    /// The dialog's tag at this end.
    pub(super) tag: String,
    /// What it calls itself.
    pub(super) agent: &'static str,
    /// Set when a mobility service speaks for a phone.
    pub(super) phone: Option<Phone>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_someone_else() {
        let options = Options::default();
        let alice = User::caller(&options, 0, 0);
        assert_eq!((alice.name.as_str(), alice.aor.as_str()), ("Alice", "sip:alice@example.com"));
        let other = User::callee(&options, 17, 1);
        assert_eq!((other.name.as_str(), other.aor.as_str()), ("Erin 17", "sip:erin17@example.com"));
        let bob = User::callee(&options, 0, 0);
        let epids = [&alice.epid, &other.epid, &bob.epid, &bob.phone(0, options.client, String::new()).epid];
        assert_eq!(std::collections::BTreeSet::from(epids).len(), 4);
    }

    #[test]
    fn a_phone_is_written_in_capitals_and_stays_itself() {
        let bob = User::callee(&Options::default(), 0, 0);
        let phone = bob.phone(0, Client::IphoneLync2010, "a".to_owned());
        assert!(phone.epid.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()), "{}", phone.epid);
        assert_eq!(phone.gruu, bob.phone(0, Client::IphoneLync2010, "b".to_owned()).gruu);
        assert_ne!(phone.gruu, bob.phone(1, Client::IphoneLync2010, "a".to_owned()).gruu);
    }
}
