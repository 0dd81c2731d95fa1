//! The configuration file of `serve`: typed, every key known, nothing secret in it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use strongroom_engine::KeyPolicy;
use strongroom_http::EdgeSettings;
use strongroom_worker::WorkerSettings;

use crate::acquirers::AcquirerTables;
use crate::fault::Fault;
use crate::folder;
use crate::node::NodeTable;
use crate::origin::{is_origin, without_port};
use crate::postgres::{StoreTable, quoted};
use crate::root::RootSources;
use crate::tls::{NO_TLS, TlsTable};

/// What a configuration file may say. Paths are relative to the file's own folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    data: PathBuf,
    keyring: PathBuf,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The operator's listener with `/metrics`; none when absent.
    pub admin_listen: Option<SocketAddr>,
    #[serde(default)]
    public_origins: Vec<String>,
    #[serde(default)]
    trusted_proxies: Vec<String>,
    #[serde(default)]
    sandbox: Sandbox,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    webhooks: Webhooks,
    #[serde(default)]
    store: StoreTable,
    #[serde(default)]
    node: NodeTable,
    /// Whether TLS ends before this server, at a proxy.
    #[serde(default)]
    pub behind_proxy: bool,
    tls: Option<TlsTable>,
    #[serde(default)]
    root: RootSources,
    #[serde(default)]
    keys: Keys,
    #[serde(default)]
    pub acquirers: AcquirerTables,
}

/// `[keys]`: how long keys may be used.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    data_days: Option<u32>,
    wrapping_days: Option<u32>,
    root_days: Option<u32>,
    max_uses: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhooks {
    #[serde(default)]
    networks: Vec<String>,
    #[serde(default)]
    challenge: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sandbox {
    rail_step_ms: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    unauthenticated_per_15_minutes: Option<u32>,
    key_per_second: Option<u32>,
    reveals_per_minute: Option<u32>,
    organization_per_second: Option<u32>,
    key_reads_per_second: Option<u32>,
    key_writes_per_second: Option<u32>,
    #[serde(default)]
    report_only: bool,
    #[serde(default)]
    api_may_raise: bool,
    connections: Option<u32>,
    bank_file_mib: Option<u8>,
}

/// Fewer uses than this would have a busy key replaced all the time: counting goes in blocks of 2^20.
const LEAST_USES: u64 = 1 << 26;

fn default_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7070)
}

impl Config {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Config, Fault> {
        let text = folder::read_text(path)?;
        let config = Config::parse(&text)
            .map_err(|fault| Fault::new(format!("`{}`, {fault}", path.display())))?;
        Ok(config.below(path.parent().unwrap_or(Path::new(""))))
    }

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            format!("line {line}: {}", error.message().replace('\n', " "))
        })?;
        config.webhook_networks()?;
        config.store.check()?;
        config.node.settings()?;
        config.tls.as_ref().map_or(Ok(()), TlsTable::check)?;
        config.key_policy()?;
        config.acquirers.check()?;
        config.edge().map(|_| config)
    }

    fn below(mut self, folder: &Path) -> Config {
        // Through components, so that `./data/.` is shown as what it is.
        self.data = folder.join(&self.data).components().collect();
        self.keyring = folder.join(&self.keyring).components().collect();
        self.store = self.store.below(folder);
        self.tls = self.tls.map(|tls| tls.below(folder));
        self.root = self.root.below(folder);
        self.acquirers = self.acquirers.below(folder);
        self
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The keyring file.
    pub fn keyring(&self) -> &Path {
        &self.keyring
    }

    /// How long keys may be used.
    pub fn key_policy(&self) -> Result<KeyPolicy, String> {
        let standard = KeyPolicy::default();
        let policy = KeyPolicy {
            data_days: self.keys.data_days.unwrap_or(standard.data_days),
            wrapping_days: self.keys.wrapping_days.unwrap_or(standard.wrapping_days),
            root_days: self.keys.root_days.unwrap_or(standard.root_days),
            max_uses: self.keys.max_uses.unwrap_or(standard.max_uses),
        };
        if [policy.data_days, policy.wrapping_days, policy.root_days].contains(&0) {
            return Err("`keys`: a key must be usable for a day at least".to_owned());
        }
        match (LEAST_USES..=standard.max_uses).contains(&policy.max_uses) {
            true => Ok(policy),
            false => Err(format!(
                "`keys.max_uses`: {} is not between {LEAST_USES} and {}",
                policy.max_uses, standard.max_uses
            )),
        }
    }

    /// What opens the keyring.
    pub fn root(&self) -> &RootSources {
        &self.root
    }

    /// Where the books are, when not in the data directory.
    pub fn store(&self) -> &StoreTable {
        &self.store
    }

    /// How this server is one of several.
    pub fn node(&self) -> &NodeTable {
        &self.node
    }

    /// How TLS is spoken, if it is.
    pub fn tls(&self) -> Option<&TlsTable> {
        self.tls.as_ref()
    }

    /// Hosts of the public origins that browsers and SDKs reach over TLS.
    pub fn hosts(&self) -> Vec<String> {
        let origins = self.public_origins.iter();
        let hosts = origins.filter_map(|origin| origin.strip_prefix("https://"));
        hosts.map(|host| without_port(host).to_owned()).collect()
    }

    /// What the edge is told.
    pub fn edge(&self) -> Result<EdgeSettings, String> {
        let standard = EdgeSettings::default();
        let odd = self.public_origins.iter().find(|origin| !is_origin(origin));
        if let Some(origin) = odd {
            return Err(format!(
                "`public_origins`: `{origin}` is not of the form `https://host`"
            ));
        }
        let mut trusted_proxies = Vec::new();
        for text in &self.trusted_proxies {
            let network = text.parse().map_err(|_| {
                format!("`trusted_proxies`: `{text}` is no network such as `10.0.0.0/8`")
            })?;
            trusted_proxies.push(network);
        }
        let Limits {
            unauthenticated_per_15_minutes,
            key_per_second,
            reveals_per_minute,
            organization_per_second,
            key_reads_per_second,
            key_writes_per_second,
            report_only,
            api_may_raise,
            connections,
            bank_file_mib,
        } = self.limits;
        Ok(EdgeSettings {
            behind_tls: !self.public_origins.is_empty()
                && self
                    .public_origins
                    .iter()
                    .all(|o| o.starts_with("https://")),
            public_origins: self.public_origins.clone(),
            trusted_proxies,
            // SECURITY: live keys and live money never travel in clear beyond this machine; there is no switch for it.
            live_allowed: self.listen.ip().is_loopback(),
            unauthenticated_limit: unauthenticated_per_15_minutes
                .unwrap_or(standard.unauthenticated_limit),
            limit_window: Duration::from_mins(15),
            key_limit: key_per_second,
            reveal_limit: reveals_per_minute.unwrap_or(standard.reveal_limit),
            organization_limit: organization_per_second,
            key_reads_limit: key_reads_per_second,
            key_writes_limit: key_writes_per_second,
            limits_may_be_raised: api_may_raise,
            limits_report_only: report_only,
            limits_file: Some(self.data.join("limits")),
            connections: connections.unwrap_or(standard.connections).max(1),
            bank_file_limit: bank_file_mib.map_or(standard.bank_file_limit, |mib| {
                usize::from(mib.max(1)) << 20
            }),
            webhook_challenge: self.webhooks.challenge,
            ..standard
        })
    }

    /// Networks that test webhooks may be sent to though they are private.
    pub fn webhook_networks(&self) -> Result<Vec<IpNet>, String> {
        let parse = |text: &String| {
            let fault = format!("`webhooks.networks`: `{text}` is no network such as `10.0.0.0/8`");
            text.parse().map_err(|_| fault)
        };
        self.webhooks.networks.iter().map(parse).collect()
    }

    /// How the workers pace themselves.
    pub fn workers(&self) -> WorkerSettings {
        let standard = WorkerSettings::default();
        let step = self.sandbox.rail_step_ms;
        let rail_step = step.map_or(standard.rail_step, i64::from);
        WorkerSettings {
            rail_step,
            ..standard
        }
    }
}

fn line_of(text: &str, place: usize) -> usize {
    text.bytes()
        .take(place)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// The lines of `[store]` for a database yet to be named.
const NO_STORE: &str = "# postgres = \"postgres://strongroom@127.0.0.1:5432/strongroom\"
# password_file = \"postgres-password\"
# ca_file = \"postgres-ca.pem\"
# certificate_file = \"postgres-client.pem\"
# key_file = \"postgres-client-key.pem\"
";

/// The lines of `[root]` for files yet to be named.
const NO_ROOT: &str = "# passphrase_file = \"/run/secrets/passphrase\"
# share_files = [\"/run/secrets/share-1\", \"/run/secrets/share-2\", \"/run/secrets/share-3\"]
# pin_file = \"/run/secrets/pin\"
# The PKCS#11 library of the HSM whose key wraps the keyring.
# hsm_module = \"/usr/lib/softhsm/libsofthsm2.so\"
";

/// The text of a new configuration file, with the lines of its `[root]`, and of its `[store]` if the books are in a
/// database.
pub(crate) fn template(
    data: &str,
    keyring: &str,
    store: Option<&str>,
    root: Option<&str>,
) -> String {
    let root = root.unwrap_or(NO_ROOT);
    let (data, keyring) = (quoted(data), quoted(keyring));
    let store = store.unwrap_or(NO_STORE);
    format!(
        r#"# Configuration of `strongroom serve`. Paths are relative to this file. Nothing in here is secret.

# The books, and the log of requests. Back it up.
data = {data}

# The root keys, sealed by a passphrase, by shares or by an HSM. Back it up apart from the data.
keyring = {keyring}

# Where the API listens. Beyond loopback it must speak TLS (see [tls]), or say that a proxy before it does.
listen = "127.0.0.1:7070"

# Whether TLS ends at a proxy before this server. Live keys are then refused on any address but loopback.
# behind_proxy = true

# Where /metrics, /health and /ready are for you alone. Remove the line for none.
admin_listen = "127.0.0.1:7071"

# Addresses under which clients know the server; a request's signature may cover them.
# public_origins = ["https://pay.example"]

# Proxies whose X-Forwarded-For is believed.
# trusted_proxies = ["127.0.0.1/32"]

[root]
# What opens the keyring, in files; what is not named here or on the command line is asked for at the terminal.
{root}
[keys]
# A key whose time or uses are over is replaced, and what it sealed is sealed again. Days, days, messages.
# data_days = 365
# wrapping_days = 365
# root_days = 730 # people replace the roots: after these days the log and `keys status` say so
# max_uses = 4294967296

[sandbox]
# Milliseconds between two steps of a test payout to a bank.
# rail_step_ms = 1000

[limits]
# Failed attempts without a valid key, per network.
# unauthenticated_per_15_minutes = 100
# Requests; no limit when absent.
# key_per_second = 1000
# organization_per_second = 5000
# key_reads_per_second = 1000
# key_writes_per_second = 200
# Whether these are only reported: in /metrics, and by `warning` in the request log.
# report_only = true
# connections = 8192
# bank_file_mib = 16

[webhooks]
# Private networks that webhooks of test mode may be sent to, by plain http too. Live ones never are.
# networks = ["127.0.0.0/8"]
# Whether a webhook is sent nothing until its receiver has answered a challenge. Each may ask for it by itself.
# challenge = true

[store]
# A PostgreSQL server for the books, instead of files in the data directory; its password in a file. Off this machine
# it must have TLS, with a certificate that the authorities in `ca_file` signed.
{store}
[node]
# Several servers on one database: where the others reach this one, by TLS of their own. By default a free port of
# 127.0.0.1, which is enough for servers on one machine. All servers need the same keyring and the same settings.
# address = "10.0.0.11:7072"
# listen = "0.0.0.0:7072"
# Seconds that a request waits while another server takes over, and that a stopped one still answers what arrives.
# patience_seconds = 15
# leave_seconds = 2
{NO_TLS}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "data = 'data'\nkeyring = 'keyring.toml'\n";

    #[test]
    fn the_template_is_valid_with_and_without_its_comments() {
        let text = template("data", "it's/keyring.toml", None, None);
        let plain = Config::parse(&text).unwrap();
        assert_eq!(plain.admin_listen, Some("127.0.0.1:7071".parse().unwrap()));
        assert_eq!(plain.keyring, Path::new("it's/keyring.toml"));
        let active: String = text
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| rest.contains(" = "))
                    .unwrap_or(line)
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let full = Config::parse(&active).unwrap();
        let edge = full.edge().unwrap();
        assert_eq!(
            (edge.key_limit, edge.behind_tls, edge.trusted_proxies.len()),
            (Some(1000), true, 1)
        );
        assert_eq!(full.workers().rail_step, 1000);
        assert_eq!(full.key_policy(), Ok(KeyPolicy::default()));
        assert!(full.store.postgres.is_some() && plain.store.postgres.is_none());
    }

    #[test]
    fn unknown_keys_and_odd_values_are_named_with_their_line() {
        let fault = |more: &str| Config::parse(&format!("{LEAST}{more}")).unwrap_err();
        assert!(fault("danger = true").starts_with("line 3: unknown field `danger`"));
        assert!(fault("[limits]\nper_day = 1").starts_with("line 4: unknown field `per_day`"));
        assert!(fault("listen = 'everywhere'").starts_with("line 3: "));
        assert!(fault("[keys]\nmax_uses = 7").contains("keys.max_uses"));
        assert!(fault("[keys]\ndata_days = 0").contains("a day at least"));
        assert!(fault("[keys]\nroot_days = 0").contains("a day at least"));
        assert!(fault("trusted_proxies = ['10.0.0.0/99']").contains("10.0.0.0/99"));
        assert!(fault("public_origins = ['pay.example']").contains("pay.example"));
        assert!(fault("[store]\npassword_file = 'p'").contains("`store.postgres` is missing"));
        let told = fault("[store]\npostgres = 'postgres://u:geheim@localhost/d'");
        assert!(told.contains("password") && !told.contains("geheim"));
        for (table, words) in [
            (
                "[tls]\ncertificate = 'c'",
                "`tls.certificate` and `tls.key` go together",
            ),
            (
                "[tls]\npins = 'p'",
                "`tls.pins` and `tls.pins_key` go together",
            ),
            ("[tls]\npins = 'p'\npins_key = 'short'", "`tls.pins_key`"),
            ("[tls]\nclient_authorities = 'c'", "go together"),
            (
                "[tls]\nclient_revoked = 'c'",
                "needs `tls.client_authorities`",
            ),
            ("[tls]\nclient_certificates = 'maybe'", "line 4"),
            (
                "[tls.acme]\ndirectory = 'http://a.example'\ndomains = ['a.example']",
                "https",
            ),
            (
                "[tls.acme]\ndirectory = 'https://a.example'\ndomains = []",
                "is empty",
            ),
            (
                "[tls.acme]\ndirectory = 'https://a.example'\ndomains = ['*.a.example']",
                "no name of a host",
            ),
        ] {
            let told = fault(table);
            assert!(told.contains(words), "{told}");
        }
        assert!(
            Config::parse("data = 'data'")
                .unwrap_err()
                .contains("keyring")
        );
    }

    #[test]
    fn hosts_are_those_of_origins_with_tls() {
        let text = format!(
            "{LEAST}public_origins = ['https://a.example', 'https://[::1]:8443', 'http://c.example']"
        );
        assert_eq!(Config::parse(&text).unwrap().hosts(), ["a.example", "::1"]);
    }

    #[test]
    fn live_money_stays_on_loopback() {
        let live = |listen: &str| {
            let config = Config::parse(&format!("{LEAST}listen = '{listen}'")).unwrap();
            config.edge().unwrap().live_allowed
        };
        assert!(live("127.0.0.1:80") && live("[::1]:80"));
        assert!(!live("0.0.0.0:80") && !live("10.1.2.3:80") && !live("[::]:80"));
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::parse(LEAST).unwrap().below(Path::new("/srv/pay"));
        assert_eq!(config.data(), Path::new("/srv/pay/data"));
        let absolute = Config::parse("data = '/var/pay'\nkeyring = 'k'")
            .unwrap()
            .below(Path::new("/srv/pay"));
        assert_eq!(absolute.data(), Path::new("/var/pay"));
    }
}
