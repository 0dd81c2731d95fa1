//! The database's disk is full: refused with a reason, nothing half done, and it goes on when there is room again. The
//! disk is a small one in memory, which takes root to mount.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use strongroom_cluster::account;

use crate::database::{Database, NAME, ROLE};

/// Most payouts until a table must grow.
const MOST: usize = 500;

/// A small disk, gone with this value.
struct Disk {
    at: PathBuf,
}

impl Disk {
    fn mount(at: &Path) -> Option<Disk> {
        fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(at);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Disk {
                at: at.to_path_buf(),
            }),
            _ => {
                eprintln!("skipped: no disk can be mounted");
                None
            }
        }
    }

    /// Takes all the room that is left, and tells where.
    fn fill(&self) -> PathBuf {
        let path = self.at.join("ballast");
        let mut ballast = File::create(&path).unwrap();
        for size in [65_536, 4_096] {
            while ballast.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What still has files open on it sees them go when it ends.
        drop(Command::new("umount").arg("-l").arg(&self.at).output());
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_half_done() {
    let Some(database) = Database::start() else {
        return;
    };
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("small")) else {
        return;
    };
    let place = disk.at.join("tables");
    fs::create_dir(&place).unwrap();
    if let Some((user, group)) = account().unwrap() {
        chown(&place, Some(user), Some(group)).unwrap();
        let through = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), through).unwrap();
    }
    database.sql(&format!(
        "CREATE TABLESPACE small LOCATION '{}'",
        place.display()
    ));
    database.sql(&format!("DROP DATABASE {NAME}"));
    database.sql(&format!(
        "CREATE DATABASE {NAME} OWNER {ROLE} TABLESPACE small"
    ));
    let demo = database.demo();
    assert_eq!(demo.pay(10, "before").status, 201);

    let ballast = disk.fill();
    let (mut paid, mut refused) = (1, None);
    for number in 0..MOST {
        let key = format!("full-{number}");
        let reply = demo.pay(10, &key);
        if reply.status != 201 {
            refused = Some((key, reply));
            break;
        }
        paid += 1;
    }
    let (key, reply) = refused.expect("a table had to grow");
    reply.refused(503, "storage_unavailable");
    assert_eq!(demo.available("operating"), 10_000_000 - 10 * paid);
    demo.pay(10, &key).refused(503, "storage_unavailable");
    assert_eq!(demo.request("GET", "/ready").send().status, 200);

    fs::remove_file(ballast).unwrap();
    assert_eq!(demo.pay(10, &key).status, 201);
    assert_eq!(demo.available("operating"), 10_000_000 - 10 * (paid + 1));
    database.verified();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    database
        .cluster
        .stop(strongroom_cluster::Stop::Immediate)
        .unwrap();
}
