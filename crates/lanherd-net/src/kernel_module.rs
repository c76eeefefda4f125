//! What to do where the running kernel cannot make a kind of link.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A part of the kernel that is a module in most distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelModule {
    /// The name of the module, as modprobe(8) takes it.
    pub name: &'static str,
    /// The option that the kernel is to be configured with.
    pub option: &'static str,
}

/// The links of the clients.
pub const MACVLAN: KernelModule = KernelModule {
    name: "macvlan",
    option: "CONFIG_MACVLAN",
};
/// The uplink of the lab.
pub const VETH: KernelModule = KernelModule {
    name: "veth",
    option: "CONFIG_VETH",
};

impl KernelModule {
    /// What to do where the running kernel says that it does not know such links, as the end of a sentence.
    pub fn remedy(self, installed: &Installed) -> String {
        let Self { name, option } = self;
        let Installed { release, .. } = installed;
        match &installed.modules {
            None => format!(
                "the modules of the running kernel are not installed (there is no /lib/modules/{release}): if the kernel \
                 was upgraded since the machine was started, reboot; else use a kernel with {option}"
            ),
            Some(dependencies) if !lists(dependencies, name) => format!(
                "/lib/modules/{release} has no {name}: install the package that brings it (Ubuntu: \
                 linux-modules-extra-{release}; Debian's cloud kernels: linux-image-amd64 or linux-image-arm64 in their \
                 place), or use a kernel with {option}"
            ),
            Some(_) if !installed.has_modprobe => format!(
                "load the module {name}: modprobe, which would, is not installed here (package kmod)"
            ),
            Some(_) => format!("load the module: modprobe {name}"),
        }
    }
}

/// What of the modules is installed on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The release of the running kernel, as `uname -r` says it.
    pub release: String,
    /// The list of the modules for it, `modules.dep` (depmod(8)); `None`: there is no folder for it.
    pub modules: Option<String>,
    /// Whether modprobe(8) is there, which loads them.
    pub has_modprobe: bool,
}

impl Installed {
    /// Looks at this machine.
    pub fn look() -> Self {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let release = release.trim().to_owned();
        let folder = Path::new("/lib/modules").join(&release);
        let path = env::var_os("PATH").unwrap_or_default();
        // A user's search path often lacks those of the system.
        let usual = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
        Self {
            modules: (!release.is_empty() && folder.is_dir())
                .then(|| fs::read_to_string(folder.join("modules.dep")).unwrap_or_default()),
            has_modprobe: env::split_paths(&path)
                .chain(usual)
                .any(|folder| folder.join("modprobe").exists()),
            release,
        }
    }
}

/// Whether `modules.dep` has the module, compressed or not.
fn lists(dependencies: &str, module: &str) -> bool {
    dependencies.lines().any(|line| {
        let (path, _) = line.split_once(':').unwrap_or((line, ""));
        let (_, file) = path.rsplit_once('/').unwrap_or(("", path));
        file.split_once(".ko")
            .is_some_and(|(name, _)| name == module)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDENCIES: &str = "kernel/drivers/net/macvlan.ko.xz:\nkernel/drivers/net/macvtap.ko: kernel/drivers/net/macvlan.ko.xz\n";

    fn remedy(module: KernelModule, modules: Option<&str>, has_modprobe: bool) -> String {
        module.remedy(&Installed {
            release: "6.1.0-1-amd64".to_owned(),
            modules: modules.map(str::to_owned),
            has_modprobe,
        })
    }

    #[test]
    fn each_reason_why_a_module_is_not_there_has_its_remedy() {
        let gone = remedy(MACVLAN, None, true);
        assert!(
            gone.contains("upgraded") && gone.contains("reboot"),
            "{gone}"
        );
        assert!(gone.contains("no /lib/modules/6.1.0-1-amd64"), "{gone}");
        let loaded = remedy(MACVLAN, Some(DEPENDENCIES), true);
        assert_eq!(loaded, "load the module: modprobe macvlan");
        let no_modprobe = remedy(MACVLAN, Some(DEPENDENCIES), false);
        assert!(no_modprobe.contains("package kmod"), "{no_modprobe}");
        let not_packaged = remedy(VETH, Some(DEPENDENCIES), true);
        assert!(
            not_packaged.contains("linux-modules-extra-6.1.0-1-amd64"),
            "{not_packaged}"
        );
    }

    #[test]
    fn a_module_is_found_by_its_own_name_only() {
        assert!(lists(DEPENDENCIES, "macvlan") && lists(DEPENDENCIES, "macvtap"));
        assert!(!lists(DEPENDENCIES, "vlan") && !lists(DEPENDENCIES, "macv"));
    }
}
