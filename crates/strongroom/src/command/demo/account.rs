//! A demo's organization: what is made for it, and the file that holds its credentials for the next start.
//!
//! A demo's keys guard nothing, so they may lie in a file (0600) and on the screen. Nothing but a demo does this.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_auth::permission::{CreateCredits, CreateWallets};
use strongroom_domain::funding::{Credit, Funding};
use strongroom_domain::wallets::{CreateWallet, WalletType};
use strongroom_engine::Engine;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AuditId, Kind, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::money::Money;

use crate::fault::Fault;
use crate::provision::{self, execute, operator};

const NAME: &str = "Demo Organization";
const CURRENCY: &str = "PHP";
/// Minor units in each wallet: 100,000.00.
const FUNDS: i64 = 10_000_000;

/// The demo's organization, its keys and its wallets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub organization_id: String,
    pub secret_key: String,
    pub signing_secret: String,
    pub publishable_key: String,
    pub wallets: Wallets,
    /// The audit record of the operating wallet's funding.
    pub audit_id: String,
}

/// One wallet of each kind that an organization has of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wallets {
    pub master: String,
    pub operating: String,
    pub reserve: String,
}

impl Account {
    /// Makes the organization, its wallets with their funds, and its keys.
    pub fn create(engine: &Engine) -> Result<Account, Fault> {
        let currency = Currency::parse(CURRENCY)
            .ok_or_else(|| Fault::new("the demo's currency is unknown"))?;
        let organization = provision::organization(engine, NAME, currency)?;
        let scope = provision::scope(engine, organization, Mode::Test)?;
        let (master, _) = wallet(engine, scope, WalletType::Master, currency)?;
        let (operating, audit) = wallet(engine, scope, WalletType::Operating, currency)?;
        let (reserve, _) = wallet(engine, scope, WalletType::Reserve, currency)?;
        let owner = provision::owner_key(engine, scope)?;
        let publishable = provision::publishable_key(engine, scope)?;
        Ok(Account {
            organization_id: organization.to_string(),
            secret_key: owner.key.expose().to_owned(),
            signing_secret: owner.signing_secret.expose().to_owned(),
            publishable_key: publishable.key.expose().to_owned(),
            wallets: Wallets {
                master: master.to_string(),
                operating: operating.to_string(),
                reserve: reserve.to_string(),
            },
            audit_id: audit.to_string(),
        })
    }

    /// The account in a demo's file.
    pub fn parse(text: &str) -> Result<Account, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text of a demo's file.
    pub fn file(&self) -> String {
        let mut fields = self.fields();
        insert(&mut fields, "audit_id", json!(self.audit_id));
        format!("{fields:#}\n")
    }

    /// What `--json` prints.
    pub fn json_line(&self, base_url: &str, data: &Path) -> String {
        let mut fields = self.fields();
        insert(&mut fields, "base_url", json!(base_url));
        insert(&mut fields, "data_dir", json!(data.display().to_string()));
        fields.to_string()
    }

    fn fields(&self) -> Value {
        let Wallets {
            master,
            operating,
            reserve,
        } = &self.wallets;
        json!({
            "organization_id": self.organization_id,
            "secret_key": self.secret_key,
            "signing_secret": self.signing_secret,
            "publishable_key": self.publishable_key,
            "wallets": { "master": master, "operating": operating, "reserve": reserve },
        })
    }
}

fn insert(fields: &mut Value, name: &str, value: Value) {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// A funded wallet, and the audit record of its funding.
fn wallet(
    engine: &Engine,
    scope: Scope,
    wallet_type: WalletType,
    currency: Currency,
) -> Result<(WalletId, AuditId), Fault> {
    let command = CreateWallet {
        wallet_type,
        currency: Some(currency),
        parent: None,
        owner: None,
        business: None,
        reference_id: None,
        metadata: Metadata::default(),
        low_balance: None,
    };
    let made = execute(
        engine,
        &operator::<CreateWallets>(scope),
        command,
        "a wallet was not created",
    )?;
    let resource = made.resource().filter(|id| id.kind == Kind::Wallet);
    let id = WalletId(
        resource
            .ok_or_else(|| Fault::new("a new wallet has no id"))?
            .raw,
    );
    let credit = Credit(Funding {
        wallet: id,
        amount: Money::new(FUNDS, currency),
        reference: Some("sandbox-funds".to_owned()),
        description: None,
    });
    let funded = execute(
        engine,
        &operator::<CreateCredits>(scope),
        credit,
        "a wallet was not funded",
    )?;
    Ok((id, funded.facts().audit_id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let wallets = Wallets {
            master: "wallet_m".into(),
            operating: "wallet_o".into(),
            reserve: "wallet_r".into(),
        };
        Account {
            organization_id: "org_1".into(),
            secret_key: "sk_test_1".into(),
            signing_secret: "sign_1".into(),
            publishable_key: "pk_test_1".into(),
            wallets,
            audit_id: "audit_1".into(),
        }
    }

    #[test]
    fn the_file_is_read_back_whole() {
        let account = account();
        let again = Account::parse(&account.file()).unwrap();
        assert_eq!(again.file(), account.file());
        assert_eq!(again.audit_id, "audit_1");
    }

    #[test]
    fn the_line_has_exactly_the_promised_fields() {
        let line = account().json_line("http://127.0.0.1:1", Path::new("/tmp/demo"));
        assert!(!line.contains('\n'));
        let fields: Value = serde_json::from_str(&line).unwrap();
        let names: Vec<&str> = fields
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut promised = [
            "base_url",
            "organization_id",
            "secret_key",
            "signing_secret",
            "publishable_key",
            "wallets",
            "data_dir",
        ];
        promised.sort_unstable();
        let mut names = names;
        names.sort_unstable();
        assert_eq!(names, promised);
        assert_eq!(fields["wallets"]["operating"], "wallet_o");
    }
}
