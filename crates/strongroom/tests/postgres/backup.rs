//! A dump, or a sealed backup, taken while money moves and restored elsewhere: verified, and served with the same keyring.

use rustix::process::Signal;

use crate::database::{Database, NAME, ROLE};
use crate::program::{Demo, run};

#[test]
fn a_dump_of_a_running_server_is_restored_whole() {
    let Some(database) = Database::start() else {
        return;
    };
    let demo = database.demo();
    for number in 0..20 {
        assert_eq!(demo.pay(10, &format!("before-{number}")).status, 201);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.dump");
    let file = file.to_str().unwrap();
    let cluster = &database.cluster;
    std::thread::scope(|scope| {
        let dumping = scope.spawn(|| {
            let arguments = ["--format=custom", "--schema=strongroom", "-f", file, NAME];
            cluster
                .client("pg_dump", &arguments)
                .map_err(|error| error.to_string())
        });
        let mut number = 0;
        while !dumping.is_finished() {
            assert_eq!(demo.pay(10, &format!("meanwhile-{number}")).status, 201);
            number += 1;
        }
        dumping.join().unwrap().unwrap();
    });
    let data = demo.text("data_dir").to_owned();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));

    database.sql(&format!("CREATE DATABASE restored OWNER {ROLE}"));
    cluster
        .client("pg_restore", &["--exit-on-error", "-d", "restored", file])
        .unwrap();
    let url = cluster.url(ROLE, "restored");
    let report = run(&["verify", "--data", &data, "--postgres", &url]).done();
    assert!(report.contains("no damage found"), "{report}");
    let demo = Demo::start_with(Some(data.as_ref()), &["--postgres", &url]);
    let again = demo.pay(10, "before-19");
    assert_eq!(
        (again.status, again.header("idempotent-replayed")),
        (201, Some("true"))
    );
    assert!(demo.available("operating") <= 10_000_000 - 200);
    assert_eq!(demo.pay(10, "afterwards").status, 201);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert!(
        run(&["verify", "--data", &data, "--postgres", &url])
            .done()
            .contains("no damage found")
    );
}

/// Our own backup of it, sealed: from a database under load into another, and into files.
#[test]
fn a_sealed_backup_of_a_running_server_goes_into_either_engine() {
    let Some(database) = Database::start() else {
        return;
    };
    let demo = database.demo();
    for number in 0..20 {
        assert_eq!(demo.pay(10, &format!("before-{number}")).status, 201);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, url) = (demo.text("data_dir").to_owned(), database.url());
    let (file, note) = (path("sealed"), path("note"));
    let journal = || std::fs::read_dir(format!("{data}/requests")).map(Iterator::count);
    while journal().unwrap_or(0) == 0 {
        std::thread::yield_now();
    }
    std::thread::scope(|scope| {
        let backup = scope.spawn(|| {
            let arguments = [
                "backup",
                "--data",
                &data,
                "--postgres",
                &url,
                "--out",
                &file,
            ];
            run(&[&arguments[..], &["--verify", "--checkpoint-out", &note]].concat())
        });
        let mut number = 0;
        while !backup.is_finished() {
            assert_eq!(demo.pay(10, &format!("meanwhile-{number}")).status, 201);
            number += 1;
        }
        backup.join().unwrap().done();
    });
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));

    let keyring = format!("{data}/keyring.toml");
    let passphrase = format!("{data}/demo-passphrase");
    let restore = |to: &str, more: &[&str]| {
        let keys = ["--keyring", &keyring, "--passphrase-file", &passphrase];
        let arguments = ["restore", &file, "--to", to, "--checkpoint", &note];
        run(&[&arguments[..], &keys, more].concat())
    };
    // Where there are books already, and where there are none.
    restore(&url, &[]).failed("there is an installation in this database already");
    database.sql(&format!("CREATE DATABASE restored OWNER {ROLE}"));
    let restored = database.cluster.url(ROLE, "restored");
    let (files, journals) = (path("files"), path("journals"));
    restore(&restored, &["--data", &journals]).done();
    restore(&files, &[]).done();
    restore(&restored, &[]).failed("there is an installation in this database already");
    assert!(
        std::fs::read_dir(format!("{journals}/requests"))
            .unwrap()
            .count()
            > 0
    );

    let demo = Demo::start_with(Some(data.as_ref()), &["--postgres", &restored]);
    for number in 0..20 {
        let again = demo.pay(10, &format!("before-{number}"));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    let mut verify = crate::program::strongroom();
    verify.args(["verify", "--data", &files, "--passphrase-file", &passphrase]);
    std::fs::copy(&keyring, format!("{files}/keyring.toml")).unwrap();
    crate::program::assert_clean_with(&mut verify);
}
