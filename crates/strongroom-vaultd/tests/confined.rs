//! What the vault process denies itself, tried by a process that did.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what the kernel lacks"
)]

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use strongroom_vaultd::confine::confine;

/// Set for the process that confines itself: its folder, and where somebody listens.
const FOLDER: &str = "STRONGROOM_TEST_CONFINED_TO";
const ADDRESS: &str = "STRONGROOM_TEST_LISTENER";
const NAME: &str = "a_confined_process_does_its_work_and_nothing_else";

#[test]
fn a_confined_process_does_its_work_and_nothing_else() {
    match std::env::var_os(FOLDER) {
        Some(folder) => confined(Path::new(&folder)),
        None => watched(),
    }
}

/// Has another process confine itself: nobody gets out of it again, not even a test.
fn watched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("before"), "kept").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture"]);
    command.env(FOLDER, folder.path()).env(ADDRESS, &address);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in told.lines().filter(|line| line.starts_with("skipped")) {
        println!("{line}");
    }
    let written = fs::read_to_string(folder.path().join("after")).unwrap();
    assert_eq!(written, "kept");
}

fn confined(folder: &Path) {
    let address = std::env::var(ADDRESS).unwrap();
    // What is allowed before, so that a refusal is the doing of what follows.
    assert!(File::open("/etc/passwd").is_ok() && TcpStream::connect(&address).is_ok());
    assert!(Command::new("/bin/true").status().unwrap().success());
    let socket = folder.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();

    let confined = confine(folder);
    assert!(confined.hidden && confined.no_new_privileges);
    match confined.seccomp {
        true => {
            refused("a connection", TcpStream::connect(&address));
            refused("a listener", TcpListener::bind("127.0.0.1:0"));
            refused("a local connection", UnixStream::connect(&socket));
            refused("a program", Command::new("/bin/true").status());
        }
        false => println!("skipped: the kernel has no seccomp"),
    }
    match confined.landlock {
        true => {
            let parent = std::os::unix::process::parent_id();
            refused("a file", File::open("/etc/passwd"));
            refused("memory", File::open(format!("/proc/{parent}/mem")));
            refused("a folder", fs::read_dir("/"));
            refused("a new file", File::create(folder.with_extension("beside")));
        }
        false => println!("skipped: the kernel has no landlock"),
    }
    // Its work goes on: files of its folder, and threads.
    let folder = folder.to_owned();
    let working = std::thread::spawn(move || {
        let kept = fs::read_to_string(folder.join("before"))?;
        fs::write(folder.join("after"), kept)
    });
    working.join().unwrap().unwrap();
}

fn refused<T>(what: &str, outcome: io::Result<T>) {
    let kind = outcome.err().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::PermissionDenied), "{what}");
}
