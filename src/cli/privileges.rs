//! Rights that are given up once they are not needed any more.
//!
//! In: the user to go on as. Out: a process that is not root, has no capabilities, can gain none by running anything,
//! and leaves no memory behind when it crashes. It is done while there is one thread, before a packet is read.

use crate::error::Result;

/// Whom root becomes when nobody is named.
#[cfg(target_os = "linux")]
const NOBODY: &str = "nobody";

/// Gives up root for `user`, and every capability; the user gone on as, if it is another one.
///
/// Fails when the user is not known or the system does not let go: then nothing may be read.
#[cfg(target_os = "linux")]
pub fn give_up(user: Option<&str>) -> Result<Option<String>> {
    use caps::CapSet;
    use nix::sys::prctl;
    use nix::sys::resource::{Resource, setrlimit};
    use nix::unistd::{Uid, User, geteuid, setgroups, setresgid, setresuid};

    use crate::error::Error;

    let fail = |what: &str, error: &dyn std::fmt::Display| Error::new(format!("cannot {what}: {error}"));
    let root = geteuid().is_root();
    let name = match (user, root) {
        (Some(user), _) => Some(user),
        (None, true) => Some(NOBODY),
        (None, false) => None,
    };
    let user = match name {
        Some(name) => {
            let found = User::from_name(name).map_err(|error| fail(&format!("look user {name:?} up"), &error))?;
            Some(
                found
                    .ok_or_else(|| Error::new(format!("there is no user {name:?}; give another one with --run-as")))?,
            )
        }
        None => None,
    };
    let user = user.filter(|user| user.uid != geteuid());
    if let Some(user) = &user {
        let become_user = format!("go on as user {:?}", user.name);
        let drop = || {
            setgroups(&[user.gid])?;
            setresgid(user.gid, user.gid, user.gid)?;
            setresuid(user.uid, user.uid, user.uid)
        };
        drop().map_err(|error| fail(&become_user, &error))?;
        // Root that can be had back was not given up.
        if !user.uid.is_root() && setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
            return Err(Error::new("root was given up and could be had back"));
        }
    }
    for set in [CapSet::Ambient, CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set).map_err(|error| fail("give up capabilities", &error))?;
    }
    prctl::set_no_new_privs().map_err(|error| fail("rule out new privileges", &error))?;
    prctl::set_dumpable(false).map_err(|error| fail("rule out core dumps", &error))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|error| fail("rule out core dumps", &error))?;
    Ok(user.map(|user| user.name))
}

/// Has the system calls that are not needed any more denied to this thread and all that it starts.
///
/// Fails when the system cannot do that: everything else works all the same.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn confine() -> Result<()> {
    super::syscalls::confine()
}

/// Elsewhere nobody knows which they are.
///
/// Always fails.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub fn confine() -> Result<()> {
    Err(crate::error::Error::new("system calls are not filtered: not known how on this system"))
}

/// Elsewhere nothing is given up, and a user cannot be asked for.
///
/// Fails when one is.
#[cfg(not(target_os = "linux"))]
pub fn give_up(user: Option<&str>) -> Result<Option<String>> {
    match user {
        Some(_) => Err(crate::error::Error::new("--run-as works on Linux only")),
        None => Ok(None),
    }
}
