"""What the client puts on the wire, how it repeats, and how it heals gaps."""

import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from strongroom import GapHealer, Refusal, Strongroom, Unreachable, sign_request

HANG_UP = None


class Scripted:
    """A server that plays a script and keeps what it was sent."""

    def __init__(self, test: unittest.TestCase, script: list[Any]) -> None:
        self.seen: list[dict[str, Any]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen.append({"method": self.command, "target": self.path, "headers": self.headers, "body": body})
                answer = script.pop(0)
                if answer is HANG_UP:
                    self.close_connection = True
                    return
                status, content, *headers = answer
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        test.addCleanup(server.server_close)
        test.addCleanup(thread.join)
        test.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}"
        self.url = url
        self.client = Strongroom(url, "sk_test_x", "sign_test", first_wait=0.001)


def event(n: int) -> dict[str, Any]:
    return {"id": f"evt_{n}", "created": 1, "type": "wallet.created", "data": {}, "livemode": False}


def page(numbers: list[int], has_more: bool) -> tuple[int, Any]:
    return 200, {"data": [event(n) for n in numbers], "has_more": has_more, "next_cursor": None}


class Requests(unittest.TestCase):
    def test_a_request_is_signed_and_identified(self) -> None:
        server = Scripted(self, [(201, {"id": "payout_1"})])
        payout = {"amount": 100, "note": "Peña"}
        self.assertEqual(
            server.client.post("/v1/payouts?dry_run=true", payout, idempotency_key="order-7"), {"id": "payout_1"}
        )
        (sent,) = server.seen
        self.assertEqual(sent["body"], '{"amount":100,"note":"Peña"}'.encode())
        headers = sent["headers"]
        self.assertEqual(headers["Authorization"], "Bearer sk_test_x")
        self.assertEqual(headers["Idempotency-Key"], "order-7")
        signed = sign_request(sent["method"], sent["target"], headers["X-Timestamp"], sent["body"], "sign_test")
        self.assertEqual(headers["X-Signature"], signed)

    def test_what_passes_is_tried_again_under_the_same_key(self) -> None:
        script = [
            HANG_UP,
            (503, {"code": "overloaded"}, ("Retry-After", "0")),
            (409, {"code": "idempotency_key_in_use"}),
            (201, {}),
        ]
        server = Scripted(self, script)
        server.client.post("/v1/payouts", {"amount": 1})
        self.assertEqual(len(server.seen), 4)
        self.assertEqual(len({sent["headers"]["Idempotency-Key"] for sent in server.seen}), 1)
        with self.assertRaises(Unreachable):
            Scripted(self, [HANG_UP] * 4).client.get("/v1/account")

    def test_a_refusal_is_final_and_names_its_fields(self) -> None:
        problem = {
            "code": "invalid_request",
            "detail": "no",
            "request_id": "req_9",
            "errors": [{"pointer": "/amount", "detail": "is too high"}],
        }
        server = Scripted(self, [(422, problem)])
        with self.assertRaisesRegex(Refusal, "`/amount` is too high") as caught:
            server.client.post("/v1/payouts", {})
        refusal = caught.exception
        self.assertEqual((refusal.status, refusal.code, refusal.request_id), (422, "invalid_request", "req_9"))
        self.assertEqual(len(server.seen), 1)

    def test_keys_go_nowhere_else(self) -> None:
        client = Strongroom("http://127.0.0.1:1", "sk_test_x")
        for target in ("http://example.com/v1", "/v1/a\r\nHost: b", "v1", "/v1/ü"):
            with self.assertRaises(ValueError):
                client.get(target)
        self.assertNotIn("sk_test_x", repr(client))


class Gaps(unittest.TestCase):
    def test_what_no_webhook_brought_is_read_once_and_in_order(self) -> None:
        server = Scripted(self, [page([1, 2], True), page([3, 4], True), page([5, 6], False), page([7], False)])
        healer = GapHealer()
        for event_id in ("evt_2", "evt_5"):
            self.assertTrue(healer.is_new(event_id) and healer.is_new(event_id))
            healer.handled(event_id)
            self.assertFalse(healer.is_new(event_id))
        missed = [event["id"] for event in healer.heal(server.client)]
        self.assertEqual(missed, ["evt_1", "evt_3", "evt_4", "evt_6"])
        self.assertEqual(healer.cursor, "evt_6")
        self.assertFalse(healer.is_new("evt_3"))
        self.assertEqual([event["id"] for event in healer.heal(server.client)], ["evt_7"])
        queries = [sent["target"].removeprefix("/v1/events?limit=100") for sent in server.seen]
        self.assertEqual(queries, ["", "&after=evt_2", "&after=evt_4", "&after=evt_6"])

    def test_an_event_whose_handling_failed_comes_again(self) -> None:
        server = Scripted(self, [page([1, 2, 3], False), page([2, 3], False)])
        healer = GapHealer()
        with self.assertRaises(KeyError):
            for event in healer.heal(server.client):
                if event["id"] == "evt_2":
                    raise KeyError("the database is down")
        self.assertEqual(healer.cursor, "evt_1")
        self.assertEqual([event["id"] for event in healer.heal(server.client)], ["evt_2", "evt_3"])


if __name__ == "__main__":
    unittest.main()
