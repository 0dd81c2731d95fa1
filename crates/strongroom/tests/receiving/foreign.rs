//! Programs and libraries that are not ours: found, or installed by name where that is allowed; else why not.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Something to run, or the reason that there is none.
pub type Found<T> = Result<T, String>;

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the acceptance scripts.
pub fn file(path: &str) -> PathBuf {
    root().join("acceptance/webhooks").join(path)
}

/// A program on this machine.
pub fn program(name: &str) -> Found<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| format!("no `{name}` on this machine"))
}

/// Python, new enough for the SDK.
pub fn python() -> Found<PathBuf> {
    let python = program("python3")?;
    let is_new = "import sys; sys.exit(sys.version_info < (3, 11))";
    run(Command::new(&python).args(["-c", is_new]))
        .map_err(|_| "this machine's python3 is older than 3.11".to_owned())?;
    Ok(python)
}

/// Node, and a folder in which `standardwebhooks` and `svix` of npm are installed.
pub fn from_npm() -> Found<(PathBuf, PathBuf)> {
    installed("npm", &["standardwebhooks@1", "svix"])
}

/// Node, and a folder in which the TypeScript compiler is installed.
pub fn typescript() -> Found<(PathBuf, PathBuf)> {
    installed("typescript", &["typescript@5", "@types/node@20"])
}

/// Node, and a folder in which packages of npm are installed.
fn installed(name: &str, packages: &[&str]) -> Found<(PathBuf, PathBuf)> {
    allowed()?;
    let node = program("node")?;
    let folder = place(name);
    if !folder.join("done").exists() {
        let mut npm = Command::new(program("npm")?);
        npm.args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--no-save",
        ])
        .args(packages)
        .current_dir(&folder);
        run(&mut npm)?;
        std::fs::write(folder.join("done"), "").unwrap();
    }
    Ok((node, folder))
}

/// A Python in which `standardwebhooks` of PyPI is installed.
pub fn from_pypi() -> Found<PathBuf> {
    allowed()?;
    let folder = place("python");
    let own = folder.join("bin/python3");
    if !folder.join("done").exists() {
        run(Command::new(python()?).args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&own).args(["-m", "pip", "install", "-q", "standardwebhooks"]))?;
        std::fs::write(folder.join("done"), "").unwrap();
    }
    Ok(own)
}

/// The client of the crate `standardwebhooks`, built in a workspace of its own.
pub fn from_cargo() -> Found<PathBuf> {
    allowed()?;
    let folder = place("cargo");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--manifest-path"])
        .arg(file("clients/rust/Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder);
    run(&mut cargo)?;
    Ok(folder.join("debug/webhook-acceptance"))
}

/// Whether things may be fetched from a network.
fn allowed() -> Found<()> {
    match std::env::var_os("STRONGROOM_TEST_ALL") {
        Some(_) => Ok(()),
        None => Err("it is installed only with STRONGROOM_TEST_ALL=1".into()),
    }
}

/// A folder that stays, so that nothing is fetched twice.
fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("acceptance")
        .join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(command: &mut Command) -> Found<()> {
    let said = command.output().map_err(|cause| cause.to_string())?;
    if said.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&said.stderr);
    Err(format!(
        "{command:?} failed: {}",
        errors.lines().last().unwrap_or_default()
    ))
}
