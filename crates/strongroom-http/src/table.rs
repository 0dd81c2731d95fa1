//! Finding the row for a request.

use hyper::Method;

use crate::route::{Route, Verb};

/// What a path and method lead to.
pub enum Found {
    /// The row, and the path's parameter as received.
    Route(&'static Route, String),
    /// The path exists; these are its methods.
    OtherMethod(String),
    Unknown,
}

/// Rows by path.
pub struct Table {
    paths: matchit::Router<Vec<&'static Route>>,
}

impl Table {
    /// A path that cannot be inserted is left out, which the tests find.
    pub fn new(routes: &'static [Route]) -> Table {
        let mut rows: Vec<(&'static str, Vec<&'static Route>)> = Vec::new();
        for route in routes {
            match rows.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, list)) => list.push(route),
                None => rows.push((route.path, vec![route])),
            }
        }
        let mut paths = matchit::Router::new();
        for (path, list) in rows {
            if let Err(error) = paths.insert(path, list) {
                tracing::error!(path, %error, "a route cannot be inserted");
            }
        }
        Table { paths }
    }

    pub fn find(&self, method: &Method, path: &str) -> Found {
        let Ok(matched) = self.paths.at(path) else {
            return Found::Unknown;
        };
        let wanted = match *method {
            Method::GET | Method::HEAD => Some(Verb::Get),
            Method::POST => Some(Verb::Post),
            Method::PATCH => Some(Verb::Patch),
            Method::DELETE => Some(Verb::Delete),
            _ => None,
        };
        let row = matched
            .value
            .iter()
            .find(|route| Some(route.verb) == wanted);
        match row {
            Some(route) => {
                let id = matched.params.get("id");
                match id {
                    Some("") => Found::Unknown,
                    id => Found::Route(route, id.unwrap_or("").to_owned()),
                }
            }
            None => Found::OtherMethod(allowed(matched.value)),
        }
    }
}

/// The value of `Allow`.
fn allowed(routes: &[&'static Route]) -> String {
    let mut names = Vec::new();
    for route in routes {
        names.push(route.verb.as_str());
        if route.verb == Verb::Get {
            names.push("HEAD");
        }
    }
    names.push("OPTIONS");
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::routes;

    fn found(method: &Method, path: &str) -> String {
        match Table::new(routes()).find(method, path) {
            Found::Route(route, id) => format!("{} {} {id}", route.verb.as_str(), route.path),
            Found::OtherMethod(allow) => allow,
            Found::Unknown => "unknown".into(),
        }
    }

    #[test]
    fn every_row_is_found_by_its_own_path() {
        let table = Table::new(routes());
        for route in routes() {
            let method = Method::from_bytes(route.verb.as_str().as_bytes()).unwrap();
            match table.find(&method, &route.path.replace("{id}", "x")) {
                Found::Route(found, _) => assert!(std::ptr::eq(found, route), "{}", route.path),
                _ => panic!("{}", route.path),
            }
        }
    }

    #[test]
    fn paths_and_methods_are_told_apart() {
        assert_eq!(found(&Method::HEAD, "/v1/account"), "GET /v1/account ");
        assert_eq!(
            found(&Method::GET, "/v1/wallets/w_1/balance"),
            "GET /v1/wallets/{id}/balance w_1"
        );
        assert_eq!(
            found(&Method::DELETE, "/v1/wallets/w_1"),
            "GET, HEAD, PATCH, OPTIONS"
        );
        assert_eq!(found(&Method::POST, "/v1/account"), "GET, HEAD, OPTIONS");
        for path in [
            "/",
            "/v1",
            "/v1/wallets/",
            "/v1/wallets//balance",
            "/v1/account/",
            "/V1/account",
            "/v2/account",
        ] {
            assert_eq!(found(&Method::GET, path), "unknown", "{path}");
        }
    }
}
