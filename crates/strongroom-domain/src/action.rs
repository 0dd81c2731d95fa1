//! What can be done: the one list of audit actions, past tense, as the documents write them.

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Serialize, Serializer};

macro_rules! actions {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// An act the log can tell. The number is the one stored, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($name,)* }

        impl Action {
            pub const ALL: &'static [Action] = &[$(Action::$name,)*];

            pub const fn code(self) -> u16 {
                match self { $(Action::$name => $code,)* }
            }

            pub fn from_code(code: u16) -> Option<Action> {
                match code { $($code => Some(Action::$name),)* _ => None }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(Action::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<Action> {
                match text { $($text => Some(Action::$name),)* _ => None }
            }
        }
    };
}

actions! {
    OrganizationCreated = 1, "organization_created";
    BooksOpened = 2, "books_opened";
    WalletCreated = 10, "wallet_created";
    WalletUpdated = 11, "wallet_updated";
    WalletFrozen = 12, "wallet_frozen";
    WalletUnfrozen = 13, "wallet_unfrozen";
    WalletClosed = 14, "wallet_closed";
    WalletCredited = 15, "wallet_credited";
    WalletDebited = 16, "wallet_debited";
    TransferCreated = 20, "transfer_created";
    PayoutCreated = 30, "payout_created";
    PayoutPending = 31, "payout_pending";
    PayoutProcessing = 32, "payout_processing";
    PayoutCompleted = 33, "payout_completed";
    PayoutFailed = 34, "payout_failed";
    PayoutCancelled = 35, "payout_cancelled";
    PayoutReversed = 36, "payout_reversed";
    ApiKeyCreated = 40, "api_key_created";
    ApiKeyRolled = 41, "api_key_rolled";
    ApiKeyRevoked = 42, "api_key_revoked";
    ApiKeysUsed = 43, "api_keys_used";
    ApiKeyUpdated = 44, "api_key_updated";
    ApiKeyLeaked = 45, "api_key_leaked";
    AccessDenied = 50, "access_denied";
    SecretKeyInBrowser = 51, "secret_key_in_browser";
    SignatureRefused = 52, "signature_refused";
    AddressRefused = 56, "address_refused";
    CertificateRefused = 130, "certificate_refused";
    CardNumberRefused = 55, "card_number_refused";
    RefusalsSummarised = 53, "refusals_summarised";
    FailuresSummarised = 54, "failures_summarised";
    ServerStarted = 60, "server_started";
    ServerStopped = 61, "server_stopped";
    UncleanRestart = 62, "unclean_restart";
    HeadsRecorded = 63, "heads_recorded";
    KeysDestroyed = 64, "keys_destroyed";
    WebhookCreated = 70, "webhook_created";
    WebhookUpdated = 71, "webhook_updated";
    WebhookDeleted = 72, "webhook_deleted";
    WebhookRolled = 73, "webhook_rolled";
    WebhookTested = 74, "webhook_tested";
    WebhookReplayed = 75, "webhook_replayed";
    WebhookDisabled = 76, "webhook_disabled";
    WebhookChallenged = 77, "webhook_challenged";
    WebhookVerified = 78, "webhook_verified";
    TokenCreated = 80, "token_created";
    TokenRevealed = 81, "token_revealed";
    TokenDeleted = 82, "token_deleted";
    TokenExpired = 83, "token_expired";
    TokenVaulted = 120, "token_vaulted";
    PaymentCreated = 90, "payment_created";
    PaymentSent = 91, "payment_sent";
    PaymentAuthorized = 92, "payment_authorized";
    PaymentFailed = 93, "payment_failed";
    PaymentUnanswered = 94, "payment_unanswered";
    PaymentReversed = 95, "payment_reversed";
    PaymentCaptured = 96, "payment_captured";
    PaymentVoided = 97, "payment_voided";
    PaymentSettled = 98, "payment_settled";
    PaymentExpired = 99, "payment_expired";
    PaymentCaptureRefused = 500, "payment_capture_refused";
    RefundCreated = 100, "refund_created";
    RefundSent = 101, "refund_sent";
    RefundCompleted = 102, "refund_completed";
    RefundFailed = 103, "refund_failed";
    RefundUnanswered = 104, "refund_unanswered";
    KeysRotated = 110, "keys_rotated";
    RootsReplaced = 111, "roots_replaced";
    CeremonyHeld = 112, "ceremony_held";
    KeysKept = 530, "keys_kept";
    ApprovalRequested = 140, "approval_requested";
    ApprovalApproved = 141, "approval_approved";
    ApprovalRejected = 142, "approval_rejected";
    ApprovalWithdrawn = 143, "approval_withdrawn";
    ApprovalExpired = 144, "approval_expired";
    ApprovalFailed = 145, "approval_failed";
    ApprovalPolicyCreated = 146, "approval_policy_created";
    ApprovalPolicyUpdated = 147, "approval_policy_updated";
    ApprovalPolicyDeleted = 148, "approval_policy_deleted";
    AlertRaised = 149, "alert_raised";
    AlertRepeated = 150, "alert_repeated";
    AlertAcknowledged = 151, "alert_acknowledged";
    AlertResolved = 152, "alert_resolved";
    UserInvited = 170, "user_invited";
    UserJoined = 171, "user_joined";
    UserUpdated = 172, "user_updated";
    UserDeactivated = 173, "user_deactivated";
    UserPasswordChanged = 174, "user_password_changed";
    UserFactorOffered = 175, "user_factor_offered";
    UserFactorAdded = 176, "user_factor_added";
    UserFactorRemoved = 177, "user_factor_removed";
    UserRecoveryCodesMade = 178, "user_recovery_codes_made";
    UserSignedIn = 179, "user_signed_in";
    UserSteppedUp = 180, "user_stepped_up";
    UserSessionsEnded = 181, "user_sessions_ended";
    SessionEnded = 182, "session_ended";
    SessionsUsed = 183, "sessions_used";
    CustomerCreated = 215, "customer_created";
    CustomerUpdated = 216, "customer_updated";
    CustomerErased = 217, "customer_erased";
    ProductCreated = 220, "product_created";
    ProductUpdated = 221, "product_updated";
    ProductStockAdjusted = 222, "product_stock_adjusted";
    StoreCreated = 225, "store_created";
    StoreUpdated = 226, "store_updated";
    TillCreated = 228, "till_created";
    TillUpdated = 229, "till_updated";
    TillLeased = 230, "till_leased";
    ShiftOpened = 232, "shift_opened";
    ShiftCashMoved = 233, "shift_cash_moved";
    ShiftClosed = 234, "shift_closed";
    TransactionCreated = 240, "transaction_created";
    TransactionVoided = 241, "transaction_voided";
    TransactionUploaded = 242, "till_transaction_uploaded";
    PaymentLinkCreated = 260, "payment_link_created";
    PaymentLinkCancelled = 261, "payment_link_cancelled";
    PaymentLinkExpired = 262, "payment_link_expired";
    PaymentChallenged = 263, "payment_challenged";
    PaymentAuthenticated = 264, "payment_authenticated";
    PayoutRailCreated = 365, "payout_rail_created";
    PayoutRailUpdated = 366, "payout_rail_updated";
    PayoutFileClosed = 367, "payout_file_closed";
    PayoutFileAdvanced = 368, "payout_file_advanced";
    PayoutFileMade = 369, "payout_file_made";
    PayoutFileDownloaded = 370, "payout_file_downloaded";
    PayoutFileSent = 371, "payout_file_sent";
    BankFileReceived = 372, "bank_file_received";
    BankEntryApplied = 373, "bank_file_entry_applied";
    PayoutExecuted = 440, "payout_executed";
    BeneficiaryCreated = 441, "beneficiary_created";
    BeneficiaryUpdated = 442, "beneficiary_updated";
    BeneficiaryAccountChanged = 443, "beneficiary_account_changed";
    BeneficiaryDeleted = 444, "beneficiary_deleted";
    PayoutSettingsUpdated = 445, "payout_settings_updated";
    PayoutScheduleCreated = 446, "payout_schedule_created";
    PayoutScheduleUpdated = 447, "payout_schedule_updated";
    PayoutScheduleSkipped = 448, "payout_schedule_skipped";
    PayoutScheduleEnded = 449, "payout_schedule_ended";
    PayoutScheduleAmended = 450, "payout_schedule_amended";
    FeeScheduleCreated = 395, "fee_schedule_created";
    FeeScheduleDeleted = 396, "fee_schedule_deleted";
    ReportRequested = 400, "report_requested";
    ReportCompleted = 401, "report_completed";
    ReportFailed = 402, "report_failed";
    ReportDeleted = 403, "report_deleted";
    ReportExpired = 404, "report_expired";
    OauthClientCreated = 300, "oauth_client_created";
    OauthClientUpdated = 301, "oauth_client_updated";
    OauthClientRotated = 302, "oauth_client_secret_rotated";
    OauthClientDeleted = 303, "oauth_client_deleted";
    OauthTokenIssued = 304, "oauth_token_issued";
    OauthTokenRevoked = 305, "oauth_token_revoked";
    OauthTokenIntrospected = 306, "oauth_token_introspected";
    OauthProofRefused = 307, "oauth_proof_refused";
    OauthRequestPushed = 308, "oauth_request_pushed";
    OauthGrantCreated = 309, "oauth_grant_created";
    OauthGrantRevoked = 310, "oauth_grant_revoked";
    ConditionRefused = 330, "condition_refused";
    RoleCreated = 331, "role_created";
    RoleUpdated = 332, "role_updated";
    RoleDeleted = 333, "role_deleted";
    RateLimitsUpdated = 334, "rate_limits_updated";
    UserPasswordResetStarted = 335, "user_password_reset_started";
    UserPasswordReset = 336, "user_password_reset";
}

impl Action {
    /// Whether an entry of it never moves money, so that nobody who looks for movements need open it. It names the frequent
    /// ones; what is not named may move some.
    pub const fn moves_nothing(self) -> bool {
        matches!(
            self,
            Action::ApiKeysUsed
                | Action::SessionsUsed
                | Action::AccessDenied
                | Action::RefusalsSummarised
                | Action::FailuresSummarised
                | Action::HeadsRecorded
                | Action::WalletCreated
                | Action::PayoutPending
                | Action::PayoutProcessing
                | Action::TokenCreated
                | Action::TokenExpired
                | Action::PaymentCreated
                | Action::PaymentSent
                | Action::PaymentUnanswered
                | Action::RefundSent
                | Action::RefundUnanswered
                | Action::PaymentLinkCreated
                | Action::CustomerCreated
        )
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<C> Encode<C> for Action {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u16(self.code())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Action {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Action::from_code(d.u16()?)
            .ok_or_else(|| minicbor::decode::Error::message("unknown action"))
    }
}
