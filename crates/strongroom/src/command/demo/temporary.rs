//! Where a demo lies: in the folder that was named, or in a temporary one that goes with it.

use std::path::{Path, PathBuf};

use strongroom_crypto::random;

use crate::fault::Fault;
use crate::folder;

/// A demo's folder.
pub(super) struct Home {
    path: PathBuf,
    is_temporary: bool,
}

impl Home {
    /// The named folder, or a fresh temporary one.
    pub fn of(named: Option<&Path>) -> Result<Home, Fault> {
        let home = match named {
            Some(path) => Home {
                path: path.to_path_buf(),
                is_temporary: false,
            },
            None => Home {
                path: std::env::temp_dir().join(fresh_name()),
                is_temporary: true,
            },
        };
        folder::make(&home.path)?;
        let path = home.path.canonicalize();
        let path =
            path.map_err(|error| Fault::file("cannot find the folder", &home.path, &error))?;
        Ok(Home { path, ..home })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// Removes a temporary folder.
    pub fn leave(&self) {
        if self.is_temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), error = %error, "the temporary folder was not removed");
        }
    }
}

fn fresh_name() -> String {
    format!("strongroom-demo-{:016x}", u64::from_be_bytes(random()))
}
