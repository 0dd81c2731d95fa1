"""Reports, read by programs that are not ours, and held against what the API's own lists say."""

import csv
import datetime
import hashlib
import io
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

import pyarrow.parquet
import pypdf
import requests

TYPES = ("sales", "balances", "fees", "payouts", "tax", "shift", "reconciliation")
TEXTS = {
    "day", "currency", "tender", "wallet_id", "shift_id", "source", "account_type", "account_id", "store_id", "till_id",
    "status", "opened_at", "closed_at", "check", "kind", "item",
}
COUNTS = {
    "sales", "reversals", "refunds", "count", "created", "completed", "released", "reversed", "postings", "accounts",
    "voided", "z_number", "tax_rate_ppm",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """An installation of its own."""

    def __init__(self, program, folder):
        passphrase = folder / "passphrase"
        passphrase.write_text("correct horse battery staple\n")
        passphrase.chmod(0o600)
        config = folder / "strongroom.toml"
        made = subprocess.run(
            [program, "init", "--config", config, "--passphrase-file", passphrase],
            capture_output=True, text=True, check=True, cwd=folder,
        )
        self.key = re.search(r"sk_test_[0-9A-Za-z]+", made.stdout).group(0)
        port = free_port()
        text = config.read_text().replace("127.0.0.1:7070", f"127.0.0.1:{port}")
        config.write_text(text.replace("127.0.0.1:7071", f"127.0.0.1:{free_port()}"))
        self.base, self.folder = f"http://127.0.0.1:{port}", folder
        self.log = open(folder / "log", "ab")
        self.words = [program, "serve", "--config", config, "--passphrase-file", passphrase]
        self.verify_words = [program, "verify", "--config", config, "--passphrase-file", passphrase]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, stdout=self.log, stderr=self.log, cwd=self.folder)
        for _ in range(1200):
            try:
                if requests.get(f"{self.base}/ready", timeout=5).ok:
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
        assert self.process.wait(120) == 0

    def call(self, method, path, body=None, **headers):
        headers = {"Authorization": f"Bearer {self.key}"} | headers
        if method != "GET":
            headers["Idempotency-Key"] = secrets.token_hex(8)
        for _ in range(600):
            reply = requests.request(method, self.base + path, json=body, headers=headers, timeout=60)
            # The vault process may need a moment longer than the server.
            if reply.status_code != 503:
                break
            time.sleep(0.2)
        assert reply.ok, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply

    def post(self, path, body):
        return self.call("POST", path, body).json()

    def get(self, path):
        return self.call("GET", path).json()

    def all(self, path):
        found, after = [], ""
        while True:
            joint = "&" if "?" in path else "?"
            page = self.get(f"{path}{joint}limit=100{after}")
            found += page["data"]
            if not page["has_more"]:
                return found
            after = f"&after={page['next_cursor']}"

    def until(self, path, wanted):
        for _ in range(1800):
            shown = self.get(path)
            if wanted(shown):
                return shown
            time.sleep(0.1)
        sys.exit(f"{path} never came to it: {shown}")


def trade(server):
    """Everything that a report tells of."""
    now = datetime.datetime.now(datetime.timezone.utc)
    amounts = [{"currency": "PHP", "fixed": 15, "maximum": "500.00"}]
    server.post("/v1/fee-schedules", {"applies_to": "payments", "percent_bps": 290, "amounts": amounts, "refunds": "returned"})
    server.post("/v1/fee-schedules", {"applies_to": "payouts", "percent_bps": 50})
    wallet = server.post("/v1/wallets", {"type": "operating"})["id"]
    other = server.post("/v1/wallets", {"type": "master"})["id"]
    server.post(f"/v1/wallets/{wallet}/credit", {"amount": 500_000})
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2099, "cvv": "123"}
    token = lambda: server.post("/v1/tokens", {"card": card})["id"]
    payments = []
    for amount in (10_000, 2_599, 333):
        body = {"payment_token": token(), "amount": amount, "wallet_id": wallet}
        payments.append(server.post("/v1/payments", body)["id"])
    for payment in payments:
        server.until(f"/v1/payments/{payment}", lambda p: p["amount_settled"] == p["amount"])
    for amount in (3_333, 1_000):
        refund = server.post("/v1/refunds", {"payment_id": payments[0], "amount": amount, "reason": "returned"})
        server.until(f"/v1/refunds/{refund['id']}", lambda r: r["status"] == "completed")
    server.post("/v1/payouts", {"amount": 7_000, "source_wallet_id": wallet, "recipient": {"type": "wallet", "id": other}})
    bank = {"type": "bank_account", "account_name": "Ana Cruz", "bank_code": "BDO", "account_number": "001234567890"}
    for amount in (9_000, 9_001):
        made = server.post("/v1/payouts", {"amount": amount, "source_wallet_id": wallet, "recipient": bank})
        server.until(f"/v1/payouts/{made['id']}", lambda p: p["status"] in ("completed", "failed"))
    store = server.post("/v1/stores", {"name": "=Makati (1)", "receipt_header": ["12 Ayala Ave \\ ₱"]})["id"]
    till = server.post("/v1/tills", {"store_id": store, "name": "1"})["id"]
    shift = server.post("/v1/shifts", {"till_id": till, "opening_float": 1_000})["id"]
    product = {"sku": "COF-1", "name": "Café (large)", "price": 11_200, "tax_rate_ppm": 120_000}
    server.post("/v1/products", product)
    sales = []
    for quantity in (1, 2):
        items = [{"sku": "COF-1", "quantity": quantity}, {"name": "Bag", "quantity": 1, "unit_amount": 500}]
        body = {"till_id": till, "items": items, "tender": "cash", "tendered": 50_000}
        sales.append(server.post("/v1/transactions", body)["id"])
    server.post("/v1/refunds", {"transaction_id": sales[0], "amount": 500, "reason": "torn"})
    server.post(f"/v1/shifts/{shift}/close", {"counted_cash": server.get(f"/v1/shifts/{shift}")["expected_cash"]})
    # Up to a moment from now, which the first report waits for.
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    period = [(now - datetime.timedelta(days=1)).isoformat(), end.isoformat()]
    return period, sales


def made(server, kind, form, period):
    asked = {"type": kind, "format": form, "from": period[0], "to": period[1]}
    report = server.post("/v1/reports", asked)["id"]
    shown = server.until(f"/v1/reports/{report}", lambda r: r["status"] not in ("queued", "running"))
    assert shown["status"] == "completed", shown
    reply = server.call("GET", f"/v1/reports/{report}/content")
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{kind}-{report}.{form}"'
    assert hashlib.sha256(reply.content).hexdigest() == shown["sha256"] and len(reply.content) == shown["size"]
    return reply.content


def decimal(minor):
    return str((Decimal(minor) / 100).quantize(Decimal("0.01")))


def agree(server, kind, period):
    """The same lines in all formats. Gives them."""
    import json

    document = json.loads(made(server, kind, "json", period))
    columns, lines = document["columns"], document["lines"]
    rows = list(csv.reader(io.StringIO(made(server, kind, "csv", period).decode(), newline=""), strict=True))
    assert rows[0] == columns and len(rows) == len(lines) + 1, rows
    for row, line in zip(rows[1:], lines):
        expected = ["" if line[name] is None else str(line[name]) for name in columns]
        assert row == expected, (row, expected)
        assert not any(cell[:1] in "=+@\t\r" for cell in row if cell)
    table = pyarrow.parquet.read_table(io.BytesIO(made(server, kind, "parquet", period)))
    assert table.column_names == columns
    assert table.to_pylist() == lines, kind
    for name in columns:
        assert str(table.schema.field(name).type) == ("string" if name in TEXTS else "int64"), name
    pages = pypdf.PdfReader(io.BytesIO(made(server, kind, "pdf", period)), strict=True).pages
    text = "\n".join(page.extract_text() for page in pages)
    assert f"Report: {kind}" in text
    for line in lines + document["totals"]:
        for name, value in line.items():
            if isinstance(value, int):
                shown = str(value) if name in COUNTS or name == "tax_rate_ppm" else decimal(value)
                assert shown in text, (kind, name, shown)
            elif value is not None:
                assert value[:48] in text, (kind, name, value)
    for total in document["totals"]:
        own = [line for line in lines if line["currency"] == total["currency"]]
        for name, value in total.items():
            if name != "currency" and value is not None:
                assert value == sum(line[name] or 0 for line in own), (kind, name)
    return lines


def judge(server, period, sales):
    total = lambda values, name: sum(value.get(name) or 0 for value in values)
    lines = {kind: agree(server, kind, period) for kind in TYPES}
    payments, refunds = server.all("/v1/payments"), server.all("/v1/refunds")
    payouts, wallets = server.all("/v1/payouts"), server.all("/v1/wallets")
    card = [line for line in lines["sales"] if line["tender"] == "card"]
    cash = [line for line in lines["sales"] if line["tender"] == "cash"]
    assert total(card, "gross") == total(payments, "amount_captured")
    assert total(card, "settled") == total(payments, "amount_settled")
    assert total(card, "refunded") == total(payments, "amount_refunded")
    assert total(card, "fees") == total(payments, "fee")
    sold = server.all("/v1/transactions?type=sale")
    assert total(cash, "gross") == total(sold, "amount")
    completed = [payout for payout in payouts if payout["status"] == "completed"]
    assert total(lines["payouts"], "created_amount") == total(payouts, "amount")
    assert total(lines["payouts"], "completed_amount") == total(completed, "amount")
    assert total(lines["payouts"], "fees") == total(completed, "fee")
    assert total(lines["fees"], "net") == total(payments, "fee") + total(completed, "fee")
    assert total(lines["fees"], "returned") == total(refunds, "fee") > 0
    held = {line["account_id"]: line for line in lines["balances"]}
    for wallet in wallets:
        line = held.get(wallet["id"])
        for name in ("available", "pending", "reserved", "total"):
            assert (line[f"closing_{name}"] if line else 0) == wallet["balance"][name], wallet
    assert total(lines["balances"], "closing_total") == 0
    taxes = [tax for sale in sold for tax in sale["taxes"]]
    assert total(lines["tax"], "tax") == total(taxes, "tax") > 0
    shift = lines["shift"][0]
    z = server.get(f"/v1/shifts/{shift['shift_id']}/report")
    assert (shift["sold"], shift["cash"], shift["difference"]) == (z["sold"], z["tenders"]["cash"], 0)
    accounts = [line for line in lines["reconciliation"] if line["check"] == "accounts"]
    assert accounts and all(line["status"] == "matches" for line in accounts)
    told = {line["item"]: line for line in lines["reconciliation"] if line["check"] == "acquirer"}
    assert told["captured"]["amount"] == total(payments, "amount_captured") == told["settled"]["amount"]
    assert told["refunded"]["amount"] == total(payments, "amount_refunded")
    assert told["unsettled"]["amount"] == told["refunding"]["amount"] == 0
    assert len(accounts) + len(told) == len(lines["reconciliation"])
    receipt = server.call("GET", f"/v1/transactions/{sales[0]}/receipt", Accept="application/pdf")
    assert receipt.headers["Content-Type"] == "application/pdf"
    text = pypdf.PdfReader(io.BytesIO(receipt.content), strict=True).pages[0].extract_text()
    for words in ("=Makati (1)", "12 Ayala Ave \\ ?", "Café (large)", "TOTAL PHP", "117.00"):
        assert words in text, (words, text)


def killed(server, period):
    """A server that is killed at once makes the report after its start."""
    before = made(server, "balances", "csv", period)
    report = server.post("/v1/reports", {"type": "balances", "format": "csv", "from": period[0], "to": period[1]})["id"]
    server.kill()
    server.start()
    shown = server.until(f"/v1/reports/{report}", lambda r: r["status"] == "completed")
    assert server.call("GET", shown["content"]).content == before


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server = Server(str(pathlib.Path(sys.argv[1]).resolve()), folder)
        try:
            period, sales = trade(server)
            judge(server, period, sales)
            killed(server, period)
        finally:
            if sys.exc_info()[0]:
                server.kill()
        server.stop()
        verified = subprocess.run(server.verify_words, capture_output=True, text=True, cwd=folder)
        assert verified.returncode in (0, 3), verified.stdout + verified.stderr
    print("reports: all formats were read, and all figures agree")


main()
