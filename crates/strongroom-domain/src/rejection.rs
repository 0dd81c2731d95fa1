//! Why a command is refused: a stable code, the field at fault, and words for a person.

use minicbor::{Decode, Decoder, Encode, Encoder};

macro_rules! codes {
    ($($name:ident = $number:literal, $text:literal, $nature:ident, $title:literal;)*) => {
        /// The stable codes of refusals. The number is the one stored, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($name,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            pub const fn nature(self) -> Nature {
                match self { $(Code::$name => Nature::$nature,)* }
            }

            /// A short human-readable summary of the code.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            const fn number(self) -> u16 {
                match self { $(Code::$name => $number,)* }
            }

            fn from_number(number: u16) -> Option<Code> {
                match number { $($number => Some(Code::$name),)* _ => None }
            }
        }
    };
}

/// What kind of refusal a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// The request can never succeed as it is written.
    Invalid,
    /// What it names does not exist for this caller.
    Missing,
    /// It clashes with something that exists.
    Conflict,
    /// The state of the books does not allow it now.
    State,
    /// The caller may not do it.
    Forbidden,
}

codes! {
    InvalidField = 1, "invalid_field", Invalid, "A field is not valid";
    AmountInvalid = 2, "amount_invalid", Invalid, "The amount is not valid";
    CurrencyMismatch = 3, "currency_mismatch", Invalid, "The currencies differ";
    BalanceLimit = 4, "balance_limit", State, "The balance would exceed its limit";
    InsufficientFunds = 5, "insufficient_funds", State, "Insufficient funds";
    WalletFrozen = 6, "wallet_frozen", State, "The wallet is frozen";
    WalletClosed = 7, "wallet_closed", State, "The wallet is closed";
    SameWallet = 8, "same_wallet", Invalid, "Source and destination are the same wallet";
    NotFound = 9, "not_found", Missing, "Not found";
    WalletNotFound = 10, "wallet_not_found", Missing, "No such wallet";
    ReferenceTaken = 11, "reference_id_taken", Conflict, "The reference id is taken";
    NoDefaultWallet = 12, "no_default_wallet", Invalid, "There is no operating wallet of that currency";
    InvalidState = 13, "invalid_state", Conflict, "Not possible in this state";
    WalletNotEmpty = 14, "wallet_not_empty", State, "The wallet is not empty";
    WalletHasChildren = 15, "wallet_has_children", State, "The wallet has open wallets below it";
    WalletHasPayments = 305, "wallet_has_payments", State, "Payments of the wallet are not over";
    WalletHasPaymentLinks = 306, "wallet_has_payment_links", State, "The wallet has active payment links";
    ParentInvalid = 16, "parent_invalid", Invalid, "The parent wallet does not fit";
    PermissionNotHeld = 17, "permission_not_held", Forbidden, "You cannot grant what you lack";
    KeyRevoked = 18, "key_revoked", Conflict, "The key is revoked";
    LastOwner = 19, "last_owner", Conflict, "The last owner key cannot be revoked";
    AlreadyExists = 20, "already_exists", Conflict, "It exists already";
    PermissionDenied = 21, "permission_denied", Forbidden, "Not permitted";
    SecretKeyInBrowser = 22, "secret_key_in_browser", Forbidden, "A secret key was sent by a browser";
    LimitReached = 23, "limit_reached", State, "A limit of the installation is reached";
    SignatureRequired = 24, "signature_required", Forbidden, "The request must be signed";
    NoRail = 26, "no_rail", State, "There is no rail for this payout";
    AddressNotAllowed = 36, "address_not_allowed", Forbidden, "The key may not be used from this address";
    KeyLimitExceeded = 37, "key_limit_exceeded", Forbidden, "The key may not move this money";
    SignatureInvalid = 25, "signature_invalid", Forbidden, "The signature is not valid";
    CardExpired = 27, "card_expired", Invalid, "The card has expired";
    CardNumberRefused = 28, "card_number_refused", Invalid, "A card number stands where none may";
    TokenExpired = 29, "token_expired", State, "The token has expired";
    NoAcquirer = 30, "no_acquirer", State, "There is no acquirer for this payment";
    TokenUsed = 31, "token_used", State, "The token was for one payment, and was used";
    TokenNotFound = 32, "token_not_found", Missing, "No such token";
    PaymentNotFound = 33, "payment_not_found", Missing, "No such payment";
    CaptureExceeds = 34, "capture_exceeds_authorization", State, "More than is left to capture";
    CertificateNotAllowed = 49, "certificate_not_allowed", Forbidden, "The key may not be used with this client certificate";
    ApprovalHashMismatch = 52, "approval_hash_mismatch", Conflict, "The hash is of another request";
    ApprovalExpired = 53, "approval_expired", Conflict, "The approval has expired";
    SamePerson = 54, "same_person", Forbidden, "Another person must approve it";
    NotAnApprover = 55, "not_an_approver", Forbidden, "The policy asks for other approvers";
    ApprovalPolicyChanged = 56, "approval_policy_changed", Conflict, "The policies have changed meanwhile";
    ApprovalMismatch = 57, "approval_mismatch", Conflict, "The approval is for another request";
    UserExists = 64, "user_exists", Conflict, "The person exists already";
    InvitationInvalid = 65, "invitation_invalid", Missing, "The invitation is not valid";
    LoginRefused = 66, "login_refused", Forbidden, "The login was refused";
    SecondFactorRequired = 67, "second_factor_required", Forbidden, "A second factor is required";
    SecondFactorInvalid = 68, "second_factor_invalid", Forbidden, "The second factor is not valid";
    StepUpRequired = 69, "step_up_required", Forbidden, "A recent second factor is required";
    SessionOver = 70, "session_over", Conflict, "The session is over";
    SessionRequired = 71, "session_required", Forbidden, "Only a person who has signed in may do this";
    FactorExists = 72, "factor_exists", Conflict, "The factor exists already";
    FactorMissing = 73, "factor_missing", Conflict, "There is no such factor";
    CsrfRefused = 74, "csrf_refused", Forbidden, "The request does not come from a page of this server";
    PasskeysUnavailable = 75, "passkeys_unavailable", State, "Passkeys cannot be used here";
    LinkPaid = 120, "payment_link_paid", Conflict, "The payment link is paid";
    LinkExpired = 121, "payment_link_expired", Conflict, "The payment link has expired";
    LinkCancelled = 122, "payment_link_cancelled", Conflict, "The payment link was cancelled";
    LinkBusy = 123, "payment_link_busy", Conflict, "A payment of the link is under way";
    LinkStale = 124, "payment_link_stale", Conflict, "Another attempt was made meanwhile";
    LinkAttempts = 125, "payment_link_attempts", State, "There were too many attempts at paying the link";
    RefundExceeds = 35, "refund_exceeds_payment", State, "More than can be given back";
    CustomerNotFound = 95, "customer_not_found", Missing, "No such customer";
    ProductNotFound = 96, "product_not_found", Missing, "No such product";
    StoreNotFound = 97, "store_not_found", Missing, "No such store";
    TillNotFound = 98, "till_not_found", Missing, "No such till";
    ShiftClosed = 99, "shift_closed", State, "The till has no open shift";
    ShiftOpen = 100, "shift_open", Conflict, "The till has an open shift";
    NotYourShift = 101, "not_your_shift", Forbidden, "The shift is another's";
    NotThisTill = 102, "not_this_till", Forbidden, "The key belongs to another till";
    OutOfStock = 103, "out_of_stock", State, "Not enough in stock";
    AmountMismatch = 104, "amount_mismatch", Invalid, "The sums do not agree";
    PriceMismatch = 105, "price_mismatch", State, "The price is another";
    ProductInactive = 106, "product_inactive", State, "The product is not sold";
    ShiftHasPending = 107, "shift_has_pending_transactions", State, "A payment of the shift is not answered yet";
    TransactionNotFound = 108, "transaction_not_found", Missing, "No such transaction";
    TenderRequired = 109, "tender_required", Invalid, "Say which tender";
    LeaseEnded = 110, "lease_ended", State, "The till has no lease for that time";
    FloorLimitExceeded = 111, "floor_limit_exceeded", State, "Over the floor limit";
    ChainGap = 112, "chain_gap", State, "Transactions before this one are missing";
    ChainForked = 113, "chain_forked", Conflict, "The chain says something else";
    TillSignatureInvalid = 114, "till_signature_invalid", Invalid, "The till did not sign this";
    CustomerErased = 115, "customer_erased", State, "The customer is erased";
    TillRetired = 116, "till_retired", State, "The till is retired";
    PayoutRailNotFound = 175, "payout_rail_not_found", Missing, "No such payout rail";
    RailCannotCarry = 176, "rail_cannot_carry", Invalid, "The payout rail cannot carry this";
    PayoutFileEmpty = 177, "payout_file_empty", State, "No payout waits for a file";
    BankFileKnown = 178, "bank_file_known", Conflict, "The file was received before";
    BankFileForeign = 179, "bank_file_foreign", Forbidden, "The file is about another's accounts";
    BankFileInvalid = 180, "bank_file_invalid", Invalid, "The file cannot be read";
    PeriodNotOver = 270, "period_not_over", State, "The period is not over";
    BeneficiaryNotFound = 255, "beneficiary_not_found", Missing, "No such beneficiary";
    BeneficiaryCoolingOff = 256, "beneficiary_cooling_off", State, "The beneficiary's account is too new";
    BeneficiaryChanged = 257, "beneficiary_changed", Conflict, "The beneficiary's account has changed meanwhile";
    ReportNotReady = 200, "report_not_ready", Conflict, "The report has no content";
    AlreadySettled = 117, "already_settled", Conflict, "The payment is settled";
    OauthGrantRefused = 130, "oauth_grant_refused", Forbidden, "The client may not have tokens in this way";
    OauthScopeRefused = 131, "oauth_scope_refused", Forbidden, "The client may not have these scopes";
    OauthProofInvalid = 132, "oauth_proof_invalid", Forbidden, "The token is bound to a key that was not shown";
    OauthGrantInvalid = 134, "oauth_grant_invalid", Forbidden, "What was shown is no grant, or no more";
    OauthTokenTooWeak = 133, "oauth_token_too_weak", Forbidden, "This token may not do this";
    ConditionNotMet = 150, "condition_not_met", Forbidden, "A condition of the role forbids it";
    RoleNotFound = 151, "role_not_found", Missing, "No such role";
    RoleExists = 152, "role_exists", Conflict, "The name of the role is taken";
    RoleBuiltIn = 154, "role_built_in", Conflict, "The role is built in";
    ResetInvalid = 155, "reset_invalid", Missing, "The reset of the password is not valid";
    RoleInUse = 153, "role_in_use", Conflict, "The role is held by somebody";
    ConsentExceeded = 245, "consent_limit_exceeded", Forbidden, "The person did not allow the application that much";
    OauthDetailsRefused = 246, "oauth_details_refused", Forbidden, "The client may not have these limits";
}

/// A refused command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rejection {
    #[n(0)]
    pub code: Code,
    /// JSON pointer of the field at fault.
    #[n(1)]
    pub pointer: Option<String>,
    /// For the client; lower case, no internals.
    #[n(2)]
    pub detail: String,
}

impl Rejection {
    pub fn new(code: Code, detail: impl Into<String>) -> Rejection {
        Rejection {
            code,
            pointer: None,
            detail: detail.into(),
        }
    }

    pub fn at(code: Code, pointer: &str, detail: impl Into<String>) -> Rejection {
        Rejection {
            code,
            pointer: Some(pointer.to_owned()),
            detail: detail.into(),
        }
    }

    /// Whether the same command could succeed later. Such a refusal is what an idempotency key pins: a client that
    /// saw it must not find the payment made after all.
    pub fn is_transient(&self) -> bool {
        match self.code.nature() {
            Nature::State | Nature::Conflict | Nature::Missing => true,
            Nature::Invalid | Nature::Forbidden => false,
        }
    }
}

impl<C> Encode<C> for Code {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u16(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Code {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Code::from_number(d.u16()?)
            .ok_or_else(|| minicbor::decode::Error::message("unknown refusal"))
    }
}
