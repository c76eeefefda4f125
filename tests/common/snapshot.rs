//! What stands on a pretend machine, so that a test can say: it is as it was.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Everything that lanherd could leave behind. Two equal ones mean that nothing was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub links: BTreeSet<String>,
    pub mounts: BTreeSet<String>,
    /// Everything in `/run` and in `/etc/netns`, whose being there counts too.
    pub files: BTreeSet<String>,
    pub processes: BTreeSet<String>,
}

impl Snapshot {
    /// Looks at the machine whose first process is `init`, from outside, without starting anything in it.
    pub fn take(init: u32) -> Self {
        let root = format!("/proc/{init}/root");
        let mut files = BTreeSet::new();
        for folder in ["/run", "/etc/netns"] {
            list(Path::new(&root), &format!("{root}{folder}"), &mut files);
        }
        Self {
            links: read(&format!("/proc/{init}/net/dev"))
                .lines()
                .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
                .collect(),
            mounts: read(&format!("/proc/{init}/mountinfo"))
                .lines()
                .filter_map(|line| Some(line.split(' ').nth(4)?.to_owned()))
                .collect(),
            files,
            processes: processes(&format!("{root}/proc")),
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn list(root: &Path, folder: &str, into: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let inside = |path: &Path| {
        format!(
            "/{}",
            path.strip_prefix(root).unwrap_or(path).to_string_lossy()
        )
    };
    into.insert(inside(Path::new(folder)));
    for entry in entries.flatten() {
        into.insert(inside(&entry.path()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(root, &entry.path().to_string_lossy(), into);
        }
    }
}

/// `number name` of each process that has not ended; the machine's own helpers (nsenter's children) have.
fn processes(proc: &str) -> BTreeSet<String> {
    fs::read_dir(proc)
        .unwrap_or_else(|error| panic!("{proc}: {error}"))
        .flatten()
        .filter_map(|entry| {
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
            (!rest.trim_start().starts_with(['Z', 'X'])).then(|| format!("{number} {name}"))
        })
        .collect()
}
