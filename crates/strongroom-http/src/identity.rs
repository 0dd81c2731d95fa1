//! Whose request it is: the credential that it presents, when it begins and once its body is there.

use std::sync::Arc;

use hyper::http::request::Parts;
use strongroom_auth::Credential;

use crate::app::App;
use crate::edge::{allow, other_method};
use crate::oauth::resource;
use crate::presented::{self, unverified_key};
use crate::problem::Problem;
use crate::table::Found;
use crate::visit::Visit;

impl App {
    /// The credential, if it is good; else the one answer to all that are not, as often as the limit allows.
    pub(crate) fn identify(
        &self,
        visit: &mut Visit,
        head: &Parts,
        found: &Found,
    ) -> Result<Arc<Credential>, Problem> {
        // SECURITY: another server may have revoked the key: nobody is told whether it is good.
        self.engine().owned()?;
        if let Some(credential) = self.proven(head) {
            visit.identified(&credential);
            return Ok(credential);
        }
        let network = self.network_of(visit.address);
        let standing = self
            .inner()
            .limits
            .unauthenticated
            .count(network, visit.time);
        allow(visit, standing)?;
        match found {
            Found::Unknown => Err(Problem::not_found()),
            Found::OtherMethod(methods) => Err(other_method(visit, methods)),
            Found::Route(..) => {
                visit.challenge = resource::no_token(&head.headers);
                Err(Problem::unauthorized())
            }
        }
    }

    pub(crate) fn proven(&self, head: &Parts) -> Option<Arc<Credential>> {
        // SECURITY: an absent key is looked up like a wrong one, so that both take the same time.
        let cookie = presented::unverified_session(&head.headers);
        let key = cookie.or_else(|| unverified_key(&head.headers));
        let proven = self.engine().credential(key.unwrap_or(""));
        // A key in a cookie is none: nothing guards it there.
        proven.filter(|found| cookie.is_none() || found.presence.is_some())
    }

    /// The credential once the body is there. SECURITY: a body may take half a minute, in which the key may have been revoked
    /// or narrowed; what was acknowledged to its owner holds from then on.
    pub(crate) async fn as_of_now(
        &self,
        visit: &mut Visit,
        head: &Parts,
        credential: Arc<Credential>,
        changes: u64,
    ) -> Result<Arc<Credential>, Problem> {
        if self.engine().key_changes() == changes {
            return Ok(credential);
        }
        let Some(credential) = self.proven(head) else {
            visit.challenge = resource::no_token(&head.headers);
            return Err(Problem::unauthorized());
        };
        self.refuse_address(visit, &credential).await?;
        self.refuse_condition(visit, &credential).await?;
        self.refuse_certificate(visit, head, &credential).await?;
        Ok(credential)
    }
}
