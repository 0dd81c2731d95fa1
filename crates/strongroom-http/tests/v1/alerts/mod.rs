//! `/v1/alerts`

mod handle;
mod raise;

use serde_json::Value;
use strongroom_testkit::tenant::Tenant;

/// All alerts of an organization, the newest first, and nothing left out of a page.
pub fn alerts(acme: &Tenant<'_>, query: &str) -> Vec<Value> {
    acme.all(&format!("/v1/alerts{query}"))
}

/// A secret key sent by a browser.
fn browse(acme: &Tenant<'_>, key: &str) {
    acme.server
        .request("GET", "/v1/account")
        .bearer(key)
        .header("Origin", "https://shop.example")
        .send()
        .refused(403, "secret_key_in_browser");
}

/// Waits until what was only counted is written down.
fn until(acme: &Tenant<'_>, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let started = std::time::Instant::now();
    loop {
        let found = alerts(acme, "");
        if wanted(&found) {
            return found;
        }
        let waited = started.elapsed().as_secs();
        assert!(waited < 120, "never so: {found:?}");
        std::thread::yield_now();
    }
}
