//! The crates `oauth2` and `openidconnect` as applications of their own: one without a secret, one with.
//! Run by `acceptance/oauth/rust.mjs`, which walks a browser to the addresses that are printed, and writes where it was sent back to.
//! Never a part of the workspace: it is built in a folder of its own.

mod plain;

use std::error::Error;
use std::io::stdin;

use oauth2::basic::BasicClient;
use oauth2::{
    AccessToken, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    IntrospectionUrl, PkceCodeChallenge, RedirectUrl, RevocationUrl, Scope, StandardRevocableToken,
    TokenIntrospectionResponse, TokenResponse, TokenUrl,
};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet};
use openidconnect::{IssuerUrl, Nonce, OAuth2TokenResponse};

use plain::{send, status};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Where things are, and who asks.
struct Told {
    base: String,
    callback: String,
    public: String,
    client: String,
    secret: String,
}

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let mut next = || words.next().ok_or("a word is missing");
    let told = Told {
        base: next()?,
        callback: next()?,
        public: next()?,
        client: next()?,
        secret: next()?,
    };
    public(&told)?;
    confidential(&told)?;
    Ok(())
}

/// Shows an address to whoever plays the person, and hears where he was sent back to.
fn walked(url: &oauth2::url::Url) -> Outcome<oauth2::url::Url> {
    println!("go {url}");
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    Ok(line.trim().parse()?)
}

/// The code that came back, once state and issuer fit.
fn code(back: &oauth2::url::Url, state: &CsrfToken, issuer: &str) -> Outcome<AuthorizationCode> {
    let named = |name: &str| {
        let mut pairs = back.query_pairs();
        let found = pairs.find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    };
    check(
        named("state").as_deref() == Some(state.secret()),
        "the state fits",
    )?;
    check(named("iss").as_deref() == Some(issuer), "the issuer fits")?;
    let code = named("code").ok_or("there is no code")?;
    Ok(AuthorizationCode::new(code))
}

fn check(is_so: bool, what: &str) -> Outcome<()> {
    match is_so {
        true => Ok(()),
        false => Err(format!("not so: {what}").into()),
    }
}

fn account(base: &str, token: &AccessToken) -> Outcome<u16> {
    let request = oauth2::http::Request::get(format!("{base}/v1/account"))
        .header("Authorization", format!("Bearer {}", token.secret()));
    status(request.body(Vec::new())?)
}

/// `oauth2`: no secret, PKCE, a refresh token that is good once, and its end.
fn public(told: &Told) -> Outcome<()> {
    let Told { base, callback, .. } = told;
    // The crate gives a token back over TLS alone; the demo is on this machine, where `plain` speaks for what would end TLS.
    let over_tls = base.replacen("http://", "https://", 1);
    let client = BasicClient::new(ClientId::new(told.public.clone()))
        .set_auth_uri(AuthUrl::new(format!("{base}/oauth/authorize"))?)
        .set_token_uri(TokenUrl::new(format!("{base}/oauth/token"))?)
        .set_revocation_url(RevocationUrl::new(format!("{over_tls}/oauth/revoke"))?)
        .set_redirect_uri(RedirectUrl::new(callback.clone())?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("read".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let code = code(&walked(&url)?, &state, base)?;
    let http = |request: HttpRequest| send(request);
    let given = client
        .exchange_code(code)
        .set_pkce_verifier(verifier)
        .request(&http)?;
    check(
        account(base, given.access_token())? == 200,
        "the token is good",
    )?;
    let refresh = given.refresh_token().ok_or("there is no refresh token")?;
    let next = client.exchange_refresh_token(refresh).request(&http)?;
    check(
        account(base, next.access_token())? == 200,
        "the next one is good",
    )?;
    let last = next
        .refresh_token()
        .ok_or("there is no next refresh token")?;
    check(last.secret() != refresh.secret(), "it is another one")?;
    let end = StandardRevocableToken::from(last.clone());
    client.revoke_token(end)?.request(&http)?;
    check(account(base, next.access_token())? == 401, "all has ended")?;
    let again = client.exchange_refresh_token(last).request(&http);
    check(again.is_err(), "what was given back is worth nothing")?;
    println!("oauth2: a public client, from its address to revocation");
    Ok(())
}

/// `openidconnect`, for the OAuth in it: a client with a secret, which asks about its token.
fn confidential(told: &Told) -> Outcome<()> {
    let Told { base, callback, .. } = told;
    let issuer = IssuerUrl::new(base.clone())?;
    let keys = CoreJsonWebKeySet::new(Vec::new());
    let client = CoreClient::new(ClientId::new(told.client.clone()), issuer, keys)
        .set_client_secret(ClientSecret::new(told.secret.clone()))
        .set_auth_uri(AuthUrl::new(format!("{base}/oauth/authorize"))?)
        .set_token_uri(TokenUrl::new(format!("{base}/oauth/token"))?)
        .set_introspection_url(IntrospectionUrl::new(format!("{base}/oauth/introspect"))?)
        .set_redirect_uri(RedirectUrl::new(callback.clone())?)
        // There are no identity tokens here.
        .disable_openid_scope();
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (url, state, _) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("read".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let code = code(&walked(&url)?, &state, base)?;
    let http = |request: HttpRequest| send(request);
    let given = client
        .exchange_code(code)
        .set_pkce_verifier(verifier)
        .request(&http)?;
    let token = OAuth2TokenResponse::access_token(&given);
    check(account(base, token)? == 200, "the token is good")?;
    let said = client.introspect(token).request(&http)?;
    check(said.active(), "it is said to be good")?;
    let refresh = OAuth2TokenResponse::refresh_token(&given).ok_or("there is no refresh token")?;
    let next = client.exchange_refresh_token(refresh).request(&http)?;
    let next = OAuth2TokenResponse::access_token(&next);
    check(account(base, next)? == 200, "the next one is good")?;
    println!("openidconnect: a client with a secret, as far as it is OAuth");
    Ok(())
}
