//! A demo's folder with what stands around it, and payouts that run meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::program::writers::{Line, Shop};
use crate::program::{Demo, Ended, run, strongroom};

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A demo's folder and what stands around it.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn demo(&self) -> Demo {
        Demo::start(Some(&self.data()))
    }

    /// Keys that a demo's folder has for itself, kept apart.
    pub fn keep_keys(&self) {
        for name in ["keyring.toml", "demo-passphrase", "demo.json"] {
            let from = self.data().join(name);
            if from.is_file() {
                fs::copy(from, self.path(name)).unwrap();
            }
        }
    }

    pub fn backup(&self, more: &[&str]) -> Ended {
        let data = self.data();
        run(&[&["backup", "--data", text(&data)], more].concat())
    }

    pub fn restore(&self, file: &Path, more: &[&str]) -> Command {
        let (keyring, passphrase) = (self.path("keyring.toml"), self.path("demo-passphrase"));
        let mut command = strongroom();
        command
            .arg("restore")
            .arg(file)
            .arg("--keyring")
            .arg(keyring);
        command.arg("--passphrase-file").arg(passphrase).args(more);
        command
    }

    /// The keys that a restored demo needs to run.
    pub fn give_keys(&self, to: &Path) {
        for entry in fs::read_dir(self.data()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_file() && !name.starts_with("strongroom.db") && name != "lock" {
                fs::copy(entry.path(), to.join(name)).unwrap();
            }
        }
    }

    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

pub fn ended(mut command: Command) -> Ended {
    Ended::of(command.output().unwrap())
}

/// Pays until told to stop; what was acknowledged, in order.
pub struct Load {
    acknowledged: Arc<Mutex<Vec<Line>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    pub fn on(demo: &Demo) -> Load {
        let (acknowledged, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let threads = (0..4)
            .map(|writer: u32| {
                let (shop, stop) = (Shop::of(demo), Arc::clone(&stop));
                let acknowledged: Arc<Mutex<Vec<Line>>> = Arc::clone(&acknowledged);
                std::thread::spawn(move || {
                    for number in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                        let line = Line {
                            key: format!("load-{writer}-{number}"),
                            amount: 10,
                            to_bank: number % 8 == 7,
                            answer: None,
                        };
                        let answer = shop.pay(&line).unwrap();
                        assert_eq!(answer.status, 201);
                        let answer = Some(answer.body);
                        acknowledged.lock().unwrap().push(Line { answer, ..line });
                    }
                })
            })
            .collect();
        Load {
            acknowledged,
            stop,
            threads,
        }
    }

    pub fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    pub fn wait_for(&self, count: usize) {
        while self.count() < count {
            std::thread::yield_now();
        }
    }

    pub fn end(self) -> Vec<Line> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        Arc::into_inner(self.acknowledged)
            .unwrap()
            .into_inner()
            .unwrap()
    }
}
