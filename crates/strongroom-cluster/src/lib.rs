//! A private PostgreSQL for tests and benches: a folder and a port of its own on the loopback
//! address, every commit on disk (fsync on), gone when the value is dropped.
//!
//! It needs PostgreSQL's programs; [`programs`] says whether they are there, and a test that finds
//! none says so and does nothing. Nothing here speaks SQL but what `psql` is given by the caller.

use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What every step gives: its value or a readable cause.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The role that owns the cluster and everything in it.
pub const OWNER: &str = "owner";

/// What every cluster is told beside the defaults; durability is untouched.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
synchronous_commit = on
full_page_writes = on
";

/// The accounts that may own the cluster, since PostgreSQL does not run as root.
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

/// How a cluster is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, then everything is written out.
    Fast,
    /// Every process ends at once, as after a crash.
    Immediate,
}

/// The folder of PostgreSQL's own programs, when it is installed.
#[must_use]
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

fn find_program(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// How many ports are tried.
const PORTS: usize = 5;

impl Cluster {
    /// Makes a cluster under `folder` and starts it; `more` is appended to its settings.
    ///
    /// # Errors
    /// What the programs say when one of them fails.
    pub fn start(programs: PathBuf, folder: &Path, more: &str) -> Outcome<Self> {
        let mut cluster = Self::prepared(programs, folder, free_port()?, more)?;
        cluster.first_run()?;
        Ok(cluster)
    }

    fn prepared(programs: PathBuf, folder: &Path, port: u16, more: &str) -> Outcome<Self> {
        let data = folder.join("postgres");
        fs::create_dir(&data)?;
        let account = account()?;
        if let Some((user, group)) = account {
            // The account must get through to what is its own.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
            std::os::unix::fs::chown(&data, Some(user), Some(group))?;
        }
        let cluster = Self {
            programs,
            data,
            port,
            pid: 0,
            account,
        };
        cluster.initialize(more)?;
        Ok(cluster)
    }

    /// Makes a copy under `folder` that follows this cluster by streaming, and starts it.
    ///
    /// # Errors
    /// What the programs say when one of them fails.
    pub fn follower(&self, folder: &Path) -> Outcome<Self> {
        let data = folder.join("follower");
        fs::create_dir(&data)?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
        if let Some((user, group)) = self.account {
            std::os::unix::fs::chown(&data, Some(user), Some(group))?;
        }
        let port = free_port()?;
        let from = self.port.to_string();
        let mut command = self.command("pg_basebackup");
        command.args(["-h", "127.0.0.1", "-p", &from, "-U", OWNER, "-R"]);
        command.args(["-X", "stream", "-c", "fast", "-D"]);
        finish(command.arg(&data))?;
        let settings = data.join("postgresql.conf");
        let copied = fs::read_to_string(&settings)?;
        fs::write(settings, format!("{copied}\nport = {port}\n"))?;
        let mut cluster = Self {
            programs: self.programs.clone(),
            data,
            port,
            pid: 0,
            account: self.account,
        };
        cluster.first_run()?;
        Ok(cluster)
    }

    /// Makes a follower the one that takes writes.
    ///
    /// # Errors
    /// What `pg_ctl` says.
    pub fn promote(&self) -> Outcome<()> {
        let mut command = self.command("pg_ctl");
        command.args(["promote", "-s", "-w", "-D"]);
        finish(command.arg(&self.data)).map(drop)
    }

    /// Starts it, on another port where somebody took its own meanwhile: one that was free a moment ago may be any
    /// connection's by now.
    fn first_run(&mut self) -> Outcome<()> {
        for _ in 1..PORTS {
            let Err(failure) = self.run() else {
                return Ok(());
            };
            if !failure.to_string().contains("Address already in use") {
                return Err(failure);
            }
            self.port = free_port()?;
            let settings = self.data.join("postgresql.conf");
            let before = fs::read_to_string(&settings)?;
            fs::write(settings, format!("{before}port = {}\n", self.port))?;
            fs::remove_file(self.data.join("log"))?;
        }
        self.run()
    }

    /// Starts the stopped cluster again, on its port.
    ///
    /// # Errors
    /// What its log says when it does not start.
    pub fn run(&mut self) -> Outcome<()> {
        self.pid = self.launch()?;
        Ok(())
    }

    /// Stops the server; its data stay.
    ///
    /// # Errors
    /// What `pg_ctl` says.
    pub fn stop(&self, how: Stop) -> Outcome<()> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-s", "-m", mode, "-D"]);
        finish(command.arg(&self.data)).map(drop)
    }

    /// Takes up changed settings.
    ///
    /// # Errors
    /// What `pg_ctl` says.
    pub fn reload(&self) -> Outcome<()> {
        let mut command = self.command("pg_ctl");
        command.args(["reload", "-s", "-D"]);
        finish(command.arg(&self.data)).map(drop)
    }

    /// Every process of the server, the first one first.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(path).unwrap_or_default();
        let numbers = children.split_whitespace().filter_map(|n| n.parse().ok());
        std::iter::once(self.pid).chain(numbers).collect()
    }

    /// Where a client finds a database of it.
    #[must_use]
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs a statement as the owner and gives what `psql` prints of its rows.
    ///
    /// # Errors
    /// What the server says.
    pub fn psql(&self, database: &str, statement: &str) -> Outcome<String> {
        psql(&self.programs, self.port, database, statement)
    }

    /// Runs one of PostgreSQL's clients on the cluster as its owner, such as `pg_dump`.
    ///
    /// # Errors
    /// What it says.
    pub fn client(&self, program: &str, arguments: &[&str]) -> Outcome<()> {
        let port = self.port.to_string();
        let mut command = Command::new(self.programs.join(program));
        command.args(["-h", "127.0.0.1", "-U", OWNER, "-p", &port]);
        finish(command.args(arguments)).map(drop)
    }

    /// Writes out what is dirty, which PostgreSQL would do at a time of its own.
    ///
    /// # Errors
    /// What the server says.
    pub fn checkpoint(&self) -> Outcome<()> {
        self.psql("postgres", "CHECKPOINT").map(drop)
    }

    /// Puts a file into the data folder, readable by the server alone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn place(&self, name: &str, text: &str) -> Outcome<()> {
        let path = self.data.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        if let Some((user, group)) = self.account {
            std::os::unix::fs::chown(&path, Some(user), Some(group))?;
        }
        Ok(())
    }

    fn initialize(&self, more: &str) -> Outcome<()> {
        let mut command = self.command("initdb");
        command.args(["--auth=trust", "--username", OWNER, "--encoding=UTF8"]);
        command.args(["--locale=C", "--no-sync", "-D"]);
        finish(command.arg(&self.data))?;
        let path = self.data.join("postgresql.conf");
        let defaults = fs::read_to_string(&path)?;
        let text = format!("{defaults}{SETTINGS}{more}\nport = {}\n", self.port);
        Ok(fs::write(path, text)?)
    }

    fn launch(&self) -> Outcome<u32> {
        let mut command = self.command("pg_ctl");
        // Its output stays open in the server, so it must not be a pipe that is read to its end.
        command
            .args(["start", "-s", "-w", "-D"])
            .arg(&self.data)
            .arg("-l")
            .arg(self.data.join("log"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
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
        if !self.data.join("postmaster.pid").exists() {
            return;
        }
        if let Err(failure) = self.stop(Stop::Immediate) {
            eprintln!("PostgreSQL does not stop: {failure}");
        }
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Runs a statement on somebody's cluster as its owner and gives what `psql` prints of its rows.
///
/// # Errors
/// What the server says.
pub fn psql(programs: &Path, port: u16, database: &str, statement: &str) -> Outcome<String> {
    let port = port.to_string();
    let mut command = Command::new(programs.join("psql"));
    command.current_dir("/");
    command.args(["-qXAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]);
    command.args(["-U", OWNER, "-p", &port, "-c", statement, database]);
    let output = finish(&mut command)?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The user and group to run PostgreSQL as; `None` when this program is not root itself.
///
/// # Errors
/// When there is no account but root's.
pub fn account() -> Outcome<Option<(u32, u32)>> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_port_that_somebody_took_is_left_to_him() {
        let Some(programs) = programs() else {
            eprintln!("skipped: PostgreSQL's programs are not installed");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut cluster = Cluster::prepared(programs, folder.path(), port, "").unwrap();
        cluster.first_run().unwrap();
        assert_ne!(cluster.port, port);
        assert_eq!(cluster.psql("postgres", "SELECT 1").unwrap().trim(), "1");
        cluster.stop(Stop::Fast).unwrap();
        cluster.run().unwrap();
        cluster.stop(Stop::Fast).unwrap();
    }
}
