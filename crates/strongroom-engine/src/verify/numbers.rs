//! Card numbers that a vault keeps: the books only commit to them, so a report is not clean until the vault was asked.

use strongroom_types::id::TokenId;
use strongroom_types::time::Timestamp;

use super::report::{NAMED, VerifyReport};

/// A number that a token needs and the books do not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vaulted {
    pub log: u32,
    pub token: TokenId,
    /// SHA-256 of the salted number.
    pub digest: [u8; 32],
    pub fingerprint: [u8; 16],
}

/// What a vault has of a token's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFound {
    /// The one that the token commits to.
    Fits,
    /// One that it does not commit to.
    Other,
    /// One that its keys do not open.
    Closed,
    Nothing,
}

/// How long before the last entry a number without a token was stored, where it should have been swept: a day.
const LEFT_OVER: i64 = 24 * 3_600 * 1_000;

impl VerifyReport {
    /// Holds every number that waits for it against what a vault has.
    pub fn hold_numbers(&mut self, mut found: impl FnMut(&Vaulted) -> NumberFound) {
        for vaulted in std::mem::take(&mut self.vaulted) {
            let what = match found(&vaulted) {
                NumberFound::Fits => {
                    self.held += 1;
                    continue;
                }
                NumberFound::Other => "is another one",
                NumberFound::Closed => "does not open",
                NumberFound::Nothing => "is missing",
            };
            let Vaulted { log, token, .. } = vaulted;
            self.damaged(format!(
                "vault: the number of `{token}` of log {log} {what}"
            ));
        }
    }

    /// A number that the vault has and no token needs. One of the last day waits to be swept; it is counted.
    pub fn beyond_tokens(&mut self, log: u32, token: TokenId, stored: Timestamp) {
        match stored.0 < self.latest.0 - LEFT_OVER {
            true => self.damaged(format!(
                "vault: it has a number of `{token}` of log {log}, which needs none"
            )),
            false => self.left_over += 1,
        }
    }

    /// Goes on without the vault, because somebody said so.
    pub fn accept_unheld(&mut self) {
        self.unheld += u64::try_from(std::mem::take(&mut self.vaulted).len()).unwrap_or(u64::MAX);
    }

    fn damaged(&mut self, damage: String) {
        match self.damages.len() < NAMED {
            true => self.damages.push(damage),
            false => self.further += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    const DAY: i64 = 86_400_000;

    fn report(tokens: u8) -> VerifyReport {
        let vaulted = |n| Vaulted {
            log: 2,
            token: TokenId(RawId([n; 12])),
            digest: [n; 32],
            fingerprint: [n; 16],
        };
        VerifyReport {
            vaulted: (0..tokens).map(vaulted).collect(),
            latest: Timestamp(10 * DAY),
            ..VerifyReport::default()
        }
    }

    #[test]
    fn nothing_is_clean_before_the_vault_was_asked() {
        let mut held = report(3);
        assert!(!held.is_clean() && held.is_undamaged());
        assert!(
            held.to_string()
                .contains("3 card numbers are in a vault that was not asked")
        );
        held.hold_numbers(|_| NumberFound::Fits);
        assert!(held.is_clean());
        assert!(
            held.to_string()
                .contains("3 card numbers held against the vault")
        );

        let mut accepted = report(2);
        accepted.accept_unheld();
        assert!(accepted.is_clean());
        assert!(
            accepted
                .to_string()
                .contains("2 card numbers not held against their vault")
        );

        let answers = [
            NumberFound::Other,
            NumberFound::Closed,
            NumberFound::Nothing,
        ];
        let mut damaged = report(3);
        damaged.hold_numbers(|vaulted| answers[usize::from(vaulted.digest[0])]);
        assert!(!damaged.is_undamaged());
        let text = damaged.to_string();
        for words in ["is another one", "does not open", "is missing"] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_number_beyond_the_tokens_is_damage_once_it_should_be_gone() {
        let mut report = report(0);
        let token = TokenId(RawId([9; 12]));
        report.beyond_tokens(2, token, Timestamp(10 * DAY - 1_000));
        assert!(report.is_clean() && report.left_over == 1);
        assert!(report.to_string().contains("1 without a token"), "{report}");
        report.beyond_tokens(2, token, Timestamp(8 * DAY));
        assert!(!report.is_undamaged());
        assert!(report.to_string().contains("which needs none"), "{report}");
    }
}
