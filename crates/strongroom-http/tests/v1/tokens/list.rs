//! `GET /v1/tokens`

use serde_json::Value;
use strongroom_testkit::tenant::VISA;

use crate::v1::tenant;

#[test]
fn the_newest_comes_first_though_ids_are_random() {
    let acme = tenant();
    let made: Vec<String> = (0..7).map(|_| acme.token(VISA).expect(201).id()).collect();
    let ids = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap();
        data.iter()
            .map(|token| token["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let newest: Vec<String> = made.iter().rev().cloned().collect();
    assert_eq!(ids(&acme.get("/v1/tokens").expect(200).json()), newest);
    let first = acme.get("/v1/tokens?limit=3").expect(200).json();
    assert_eq!(
        (ids(&first), &first["has_more"]),
        (newest[..3].to_vec(), &Value::Bool(true))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    // The page goes on behind a token that was deleted meanwhile.
    let gone = format!("/v1/tokens/{cursor}");
    acme.request("DELETE", &gone).send().expect(200);
    let second = acme
        .get(&format!("/v1/tokens?limit=3&after={cursor}"))
        .expect(200)
        .json();
    assert_eq!(ids(&second), newest[3..6]);
    let before = acme
        .get(&format!("/v1/tokens?before={}", newest[3]))
        .expect(200)
        .json();
    assert_eq!(ids(&before), newest[..2]);
    assert_eq!(acme.all("/v1/tokens").len(), 6);
    for odd in [
        "after=tok_000000000000000000000000",
        "before=x",
        &format!("after={}", acme.owner.id),
    ] {
        acme.get(&format!("/v1/tokens?{odd}"))
            .refused(400, "bad_cursor");
    }
}
