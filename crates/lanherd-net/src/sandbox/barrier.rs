//! What forbids user namespaces, found out by reading the knobs that distributions have for it.

use std::fmt;
use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::Uid;

/// What forbids unprivileged namespaces on this system; displays the remedy with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barrier {
    /// Debian's switch: `kernel.unprivileged_userns_clone = 0`.
    UsernsClone,
    /// A limit on the number of namespaces (namespaces(7)) is used up, or 0: `user.max_user_namespaces` and its like.
    Limit {
        /// The name of the limit, as sysctl(8) takes it.
        sysctl: String,
    },
    /// Ubuntu's, from 23.10: `kernel.apparmor_restrict_unprivileged_userns = 1`.
    AppArmor,
    /// Root without root's capabilities, as in a container, which does not get them in a user namespace either.
    Capabilities {
        /// Those that are needed and lack, as `CAP_SYS_ADMIN, CAP_NET_ADMIN`.
        lacking: String,
    },
    /// A seccomp filter, as containers have.
    Seccomp,
    /// None of the above, but the kernel says no: a chroot, a security module, or namespaces nested too deeply.
    Unknown(Errno),
}

impl std::error::Error for Barrier {}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsernsClone => f.write_str(
                "kernel.unprivileged_userns_clone is 0; run as root, or `sysctl kernel.unprivileged_userns_clone=1`",
            ),
            Self::Limit { sysctl } => write!(
                f,
                "{sysctl} allows no more namespaces; run as root, or raise it: `sysctl {sysctl}=10000`"
            ),
            Self::AppArmor => f.write_str(
                "AppArmor restricts user namespaces; run as root, or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
            ),
            Self::Capabilities { lacking } => write!(
                f,
                "root lacks {lacking}, as in a container, and may make no user namespace either; give the container \
                 what lacks (`docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW`), or run outside of it"
            ),
            Self::Seccomp => f.write_str(
                "a seccomp filter, probably a container's, forbids it; give the container the capabilities SYS_ADMIN, NET_ADMIN and NET_RAW, or a seccomp profile that allows unshare",
            ),
            Self::Unknown(errno) => write!(
                f,
                "the kernel refuses user namespaces ({}); run as root, or outside of the chroot or container",
                errno.desc()
            ),
        }
    }
}

const LIMITS: [&str; 3] = [
    "user.max_user_namespaces",
    "user.max_net_namespaces",
    "user.max_mnt_namespaces",
];

impl Barrier {
    /// A knob that is known to forbid, whatever else may.
    pub(super) fn known() -> Option<Self> {
        Self::read_knobs(Path::new("/proc/sys"))
    }

    /// What stands behind the kernel's refusal; `None` where `errno` is no refusal.
    pub(super) fn behind(errno: Errno) -> Option<Self> {
        let in_seccomp = fs::read_to_string("/proc/self/status").is_ok_and(|status| {
            status
                .lines()
                .any(|line| line.starts_with("Seccomp:") && line.ends_with('2'))
        });
        Self::explain(errno, Self::known(), in_seccomp)
    }

    /// What root lacks, where it is asked before anything is tried: inside of a namespace of its own a process has all capabilities.
    pub(super) fn of_root(user: Uid, lacking: &[&str]) -> Option<Self> {
        (user.is_root() && !lacking.is_empty()).then(|| Self::Capabilities {
            lacking: lacking.join(", "),
        })
    }

    /// This one, or what root lacks where the kernel has not said more than no.
    pub(super) fn or_of_root(self, root: Option<Self>) -> Self {
        match (self, root) {
            (Self::Seccomp | Self::Unknown(_), Some(root)) => root,
            (barrier, _) => barrier,
        }
    }

    fn explain(errno: Errno, known: Option<Self>, in_seccomp: bool) -> Option<Self> {
        match errno {
            Errno::ENOSPC | Errno::EUSERS => Some(known.unwrap_or_else(|| Self::Limit {
                sysctl: LIMITS[0].to_owned(),
            })),
            Errno::EPERM | Errno::EACCES | Errno::ENOSYS | Errno::EINVAL => {
                Some(known.unwrap_or(if in_seccomp {
                    Self::Seccomp
                } else {
                    Self::Unknown(errno)
                }))
            }
            _ => None,
        }
    }

    fn read_knobs(sysctls: &Path) -> Option<Self> {
        let knob = |name: &str| -> Option<u64> {
            let text = fs::read_to_string(sysctls.join(name.replace('.', "/"))).ok()?;
            text.trim().parse().ok()
        };
        if knob("kernel.unprivileged_userns_clone") == Some(0) {
            return Some(Self::UsernsClone);
        }
        if let Some(limit) = LIMITS.into_iter().find(|limit| knob(limit) == Some(0)) {
            return Some(Self::Limit {
                sysctl: limit.to_owned(),
            });
        }
        (knob("kernel.apparmor_restrict_unprivileged_userns") == Some(1)).then_some(Self::AppArmor)
    }
}

#[cfg(test)]
mod tests {
    use lanherd_types::test_folder::TestFolder;

    use super::*;

    /// A stand-in for `/proc/sys` with these knobs.
    fn knobs(values: &[(&str, &str)]) -> Option<Barrier> {
        let root = TestFolder::new("knobs");
        for (knob, value) in values {
            let path = root.file(&knob.replace('.', "/"));
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, format!("{value}\n")).expect("a knob");
        }
        Barrier::read_knobs(root.path())
    }

    #[test]
    fn each_distributions_knob_is_recognised_and_named_with_its_remedy() {
        let cases = [
            (
                "kernel.unprivileged_userns_clone",
                "0",
                Barrier::UsernsClone,
            ),
            (
                "user.max_user_namespaces",
                "0",
                Barrier::Limit {
                    sysctl: "user.max_user_namespaces".into(),
                },
            ),
            (
                "user.max_net_namespaces",
                "0",
                Barrier::Limit {
                    sysctl: "user.max_net_namespaces".into(),
                },
            ),
            (
                "kernel.apparmor_restrict_unprivileged_userns",
                "1",
                Barrier::AppArmor,
            ),
        ];
        for (knob, value, barrier) in cases {
            assert_eq!(knobs(&[(knob, value)]), Some(barrier.clone()));
            assert!(
                barrier.to_string().contains(&format!("sysctl {knob}")),
                "{barrier}"
            );
        }
    }

    #[test]
    fn a_system_that_allows_user_namespaces_has_no_barrier() {
        let open = [
            ("kernel.unprivileged_userns_clone", "1"),
            ("user.max_user_namespaces", "96365"),
            ("kernel.apparmor_restrict_unprivileged_userns", "0"),
        ];
        assert_eq!(knobs(&open), None);
    }

    #[test]
    fn what_root_lacks_is_named_where_no_setting_forbids_it() {
        let root = Barrier::of_root(Uid::from_raw(0), &["CAP_NET_RAW", "CAP_SYS_ADMIN"]);
        let said = root.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(
            said.contains("root lacks CAP_NET_RAW, CAP_SYS_ADMIN") && said.contains("--cap-add"),
            "{said}"
        );
        assert_eq!(Barrier::of_root(Uid::from_raw(0), &[]), None);
        assert_eq!(Barrier::of_root(Uid::from_raw(7), &["CAP_NET_RAW"]), None);
        for barrier in [Barrier::Seccomp, Barrier::Unknown(Errno::EPERM)] {
            assert_eq!(Some(barrier.clone().or_of_root(root.clone())), root);
            assert_eq!(barrier.clone().or_of_root(None), barrier);
        }
        let setting = Barrier::UsernsClone;
        assert_eq!(setting.clone().or_of_root(root), setting);
    }

    #[test]
    fn a_refusal_without_a_known_knob_is_laid_on_seccomp_where_there_is_a_filter() {
        assert_eq!(
            Barrier::explain(Errno::EPERM, None, true),
            Some(Barrier::Seccomp)
        );
        assert_eq!(
            Barrier::explain(Errno::EPERM, None, false),
            Some(Barrier::Unknown(Errno::EPERM))
        );
        assert_eq!(
            Barrier::explain(Errno::EPERM, Some(Barrier::AppArmor), true),
            Some(Barrier::AppArmor)
        );
        assert_eq!(Barrier::explain(Errno::ENOMEM, None, true), None);
    }
}
