//! `[acquirers.NAME]`: which acquirer takes which payments, how it is reached, and how it wants to be spoken to.
//!
//! The server holds the tables against each other and hands them to the vault process, which alone reads the files they name and
//! speaks to acquirers. Nothing in them is secret.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strongroom_acquirer::Tls;
use strongroom_acquirer::settings::{Reversal, Settings};
use strongroom_domain::payments::LiveCards;
use strongroom_iso8583::{Bitmap, Digits, Framing, Header, Profile};
use strongroom_types::currency::Currency;
use strongroom_worker::Connected;

use crate::fault::Fault;

/// All acquirers, by name.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct AcquirerTables(BTreeMap<String, AcquirerTable>);

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct AcquirerTable {
    address: String,
    modes: Vec<ModeWord>,
    currencies: Vec<String>,
    merchant: String,
    terminal: String,
    institution: String,
    merchant_name: Option<String>,
    merchant_category: Option<String>,
    country: Option<String>,
    entry_mode: Option<String>,
    condition: Option<String>,
    reversal: Option<ReversalWord>,
    answer_seconds: Option<u64>,
    echo_seconds: Option<u64>,
    in_flight: Option<u32>,
    utc_offset_minutes: Option<i16>,
    number_days: Option<u16>,
    #[serde(default)]
    profile: ProfileTable,
    tls: Option<TlsTable>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum ModeWord {
    Test,
    Live,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum ReversalWord {
    Advice,
    Request,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum DigitsWord {
    Ascii,
    Bcd,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum BitmapWord {
    Binary,
    Hex,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum HeaderWord {
    Binary2,
    Binary4,
    Ascii4,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ProfileTable {
    numbers: Option<DigitsWord>,
    lengths: Option<DigitsWord>,
    bitmap: Option<BitmapWord>,
    header: Option<HeaderWord>,
    #[serde(default)]
    header_counts_itself: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    authorities: PathBuf,
    server_name: String,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl AcquirerTables {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds every value against what messages can hold, and the tables against each other.
    pub fn check(&self) -> Result<(), String> {
        let mut taken: Vec<(bool, Currency, &str)> = Vec::new();
        for (name, table) in &self.0 {
            let settings = table
                .settings(name)
                .map_err(|fault| format!("`acquirers.{name}`: {fault}"))?;
            for live in [false, true] {
                let currencies = settings.currencies.iter();
                for currency in currencies.filter(|currency| settings.takes(live, **currency)) {
                    let other = taken.iter().find(|(l, c, _)| (*l, *c) == (live, *currency));
                    if let Some((_, _, other)) = other {
                        let mode = if live { "live" } else { "test" };
                        return Err(format!(
                            "`acquirers.{other}` and `acquirers.{name}` both take {currency} in {mode} mode"
                        ));
                    }
                    taken.push((live, *currency, name));
                }
            }
        }
        Ok(())
    }

    /// With their paths seen from a folder.
    pub fn below(mut self, folder: &Path) -> AcquirerTables {
        for tls in self.0.values_mut().filter_map(|table| table.tls.as_mut()) {
            let paths = [
                Some(&mut tls.authorities),
                tls.certificate.as_mut(),
                tls.key.as_mut(),
            ];
            for path in paths.into_iter().flatten() {
                let below = folder.join(&*path);
                // The vault process sees them from elsewhere.
                *path = std::path::absolute(&below).unwrap_or(below);
            }
        }
        self
    }

    /// What live payments are taken.
    pub fn live_cards(&self) -> LiveCards {
        let tables = self.0.iter();
        let settings = tables.filter_map(|(name, table)| table.settings(name).ok());
        let live = settings.filter(|settings| settings.live);
        let currencies: Vec<Currency> = live.flat_map(|settings| settings.currencies).collect();
        LiveCards::new(&currencies)
    }

    /// What the vault is connected to.
    pub fn connected(&self) -> Connected {
        match self.is_empty() {
            true => Connected::Sandbox,
            false => Connected::Acquirers,
        }
    }

    /// For the command line of the vault process.
    pub fn text(&self) -> Result<String, Fault> {
        serde_json::to_string(self)
            .map_err(|_| Fault::new("the acquirers cannot be told to the vault process"))
    }

    /// From the command line of the vault process.
    pub fn from_text(text: &str) -> Result<AcquirerTables, Fault> {
        serde_json::from_str(text)
            .map_err(|error| Fault::new(format!("the acquirers cannot be read: {error}")))
    }

    /// Each acquirer with what its files hold.
    pub fn open(&self) -> Result<Vec<Settings>, Fault> {
        let opened = self.0.iter().map(|(name, table)| {
            let fault = |fault: String| Fault::new(format!("`acquirers.{name}`: {fault}"));
            let mut settings = table.settings(name).map_err(fault)?;
            if let Some(tls) = &table.tls {
                settings.tls = Some(tls.open(name)?);
            }
            Ok(settings)
        });
        opened.collect()
    }
}

impl AcquirerTable {
    /// What is configured, without what its files hold.
    fn settings(&self, name: &str) -> Result<Settings, String> {
        let AcquirerTable {
            address,
            modes,
            currencies,
            merchant,
            terminal,
            institution,
            merchant_name,
            merchant_category,
            country,
            entry_mode,
            condition,
            reversal,
            answer_seconds,
            echo_seconds,
            in_flight,
            utc_offset_minutes,
            number_days,
            profile,
            tls,
        } = self;
        if let Some(tls) = tls
            && tls.certificate.is_some() != tls.key.is_some()
        {
            return Err("`tls.certificate` and `tls.key` go together".to_owned());
        }
        let settings = Settings {
            name: name.to_owned(),
            address: socket_address(address)?,
            tls: None,
            live: modes.contains(&ModeWord::Live),
            test: modes.contains(&ModeWord::Test),
            currencies: currencies.iter().map(currency).collect::<Result<_, _>>()?,
            profile: profile.profile(),
            framing: profile.framing(),
            merchant: merchant.clone(),
            terminal: terminal.clone(),
            institution: institution.clone(),
            merchant_name: merchant_name.clone(),
            merchant_category: merchant_category.clone(),
            country: country.clone(),
            entry_mode: entry_mode.clone().unwrap_or_else(|| "010".to_owned()),
            condition: condition.clone().unwrap_or_else(|| "59".to_owned()),
            reversal: match reversal {
                Some(ReversalWord::Request) => Reversal::Request,
                Some(ReversalWord::Advice) | None => Reversal::Advice,
            },
            answer: Duration::from_secs(answer_seconds.unwrap_or(10)),
            echo: Duration::from_secs(echo_seconds.unwrap_or(60)),
            in_flight: in_flight.unwrap_or(64),
            utc_offset_minutes: utc_offset_minutes.unwrap_or(0),
            number_days: number_days.unwrap_or(90),
        };
        settings.check(tls.is_some())?;
        Ok(settings)
    }
}

impl ProfileTable {
    fn profile(&self) -> Profile {
        let digits = |word: Option<DigitsWord>| match word {
            Some(DigitsWord::Bcd) => Digits::Bcd,
            Some(DigitsWord::Ascii) | None => Digits::Ascii,
        };
        Profile {
            numbers: digits(self.numbers),
            lengths: digits(self.lengths),
            bitmap: match self.bitmap {
                Some(BitmapWord::Hex) => Bitmap::Hex,
                Some(BitmapWord::Binary) | None => Bitmap::Binary,
            },
        }
    }

    fn framing(&self) -> Framing {
        Framing {
            header: match self.header {
                Some(HeaderWord::Binary4) => Header::Binary4,
                Some(HeaderWord::Ascii4) => Header::Ascii4,
                Some(HeaderWord::Binary2) | None => Header::Binary2,
            },
            counts_itself: self.header_counts_itself,
        }
    }
}

impl TlsTable {
    fn open(&self, acquirer: &str) -> Result<Tls, Fault> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| Fault::file("cannot read", path, &error))
        };
        let authorities = read(&self.authorities)?;
        let chain = self.certificate.as_ref().map(read).transpose()?;
        let key = self.key.as_ref().map(read).transpose()?;
        let key = key.map(zeroize::Zeroizing::new);
        let identity = chain.as_deref().zip(key.as_ref().map(|key| key.as_slice()));
        Tls::new(&self.server_name, &authorities, identity)
            .map_err(|fault| Fault::new(format!("`acquirers.{acquirer}`: {fault}")))
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "`address`: `{text}` is no address and port, such as `203.0.113.7:5000`; names are not looked up"
        )
    })
}

fn currency(text: &String) -> Result<Currency, String> {
    Currency::parse(text).ok_or_else(|| format!("`currencies`: `{text}` is no currency"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "address = '127.0.0.1:5000'\nmodes = ['live']\ncurrencies = ['EUR']\n\
                         merchant = 'M1'\nterminal = 'T1'\ninstitution = '123456'\n";

    fn tables(text: &str) -> AcquirerTables {
        toml::from_str(text).unwrap()
    }

    fn fault(more: &str) -> String {
        let (name, _) = more.split_once(" =").unwrap();
        let kept: String = LEAST
            .lines()
            .filter(|line| !line.starts_with(&format!("{name} =")))
            .flat_map(|line| [line, "\n"])
            .collect();
        let text = format!("[main]\n{kept}{more}\n");
        tables(&text).check().unwrap_err()
    }

    #[test]
    fn every_wrong_value_is_named() {
        for (line, words) in [
            (
                "address = 'acquirer.example:5000'",
                "names are not looked up",
            ),
            ("address = '203.0.113.7:5000'", "needs `tls`"),
            ("address = '127.0.0.1:0'", "has no port"),
            ("modes = []", "`modes` is empty"),
            ("currencies = []", "`currencies` is empty"),
            ("currencies = ['XYZ']", "`XYZ` is no currency"),
            (
                "merchant = '1234567890123456'",
                "`merchant`: field 42 is too long",
            ),
            ("merchant = ''", "`merchant` is empty"),
            ("terminal = '123456789'", "`terminal`: field 41 is too long"),
            (
                "institution = '12a'",
                "`institution`: field 32 holds a character",
            ),
            (
                "merchant_category = '12'",
                "`merchant_category`: field 18 is too short",
            ),
            ("country = 'DE'", "`country`: field 19 is too short"),
            ("entry_mode = '1'", "`entry_mode`: field 22"),
            ("condition = '999'", "`condition`: field 25"),
            (
                "answer_seconds = 0",
                "`answer_seconds`: 0 is not between 1 and 15",
            ),
            ("answer_seconds = 16", "`answer_seconds`: 16"),
            ("echo_seconds = 0", "`echo_seconds`"),
            ("in_flight = 0", "`in_flight`"),
            ("utc_offset_minutes = 900", "`utc_offset_minutes`"),
            (
                "number_days = 7",
                "`number_days`: 7 is not between 8 and 400",
            ),
            (
                "tls = { authorities = 'a', server_name = 'b', key = 'k' }",
                "go together",
            ),
        ] {
            let told = fault(line);
            assert!(told.starts_with("`acquirers.main`: "), "{told}");
            assert!(told.contains(words), "{told}");
        }
        let odd = tables(&format!("['Main Bank']\n{LEAST}")).check();
        assert!(odd.unwrap_err().contains("small letters"));
        let unknown: Result<AcquirerTables, _> = toml::from_str(&format!("[a]\n{LEAST}pin = 1"));
        assert!(
            unknown
                .unwrap_err()
                .to_string()
                .contains("unknown field `pin`")
        );
    }

    #[test]
    fn two_acquirers_do_not_take_the_same_payments() {
        let both = tables(&format!("[one]\n{LEAST}[two]\n{LEAST}"));
        let told = both.check().unwrap_err();
        assert!(told.contains("`acquirers.one` and `acquirers.two` both take EUR in live mode"));
        let apart = LEAST.replace("'live'", "'test'");
        let apart = tables(&format!("[one]\n{LEAST}[two]\n{apart}"));
        apart.check().unwrap();
        let (eur, usd) = (
            Currency::parse("EUR").unwrap(),
            Currency::parse("USD").unwrap(),
        );
        assert!(apart.live_cards().take(eur) && !apart.live_cards().take(usd));
        assert_eq!(apart.connected(), Connected::Acquirers);
        assert!(!AcquirerTables::default().live_cards().take(eur));
        assert_eq!(AcquirerTables::default().connected(), Connected::Sandbox);
    }

    #[test]
    fn the_vault_process_is_told_the_same() {
        let told = tables(&format!(
            "[one]\n{LEAST}[one.profile]\nnumbers = 'bcd'\nheader = 'ascii4'\n[one.tls]\nauthorities = 'a.pem'\nserver_name = 'b.example'\n"
        ));
        let told = told.below(Path::new("/srv/pay"));
        let again = AcquirerTables::from_text(&told.text().unwrap()).unwrap();
        assert_eq!(format!("{told:?}"), format!("{again:?}"));
        let tls = again.0["one"].tls.as_ref().unwrap();
        assert_eq!(tls.authorities, Path::new("/srv/pay/a.pem"));
        assert!(
            again
                .open()
                .is_err_and(|fault| fault.text().contains("a.pem"))
        );
    }
}
