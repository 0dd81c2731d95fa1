//! A private PostgreSQL cluster for the peer: a folder and a port of its own on the loopback
//! address, every commit on disk (fsync on), gone when the value is dropped.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Outcome;
use crate::process::find_program;

/// What a careful team sets beside the defaults; durability is untouched.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 1GB
max_wal_size = 4GB
max_connections = 100
";

/// The account that owns the cluster, since PostgreSQL does not run as root.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// A running cluster.
pub struct Cluster {
    programs: PathBuf,
    /// Its data folder.
    pub data: PathBuf,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The process that the others descend from.
    pub pid: u32,
    account: Option<(u32, u32)>,
}

/// The folder of PostgreSQL's own programs, when it is installed.
pub fn programs() -> Option<PathBuf> {
    let beside = find_program("initdb").and_then(|path| fs::canonicalize(path).ok());
    let debian = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let folders = versions.flatten().map(|version| version.path().join("bin"));
        folders
            .filter(|folder| folder.join("initdb").is_file())
            .max()
    };
    beside
        .and_then(|path| path.parent().map(Path::to_path_buf))
        .or_else(debian)
}

impl Cluster {
    /// Makes a cluster under `folder` and starts it.
    pub fn start(programs: PathBuf, folder: &Path) -> Outcome<Self> {
        let data = folder.join("postgres");
        fs::create_dir(&data)?;
        let account = account()?;
        if let Some((user, group)) = account {
            std::os::unix::fs::chown(&data, Some(user), Some(group))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut cluster = Self {
            programs,
            data,
            port,
            pid: 0,
            account,
        };
        cluster.initialize()?;
        cluster.pid = cluster.launch()?;
        Ok(cluster)
    }

    /// Writes out what is dirty, which PostgreSQL would do at a time of its own.
    pub fn checkpoint(&self) -> Outcome<()> {
        let port = self.port.to_string();
        let mut command = self.command("psql");
        command.args([
            "-qX",
            "-h",
            "127.0.0.1",
            "-U",
            "peer",
            "-p",
            &port,
            "-c",
            "CHECKPOINT",
            "postgres",
        ]);
        finish(&mut command).map(drop)
    }

    fn initialize(&self) -> Outcome<()> {
        let mut command = self.command("initdb");
        command.args([
            "--auth=trust",
            "--username=peer",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ]);
        finish(command.arg(&self.data))?;
        let path = self.data.join("postgresql.conf");
        let defaults = fs::read_to_string(&path)?;
        Ok(fs::write(
            path,
            format!("{defaults}{SETTINGS}port = {}\n", self.port),
        )?)
    }

    fn launch(&self) -> Outcome<u32> {
        let mut command = self.command("pg_ctl");
        // Its output stays open in the server, so it must not be a pipe that is read to its end.
        command
            .args(["start", "-s", "-w", "-D"])
            .arg(&self.data)
            .arg("-l")
            .arg(self.data.join("log"));
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        if !command.status()?.success() {
            let log = fs::read_to_string(self.data.join("log")).unwrap_or_default();
            return Err(format!("PostgreSQL does not start: {log}").into());
        }
        let file = fs::read_to_string(self.data.join("postmaster.pid"))?;
        Ok(file.lines().next().unwrap_or_default().trim().parse()?)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir("/");
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(&self.data);
        if let Err(failure) = finish(&mut command) {
            eprintln!("PostgreSQL does not stop: {failure}");
        }
    }
}

/// The user and group to run as; `None` when this program is not root itself.
fn account() -> Outcome<Option<(u32, u32)>> {
    if number("-u", None)? != 0 {
        return Ok(None);
    }
    for name in ACCOUNTS {
        if let (Ok(user), Ok(group)) = (number("-u", Some(name)), number("-g", Some(name))) {
            return Ok(Some((user, group)));
        }
    }
    Err("no account but root's to run PostgreSQL as".into())
}

fn number(which: &str, name: Option<&str>) -> Outcome<u32> {
    let output = finish(Command::new("id").arg(which).args(name))?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn finish(command: &mut Command) -> Outcome<Output> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
