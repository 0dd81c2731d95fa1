//! Scopes: what a program may be let do, in the four words of the documents (CONTRACT 1), and the permissions that each stands for.
//!
//! A token never holds more than its scopes, and never more than whoever it acts for holds at that moment: [`Scopes::within`].

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};

use crate::permission::PermissionSet;

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Scopes(#[n(0)] u8);

/// Each scope with what it stands for. The place in the list is the bit that is stored: scopes are only added, at the end.
const TABLE: [(&str, &[&str]); 4] = [
    (
        "read",
        &[
            "read:account",
            "read:wallets",
            "read:transactions",
            "read:payouts",
            "read:payment_links",
        ],
    ),
    (
        "write",
        &[
            "read:account",
            "create:payouts",
            "cancel:payouts",
            "read:payouts",
            "create:payment_links",
            "cancel:payment_links",
            "read:payment_links",
        ],
    ),
    (
        "admin",
        &[
            "read:account",
            "create:wallets",
            "manage:wallets",
            "read:wallets",
            "create:users",
            "manage:users",
            "read:users",
        ],
    ),
    (
        "webhooks",
        &[
            "read:account",
            "create:webhooks",
            "manage:webhooks",
            "read:webhooks",
            "read:events",
        ],
    ),
];

impl Scopes {
    /// Reads words with one space between each two (RFC 6749, section 3.3); `None` where one is unknown, or none is there.
    pub fn parse(text: &str) -> Option<Scopes> {
        text.split(' ')
            .map(|word| TABLE.iter().position(|(name, _)| *name == word))
            .try_fold(0_u8, |bits, place| Some(bits | 1 << place?))
            .map(Scopes)
    }

    /// Every scope's name.
    pub fn all() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(name, _)| *name)
    }

    /// Of a list of names; `None` where one is unknown.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Scopes> {
        names.into_iter().try_fold(Scopes::default(), |all, name| {
            Some(Scopes(all.0 | Scopes::parse(name)?.0))
        })
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.rows().map(|(name, _)| name)
    }

    /// Whether all of `others` are among them.
    pub fn hold(self, others: Scopes) -> bool {
        others.0 & !self.0 == 0
    }

    /// Those that are among `others`, too.
    #[must_use]
    pub fn and(self, others: Scopes) -> Scopes {
        Scopes(self.0 & others.0)
    }

    /// What they stand for.
    pub fn permissions(self) -> PermissionSet {
        let mut names: Vec<&str> = self.rows().flat_map(|(_, names)| names).copied().collect();
        names.sort_unstable();
        names.dedup();
        PermissionSet::named(names)
    }

    /// What they stand for, as far as whoever the token acts for holds it himself.
    pub fn within(self, held: &PermissionSet) -> PermissionSet {
        let all = self.permissions();
        let names = all.patterns().iter().map(String::as_str);
        PermissionSet::named(names.filter(|name| held.allows(name).is_some()))
    }

    fn rows(self) -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
        let of = move |(place, row): (usize, &(&'static str, &'static [&'static str]))| {
            (self.0 & 1 << place != 0).then_some(*row)
        };
        TABLE.iter().enumerate().filter_map(of)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        f.write_str(&names.join(" "))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{ALL, Role};

    #[test]
    fn each_stands_for_permissions_that_there_are() {
        for (name, permissions) in TABLE {
            for permission in permissions {
                assert!(ALL.contains(permission), "{name}: {permission}");
            }
            assert_eq!(Scopes::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn words_are_read_strictly() {
        let both = Scopes::parse("write read").unwrap();
        assert_eq!(both.to_string(), "read write");
        assert!(both.hold(Scopes::parse("read").unwrap()));
        assert!(!Scopes::parse("read").unwrap().hold(both));
        let other = Scopes::parse("read admin").unwrap();
        assert_eq!(both.and(other).to_string(), "read");
        assert!(both.and(Scopes::parse("admin").unwrap()).is_empty());
        for odd in [
            "",
            " ",
            "read ",
            " read",
            "read  write",
            "READ",
            "read,write",
            "all",
        ] {
            assert_eq!(Scopes::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn none_reaches_keys_cards_or_more_than_its_holder_has() {
        let all = Scopes::of(Scopes::all()).unwrap();
        for permission in all.permissions().patterns() {
            let noun = permission.split_once(':').unwrap().1;
            let kept = [
                "api_keys",
                "tokens",
                "oauth_clients",
                "approvals",
                "approval_policies",
            ];
            assert!(
                !kept.contains(&noun) && !permission.contains('*'),
                "{permission}"
            );
        }
        let viewer = Role::Viewer.permissions();
        let seen = all.within(&viewer);
        assert_eq!(seen.beyond(&viewer).count(), 0);
        assert!(seen.patterns().iter().all(|name| name.starts_with("read:")));
        assert!(all.within(&PermissionSet::named([])).patterns().is_empty());
    }
}
