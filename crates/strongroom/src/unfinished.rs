//! Files and folders that are made whole or not at all: beside their place until they are done, and gone when they are
//! not, also after Ctrl-C.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

use crate::fault::Fault;
use crate::folder;
use crate::out::error_line;
use crate::running::{Stops, without_runtime};

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// The exit code of a process that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// How often what others still write into is removed again.
const TRIES: usize = 100;

/// Something on its way to its place. Dropped before it is done, it is removed.
pub(crate) struct Unfinished {
    place: PathBuf,
    /// Where it is until it is done.
    pub beside: PathBuf,
    done: bool,
}

impl Unfinished {
    /// A private file for a place where nothing is.
    pub fn file(place: &Path) -> Result<(Unfinished, File), Fault> {
        require_nothing(place)?;
        let beside = beside(place, "partial")?;
        let mut options = OpenOptions::new();
        // SECURITY: never through a link that somebody has laid there.
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE_FILE)
            .custom_flags(flags);
        let file = options
            .open(&beside)
            .map_err(|error| Fault::file("cannot write", &beside, &error))?;
        if file.try_lock().is_err() {
            return Err(Fault::new(format!(
                "another process writes `{}` now",
                place.display()
            )));
        }
        // What an earlier one left.
        file.set_len(0)
            .map_err(|error| Fault::file("cannot write", &beside, &error))?;
        Ok((Unfinished::of(place, beside), file))
    }

    /// A private folder for a place where nothing is, or an empty folder.
    pub fn folder(place: &Path) -> Result<Unfinished, Fault> {
        let found = fs::symlink_metadata(place).ok();
        let empty = found.as_ref().is_some_and(fs::Metadata::is_dir) && folder::is_empty(place)?;
        if !empty {
            require_nothing(place)?;
        }
        let beside = beside(place, "unfinished")?;
        // What an earlier one left; a store in it that is open now is another's work.
        if File::open(beside.join("lock")).is_ok_and(|lock| lock.try_lock().is_err()) {
            return Err(Fault::new(format!(
                "another process makes `{}` now",
                place.display()
            )));
        }
        folder::remove_one(&beside)?;
        DirBuilder::new()
            .mode(PRIVATE_FOLDER)
            .create(&beside)
            .map_err(|error| Fault::file("cannot make the folder", &beside, &error))?;
        Ok(Unfinished::of(place, beside))
    }

    fn of(place: &Path, beside: PathBuf) -> Unfinished {
        Unfinished {
            place: place.to_path_buf(),
            beside,
            done: false,
        }
    }

    /// Moves it to its place, where still nothing may be.
    pub fn done(mut self) -> Result<(), Fault> {
        let fault = |error: std::io::Error| Fault::file("cannot make", &self.place, &error);
        let moved = match self.beside.is_dir() {
            // An empty folder gives way; anything else does not.
            true => sync_all(&self.beside).and_then(|()| fs::rename(&self.beside, &self.place)),
            false => renameat_with(CWD, &self.beside, CWD, &self.place, RenameFlags::NOREPLACE)
                .map_err(Into::into),
        };
        moved.map_err(fault)?;
        self.done = true;
        File::open(parent(&self.place))
            .and_then(|folder| folder.sync_all())
            .map_err(fault)
    }

    /// Removes it at Ctrl-C or SIGTERM, with all others, and ends the process.
    pub fn removed_at_stop(&self) -> Result<(), Fault> {
        let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.is_empty() {
            watch()?;
        }
        watched.push(self.beside.clone());
        Ok(())
    }
}

/// What a stop removes.
static WATCHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn watch() -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(without_runtime)?;
    let entered = runtime.enter();
    let mut stops = Stops::listen()?;
    drop(entered);
    std::thread::spawn(move || {
        runtime.block_on(stops.first());
        let watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().for_each(|path| remove(path));
        error_line(format_args!("stopped: nothing is left of it"));
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.done {
            remove(&self.beside);
        }
    }
}

/// Another thread may still write into it.
fn remove(path: &Path) {
    for _ in 0..TRIES {
        if folder::remove_one(path).is_ok() && fs::symlink_metadata(path).is_err() {
            return;
        }
    }
}

/// Nothing stands there, not even a link that leads nowhere.
fn require_nothing(place: &Path) -> Result<(), Fault> {
    let Ok(found) = fs::symlink_metadata(place) else {
        return Ok(());
    };
    let what = match found.file_type() {
        kind if kind.is_symlink() => "is a symbolic link",
        kind if kind.is_dir() => "is a folder that holds something",
        _ => "exists already",
    };
    Err(Fault::new(format!("`{}` {what}", place.display()))
        .hint("it is left as it is; name another"))
}

fn parent(place: &Path) -> &Path {
    let parent = place.parent().filter(|dir| !dir.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn beside(place: &Path, ending: &str) -> Result<PathBuf, Fault> {
    let name = place
        .file_name()
        .ok_or_else(|| Fault::new(format!("`{}` is no name for it", place.display())))?;
    if !parent(place).is_dir() {
        return Err(Fault::new(format!(
            "there is no folder `{}`",
            parent(place).display()
        )));
    }
    Ok(place.with_file_name(format!(".{}.{ending}", name.display())))
}

/// Everything in a folder, and the folder, on the disk.
fn sync_all(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => sync_all(&path)?,
            false => File::open(&path)?.sync_all()?,
        }
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("backup");
        let names = || fs::read_dir(dir.path()).unwrap().count();
        let (unfinished, mut file) = Unfinished::file(&place).unwrap();
        file.write_all(b"half").unwrap();
        assert!(Unfinished::file(&place).is_err(), "another is at work");
        drop((unfinished, file));
        assert_eq!(names(), 0);
        let (unfinished, mut file) = Unfinished::file(&place).unwrap();
        file.write_all(b"whole").unwrap();
        drop(file);
        unfinished.done().unwrap();
        assert_eq!((names(), fs::read(&place).unwrap()), (1, b"whole".to_vec()));
        assert_eq!(
            fs::metadata(&place).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(Unfinished::file(&place).is_err());
        // Made by somebody meanwhile.
        let other = dir.path().join("other");
        let (unfinished, _) = Unfinished::file(&other).unwrap();
        fs::write(&other, "theirs").unwrap();
        assert!(unfinished.done().is_err());
        assert_eq!(
            (names(), fs::read(&other).unwrap()),
            (2, b"theirs".to_vec())
        );
        symlink("nowhere", dir.path().join("link")).unwrap();
        assert!(Unfinished::file(&dir.path().join("link")).is_err());
        assert!(Unfinished::file(&dir.path().join("none/backup")).is_err());
    }

    #[test]
    fn a_folder_takes_the_place_of_nothing_or_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("data");
        for exists in [false, true] {
            if exists {
                fs::create_dir(&place).unwrap();
            }
            let unfinished = Unfinished::folder(&place).unwrap();
            fs::create_dir(unfinished.beside.join("requests")).unwrap();
            fs::write(unfinished.beside.join("strongroom.db"), "x").unwrap();
            unfinished.done().unwrap();
            assert!(place.join("strongroom.db").is_file());
            assert!(Unfinished::folder(&place).is_err());
            fs::remove_dir_all(&place).unwrap();
        }
        let unfinished = Unfinished::folder(&place).unwrap();
        fs::write(unfinished.beside.join("half"), "x").unwrap();
        // Left by a kill, and made anew.
        std::mem::forget(unfinished);
        drop(Unfinished::folder(&place).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::create_dir(dir.path().join("real")).unwrap();
        symlink("real", &place).unwrap();
        assert!(Unfinished::folder(&place).is_err());
    }
}
