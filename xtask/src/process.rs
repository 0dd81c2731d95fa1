//! Running other programs: each is printed before it runs and timed after, and one that fails
//! ends the command with its own words still on the screen. Never retries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::Outcome;

/// The workspace's root folder, so that commands work from any folder inside it.
pub fn root() -> Outcome<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here
        .parent()
        .ok_or("xtask has no parent folder")?
        .to_path_buf())
}

/// Runs `command` in the workspace's root; an exit code other than 0 is an error.
pub fn step(name: &str, command: &mut Command) -> Outcome<()> {
    println!("== {name}");
    let started = Instant::now();
    let status = command
        .current_dir(root()?)
        .status()
        .map_err(|cause| format!("{name}: cannot start: {cause}"))?;
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{name} failed after {seconds:.1} s ({status})").into());
    }
    println!("== {name}: ok in {seconds:.1} s");
    Ok(())
}

/// `cargo ARGUMENTS`, with the cargo that runs this program.
pub fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The full path of `program`, when a folder of `PATH` holds it.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The folder of release binaries: where this program stands when it was built for release.
pub fn release_folder() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own
        .parent()
        .and_then(Path::parent)
        .ok_or("this program has no folder")?;
    Ok(target.join("release"))
}
