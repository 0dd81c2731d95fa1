"""PyPI `Authlib`: client credentials by a secret and by a signed assertion."""

import json
import os
import urllib.request

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

# The demo is on this machine, without TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
base = os.environ["BASE_URL"]
endpoint = f"{base}/oauth/token"


def account(session):
    answer = session.get(f"{base}/v1/account")
    assert answer.status_code == 200, answer.text


secret = OAuth2Session(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"], token_endpoint_auth_method="client_secret_basic")
secret.fetch_token(endpoint, grant_type="client_credentials")
account(secret)

key = ECKey.generate_key("P-256")
jwk = key.as_dict(private=False)
body = {
    "name": "Authlib, by a key",
    "profile": "oauth21",
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": {"keys": [{name: jwk[name] for name in ("kty", "crv", "x", "y")}]},
    "scopes": ["read"],
}
headers = {"Authorization": f"Bearer {os.environ['SECRET_KEY']}", "Content-Type": "application/json"}
request = urllib.request.Request(f"{base}/v1/oauth/clients", json.dumps(body).encode(), headers)
registered = json.load(urllib.request.urlopen(request))

signed = OAuth2Session(registered["id"], key, token_endpoint_auth_method="private_key_jwt")
signed.register_client_auth_method(PrivateKeyJWT(endpoint, claims={"aud": base}, alg="ES256"))
signed.fetch_token(endpoint, grant_type="client_credentials")
account(signed)
print("Authlib: client credentials by a secret and by a signed assertion")
