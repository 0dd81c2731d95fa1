//! Keys replaced on a database while money moves: nothing fails, nothing is left, and the copy verifies.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::database::Database;
use crate::program::run;

#[test]
fn keys_are_replaced_while_money_moves() {
    let Some(database) = Database::start() else {
        return;
    };
    let demo = database.demo();
    for number in 0..20 {
        assert_eq!(demo.pay(10, &format!("before-{number}")).status, 201);
    }
    let data = demo.text("data_dir").to_owned();
    let url = database.url();
    let place = ["--data", &data, "--postgres", &url];
    let keys = |name: &str, more: &[&str]| -> Value {
        let arguments = [&["keys", name, "--json"], place.as_slice(), more].concat();
        serde_json::from_str(&run(&arguments).done()).unwrap()
    };
    std::thread::scope(|scope| {
        let rotating =
            scope.spawn(|| ["all", "root"].map(|level| keys("rotate", &["--level", level])));
        let mut number = 0;
        while !rotating.is_finished() {
            assert_eq!(demo.pay(10, &format!("meanwhile-{number}")).status, 201);
            number += 1;
        }
        let [all, root] = rotating.join().unwrap();
        assert!(all["rows_resealed"].as_u64().unwrap() > 20, "{all}");
        assert_eq!(all["parts_on_old_versions"], json!(0));
        assert!(root["keys_wrapped"].as_u64().unwrap() > 0, "{root}");
    });
    assert_eq!(
        demo.pay(10, "before-0").header("idempotent-replayed"),
        Some("true")
    );
    let status = keys("status", &["--scan"]);
    assert_eq!(status["parts_on_old_versions"], json!(0));
    assert_eq!(status["parts_under_missing_keys"], json!(0));
    assert_eq!(status["root_version"], json!(2));
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    let verify = [&["verify"], place.as_slice()].concat();
    assert!(run(&verify).done().contains("no damage found"));
}
