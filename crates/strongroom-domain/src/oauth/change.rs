//! Changing, rolling and deleting a client.

use serde_json::{Value, json};
use strongroom_auth::permission::ManageOauthClients;
use strongroom_auth::{CredentialStatus, Scopes, Thumbprint};
use strongroom_types::id::OauthClientId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::{ApiKey, Held, makers, with_maker};
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::oauth::{
    ClientProof, ClientStatus, MintedSecret, OauthClient, OauthClientView, Profile, Secret,
    existing, line_of, told,
};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::users::Mark;
use crate::view;

/// A client and the line that holds its rights.
fn both(keys: Keys, facts: &Facts, id: OauthClientId) -> Keys {
    let keys = keys.record(id.any());
    match facts.oauth_client(id) {
        Some(client) => keys.record(client.key.any()),
        None => keys,
    }
}

/// `PATCH /v1/oauth/clients/{id}`. What is `None` stays.
pub struct UpdateOauthClient {
    pub id: OauthClientId,
    pub name: Option<String>,
    pub redirect_uris: Option<Vec<String>>,
    /// All of them: what is not named signs no more.
    pub keys: Option<Vec<String>>,
    pub certificates: Option<Vec<Thumbprint>>,
    pub scopes: Option<Scopes>,
    pub held: Held,
}

impl Command for UpdateOauthClient {
    type Permission = ManageOauthClients;

    fn action(&self) -> Action {
        Action::OauthClientUpdated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApiKeyUpdate)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::again(Act::ApiKeyUpdate, &self.asked()))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        both(with_maker(facts, Some(&self.held)), facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let line = line_of(facts, old)?;
        let client = self.changed(old);
        // SECURITY: whoever can make it answer to another key can act as it does: he must hold what it holds.
        self.held.covers(&old.own_permissions())?;
        self.held.covers(&client.own_permissions())?;
        fits(&client)?;

        // From here it must succeed.
        // SECURITY: whoever says what it shows who it is by can act as it does: as an approver it is he again.
        let knowing = match self.keys.is_some() || self.certificates.is_some() {
            true => makers(facts, Some(&self.held)),
            false => Vec::new(),
        };
        let line = ApiKey {
            permissions: client.own_permissions(),
            ..line.clone()
        };
        let line = line.known_to(knowing);
        let reply = view::json(&OauthClientView::new(&client, moment.scope.mode));
        let (action, event) = (Action::OauthClientUpdated, EventType::OauthClientUpdated);
        Ok(told(facts, action, event, self.id)
            .detail("changed", self.fields().join(","))
            .reply(Reply::Stored(reply))
            .change(line.id.any(), Record::ApiKey(line))
            .change(self.id.any(), Record::OauthClient(client)))
    }
}

impl UpdateOauthClient {
    fn changed(&self, old: &OauthClient) -> OauthClient {
        let or = |new: &Option<Vec<String>>, old: &Vec<String>| {
            new.clone().unwrap_or_else(|| old.clone())
        };
        OauthClient {
            name: self.name.clone().unwrap_or_else(|| old.name.clone()),
            redirect_uris: or(&self.redirect_uris, &old.redirect_uris),
            keys: or(&self.keys, &old.keys),
            certificates: match &self.certificates {
                Some(certificates) => certificates.clone(),
                None => old.certificates.clone(),
            },
            scopes: self.scopes.unwrap_or(old.scopes),
            ..old.clone()
        }
    }

    fn fields(&self) -> Vec<&'static str> {
        [
            ("name", self.name.is_some()),
            ("redirect_uris", self.redirect_uris.is_some()),
            ("jwks", self.keys.is_some()),
            ("client_certificates", self.certificates.is_some()),
            ("scopes", self.scopes.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    fn asked(&self) -> Value {
        json!({
            "client_id": self.id,
            "name": self.name,
            "redirect_uris": self.redirect_uris,
            "keys": self.keys,
            "client_certificates": self.certificates,
            "scopes": self.scopes,
        })
    }
}

/// Refuses a client that could no longer show who it is, or be sent back to.
fn fits(client: &OauthClient) -> Result<(), Rejection> {
    let lacks = |pointer: &str, text: &str| Err(Rejection::at(Code::InvalidField, pointer, text));
    match client.proof {
        ClientProof::PrivateKeyJwt if client.keys.is_empty() => {
            lacks("/jwks", "are what this client shows who it is by")
        }
        ClientProof::TlsClientAuth if client.certificates.is_empty() => lacks(
            "/client_certificates",
            "are what this client shows who it is by",
        ),
        _ if client.grants.authorization_code && client.redirect_uris.is_empty() => {
            lacks("/redirect_uris", "are where this client is sent back to")
        }
        // FAPI 2.0, 5.3.2.2.
        _ if client.profile == Profile::Fapi2
            && !client
                .redirect_uris
                .iter()
                .all(|address| is_secure(address)) =>
        {
            lacks("/redirect_uris", "of a client of `fapi2` are of `https`")
        }
        _ => Ok(()),
    }
}

/// By the scheme alone: that it is an address was found before.
fn is_secure(address: &str) -> bool {
    let scheme = address.get(..8);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// `POST /v1/oauth/clients/{id}/rotate-secret`: a new secret; the old one works on for the overlap.
pub struct RotateOauthSecret {
    pub id: OauthClientId,
    /// Milliseconds.
    pub overlap: i64,
    pub minted: MintedSecret,
    pub held: Held,
}

impl Command for RotateOauthSecret {
    type Permission = ManageOauthClients;

    fn action(&self) -> Action {
        Action::OauthClientRotated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApiKeyRoll)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        let asked = json!({"client_id": self.id, "overlap_seconds": self.overlap / 1_000});
        Some(Parked::again(Act::ApiKeyRoll, &asked))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        both(with_maker(facts, Some(&self.held)), facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let line = line_of(facts, old)?;
        self.held.covers(&old.own_permissions())?;
        if !old.proof.is_secret() {
            let text = "this client has no secret";
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        // SECURITY: whoever makes the secret knows it, so as an approver the client is he again.
        let line = line.clone().known_to(makers(facts, Some(&self.held)));
        let mut client = old.clone();
        let end = moment.now.plus(self.overlap);
        client
            .secrets
            .retain(|secret| secret.expires_at.is_none_or(|end| moment.now < end));
        for secret in &mut client.secrets {
            secret.expires_at = Some(secret.expires_at.map_or(end, |known| known.min(end)));
        }
        let secret = Secret {
            hash: Mark(self.minted.hash),
            expires_at: None,
        };
        client.secrets.insert(0, secret);
        client.secrets.truncate(2);
        let shown = OauthClientView::rotated(&client, moment.scope.mode, &self.minted);
        let reply = view::json(&shown);
        let (action, event) = (Action::OauthClientRotated, EventType::OauthClientRotated);
        Ok(told(facts, action, event, self.id)
            .reply(Reply::Secret(reply))
            .change(line.id.any(), Record::ApiKey(line))
            .change(self.id.any(), Record::OauthClient(client)))
    }
}

/// `DELETE /v1/oauth/clients/{id}`: at once and for good; whatever it was given is good no more.
pub struct DeleteOauthClient {
    pub id: OauthClientId,
    pub held: Held,
}

impl Command for DeleteOauthClient {
    type Permission = ManageOauthClients;

    fn action(&self) -> Action {
        Action::OauthClientDeleted
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        both(Keys::default(), facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let line = line_of(facts, old)?;
        if self.held.is_restricted {
            let text = "a key that is held to networks, certificates or limits deletes no clients";
            return Err(Rejection::new(Code::PermissionNotHeld, text));
        }

        // From here it must succeed.
        let client = OauthClient {
            status: ClientStatus::Deleted,
            secrets: Vec::new(),
            keys: Vec::new(),
            ..old.clone()
        };
        let line = ApiKey {
            status: CredentialStatus::Revoked,
            ..line.clone()
        };
        let reply = view::json(&OauthClientView::new(&client, moment.scope.mode));
        let (action, event) = (Action::OauthClientDeleted, EventType::OauthClientDeleted);
        Ok(told(facts, action, event, self.id)
            .reply(Reply::Stored(reply))
            .change(line.id.any(), Record::ApiKey(line))
            .change(self.id.any(), Record::OauthClient(client)))
    }
}
