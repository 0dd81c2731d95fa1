//! What people see of their account.
//!
//! SECURITY: everything that somebody wrote passes `escaped`.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use strongroom_domain::users::{Passkey, User};

use crate::account::PATH;
use crate::account::sent::Books;
use crate::edge::Passed;
use crate::login::document;
use crate::login::forms::{CODE, PASSKEY, Target, alert};
use crate::pay::{drawn, escaped, moment};
use crate::problem::Problem;
use crate::v1::entering::Methods;

/// What the page shows of somebody.
pub(super) struct Own<'a> {
    pub person: &'a User,
    pub organization: &'a str,
    pub is_live: bool,
    pub role: &'a str,
    pub csrf: &'a str,
    /// The question to an authenticator that makes a passkey, where the server knows its own address.
    pub creation: Option<Value>,
    pub standing: Standing,
    pub fault: Option<&'a str>,
    pub once: Once,
}

/// Whether he may change what he signs in with.
pub(super) enum Standing {
    Trusted,
    /// Once he has shown one of these again.
    Asked(Methods),
    /// Once he has signed in again: he has no second factor to show.
    Stale,
}

/// What is shown once.
pub(super) enum Once {
    Nothing,
    Codes(Vec<String>),
    /// The secret of an authenticator, and the address that it is read from.
    Secret {
        text: String,
        uri: String,
    },
}

impl Once {
    /// From a reply of the API.
    pub fn of(told: &Value) -> Once {
        let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(text), Some(uri)) = (text("secret"), text("otpauth_uri")) {
            return Once::Secret { text, uri };
        }
        let codes = told.get("recovery_codes").and_then(Value::as_array);
        let codes: Vec<String> = codes
            .into_iter()
            .flatten()
            .filter_map(|code| code.as_str().map(str::to_owned))
            .collect();
        match codes.is_empty() {
            true => Once::Nothing,
            false => Once::Codes(codes),
        }
    }
}

/// What somebody is told whose form was refused; nothing where the page says it by itself.
pub(super) fn refused(problem: &Problem) -> Option<&'static str> {
    match (problem.status(), problem.code()) {
        (_, "step_up_required") => Some("Confirm that it is you first."),
        (_, "second_factor_invalid") => Some("It does not fit, or was used before. Try again."),
        (_, "locked_out") => Some("Too many tries failed from here. Try again later."),
        (_, "limit_reached") => Some("You have as many as there can be."),
        (_, "factor_exists") => Some("You have that one already."),
        (422, _) => Some("It could not be taken. Look at what you typed."),
        _ => None,
    }
}

/// The first step.
pub(super) fn sign_in(books: &Books, fault: Option<&str>, email: &str) -> Passed {
    let target = Target {
        action: PATH,
        hidden: &books.hidden(),
    };
    let main = format!(
        "<div class=\"bill\"><h1 class=\"head\">Sign in</h1></div><div class=\"rest\">{}{}</div>",
        alert(fault),
        target.password(email)
    );
    let status = if fault.is_some() { 422 } else { 200 };
    document(status, "Sign in", &main, "")
}

/// The second step.
pub(super) fn second_factor(
    books: &Books,
    fault: Option<&str>,
    (halfway, methods): (&str, &Methods),
) -> Passed {
    let mut hidden = books.hidden();
    hidden.push(("halfway", halfway));
    let target = Target {
        action: PATH,
        hidden: &hidden,
    };
    let title = "Confirm that it is you";
    let main = format!(
        "<div class=\"bill\"><h1 class=\"head\">{title}</h1></div><div class=\"rest\">{}{}</div>",
        alert(fault),
        target.factor(methods)
    );
    let status = if fault.is_some() { 422 } else { 200 };
    document(status, title, &main, "")
}

/// The page of somebody who has signed in.
pub(super) fn own(own: &Own<'_>) -> Passed {
    let mut html = head(own);
    let _ = write!(html, "<div class=\"rest\">{}", alert(own.fault));
    match &own.once {
        Once::Codes(codes) => html.push_str(&codes_once(codes)),
        Once::Secret { text, uri } => html.push_str(&own.secret_once(text, uri)),
        Once::Nothing => match &own.standing {
            Standing::Trusted => {
                html.push_str(&own.passkeys(true));
                html.push_str(&own.authenticator());
                html.push_str(&own.recovery());
            }
            Standing::Asked(methods) => {
                html.push_str("<h2>Confirm that it is you</h2><p>Then you can change what you sign in with.</p>");
                html.push_str(&own.factor(methods));
                html.push_str(&own.passkeys(false));
            }
            Standing::Stale => html.push_str(
                "<p>You sign in with a password alone. To add a second factor, sign out and sign in again: who adds one has just \
                 shown who he is.</p>",
            ),
        },
    }
    match &own.once {
        Once::Nothing => html.push_str(&own.button("sign-out", "Sign out")),
        _ => {
            let _ = write!(
                html,
                "<p class=\"back\"><a href=\"{PATH}\">Back to your account</a></p>"
            );
        }
    }
    html.push_str("</div>");
    let status = if own.fault.is_some() { 422 } else { 200 };
    document(status, "Your account", &html, "")
}

fn head(own: &Own<'_>) -> String {
    let test = match own.is_live {
        true => "",
        false => "<p class=\"test\">Test mode: no money moves</p>",
    };
    let profile = own.person.profile.as_ref();
    let (name, email) = profile.map_or(("", ""), |p| (p.name.as_str(), p.email.as_str()));
    format!(
        "<div class=\"bill\">{test}<h1 class=\"head\">{}</h1><p class=\"small\">{} · {} at {}</p></div>",
        escaped(name),
        escaped(email),
        escaped(own.role),
        escaped(own.organization)
    )
}

fn codes_once(codes: &[String]) -> String {
    let mut html = String::from(
        "<h2>Your recovery codes</h2><p>Each lets you in once, should you lose what you sign in with. They are shown now and never \
         again: write them down.</p><ul class=\"codes\">",
    );
    for code in codes {
        let _ = write!(html, "<li>{}</li>", escaped(code));
    }
    html.push_str("</ul>");
    html
}

impl Own<'_> {
    fn hidden<'s>(&'s self, word: &'s str) -> [(&'s str, &'s str); 2] {
        [("csrf", self.csrf), ("do", word)]
    }

    /// A form that does this.
    fn form(&self, word: &str, more: &str) -> String {
        let target = Target {
            action: PATH,
            hidden: &self.hidden(word),
        };
        target.form(more)
    }

    fn factor(&self, methods: &Methods) -> String {
        let target = Target {
            action: PATH,
            hidden: &self.hidden("step-up"),
        };
        target.factor(methods)
    }

    /// A form of nothing but a button.
    fn button(&self, word: &str, text: &str) -> String {
        format!(
            "{}<button class=\"other\" type=\"submit\">{text}</button></form>",
            self.form(word, "")
        )
    }

    fn passkeys(&self, may_change: bool) -> String {
        let mut html = String::from("<h2>Passkeys</h2>");
        let all = &self.person.body.passkeys;
        match all.is_empty() {
            true => html.push_str("<p>You have none yet.</p>"),
            false => {
                html.push_str("<ul class=\"list\">");
                all.iter()
                    .for_each(|one| html.push_str(&self.passkey(one, may_change)));
                html.push_str("</ul>");
            }
        }
        if let Some(question) = self.creation.as_ref().filter(|_| may_change) {
            let question = escaped(&question.to_string());
            let _ = write!(
                html,
                "{}{PASSKEY}<div><label for=\"name\">Name of a new passkey</label><input id=\"name\" name=\"name\" maxlength=\"100\" \
                 required autocomplete=\"off\" placeholder=\"My laptop\"></div><button type=\"submit\">Add a passkey</button></form>\
                 <noscript><p>A passkey needs the script of this page, which your browser does not run.</p></noscript>",
                self.form(
                    "add-passkey",
                    &format!(" data-create=\"{question}\" hidden")
                )
            );
        }
        html
    }

    fn passkey(&self, passkey: &Passkey, may_change: bool) -> String {
        let id = URL_SAFE_NO_PAD.encode(&passkey.credential);
        let name = escaped(&passkey.name);
        let remove = match may_change {
            false => String::new(),
            true => format!(
                "{}<input type=\"hidden\" name=\"id\" value=\"{id}\"><button class=\"other slim\" type=\"submit\" \
                 aria-label=\"Remove {name}\">Remove</button></form>",
                self.form("remove-passkey", "")
            ),
        };
        format!(
            "<li><div>{name}<br><span class=\"small\">since {}</span></div>{remove}</li>",
            moment(passkey.created_at)
        )
    }

    fn authenticator(&self) -> String {
        // What was typed did not fit: the secret is in the authenticator, and there may be another try.
        let is_offered = self.person.body.totp_offered.is_some() && self.fault.is_some();
        if is_offered && self.person.body.totp.is_none() {
            return format!("<h2>Authenticator</h2>{}", self.digits());
        }
        let (text, button) = match self.person.body.totp {
            Some(_) => (
                "It is set up: its codes are asked for when you sign in.",
                self.button("remove-totp", "Remove the authenticator"),
            ),
            None => (
                "An app that shows six digits, for devices without a passkey.",
                self.button("offer-totp", "Set up an authenticator"),
            ),
        };
        format!("<h2>Authenticator</h2><p>{text}</p>{button}")
    }

    fn recovery(&self) -> String {
        if !self.person.body.has_factor() {
            return String::new();
        }
        format!(
            "<h2>Recovery codes</h2><p>{} are left.</p>{}",
            self.person.body.recovery.len(),
            self.button("new-codes", "Make new ones")
        )
    }

    fn secret_once(&self, text: &str, uri: &str) -> String {
        let groups: Vec<String> = text
            .as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        format!(
            "<h2>Set up an authenticator</h2><p>Read this with your authenticator, or type the secret. It is shown now and never \
             again.</p><div class=\"qr\">{}</div><p class=\"secret\">{}</p>{}",
            drawn(uri, "QR code of the secret").unwrap_or_default(),
            escaped(&groups.join(" ")),
            self.digits()
        )
    }

    /// Where the first code of an authenticator is typed.
    fn digits(&self) -> String {
        format!(
            "{}<div><label for=\"code\">The six digits it shows now</label>{CODE}</div>\
             <button type=\"submit\">Confirm</button></form>",
            self.form("confirm-totp", "")
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_shown_once_is_known_by_the_reply() {
        let codes = Once::of(&json!({"user_id": "u", "recovery_codes": ["a", "b"]}));
        assert!(matches!(codes, Once::Codes(codes) if codes == ["a", "b"]));
        let offered = Once::of(&json!({"secret": "ABCD", "otpauth_uri": "otpauth://totp/x"}));
        assert!(matches!(offered, Once::Secret { text, .. } if text == "ABCD"));
        for nothing in [
            json!({"recovery_codes": []}),
            json!({"removed": true}),
            json!(null),
        ] {
            assert!(matches!(Once::of(&nothing), Once::Nothing));
        }
    }

    #[test]
    fn where_the_page_comes_from_is_no_markup() {
        let books = Books {
            organization: Some("\"><script>".to_owned()),
            mode: None,
        };
        let page = sign_in(&books, None, "\"><img>");
        let html = String::from_utf8(page.answer.body.to_vec()).unwrap();
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
    }
}
