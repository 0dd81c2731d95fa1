//! What the vault process denies itself once it has opened its files: new files, new sockets, new programs, being
//! looked at. And what the process denies itself that makes connections for it ([`crate::dial`]): all of that but one port.

use std::collections::BTreeMap;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus,
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// What holds of a confined process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confined {
    /// Nobody but root attaches to it or reads its memory.
    pub hidden: bool,
    /// It gains no rights by starting programs.
    pub no_new_privileges: bool,
    /// It opens no files but those below its folder.
    pub landlock: bool,
    /// It makes no system calls of the refused list.
    pub seccomp: bool,
}

/// SECURITY: before a passphrase or a key is in memory.
pub fn hide() -> bool {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
}

/// Confines this thread and those that it will start; call it before there are others.
pub fn confine(folder: &Path) -> Confined {
    Confined {
        hidden: hide(),
        no_new_privileges: rustix::thread::set_no_new_privs(true).is_ok(),
        landlock: landlocked(folder).unwrap_or(false),
        seccomp: filtered(&[]).is_some(),
    }
}

/// Confines a process that only connects to one port; call it before there are other threads.
pub fn confine_to_port(port: u16) -> Confined {
    Confined {
        hidden: hide(),
        no_new_privileges: rustix::thread::set_no_new_privs(true).is_ok(),
        landlock: landlocked_to(port).unwrap_or(false),
        seccomp: filtered(CONNECTING).is_some(),
    }
}

fn landlocked(folder: &Path) -> Option<bool> {
    let all = AccessFs::from_all(ABI::V5);
    let rules = nothing()?
        .add_rule(PathBeneath::new(PathFd::new(folder).ok()?, all))
        .ok()?;
    enforced(rules)
}

fn landlocked_to(port: u16) -> Option<bool> {
    let rules = nothing()?
        .add_rule(NetPort::new(port, AccessNet::ConnectTcp))
        .ok()?;
    enforced(rules)
}

/// No file, and no port.
fn nothing() -> Option<RulesetCreated> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .ok()?
        .handle_access(AccessNet::from_all(ABI::V5))
        .ok()?
        .create()
        .ok()
}

fn enforced(rules: RulesetCreated) -> Option<bool> {
    let status = rules.restrict_self().ok()?;
    Some(status.ruleset != RulesetStatus::NotEnforced)
}

/// System calls that the vault never needs once it serves, and that whoever took it over would; less those that are `needed`.
fn filtered(needed: &[i64]) -> Option<()> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).ok()?;
    let refused = REFUSED.iter().filter(|call| !needed.contains(call));
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        refused.map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(EPERM);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).ok()?;
    let program: BpfProgram = filter.try_into().ok()?;
    seccompiler::apply_filter_all_threads(&program).ok()
}

const EPERM: u32 = 1;

/// To make a connection: socket, connect.
#[cfg(target_arch = "x86_64")]
const CONNECTING: &[i64] = &[41, 42];
#[cfg(target_arch = "aarch64")]
const CONNECTING: &[i64] = &[198, 203];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const CONNECTING: &[i64] = &[];

#[cfg(target_arch = "x86_64")]
const REFUSED: &[i64] = &[
    41,  // socket
    42,  // connect
    49,  // bind
    57,  // fork
    58,  // vfork
    59,  // execve
    322, // execveat
    101, // ptrace
    310, // process_vm_readv
    311, // process_vm_writev
    312, // kcmp
    438, // pidfd_getfd
    321, // bpf
    298, // perf_event_open
    323, // userfaultfd
    250, // keyctl
    248, // add_key
    249, // request_key
    175, // init_module
    313, // finit_module
    246, // kexec_load
    320, // kexec_file_load
    165, // mount
    166, // umount2
    155, // pivot_root
    161, // chroot
    272, // unshare
    308, // setns
    425, // io_uring_setup
    304, // open_by_handle_at
    169, // reboot
    167, // swapon
    163, // acct
    139, // sysfs
    105, // setuid
    106, // setgid
    117, // setresuid
    119, // setresgid
];

#[cfg(target_arch = "aarch64")]
const REFUSED: &[i64] = &[
    198, // socket
    203, // connect
    200, // bind
    221, // execve
    281, // execveat
    117, // ptrace
    270, // process_vm_readv
    271, // process_vm_writev
    272, // kcmp
    438, // pidfd_getfd
    280, // bpf
    241, // perf_event_open
    282, // userfaultfd
    219, // keyctl
    217, // add_key
    218, // request_key
    105, // init_module
    273, // finit_module
    104, // kexec_load
    294, // kexec_file_load
    40,  // mount
    39,  // umount2
    41,  // pivot_root
    51,  // chroot
    97,  // unshare
    268, // setns
    425, // io_uring_setup
    265, // open_by_handle_at
    142, // reboot
    224, // swapon
    89,  // acct
    146, // setuid
    144, // setgid
    147, // setresuid
    149, // setresgid
];

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const REFUSED: &[i64] = &[];
