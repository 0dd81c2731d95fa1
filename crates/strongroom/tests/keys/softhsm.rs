//! A SoftHSM2 token in a folder of its own: a real PKCS#11 module of Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

pub const PIN: &str = "482917";

/// Where Debian puts the module, on this machine's architecture or beside it.
const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];

/// One token.
pub struct SoftHsm {
    pub module: PathBuf,
    /// What `SOFTHSM2_CONF` must name.
    pub conf: PathBuf,
    pub tokens: PathBuf,
}

impl SoftHsm {
    /// Initialises a token `pay` below `dir`; nothing, and a line that says so, where SoftHSM2 is not installed.
    pub fn new(dir: &Path) -> Option<SoftHsm> {
        let module = MODULES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file());
        let (Some(module), true) = (
            module,
            Command::new("softhsm2-util")
                .arg("--version")
                .output()
                .is_ok(),
        ) else {
            println!("skipped: SoftHSM2 is not installed (apt-get install softhsm2)");
            return None;
        };
        let tokens = dir.join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let conf = dir.join("softhsm2.conf");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        std::fs::write(&conf, text).unwrap();
        let hsm = SoftHsm {
            module,
            conf,
            tokens,
        };
        hsm.token("pay");
        Some(hsm)
    }

    /// Initialises one more token.
    pub fn token(&self, label: &str) {
        let made = Command::new("softhsm2-util")
            .env("SOFTHSM2_CONF", &self.conf)
            .args([
                "--init-token",
                "--free",
                "--label",
                label,
                "--so-pin",
                "77553311",
                "--pin",
                PIN,
            ])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    /// The files of keys in all tokens.
    pub fn objects(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(&self.tokens).unwrap();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
        let paths = files.map(|file| file.unwrap().path());
        paths
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.ends_with(".object") && name != "token.object"
            })
            .collect()
    }
}
