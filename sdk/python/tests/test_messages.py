"""HTTP message signatures, by the vectors that every SDK is tested with, and as the client puts them on the wire."""

import json
import pathlib
import unittest
from typing import Any

from test_client import Scripted

from strongroom import MessageSigner, Strongroom

VECTORS = pathlib.Path(__file__).parents[2] / "vectors" / "messages.json"


def signer(vector: dict[str, Any]) -> MessageSigner | None:
    if vector["algorithm"] == "hmac-sha256":
        return MessageSigner(vector["keyid"], vector["key"])
    try:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        return None
    return MessageSigner(vector["keyid"], private_key=load_pem_private_key(vector["key"].encode(), None))


class Messages(unittest.TestCase):
    def test_the_shared_vectors(self) -> None:
        tried = 0
        for vector in json.loads(VECTORS.read_text())["vectors"]:
            by = signer(vector)
            if by is None:
                continue
            made = by.sign(
                vector["method"],
                vector["origin"],
                vector["target"],
                vector["headers"],
                vector["body"].encode(),
                created=vector["created"],
                nonce=vector["nonce"],
            )
            self.assertEqual(made, vector["signed"])
            tried += 1
        self.assertGreaterEqual(tried, 3)

    def test_the_client_signs_messages_in_the_place_of_its_own_headers(self) -> None:
        server = Scripted(self, [(201, {"id": "wallet_1"})])
        client = Strongroom(server.url, "sk_test_x", message_signer=MessageSigner("key_1", "secret"))
        client.post("/v1/wallets", {"type": "master"})
        headers = server.seen[0]["headers"]
        self.assertNotIn("X-Signature", headers)
        said = headers["Signature-Input"]
        self.assertIn('("@method" "@target-uri" "content-digest" "content-type" "idempotency-key");created=', said)
        self.assertIn('keyid="key_1"', said)
        self.assertNotIn("secret", repr(MessageSigner("key_1", "secret")))

    def test_one_way_of_signing_is_chosen(self) -> None:
        with self.assertRaises(ValueError):
            MessageSigner("key_1")
        with self.assertRaises(ValueError):
            Strongroom("https://pay.example", "sk", "secret", message_signer=MessageSigner("key_1", "secret"))


if __name__ == "__main__":
    unittest.main()
