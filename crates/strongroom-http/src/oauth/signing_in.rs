//! Somebody signs in for what an application asks: with his password, and with his second factor if he has one.
//!
//! SECURITY: the ticket changes when he is in, so that whoever saw the one of before has nothing of it. Each try of either step counts.

use std::sync::Arc;

use serde_json::Value;
use strongroom_types::id::{SessionId, UserId};
use strongroom_types::secret::SecretText;

use crate::app::App;
use crate::edge::Passed;
use crate::login::{Trouble, said};
use crate::oauth::authorize::{asking, drawn, hashed};
use crate::oauth::form::Form;
use crate::oauth::page::{self, Asking, OVER};
use crate::oauth::waiting::Signed;
use crate::problem::Problem;
use crate::v1::entering::{self, Entry, Halfway, Inside, Step};
use crate::v1::sessions::Meant;
use crate::visit::Visit;

impl App {
    /// A step of it.
    pub(super) async fn sign(
        &self,
        visit: &Visit,
        form: &Form,
        ticket: &str,
    ) -> Result<Passed, Trouble> {
        let tried = self.inner().waiting.tried(&hashed(ticket), visit.time);
        let open = tried.ok_or(OVER)?;
        let registered = self.client_of(&open)?;
        let organization = self.organization(&registered).await?;
        let asking = asking(&registered, &organization, ticket, &open.wish);
        if let Some(text) = form.get("halfway") {
            let halfway = Halfway::of(self.engine(), text).await?;
            let halfway = halfway.filter(|halfway| halfway.scope == registered.scope);
            let halfway = halfway.ok_or(OVER)?;
            return self.confirm(visit, form, &asking, &halfway).await;
        }
        let email = form.get("email").unwrap_or_default();
        let entry = Entry {
            email: email.to_owned(),
            password: SecretText::new(form.get("password").unwrap_or_default().to_owned()),
            meant: Meant {
                organization: Some(registered.scope.organization),
                mode: Some(registered.scope.mode),
            },
            by_cookie: false,
        };
        match entering::first(self.visitor(visit), entry).await {
            Ok(Step::Inside(inside)) => self.ask_for_consent(visit, &asking, &inside, email),
            Ok(Step::Halfway(halfway)) => Ok(self.ask_for_factor(&asking, None, &halfway)),
            Err(problem) => match said(&problem) {
                Some(text) => Ok(page::sign_in(&asking, Some(text), email)),
                None => Err(problem.into()),
            },
        }
    }

    /// The second step of somebody whose password was right.
    async fn confirm(
        &self,
        visit: &Visit,
        form: &Form,
        asking: &Asking<'_>,
        halfway: &Halfway,
    ) -> Result<Passed, Trouble> {
        let entered = match entering::shown(form.get("passkey"), form.get("code")) {
            Ok(shown) => halfway.second(self.visitor(visit), shown, false).await,
            Err(problem) => Err(problem),
        };
        match entered {
            Ok(inside) => self.ask_for_consent(visit, asking, &inside, halfway.email()),
            Err(problem) => match said(&problem) {
                Some(text) => Ok(self.ask_for_factor(asking, Some(text), halfway)),
                None => Err(problem.into()),
            },
        }
    }

    fn ask_for_factor(
        &self,
        asking: &Asking<'_>,
        fault: Option<&str>,
        halfway: &Halfway,
    ) -> Passed {
        let methods = halfway.methods(self.engine(), &self.inner().entrance);
        page::second_factor(asking, fault, (halfway.text.expose(), &methods))
    }

    /// He is in: whether he allows it.
    fn ask_for_consent(
        &self,
        visit: &Visit,
        asking: &Asking<'_>,
        inside: &Inside,
        email: &str,
    ) -> Result<Passed, Trouble> {
        let signed = signed(&inside.reply).ok_or_else(|| Trouble::from(Problem::internal()))?;
        let (before, next) = (hashed(asking.ticket), drawn());
        let waiting = &self.inner().waiting;
        let open = waiting.sign(&before, hashed(&next), signed, visit.time);
        let open = open.ok_or(OVER)?;
        let asking = Asking {
            ticket: &next,
            ..*asking
        };
        Ok(page::consent(&asking, email, &open.wish))
    }
}

/// Who signed in, from what he would have been told.
fn signed(reply: &[u8]) -> Option<Signed> {
    let told: Value = serde_json::from_slice(reply).ok()?;
    let text = |name: &str| told.get(name).and_then(Value::as_str);
    Some(Signed {
        user: UserId::parse(text("user_id")?)?,
        session: SessionId::parse(text("id")?)?,
        token: Arc::new(SecretText::new(text("token")?.to_owned())),
    })
}
