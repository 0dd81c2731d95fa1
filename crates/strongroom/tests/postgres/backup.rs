//! A dump taken while money moves, restored elsewhere: verified, and served with the same keyring.

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
