//! Which crate may depend on which. Arrows point down only; this table is the map, and a crate
//! that is not in it may not exist. Outside crates that one room keeps for itself stand here too.

use super::Finding;
use super::tree::Package;

/// Each crate with all that it may depend on, lowest first.
const MAY_DEPEND_ON: [(&str, &[&str]); 32] = [
    ("cluster", &[]),
    ("derive", &[]),
    ("iso8583", &[]),
    ("types", &["derive"]),
    ("vault", &["types"]),
    ("json", &["vault"]),
    ("channel", &["types"]),
    ("crypto", &["types"]),
    ("outbound", &["types"]),
    ("nodes", &["crypto"]),
    ("scan", &["crypto"]),
    ("httpsig", &["crypto"]),
    ("oauth", &["json", "crypto"]),
    ("ledger", &["types"]),
    ("tls", &["types", "crypto", "outbound"]),
    ("audit", &["types", "crypto"]),
    ("auth", &["types", "crypto", "httpsig"]),
    ("iso20022", &["types"]),
    ("domain", &["derive", "types", "ledger", "auth", "iso20022"]),
    ("store", &["types", "crypto"]),
    (
        "engine",
        &[
            "derive", "types", "vault", "crypto", "ledger", "audit", "auth", "domain", "store",
            "iso20022",
        ],
    ),
    ("pdf", &[]),
    ("report", &["types", "pdf", "domain"]),
    (
        "acquirer",
        &["types", "iso8583", "vault", "crypto", "domain"],
    ),
    (
        "vaultd",
        &[
            "types", "vault", "json", "channel", "crypto", "domain", "acquirer", "store",
        ],
    ),
    (
        "worker",
        &[
            "types", "vault", "channel", "outbound", "auth", "domain", "acquirer", "engine",
            "report",
        ],
    ),
    (
        "http",
        &[
            "types", "vault", "json", "channel", "crypto", "outbound", "nodes", "tls", "auth",
            "domain", "engine", "httpsig", "iso20022", "oauth", "pdf",
        ],
    ),
    ("client", &["types", "crypto", "audit", "httpsig"]),
    (
        "listen",
        &["types", "outbound", "engine", "worker", "client"],
    ),
    (
        "testkit",
        &[
            "cluster", "derive", "types", "crypto", "ledger", "audit", "auth", "domain", "store",
            "engine", "outbound", "worker", "http", "client", "vault", "tls", "httpsig",
            "iso20022",
        ],
    ),
    (
        "fuzz",
        &[
            "types", "iso8583", "vault", "json", "channel", "crypto", "outbound", "nodes", "scan",
            "tls", "audit", "auth", "domain", "engine", "vaultd", "http", "client", "listen",
            "testkit", "iso20022", "oauth",
        ],
    ),
    ("", EVERY_ROOM),
];

/// Rooms that only tests and the workspace's commands enter.
const FOR_TESTS: [&str; 3] = ["cluster", "testkit", "fuzz"];

const EVERY_ROOM: &[&str] = &[
    "derive", "types", "crypto", "ledger", "audit", "auth", "domain", "store", "engine", "worker",
    "http", "client", "outbound", "nodes", "vault", "listen", "tls", "scan", "channel", "acquirer",
    "vaultd", "httpsig", "iso20022", "iso8583", "oauth",
];

/// Crates from outside that only one room may name; tests may use them as second opinions.
const KEPT: [(&str, &[&str]); 2] = [
    (
        "strongroom-store",
        &[
            "rusqlite",
            "libsqlite3-sys",
            "postgres",
            "tokio-postgres",
            "tokio-postgres-rustls",
        ],
    ),
    (
        "strongroom-crypto",
        &[
            "aes",
            "aes-gcm",
            "argon2",
            "aws-lc-rs",
            "aws-lc-sys",
            "blake2",
            "blake3",
            "chacha20poly1305",
            "cryptoki",
            "digest",
            "ed25519-dalek",
            "getrandom",
            "hkdf",
            "hmac",
            "md-5",
            "p256",
            "pbkdf2",
            "rand",
            "rand_chacha",
            "rand_core",
            "ring",
            "rsa",
            "scrypt",
            "sha1",
            "sha2",
            "sha3",
            "subtle",
        ],
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Dev,
}

/// Fails every dependency that the tables do not allow.
pub fn check(packages: &[Package]) -> Vec<Finding> {
    let check_package = |package| {
        let line = |text: String| Finding::new(&format!("{}Cargo.toml", folder(package)), 1, text);
        let mut findings: Vec<Finding> = dependencies(package)
            .filter_map(|(name, kind)| fault(&package.name, name, kind))
            .map(line)
            .collect();
        if room(&package.name).is_some_and(|room| allowed(room).is_none()) {
            findings.push(line(format!(
                "`{}` is not in the table of arrows (xtask/src/tidy/arrows.rs)",
                package.name
            )));
        }
        findings
    };
    packages.iter().flat_map(check_package).collect()
}

fn folder(package: &Package) -> &str {
    &package.folder
}

fn fault(package: &str, dependency: &str, kind: Kind) -> Option<String> {
    let keeper = KEPT.iter().find(|(_, kept)| kept.contains(&dependency));
    if let Some((keeper, _)) = keeper
        && package != *keeper
        && kind == Kind::Normal
    {
        return Some(format!("only {keeper} may depend on `{dependency}`"));
    }
    let wanted = room(dependency)?;
    // The workspace's commands and tests may look into every room.
    let is_allowed = match kind {
        _ if package == "xtask" => true,
        Kind::Dev if FOR_TESTS.contains(&wanted) => true,
        // The edge's tests look behind it: at the files it leaves and the proofs it gives.
        Kind::Dev if package == "strongroom-http" => true,
        _ => allowed(room(package)?)?.contains(&wanted),
    };
    (!is_allowed).then(|| format!("`{package}` may not depend on `{dependency}`"))
}

/// `ledger` for `strongroom-ledger`, and the empty name for the binary.
fn room(package: &str) -> Option<&str> {
    let rest = package.strip_prefix("strongroom")?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('-')
    }
}

fn allowed(room: &str) -> Option<&'static [&'static str]> {
    MAY_DEPEND_ON
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, allowed)| *allowed)
}

/// Every dependency's package name, of every table of the manifest.
fn dependencies(package: &Package) -> impl Iterator<Item = (&str, Kind)> {
    let targets = package
        .manifest
        .get("target")
        .and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|table| table.values());
    let tables =
        std::iter::once(&package.manifest).chain(targets.filter_map(toml::Value::as_table));
    tables.flat_map(|table| {
        [
            ("dependencies", Kind::Normal),
            ("build-dependencies", Kind::Normal),
            ("dev-dependencies", Kind::Dev),
        ]
        .into_iter()
        .filter_map(|(key, kind)| Some((table.get(key)?.as_table()?, kind)))
        .flat_map(|(table, kind)| {
            table.iter().map(move |(name, value)| {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                (renamed.unwrap_or(name), kind)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::{MAY_DEPEND_ON, check};

    fn faults(name: &str, tables: &str) -> Vec<String> {
        let manifest = format!("[package]\nname = \"{name}\"\n{tables}");
        let tree = Tree::of(&[("c/Cargo.toml", &manifest)]);
        check(&tree.packages().unwrap())
            .into_iter()
            .map(|finding| finding.text)
            .collect()
    }

    #[test]
    fn arrows_point_down_only() {
        let up = "[dependencies]\nstrongroom-engine.workspace = true";
        assert_eq!(faults("strongroom-ledger", up).len(), 1);
        assert!(faults("strongroom-http", up).is_empty());
        let dev = "[dev-dependencies]\nstrongroom-engine.workspace = true";
        assert_eq!(faults("strongroom-ledger", dev).len(), 1);
    }

    #[test]
    fn a_renamed_or_target_dependency_is_seen() {
        let renamed = "[dependencies]\nx = { package = \"strongroom-store\", path = \"..\" }";
        assert_eq!(faults("strongroom-domain", renamed).len(), 1);
        let target = "[target.'cfg(unix)'.dependencies]\nstrongroom-store = { path = \"..\" }";
        assert_eq!(faults("strongroom-http", target).len(), 1);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        let normal = "[dependencies]\nstrongroom-testkit.workspace = true";
        assert_eq!(faults("strongroom", normal).len(), 1);
        assert!(faults("xtask", normal).is_empty());
        let dev = "[dev-dependencies]\nstrongroom-testkit.workspace = true";
        assert!(faults("strongroom-domain", dev).is_empty());
    }

    #[test]
    fn primitives_and_databases_have_one_room() {
        let sha = "[dependencies]\nsha2 = \"1\"";
        assert_eq!(faults("strongroom-auth", sha).len(), 1);
        assert!(faults("strongroom-crypto", sha).is_empty());
        assert!(faults("strongroom-auth", "[dev-dependencies]\nsha2 = \"1\"").is_empty());
        assert_eq!(faults("xtask", "[dependencies]\nrusqlite = \"1\"").len(), 1);
    }

    #[test]
    fn an_unknown_room_is_refused() {
        assert_eq!(faults("strongroom-extra", "").len(), 1);
    }

    #[test]
    fn the_table_itself_has_no_upward_arrow() {
        for (place, (name, allowed)) in MAY_DEPEND_ON.iter().enumerate() {
            for wanted in *allowed {
                let below = MAY_DEPEND_ON
                    .iter()
                    .take(place)
                    .any(|(lower, _)| lower == wanted);
                assert!(below, "{name} -> {wanted}");
            }
        }
    }
}
