//! Clients of OAuth in memory, the lines of the keys that hold their rights, and the access tokens that are not known to be over.
//!
//! Holds no secret of a client's but its keyed hash. A token's credential is made of the token and of the line that it acts by, and made
//! anew by each commit that touches either: what its holder loses, the token loses in the same moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_auth::Scopes;
use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::oauth::{OauthClient, OauthToken};
use strongroom_types::id::{ApiKeyId, OauthClientId, OauthTokenId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::item::Carried;
use crate::shared::Shared;

/// Every client of the installation. Rebuilt at start, changed by each commit that touches one.
#[derive(Default)]
pub(crate) struct Grants(Mutex<Given>);

/// A line of the keys, in some books.
type LineKey = (u32, ApiKeyId);

#[derive(Default)]
struct Given {
    clients: HashMap<OauthClientId, (Scope, Arc<OauthClient>)>,
    /// Of clients; those of people are in the directory.
    lines: HashMap<LineKey, ApiKey>,
    tokens: HashMap<LineKey, HashMap<OauthTokenId, Token>>,
}

struct Token {
    scope: Scope,
    body: OauthToken,
}

/// What holds the rights that tokens act by, and the entry of the log that they are counted from.
type Rights = (ApiKey, u64);

impl Grants {
    fn with<T>(&self, work: impl FnOnce(&mut Given) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn put_line(&self, scope: Scope, line: ApiKey) {
        self.with(|given| given.lines.insert((scope.number, line.id), line));
    }

    /// Takes in a client; the scopes that it had before, if it was known.
    pub fn put_client(&self, scope: Scope, client: &OauthClient) -> Option<Scopes> {
        let known = (scope, Arc::new(client.clone()));
        let before = self.with(|given| given.clients.insert(client.id, known));
        before.map(|(_, client)| client.scopes)
    }

    pub fn put_token(&self, scope: Scope, token: &OauthToken) {
        let body = token.clone();
        self.with(|given| {
            let of_line = given.tokens.entry((scope.number, token.key)).or_default();
            of_line.insert(token.id, Token { scope, body });
        });
    }

    /// The entry of the log that a token is counted from; nothing of one that is known to be over.
    pub fn began_at(&self, number: u32, carried: Carried) -> Option<u64> {
        self.with(|given| {
            let of_line = given.tokens.get(&(number, carried.line))?;
            Some(of_line.get(&carried.token)?.body.began_at)
        })
    }

    /// A client, whatever its state.
    pub fn client(&self, id: OauthClientId) -> Option<(Scope, Arc<OauthClient>)> {
        self.with(|given| given.clients.get(&id).cloned())
    }

    /// The line that holds a client's rights.
    pub fn line_hash(&self, scope: Scope, line: ApiKeyId) -> Option<[u8; 32]> {
        self.with(|given| Some(given.lines.get(&(scope.number, line))?.hash))
    }
}

impl Given {
    fn is_over(&self, token: &OauthToken, rights: &Rights, now: Timestamp) -> bool {
        let client = self.clients.get(&token.client);
        token.is_over(now)
            || client.is_none_or(|(_, client)| !client.is_active())
            || token.began_at < rights.1
    }

    /// What a token is good for. SECURITY: never more than its client may have by now, whoever it acts for.
    fn scopes(&self, token: &OauthToken) -> Scopes {
        let client = self.clients.get(&token.client);
        client.map_or_else(Scopes::default, |(_, client)| {
            token.scopes.and(client.scopes)
        })
    }
}

impl Shared {
    pub fn put_client(&self, scope: Scope, client: &OauthClient) {
        let before = self.grants.put_client(scope, client);
        let is_changed = before.is_some_and(|scopes| scopes != client.scopes);
        if is_changed || !client.is_active() {
            self.renew_all_tokens();
        }
    }

    pub fn put_token(&self, scope: Scope, token: &OauthToken) {
        let now = self.now();
        self.grants.put_token(scope, token);
        self.with_rights(scope, token.key, |given, rights| {
            let is_on = |rights: &&Rights| !given.is_over(token, rights, now);
            match rights.filter(is_on) {
                Some((line, _)) => {
                    let scopes = given.scopes(token);
                    self.credentials.put_token(scope, line, token, scopes);
                }
                None => {
                    self.credentials.remove(&token.hash);
                    let of_line = given.tokens.get_mut(&(scope.number, token.key));
                    of_line.map(|tokens| tokens.remove(&token.id));
                }
            }
        });
    }

    /// Does something with the line of a client, or of a person who is there. SECURITY: both stay as they are until it is done, so that no
    /// credential is made of what its holder has lost meanwhile.
    fn with_rights<T>(
        &self,
        scope: Scope,
        line: ApiKeyId,
        work: impl FnOnce(&mut Given, Option<&Rights>) -> T,
    ) -> T {
        self.directory.with_rights(scope, line, |person| {
            self.grants.with(|given| {
                let own = given.lines.get(&(scope.number, line)).cloned();
                let rights = own.map(|line| (line, 0)).or(person);
                work(given, rights.as_ref())
            })
        })
    }

    /// Makes the credentials of the tokens anew that act by a line; those that are over are forgotten.
    pub fn renew_tokens(&self, scope: Scope, line: ApiKeyId) {
        let now = self.now();
        self.with_rights(scope, line, |given, rights| {
            let key = (scope.number, line);
            let Some(mut tokens) = given.tokens.remove(&key) else {
                return;
            };
            tokens.retain(|_, token| {
                let is_on = |rights: &&Rights| !given.is_over(&token.body, rights, now);
                match rights.filter(is_on) {
                    Some((line, _)) => {
                        let (scope, body) = (token.scope, &token.body);
                        let scopes = given.scopes(body);
                        self.credentials.put_token(scope, line, body, scopes);
                        true
                    }
                    None => {
                        self.credentials.remove(&token.body.hash);
                        false
                    }
                }
            });
            if !tokens.is_empty() {
                given.tokens.insert(key, tokens);
            }
        });
    }

    /// The same for all: at the start, once a minute, and when a client is deleted or has other scopes.
    pub fn renew_all_tokens(&self) {
        let lines: Vec<LineKey> = self
            .grants
            .with(|given| given.tokens.keys().copied().collect());
        for (number, line) in lines {
            if let Some(scope) = self.scope(number) {
                self.renew_tokens(scope, line);
            }
        }
    }
}
