//! A PKCS#11 token (an HSM) as root custody: an AES-256 key that never leaves it wraps the key that seals the keyring.
//!
//! It is asked when a keyring is opened or made, and never in between: no request waits for an HSM. Nothing is tried
//! twice, for a token counts wrong PINs; and nothing stands in for a token that fails.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use crate::random::random;

const NONCE: usize = 12;
const TAG: usize = 16;
const TAG_BITS: u64 = 128;

/// A module is initialised once per process, and some modules bear one thread only.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why a token gives no key. Never holds a PIN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// The module's file is not there or is none.
    Module(String),
    /// No token of that label, or it was removed.
    NoToken(String),
    /// A token of that label, but another one.
    OtherToken {
        /// The serial number that the keyring names.
        expected: String,
        /// The one that is there.
        found: String,
    },
    /// The PIN is wrong; the token counts it.
    WrongPin,
    /// The token takes no PIN any more.
    PinLocked,
    /// The token has no session left.
    NoSession,
    /// No key of that label: it was deleted, or never made.
    NoKey(String),
    /// A key of that label that could leave the token, or is not an AES-256 key.
    UnfitKey(String),
    /// Two keys of that label.
    TwoKeys(String),
    /// The token does not open what the keyring holds: another key of the same label, or an altered file.
    NotAuthentic,
    /// A label that cannot stand in a keyring file.
    Label,
    /// Anything else it said.
    Other(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(why) => write!(f, "the PKCS#11 module cannot be used: {why}"),
            Self::NoToken(label) => write!(f, "there is no token `{label}`: it was removed, or never initialised"),
            Self::OtherToken { expected, found } => write!(
                f,
                "the token has the serial number `{found}`, and the keyring was made with `{expected}`"
            ),
            Self::WrongPin => f.write_str("the token refuses the PIN"),
            Self::PinLocked => f.write_str("the token's PIN is locked"),
            Self::NoSession => f.write_str("the token has no session left"),
            Self::NoKey(label) => write!(f, "the token holds no key `{label}`: it was deleted, or never made"),
            Self::UnfitKey(label) => write!(
                f,
                "the token's key `{label}` is not an AES-256 key that cannot leave it"
            ),
            Self::TwoKeys(label) => write!(f, "the token holds two keys `{label}`"),
            Self::NotAuthentic => f.write_str(
                "the token does not unwrap the keyring's key: it holds another key of that name, or the file was altered",
            ),
            Self::Label => f.write_str("labels of tokens and keys are 1 to 64 printable ASCII characters, without quotes and backslashes"),
            Self::Other(words) => write!(f, "the token answers: {words}"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Whether a text can name a token or a key in a keyring file.
pub(crate) fn is_label(text: &str) -> bool {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && text.trim() == text
}

/// An open session with a token. It ends, and the module with it, when this is dropped.
pub(crate) struct Token {
    session: Option<Session>,
    module: Option<Pkcs11>,
    serial: String,
    _alone: MutexGuard<'static, ()>,
}

impl Drop for Token {
    fn drop(&mut self) {
        drop(self.session.take());
        // What a module says at its end changes nothing any more.
        drop(self.module.take().map(Pkcs11::finalize));
    }
}

impl Token {
    /// Opens a session with the token of that label, and serial number if one is known.
    pub fn open(
        module: &str,
        label: &str,
        serial: Option<&str>,
        pin: &str,
    ) -> Result<Self, TokenError> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_label(label) {
            return Err(TokenError::Label);
        }
        let loaded = Pkcs11::new(module).map_err(|error| module_error(&error))?;
        loaded
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(|error| module_error(&error))?;
        let mut token = Self {
            session: None,
            module: Some(loaded.clone()),
            serial: String::new(),
            _alone: alone,
        };
        let (slot, found) = slot_of(&loaded, label)?;
        if let Some(expected) = serial.filter(|serial| *serial != found) {
            let expected = expected.to_owned();
            return Err(TokenError::OtherToken { expected, found });
        }
        let session = loaded.open_rw_session(slot).map_err(|e| told(&e))?;
        let pin = AuthPin::from(pin.to_owned());
        session
            .login(UserType::User, Some(&pin))
            .map_err(|e| told(&e))?;
        token.session = Some(session);
        token.serial = found;
        Ok(token)
    }

    pub fn serial(&self) -> &str {
        &self.serial
    }

    fn session(&self) -> Result<&Session, TokenError> {
        self.session.as_ref().ok_or(TokenError::NoSession)
    }

    /// Makes the key if it is not there.
    pub fn need_key(&self, label: &str) -> Result<(), TokenError> {
        if !is_label(label) {
            return Err(TokenError::Label);
        }
        match self.key(label) {
            Err(TokenError::NoKey(_)) => {}
            found => return found.map(|_| ()),
        }
        let template = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        let made = self
            .session()?
            .generate_key(&Mechanism::AesKeyGen, &template);
        made.map(|_| ()).map_err(|e| told(&e))
    }

    fn key(&self, label: &str) -> Result<ObjectHandle, TokenError> {
        let session = self.session()?;
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        let found = session.find_objects(&wanted).map_err(|e| told(&e))?;
        let key = match found.as_slice() {
            [] => return Err(TokenError::NoKey(label.to_owned())),
            [key] => *key,
            _ => return Err(TokenError::TwoKeys(label.to_owned())),
        };
        // SECURITY: a key that can be read out is a root key that somebody may hold elsewhere.
        let asked = [
            AttributeType::KeyType,
            AttributeType::ValueLen,
            AttributeType::Extractable,
            AttributeType::NeverExtractable,
            AttributeType::Sensitive,
        ];
        let told_of = session.get_attributes(key, &asked).map_err(|e| told(&e))?;
        let fits = [
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Extractable(false),
            Attribute::NeverExtractable(true),
            Attribute::Sensitive(true),
        ];
        match fits.iter().all(|wanted| told_of.contains(wanted)) {
            true => Ok(key),
            false => Err(TokenError::UnfitKey(label.to_owned())),
        }
    }

    /// `nonce₁₂ ‖ ciphertext ‖ tag₁₆`, sealed inside the token. One key wraps a handful of these in its life.
    pub fn wrap_key(&self, label: &str, aad: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, TokenError> {
        let handle = self.key(label)?;
        let mut nonce = random::<NONCE>();
        let mut wrapped = nonce.to_vec();
        let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into()).map_err(|e| told(&e))?;
        let sealed = self
            .session()?
            .encrypt(&Mechanism::AesGcm(params), handle, key)
            .map_err(|e| told(&e))?;
        wrapped.extend_from_slice(&sealed);
        Ok(wrapped)
    }

    pub fn unwrap_key(
        &self,
        label: &str,
        aad: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, TokenError> {
        let handle = self.key(label)?;
        let (nonce, sealed) = wrapped
            .split_first_chunk::<NONCE>()
            .filter(|(_, sealed)| sealed.len() == 32 + TAG)
            .ok_or(TokenError::NotAuthentic)?;
        let mut nonce = *nonce;
        let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into()).map_err(|e| told(&e))?;
        // Tokens answer a failed tag each in their own words, of which "general error" is one.
        let opened = self
            .session()?
            .decrypt(&Mechanism::AesGcm(params), handle, sealed)
            .map_err(|error| match told(&error) {
                TokenError::Other(_) => TokenError::NotAuthentic,
                told => told,
            })?;
        let opened = Zeroizing::new(opened);
        let key = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| TokenError::NotAuthentic)?;
        Ok(Zeroizing::new(key))
    }
}

fn slot_of(module: &Pkcs11, label: &str) -> Result<(Slot, String), TokenError> {
    let slots = module.get_slots_with_initialized_token();
    for slot in slots.map_err(|e| told(&e))? {
        let token = module.get_token_info(slot).map_err(|e| told(&e))?;
        if token.label() == label {
            return Ok((slot, token.serial_number().to_owned()));
        }
    }
    Err(TokenError::NoToken(label.to_owned()))
}

fn module_error(error: &Error) -> TokenError {
    TokenError::Module(error.to_string())
}

fn told(error: &Error) -> TokenError {
    match error {
        Error::Pkcs11(RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid, _) => {
            TokenError::WrongPin
        }
        Error::Pkcs11(RvError::PinLocked | RvError::PinExpired, _) => TokenError::PinLocked,
        Error::Pkcs11(RvError::SessionCount, _) => TokenError::NoSession,
        Error::Pkcs11(RvError::TokenNotPresent | RvError::DeviceRemoved, _) => {
            TokenError::NoToken("that was opened".to_owned())
        }
        other => TokenError::Other(other.to_string()),
    }
}
