//! Registering a client.

use serde_json::{Value, json};
use strongroom_auth::permission::ManageOauthClients;
use strongroom_auth::{Scopes, Thumbprint};
use strongroom_types::id::{ApiKeyId, OauthClientId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::{Held, makers, with_maker};
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::oauth::{
    ClientProof, ClientStatus, Constraint, Grants, MintedClient, OauthClient, OauthClientView,
    Profile, Secret, told,
};
use crate::record::Record;
use crate::rejection::Rejection;
use crate::users::Mark;
use crate::view;

/// A client as it is asked for; that its parts fit together was checked.
pub struct Wanted {
    pub name: String,
    pub profile: Profile,
    pub proof: ClientProof,
    pub grants: Grants,
    pub redirect_uris: Vec<String>,
    pub keys: Vec<String>,
    pub certificates: Vec<Thumbprint>,
    pub scopes: Scopes,
    pub constraint: Option<Constraint>,
}

/// `POST /v1/oauth/clients`.
pub struct CreateOauthClient {
    pub wanted: Wanted,
    pub minted: MintedClient,
    /// What the caller holds. SECURITY: what a client may do for itself, its maker hands on.
    pub held: Held,
}

impl Command for CreateOauthClient {
    type Permission = ManageOauthClients;

    fn action(&self) -> Action {
        Action::OauthClientCreated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApiKeyCreate)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::again(Act::ApiKeyCreate, &self.asked()))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        with_maker(facts, Some(&self.held))
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let client = self.client(moment);
        self.held.covers(&client.own_permissions())?;

        // From here it must succeed.
        let line = client.line(&self.minted);
        let line = line.made_by(makers(facts, Some(&self.held)));
        let shown = OauthClientView::with_secret(&client, moment.scope.mode, &self.minted.secret);
        let reply = view::json(&shown);
        let (action, event) = (Action::OauthClientCreated, EventType::OauthClientCreated);
        Ok(told(facts, action, event, client.id)
            .detail("scopes", client.scopes.to_string())
            .reply(Reply::Secret(reply))
            .change(line.id.any(), Record::ApiKey(line))
            .change(client.id.any(), Record::OauthClient(client)))
    }
}

impl CreateOauthClient {
    fn client(&self, moment: &mut Moment) -> OauthClient {
        let Wanted {
            name,
            profile,
            proof,
            grants,
            redirect_uris,
            keys,
            certificates,
            scopes,
            constraint,
        } = &self.wanted;
        let secret = self.minted.secret.as_ref().map(|secret| Secret {
            hash: Mark(secret.hash),
            expires_at: None,
        });
        OauthClient {
            id: OauthClientId(moment.fresh()),
            key: ApiKeyId(moment.fresh()),
            name: name.clone(),
            profile: *profile,
            proof: *proof,
            grants: *grants,
            secrets: secret.into_iter().collect(),
            redirect_uris: redirect_uris.clone(),
            keys: keys.clone(),
            certificates: certificates.clone(),
            scopes: *scopes,
            constraint: *constraint,
            status: ClientStatus::Active,
            created_at: moment.now,
        }
    }

    /// As others see it who are to agree.
    fn asked(&self) -> Value {
        let Wanted {
            name,
            profile,
            proof,
            grants,
            redirect_uris,
            keys,
            certificates,
            scopes,
            constraint,
        } = &self.wanted;
        json!({
            "name": name,
            "profile": profile,
            "token_endpoint_auth_method": proof,
            "grant_types": grants.names(),
            "redirect_uris": redirect_uris,
            "keys": keys,
            "client_certificates": certificates,
            "scopes": scopes,
            "sender_constraint": constraint,
        })
    }
}
