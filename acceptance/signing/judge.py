"""A client that is not ours signs for our server, and judges what ours signs: by RFC 9421, both ways."""

import base64
import datetime
import hashlib
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

PEM = serialization.Encoding.PEM
CONTENT = ("content-digest", "content-type", "idempotency-key")


class Keys(HTTPSignatureKeyResolver):
    def __init__(self, private=None, public=None):
        self.private, self.public = private, public

    def resolve_private_key(self, key_id):
        return self.private

    def resolve_public_key(self, key_id):
        return self.public


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def written(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return str(path)


class Server:
    """An installation of its own, known under one public origin."""

    def __init__(self, program, folder):
        self.program = program
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        passphrase = written(folder, "passphrase", "correct horse battery staple\n")
        config = folder / "strongroom.toml"
        made = subprocess.run(
            [program, "init", "--config", config, "--passphrase-file", passphrase],
            capture_output=True, text=True, check=True, cwd=folder,
        )
        self.key = re.search(r"sk_test_[0-9A-Za-z]+", made.stdout).group(0)
        text = config.read_text().replace("127.0.0.1:7070", f"127.0.0.1:{self.port}").replace("127.0.0.1:7071", f"127.0.0.1:{free_port()}")
        config.write_text(f'public_origins = ["{self.origin}"]\n' + text)
        self.folder = folder
        self.log = open(folder / "log", "ab")
        self.serve = [program, "serve", "--config", config, "--passphrase-file", passphrase]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.serve, stdout=self.log, stderr=self.log, cwd=self.folder)
        for _ in range(1200):
            try:
                if requests.get(f"{self.origin}/ready", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        sys.exit((self.folder / "log").read_text())

    def kill(self):
        self.process.kill()
        self.process.wait(60)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def post(self, path, body, key=None):
        headers = {"Authorization": f"Bearer {key or self.key}", "Idempotency-Key": secrets.token_hex(8)}
        reply = requests.post(self.origin + path, json=body, headers=headers, timeout=60)
        assert reply.status_code == 201, reply.text
        return reply.json()


def signed(server, algorithm, private, keyid, key, method, target, body=None, nonce=None, origin=None, idempotent=True):
    """A request that the foreign client signed, ready to be sent."""
    headers = {"Authorization": f"Bearer {key}"}
    covers = ["@method", "@authority", "@target-uri"]
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers |= {"Content-Type": "application/json"}
        headers |= {"Idempotency-Key": secrets.token_hex(8)} if idempotent else {}
        headers["Content-Digest"] = f"sha-512=:{base64.b64encode(hashlib.sha512(data).digest()).decode()}:"
        covers += CONTENT if idempotent else CONTENT[:2]
    request = requests.Request(method, (origin or server.origin) + target, headers=headers, data=data).prepare()
    signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Keys(private=private))
    signer.sign(
        request, key_id=keyid, covered_component_ids=covers, use_existing_digest=data is not None, nonce=nonce,
        created=datetime.datetime.now(datetime.timezone.utc), label="theirs",
    )
    request.url = server.origin + target
    return request


def send(request):
    with requests.Session() as session:
        return session.send(request, timeout=60)


def said(request):
    return [f"{name}: {value if isinstance(value, str) else value.decode()}" for name, value in request.headers.items()]


def command(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


def documents(server):
    """The documents' own snippet, in Node."""
    made = server.post("/v1/api-keys", {"role": "owner", "signing": "always"})
    env = os.environ | {"ORIGIN": server.origin, "KEY": made["key"], "SECRET": made["signing_secret"]}
    subprocess.run(["node", pathlib.Path(__file__).parent / "documents.mjs"], env=env, check=True)


def judge(server, program, folder):
    ed, p256 = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    public = lambda key: key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = lambda key: key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = server.post("/v1/api-keys", {
        "role": "owner", "signing": "always", "signing_scheme": "rfc9421",
        "public_keys": [
            {"id": "ed", "public_key": public(ed).decode()},
            {"id": "p256", "public_key": public(p256).decode()},
        ],
    })
    key, secret, keyid = made["key"], made["signing_secret"], made["id"]
    kinds = {
        "hmac-sha256": (algorithms.HMAC_SHA256, secret.encode(), keyid, secret.encode()),
        "ed25519": (algorithms.ED25519, private(ed), "ed", public(ed)),
        "ecdsa-p256-sha256": (algorithms.ECDSA_P256_SHA256, private(p256), "p256", public(p256)),
    }
    once = []
    for name, (algorithm, own, by, theirs) in kinds.items():
        # Theirs at our server.
        get = signed(server, algorithm, own, by, key, "GET", "/v1/wallets?limit=5")
        assert send(get).status_code == 200, f"{name}: {send(get).text}"
        post = signed(server, algorithm, own, by, key, "POST", "/v1/wallets", {"type": "reserve"}, nonce=secrets.token_hex(8))
        assert send(post).status_code == 201, name
        # Again under another idempotency key it is another request, and the signature not its own.
        post.headers["Idempotency-Key"] = "another"
        assert send(post).json()["code"] == "signature_invalid", name
        elsewhere = signed(server, algorithm, own, by, key, "GET", "/v1/account", origin="https://evil.example")
        assert send(elsewhere).json()["code"] == "signature_invalid", name
        # Theirs by our command, on the same code as the server.
        flags = ["--secret-file", written(folder, "secret", secret)] if name == "hmac-sha256" else [
            "--public-key", written(folder, f"{by}.pem", theirs)]
        body = written(folder, "body", json.dumps({"type": "reserve"}))
        again = signed(server, algorithm, own, by, key, "POST", "/v1/wallets", {"type": "reserve"})
        lines = [word for line in said(again) for word in ("--header", line)]
        url = ["--method", "POST", "--url", f"{server.origin}/v1/wallets", "--body", body]
        good = command(program, "verify-signature", *url, "--key-id", by, *flags, *lines)
        assert good.returncode == 0, f"{name}: {good.stderr}"
        written(folder, "body", json.dumps({"type": "master"}))
        bad = command(program, "verify-signature", *url, "--key-id", by, *flags, *lines)
        assert bad.returncode == 1 and "Content-Digest" in bad.stderr, f"{name}: {bad.stderr}"
        # Ours by them.
        flags = ["--secret-file", written(folder, "secret", secret)] if name == "hmac-sha256" else [
            "--private-key", written(folder, f"{by}.key", own)]
        ours = command(program, "sign", *url, "--key-id", by, *flags, "--header", "Idempotency-Key: k", "--nonce", secrets.token_hex(8))
        assert ours.returncode == 0, ours.stderr
        headers = dict(line.split(": ", 1) for line in ours.stdout.splitlines()) | {"Idempotency-Key": "k"}
        request = requests.Request("POST", f"{server.origin}/v1/wallets", headers=headers, data=pathlib.Path(body).read_bytes()).prepare()
        verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Keys(public=theirs))
        results = verifier.verify(request, body=pathlib.Path(body).read_bytes())
        covered = set(results[0].covered_components)
        assert {'"@method"', '"@target-uri"', '"content-digest"', '"content-type"', '"idempotency-key"'} <= covered, covered
        # And ours at our server.
        request.headers["Authorization"] = f"Bearer {key}"
        assert send(request).status_code == 201, name
        once.append(signed(server, algorithm, own, by, key, "POST", "/v1/wallets", {"type": "sub_merchant"}, idempotent=False))
        assert send(once[-1]).status_code == 201, name
        print(f"{name}: theirs at our server and by our command, ours by them")
    for moment in ("", ", also after kill -9"):
        for request in once * 100:
            assert send(request).json()["code"] == "signature_replayed"
        print(f"{len(once) * 100} replays refused{moment}")
        if not moment:
            server.kill()
            server.start()


def main(program):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(program, folder)
        try:
            documents(server)
            judge(server, program, folder)
        finally:
            server.stop()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
