"""Deliveries of the vectors that all three SDKs share."""

import importlib.util
import json
import unittest
from email.message import Message
from pathlib import Path

from strongroom import sign_request, webhooks

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
SHARED = json.loads((VECTORS / "webhooks.json").read_text("utf-8"))
HAS_ED25519 = importlib.util.find_spec("cryptography") is not None


class SharedVectors(unittest.TestCase):
    def test_requests_are_signed_alike(self) -> None:
        shared = json.loads((VECTORS / "requests.json").read_text("utf-8"))
        self.assertEqual(len(shared["vectors"]), 5)
        for vector in shared["vectors"]:
            body = vector["body"].encode()
            signed = sign_request(vector["method"], vector["target"], shared["timestamp"], body, shared["key"])
            # An empty body is signed as the documents do; the server takes the other form too.
            is_same = (vector["body"] or "undefined") == vector["signed_body"]
            self.assertEqual(signed == vector["signature"], is_same, vector)

    def test_every_delivery_is_judged_alike(self) -> None:
        judged = 0
        for delivery in SHARED["deliveries"]:
            if not HAS_ED25519 and any(secret.startswith("whpk_") for secret in delivery["secrets"]):
                continue
            judged += 1
            with self.subTest(delivery["about"]):
                self.judge(delivery)
        self.assertGreater(judged, 20)
        if not HAS_ED25519:
            self.skipTest("ed25519: `cryptography` is not installed; the other deliveries were judged")

    def judge(self, delivery: dict) -> None:
        message = Message()
        for name, value in delivery["headers"].items():
            message[name] = value
        allow = delivery.get("allow_untimed", False)
        for headers in (delivery["headers"], list(delivery["headers"].items()), message):
            try:
                outcome = webhooks.verify(
                    delivery["body"].encode(), headers, *delivery["secrets"], now=delivery["now"], allow_untimed=allow
                )
            except webhooks.WebhookRefused as refused:
                self.assertEqual(refused.code, delivery.get("refused"))
            else:
                self.assertEqual(outcome.schemes, delivery.get("schemes"))
                self.assertEqual(outcome.event, json.loads(delivery["body"]))

    def test_the_body_alone_is_signed_as_the_documents_do(self) -> None:
        vector = SHARED["body_hmac"][0]
        for hexadecimal, code in ((vector["hex"], "malformed_body"), (vector["hex"].replace("e", "f"), "no_match")):
            headers = {"X-NoPOS-Signature": hexadecimal}
            with self.assertRaises(webhooks.WebhookRefused) as caught:
                webhooks.verify(vector["body"].encode(), headers, vector["key"], allow_untimed=True)
            self.assertEqual(caught.exception.code, code)


class Misuse(unittest.TestCase):
    def setUp(self) -> None:
        delivery = SHARED["deliveries"][1]
        self.body = delivery["body"].encode()
        self.headers = delivery["headers"]
        self.secrets = delivery["secrets"]
        self.now = delivery["now"]

    def test_a_header_that_is_there_twice_is_refused(self) -> None:
        twice = [*self.headers.items(), ("Webhook-Id", "other")]
        with self.assertRaises(webhooks.WebhookRefused) as caught:
            webhooks.verify(self.body, twice, *self.secrets, now=self.now)
        self.assertEqual(caught.exception.code, "malformed_header")

    def test_what_is_no_raw_body_and_what_is_no_key_is_told(self) -> None:
        with self.assertRaises(TypeError):
            webhooks.verify(json.loads(self.body), self.headers, *self.secrets)
        for secret in ("", "whpk_AAAA"):
            with self.assertRaises(ValueError):
                webhooks.verify(self.body, self.headers, secret, now=self.now)
        with self.assertRaises(webhooks.WebhookRefused):
            webhooks.verify(self.body, self.headers, now=self.now)

    def test_without_a_time_given_the_clock_is_read(self) -> None:
        with self.assertRaises(webhooks.WebhookRefused) as caught:
            webhooks.verify(self.body, self.headers, *self.secrets)
        self.assertEqual(caught.exception.code, "too_old")


if __name__ == "__main__":
    unittest.main()
