//! A token that gives no session more. SoftHSM2 has no such limit, so a module in front of it says what a token with one
//! says; everything but that is SoftHSM2's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::custody::{Kept, Kind, wallet};
use crate::program::Ended;

/// A PKCS#11 module: the functions of another one, but for the thirteenth, `C_OpenSession`, which answers
/// `CKR_SESSION_COUNT` (PKCS #11 v2.40, sections 4.7 and 5.6).
const MODULE: &str = r#"
#include <dlfcn.h>
struct functions { unsigned char major, minor; void *all[68]; };
static struct functions copy;
static unsigned long full(void) { return 0xB1; }
unsigned long C_GetFunctionList(struct functions **out) {
    void *real = dlopen(REAL, RTLD_NOW);
    unsigned long (*get)(struct functions **) = real ? dlsym(real, "C_GetFunctionList") : 0;
    struct functions *found = 0;
    if (!get || get(&found)) return 5;
    copy = *found;
    copy.all[12] = (void *)full;
    *out = &copy;
    return 0;
}
"#;

/// The module, built in `dir`; nothing, and a line that says so, where there is no C compiler.
fn limited(dir: &Path, real: &Path) -> Option<PathBuf> {
    let (source, module) = (dir.join("limited.c"), dir.join("limited.so"));
    fs::write(&source, MODULE).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&module)
        .arg(format!("-DREAL=\"{}\"", real.display()))
        .arg(&source)
        .arg("-ldl")
        .output();
    match built {
        Ok(built) => {
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "{said}");
            Some(module)
        }
        Err(error) => {
            println!("skipped: there is no C compiler ({error})");
            None
        }
    }
}

#[test]
fn a_token_without_a_session_left_is_told_and_nothing_stands_in_for_it() {
    let Some(kept) = Kept::new(Kind::Hsm) else {
        return;
    };
    let real = &kept.hsm.as_ref().unwrap().module;
    let Some(limited) = limited(kept.dir.path(), real) else {
        return;
    };
    let with = |name: &str, module: &Path| {
        let mut command = kept.bare(name);
        command.arg("--hsm-module").arg(module);
        command.arg("--pin-file").arg(kept.path("pin"));
        Ended::of(command.output().unwrap())
    };
    let keyring = fs::read(kept.path("keyring.toml")).unwrap();
    for name in ["serve", "verify", "keys rotate --level root"] {
        with(name, &limited).failed("the token has no session left");
    }
    assert!(with("verify", real).done().contains("no damage found"));

    // A server that has its keys needs no session; a new root needs one.
    let serving = kept.serve();
    with("keys rotate --level root", &limited).failed("the token has no session left");
    wallet(&serving, &kept.key(), "without-session");
    assert_eq!(fs::read(kept.path("keyring.toml")).unwrap(), keyring);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
}
