//! The permission table: one vocabulary, `verb:resource`, `*` matches all (CONTRACT 1).
//!
//! Each permission is a type, so that a handler's signature says what it needs. Roles are data over the vocabulary;
//! every rule about who may do what stands in this file, and the matrix made from it is committed and locked by a test.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A permission as a type.
pub trait Permission: Send + Sync + 'static {
    const NAME: &'static str;
}

macro_rules! permissions {
    ($($name:ident = $text:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`")]
            pub struct $name;
            impl Permission for $name {
                const NAME: &'static str = $text;
            }
        )*
        /// Every permission there is, in alphabetical order of the resource.
        pub const ALL: &[&str] = &[$($text,)*];
    };
}

permissions! {
    ReadAccess = "read:access";
    ReadAccount = "read:account";
    ReadAlerts = "read:alerts";
    WriteAlerts = "write:alerts";
    CreateKeys = "create:api_keys";
    ManageKeys = "manage:api_keys";
    ReadKeys = "read:api_keys";
    ManagePolicies = "manage:approval_policies";
    ReadPolicies = "read:approval_policies";
    ApproveApprovals = "approve:approvals";
    ReadApprovals = "read:approvals";
    WithdrawApprovals = "withdraw:approvals";
    ReadAudit = "read:audit_logs";
    CreateCredits = "create:credits";
    CreateDebits = "create:debits";
    ReadEvents = "read:events";
    ManageOauthClients = "manage:oauth_clients";
    ReadOauthClients = "read:oauth_clients";
    CancelPaymentLinks = "cancel:payment_links";
    CreatePaymentLinks = "create:payment_links";
    ReadPaymentLinks = "read:payment_links";
    CapturePayments = "capture:payments";
    CreatePayments = "create:payments";
    ReadPayments = "read:payments";
    VoidPayments = "void:payments";
    CancelPayouts = "cancel:payouts";
    CreatePayouts = "create:payouts";
    ReadPayouts = "read:payouts";
    ReversePayouts = "reverse:payouts";
    CreateRefunds = "create:refunds";
    ReadRefunds = "read:refunds";
    CreateTransfers = "create:transfers";
    ReadRequests = "read:request_logs";
    CreateTokens = "create:tokens";
    ManageTokens = "manage:tokens";
    ReadTokens = "read:tokens";
    RevealTokens = "reveal:tokens";
    ReadTransactions = "read:transactions";
    CreateUsers = "create:users";
    ManageUsers = "manage:users";
    ReadUsers = "read:users";
    CreateWallets = "create:wallets";
    ManageWallets = "manage:wallets";
    ReadWallets = "read:wallets";
    CreateWebhooks = "create:webhooks";
    ManageWebhooks = "manage:webhooks";
    ReadWebhooks = "read:webhooks";
    ReadCustomers = "read:customers";
    CreateCustomers = "create:customers";
    ManageCustomers = "manage:customers";
    EraseCustomers = "erase:customers";
    ReadProducts = "read:products";
    CreateProducts = "create:products";
    ManageProducts = "manage:products";
    ReadStores = "read:stores";
    CreateStores = "create:stores";
    ManageStores = "manage:stores";
    ReadTills = "read:tills";
    CreateTills = "create:tills";
    ManageTills = "manage:tills";
    ReadShifts = "read:shifts";
    CreateShifts = "create:shifts";
    ManageShifts = "manage:shifts";
    CreateSales = "create:transactions";
    VoidSales = "void:transactions";
    ReadPayoutRails = "read:payout_rails";
    ManagePayoutRails = "manage:payout_rails";
    ReadPayoutFiles = "read:payout_files";
    CreatePayoutFiles = "create:payout_files";
    ReadPayoutContents = "read:payout_contents";
    SendPayoutFiles = "send:payout_files";
    ReadBankFiles = "read:bank_files";
    CreateBankFiles = "create:bank_files";
    ReadBeneficiaries = "read:beneficiaries";
    WriteBeneficiaries = "write:beneficiaries";
    ManagePayoutSettings = "manage:payout_settings";
    ReadFeeSchedules = "read:fee_schedules";
    ManageFeeSchedules = "manage:fee_schedules";
    ReadReports = "read:reports";
    ManageReports = "manage:reports";
    CreateRoles = "create:roles";
    ManageRoles = "manage:roles";
    ReadRoles = "read:roles";
    ManageRateLimits = "manage:rate_limits";
    ReadRateLimits = "read:rate_limits";
    Operate = "operate:installation";
}

/// What every person may do with what is his own: his profile, his sessions, his second factors. No key holds it, whatever
/// its patterns say: [`Caller::own`](crate::Caller::own) asks for a session instead.
pub struct OwnAccount;

impl Permission for OwnAccount {
    const NAME: &'static str = "own:account";
}

/// A set of permissions, as patterns: `*`, `read:*` or one permission's name.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct PermissionSet(#[n(0)] Vec<String>);

impl PermissionSet {
    /// What may do nothing.
    pub const NONE: &'static PermissionSet = &PermissionSet(Vec::new());

    /// Takes patterns that each match at least one permission.
    ///
    /// # Errors
    /// The first pattern that matches nothing.
    pub fn new(patterns: Vec<String>) -> Result<PermissionSet, String> {
        match patterns
            .iter()
            .find(|pattern| !ALL.iter().any(|name| matches(pattern, name)))
        {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(PermissionSet(patterns)),
        }
    }

    /// The pattern that allows `name`, if any: the rule that a decision is logged with.
    pub fn allows(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .map(String::as_str)
            .find(|pattern| matches(pattern, name))
    }

    /// The patterns of `self` that no pattern of `other` covers: what a creator may not hand on. `*` is covered by `*`
    /// alone, however many permissions `other` names: it also reaches what is added later.
    pub fn beyond<'a>(&'a self, other: &'a PermissionSet) -> impl Iterator<Item = &'a str> + 'a {
        let covered = |pattern: &&str| other.0.iter().any(|held| covers(held, pattern));
        self.0
            .iter()
            .map(String::as_str)
            .filter(move |pattern| !covered(pattern))
    }

    /// Whether it reaches everything, as an owner's does.
    pub fn is_everything(&self) -> bool {
        self.0.iter().any(|pattern| pattern == "*")
    }

    /// What of it allows reading: the most that whoever holds it may be told later on.
    #[must_use]
    pub fn reading(&self) -> PermissionSet {
        let reads = |pattern: &String| match pattern.as_str() {
            "*" => Some("read:*".to_owned()),
            text => text.starts_with("read:").then(|| text.to_owned()),
        };
        PermissionSet(self.0.iter().filter_map(reads).collect())
    }

    /// Permissions by their own names.
    pub(crate) fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> PermissionSet {
        PermissionSet(names.into_iter().map(str::to_owned).collect())
    }

    pub fn patterns(&self) -> &[String] {
        &self.0
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    // Operating the installation is not an organization's business: no pattern of a key reaches it.
    if name == Operate::NAME {
        return false;
    }
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(verb) => verb.ends_with(':') && name.starts_with(verb),
        None => pattern == name,
    }
}

/// Whether whatever `inner` allows, now or later, `outer` allows too.
fn covers(outer: &str, inner: &str) -> bool {
    outer == inner || matches(outer, inner)
}

/// The built-in roles of an API key, and `custom` for a set of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[n(0)]
    Owner,
    #[n(1)]
    Admin,
    #[n(2)]
    Operator,
    #[n(3)]
    Viewer,
    #[n(4)]
    Publishable,
    #[n(5)]
    Custom,
    #[n(6)]
    Cashier,
    #[n(7)]
    Manager,
}

/// What an operator may do.
const OPERATOR: &[&str] = &[
    "read:account",
    "read:wallets",
    "read:payouts",
    "read:transactions",
    "read:events",
    "create:payouts",
    "create:transfers",
    "cancel:payouts",
    "read:payments",
    "create:payments",
    "capture:payments",
    "void:payments",
    "read:refunds",
    "read:approvals",
    "withdraw:approvals",
    "read:customers",
    "create:customers",
    "read:products",
    "read:stores",
    "read:tills",
    "read:shifts",
    "read:payment_links",
    "create:payment_links",
    "cancel:payment_links",
    "read:beneficiaries",
    "read:payout_rails",
    "read:payout_files",
    "read:bank_files",
    "read:fee_schedules",
    "read:reports",
    "manage:reports",
];

const ADMIN: &[&str] = &[
    "read:*",
    "create:*",
    "manage:wallets",
    "manage:api_keys",
    "manage:users",
    "manage:webhooks",
    "manage:tokens",
    "manage:oauth_clients",
    "write:alerts",
    "approve:approvals",
    "withdraw:approvals",
    "capture:payments",
    "void:payments",
    "cancel:payouts",
    "reverse:payouts",
    "manage:customers",
    "erase:customers",
    "manage:products",
    "manage:stores",
    "manage:tills",
    "manage:shifts",
    "void:transactions",
    "cancel:payment_links",
    "write:beneficiaries",
    "manage:payout_rails",
    "send:payout_files",
    "manage:fee_schedules",
    "manage:reports",
    "manage:roles",
    "manage:rate_limits",
];

const VIEWER: &[&str] = &[
    "read:account",
    "read:wallets",
    "read:payouts",
    "read:transactions",
    "read:events",
    "read:audit_logs",
    "read:request_logs",
    "read:webhooks",
    "read:payments",
    "read:refunds",
    "read:alerts",
    "read:approvals",
    "read:approval_policies",
    "read:customers",
    "read:products",
    "read:stores",
    "read:tills",
    "read:shifts",
    "read:users",
    "read:payment_links",
    "read:beneficiaries",
    "read:payout_rails",
    "read:payout_files",
    "read:bank_files",
    "read:fee_schedules",
    "read:roles",
    "read:rate_limits",
    "read:reports",
];

/// What a cashier may do (CONTRACT 1), and see which account that is for.
const CASHIER: &[&str] = &["read:account", "read:products", "create:transactions"];

/// What a cashier may do, and a store's manager besides.
const MANAGER: &[&str] = &[
    "read:account",
    "read:products",
    "create:transactions",
    "read:reports",
    "create:refunds",
];

impl Role {
    pub const BUILT_IN: &'static [Role] = &[
        Role::Owner,
        Role::Admin,
        Role::Operator,
        Role::Viewer,
        Role::Manager,
        Role::Cashier,
        Role::Publishable,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Operator => "operator",
            Role::Viewer => "viewer",
            Role::Publishable => "publishable",
            Role::Custom => "custom",
            Role::Cashier => "cashier",
            Role::Manager => "manager",
        }
    }

    pub fn parse(text: &str) -> Option<Role> {
        let mut known = Role::BUILT_IN.iter().chain([&Role::Custom]);
        known.find(|role| role.as_str() == text).copied()
    }

    /// What the role may do.
    pub fn permissions(self) -> PermissionSet {
        let patterns: &[&str] = match self {
            Role::Owner => &["*"],
            Role::Admin => ADMIN,
            Role::Operator => OPERATOR,
            Role::Viewer => VIEWER,
            Role::Cashier => CASHIER,
            Role::Manager => MANAGER,
            // Of links the edge shows such a key one at a time, and without whom they are for.
            Role::Publishable => &["read:account", "create:tokens", "read:payment_links"],
            Role::Custom => &[],
        };
        PermissionSet(patterns.iter().map(|p| (*p).to_owned()).collect())
    }
}

/// The table of every permission against every built-in role, as committed in `docs/permissions.txt`.
pub fn matrix() -> String {
    let mut text = format!("{:<24}", "permission");
    for role in Role::BUILT_IN {
        text.push_str(&format!("{:<13}", role.as_str()));
    }
    for name in ALL {
        text = format!("{}\n{name:<24}", text.trim_end());
        for role in Role::BUILT_IN {
            let mark = if role.permissions().allows(name).is_some() {
                "yes"
            } else {
                "-"
            };
            text.push_str(&format!("{mark:<13}"));
        }
    }
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_verb_or_name() {
        let set = PermissionSet::new(vec!["read:*".into(), "create:payouts".into()]).unwrap();
        assert_eq!(set.allows("read:wallets"), Some("read:*"));
        assert_eq!(set.allows("create:payouts"), Some("create:payouts"));
        assert_eq!(set.allows("create:wallets"), None);
        assert_eq!(
            PermissionSet::new(vec!["reed:*".into()]),
            Err("reed:*".into())
        );
        assert_eq!(PermissionSet::new(vec!["re*".into()]), Err("re*".into()));
    }

    #[test]
    fn nobody_s_key_operates_the_installation() {
        for role in Role::BUILT_IN {
            assert_eq!(role.permissions().allows(Operate::NAME), None, "{role:?}");
        }
    }

    #[test]
    fn a_viewer_changes_nothing_and_sees_no_keys() {
        let viewer = Role::Viewer.permissions();
        for name in ALL {
            if viewer.allows(name).is_some() {
                assert!(
                    name.starts_with("read:") && *name != ReadKeys::NAME,
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn what_a_creator_lacks_is_named() {
        let operator = Role::Operator.permissions();
        let beyond: Vec<_> = Role::Viewer
            .permissions()
            .beyond(&operator)
            .map(str::to_owned)
            .collect();
        assert_eq!(
            beyond,
            [
                "read:audit_logs",
                "read:request_logs",
                "read:webhooks",
                "read:alerts",
                "read:approval_policies",
                "read:users",
                "read:roles",
                "read:rate_limits"
            ]
        );
    }

    #[test]
    fn an_administrator_lacks_what_makes_an_owner() {
        let (owner, admin) = (Role::Owner.permissions(), Role::Admin.permissions());
        assert_eq!(owner.beyond(&admin).collect::<Vec<_>>(), ["*"]);
        assert_eq!(admin.beyond(&owner).count(), 0);
        for role in Role::BUILT_IN.iter().filter(|role| **role != Role::Owner) {
            assert_eq!(role.permissions().beyond(&admin).count(), 0, "{role:?}");
        }
        let set = |patterns: &[&str]| {
            PermissionSet::new(patterns.iter().map(|p| (*p).to_owned()).collect()).unwrap()
        };
        let all = set(ALL.split_last().map(|(_, all)| all).unwrap_or_default());
        assert_eq!(
            set(&["read:*"]).beyond(&all).collect::<Vec<_>>(),
            ["read:*"]
        );
        assert_eq!(set(&["read:wallets"]).beyond(&set(&["read:*"])).count(), 0);
    }

    #[test]
    fn the_committed_matrix_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/permissions.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, matrix()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            matrix(),
            "run with UPDATE_GOLDEN=1 and review the change"
        );
    }
}
