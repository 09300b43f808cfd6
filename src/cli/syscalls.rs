//! What the program may no longer ask the system for, once it reads packets.
//!
//! In: nothing. Out: a thread, and all that it starts, whose system calls are filtered. It is a list of what is denied,
//! not of what is allowed: what a C library of tomorrow calls instead of today's goes on working, and what an attacker
//! needs that has taken the program over does not: other programs, other processes, mounts, namespaces, the kernel's
//! rarer doors. What is denied gives an error and does not kill: a wrong guess here costs a feature, not the watch.
//!
//! Source: seccomp(2); clone(2), clone3; ioctl_tty(2) TIOCSTI.

use std::collections::BTreeMap;

use nix::libc::{self, c_long};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use crate::error::{Error, Result};

/// Denied whatever the arguments are.
const DENIED: &[c_long] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // Another view of the system.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_mknodat,
    libc::SYS_personality,
    // The kernel, and what was its weak side more than once.
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_syslog,
    // The machine.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
];

/// Those that only this architecture has.
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_mknod,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    // The same by the numbers that programs of 32 bits in 64-bit registers have: execve, ptrace, kexec_load,
    // process_vm_readv, process_vm_writev, execveat.
    X32 | 520,
    X32 | 521,
    X32 | 528,
    X32 | 539,
    X32 | 540,
    X32 | 545,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[c_long] = &[];

/// What the numbers of such programs have in common. Source: Linux arch/x86/include/uapi/asm/unistd.h, __X32_SYSCALL_BIT.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;

/// Families of sockets that are needed: of this host, of the network, and those by which libpcap asks for interfaces.
const FAMILIES: [i32; 5] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET];

/// Requests of ioctl that put words into the mouth of whoever sits at the terminal: TIOCSTI and TIOCLINUX.
const TYPED: [u64; 2] = [0x5412, 0x541c];

/// What is met, by the number of a call.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// From now on this thread, and every one that it starts, may not do what is on the lists.
///
/// Fails when the system has no such filters.
pub fn confine() -> Result<()> {
    let filters = [(denied(), libc::EPERM), (families(), libc::EAFNOSUPPORT), (threads(), libc::ENOSYS)];
    for (rules, error) in filters {
        let installed = rules.map_err(seccompiler::Error::from).and_then(|rules| install(rules, error));
        installed.map_err(|error| Error::new(format!("system calls are not filtered: {error}")))?;
    }
    Ok(())
}

/// Has what meets the rules answered with an error.
fn install(rules: Rules, error: i32) -> std::result::Result<(), seccompiler::Error> {
    let error = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, error, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)
}

/// What is refused.
fn denied() -> std::result::Result<Rules, BackendError> {
    let mut rules = Rules::new();
    for number in DENIED.iter().chain(DENIED_HERE) {
        add(&mut rules, *number, &[]);
    }
    // A process that is no thread of this one.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    add(&mut rules, libc::SYS_clone, &[rule(&[(0, SeccompCmpOp::MaskedEq(thread), 0)])?]);
    let [one, other] = TYPED.map(|request| rule(&[(1, SeccompCmpOp::Eq, request)]));
    add(&mut rules, libc::SYS_ioctl, &[one?, other?]);
    Ok(rules)
}

/// Sockets of other families are said to be unknown: libpcap goes on without them then, and not after a refusal.
fn families() -> std::result::Result<Rules, BackendError> {
    let mut rules = Rules::new();
    let others = FAMILIES.map(|family| (0, SeccompCmpOp::Ne, u64::from(family.unsigned_abs())));
    for number in [libc::SYS_socket, libc::SYS_socketpair] {
        add(&mut rules, number, &[rule(&others)?]);
    }
    Ok(rules)
}

/// What clone3 is asked for no filter can see. C libraries that are told that there is none use clone.
fn threads() -> std::result::Result<Rules, BackendError> {
    let mut rules = Rules::new();
    add(&mut rules, libc::SYS_clone3, &[]);
    Ok(rules)
}

/// Adds rules by the number of a call, and by the one it has for programs of another kind.
fn add(rules: &mut Rules, number: c_long, of: &[SeccompRule]) {
    rules.insert(number, of.to_vec());
    #[cfg(target_arch = "x86_64")]
    rules.insert(number | X32, of.to_vec());
}

/// A rule that is met when all of `(argument, how, value)` are.
fn rule(all: &[(u8, SeccompCmpOp, u64)]) -> std::result::Result<SeccompRule, BackendError> {
    let condition = |(argument, how, value): &(u8, SeccompCmpOp, u64)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, how.clone(), *value)
    };
    SeccompRule::new(all.iter().map(condition).collect::<std::result::Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream, ToSocketAddrs};
    use std::process::Command;
    use std::thread;

    use nix::errno::Errno;
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

    use super::*;

    /// Runs something on a thread that is confined, and only that one.
    fn confined<T: Send + 'static>(inside: impl FnOnce() -> T + Send + 'static) -> T {
        let run = move || {
            confine().unwrap();
            inside()
        };
        thread::spawn(run).join().unwrap()
    }

    #[test]
    fn other_programs_and_namespaces_are_out_of_reach() {
        assert!(Command::new("true").status().unwrap().success());
        confined(|| {
            let error = Command::new("true").status().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            assert_eq!(unshare(CloneFlags::CLONE_NEWUSER), Err(Errno::EPERM));
        });
        assert!(Command::new("true").status().unwrap().success(), "another thread is free");
    }

    #[test]
    fn sockets_of_rare_families_are_unknown() {
        let opened = |family| {
            let none = SockFlag::empty();
            socket(family, SockType::Datagram, none, None).map(|_| ())
        };
        confined(move || {
            for family in [AddressFamily::Alg, AddressFamily::Vsock, AddressFamily::Bluetooth] {
                assert_eq!(opened(family), Err(Errno::EAFNOSUPPORT), "{family:?}");
            }
            for family in [AddressFamily::Unix, AddressFamily::Inet] {
                assert_eq!(opened(family), Ok(()), "{family:?}");
            }
        });
    }

    #[test]
    fn what_the_program_does_goes_on() {
        confined(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let client = thread::spawn(move || TcpStream::connect(address).unwrap().write_all(b"octets").unwrap());
            let mut octets = String::new();
            listener.accept().unwrap().0.read_to_string(&mut octets).unwrap();
            client.join().unwrap();
            assert_eq!(octets, "octets");
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(b"octets").unwrap();
            file.as_file().sync_all().unwrap();
            let moved = file.path().with_extension("moved");
            file.persist(&moved).unwrap();
            std::fs::remove_file(moved).unwrap();
            assert!("localhost:80".to_socket_addrs().unwrap().next().is_some());
        });
    }
}
