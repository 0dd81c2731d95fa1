"""Pin sets as a signer makes them, and as others would."""

import base64
import json
import unittest

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    Ed25519PrivateKey = None

from strongroom import pins


def _encode(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@unittest.skipIf(Ed25519PrivateKey is None, "`cryptography` is not installed")
class PinSets(unittest.TestCase):
    def setUp(self):
        self.key = Ed25519PrivateKey.generate()
        self.public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        self.payload = {
            "sequence": 3,
            "issued_at": 1000,
            "expires_at": 2000,
            "hosts": ["pay.example"],
            "pins": [{"use": use, "spki_sha256": base64.b64encode(byte * 32).decode()} for use, byte in [("current", b"a"), ("backup", b"b")]],
        }

    def document(self, header=None, **changes):
        protected = _encode({"alg": "EdDSA", "typ": "strongroom-pins+json", **(header or {})})
        payload = _encode({**self.payload, **changes})
        signature = _encode(self.key.sign(f"{protected}.{payload}".encode()))
        return json.dumps({"protected": protected, "payload": payload, "signature": signature})

    def refused(self, code, document, **more):
        with self.assertRaises(pins.PinRefused) as caught:
            pins.verify(document, self.public, **{"now": 1500, **more})
        self.assertEqual(caught.exception.code, code)

    def test_a_good_one(self):
        found = pins.verify(self.document(), self.public, host="pay.example", least_sequence=3, now=1500)
        self.assertEqual((found.sequence, found.pins), (3, frozenset([b"a" * 32, b"b" * 32])))

    def test_others(self):
        self.refused("expired", self.document(), now=2000)
        self.refused("not_yet", self.document(), now=699)
        self.refused("rolled_back", self.document(), least_sequence=4)
        self.refused("other_host", self.document(), host="other.example")
        self.refused("malformed", self.document({"alg": "none"}))
        self.refused("malformed", self.document({"typ": "JWT"}))
        self.refused("malformed", self.document(pins=self.payload["pins"][:1]))
        self.refused("malformed", self.document(sequence="3"))
        self.refused("malformed", "[]")
        changed = json.loads(self.document())
        changed["payload"] = _encode({**self.payload, "sequence": 9})
        self.refused("bad_signature", json.dumps(changed))
        self.key = Ed25519PrivateKey.generate()
        self.refused("bad_signature", self.document())


if __name__ == "__main__":
    unittest.main()
