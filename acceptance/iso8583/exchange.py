"""Drives an installation of ours from its API against `acquirer.py`, and compares both sides' books in the end."""
import atexit
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import acquirer as bank
from acquirer import PROFILES, Acquirer

PATIENCE = 300


class Server:
    """An installation of its own, which is served; it may be killed and served again."""

    def __init__(self, program, folder, config):
        self.program, self.folder, self.paid = program, folder, 0
        (folder / "passphrase").write_text("correct horse battery staple\n")
        (folder / "strongroom.toml").write_text(config)
        made = subprocess.run(
            self.command("init") + ["--organization", "Acme", "--currency", "EUR", "--recovery-kit", str(folder / "kit")],
            check=True, capture_output=True, text=True)
        self.key = re.search(r"test secret key\s+(\S+)", made.stdout).group(1)
        self.log = open(folder / "log", "ab")
        self.start()
        # Whatever fails, it does not outlive this.
        atexit.register(self.kill)

    def command(self, name):
        return [self.program, name, "--config", str(self.folder / "strongroom.toml"),
                "--passphrase-file", str(self.folder / "passphrase")]

    def start(self):
        self.running = subprocess.Popen(
            self.command("serve"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = re.search(r"http://\S+", self.running.stdout.readline()).group(0)

    def kill(self):
        self.running.kill()
        self.running.wait()

    def stop(self):
        self.running.send_signal(signal.SIGTERM)
        assert self.running.wait(timeout=PATIENCE) == 0
        verified = subprocess.run(self.command("verify"), capture_output=True, text=True)
        assert "no damage found" in verified.stdout, verified.stdout + verified.stderr

    def ask(self, path, body=None, key=None):
        headers = {"Authorization": "Bearer " + self.key, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as refused:
            raise AssertionError("%s: %s %s" % (path, refused.code, refused.read().decode())) from None

    def pay(self, number, amount, capture=True):
        card = {"number": number, "exp_month": 12, "exp_year": 2099, "cvv": "917"}
        self.paid += 1
        token = self.ask("/v1/tokens", {"card": card}, "token-%d" % self.paid)
        body = {"payment_token": token["id"], "amount": amount, "capture": capture}
        return self.ask("/v1/payments", body, "payment-%d" % self.paid)["id"]

    def until(self, path, is_so):
        end = time.monotonic() + PATIENCE
        while True:
            found = self.ask(path)
            if is_so(found):
                return found
            assert time.monotonic() < end, found
            time.sleep(0.1)

    def settled(self, payment):
        return self.until("/v1/payments/" + payment, lambda found: (
            found["status"] in ("captured", "failed") and found["amount_settled"] == found["amount_captured"]))


def config(address, answer_seconds, profile):
    table = "".join("%s = '%s'\n" % pair for pair in profile.items())
    return f"""data = 'data'
keyring = 'keyring.toml'
listen = '127.0.0.1:0'
[acquirers.bank]
address = '{address}'
modes = ['test']
currencies = ['EUR']
merchant = 'MERCHANT0000001'
terminal = 'TERM0001'
institution = '123456'
answer_seconds = {answer_seconds}
[acquirers.bank.profile]
{table}"""


def exchange(program, folder, profile):
    acquirer = Acquirer(profile)
    server = Server(program, folder, config(acquirer.address, 3, PROFILES[profile][2]))
    server.ask("/v1/wallets", {"type": "operating"}, "wallet")

    # Authorized, captured in two parts, settled, given back in part; undone.
    parts = server.pay(bank.APPROVED, 1000, capture=False)
    path = "/v1/payments/" + parts
    server.until(path, lambda found: found["status"] in ("authorized", "failed"))
    server.ask(path + "/capture", {"amount": 600}, "first")
    server.until(path, lambda found: found["amount_settled"] == 600)
    server.ask(path + "/capture", {}, "second")
    server.until(path, lambda found: found["amount_settled"] == 1000)
    refund = server.ask("/v1/refunds", {"payment_id": parts, "amount": 300, "reason": "too many"}, "refund")
    server.until("/v1/refunds/" + refund["id"], lambda found: found["status"] == "completed")
    void = server.pay(bank.APPROVED, 70, capture=False)
    server.until("/v1/payments/" + void, lambda found: found["status"] == "authorized")
    server.ask(f"/v1/payments/{void}/void", {}, "void")

    # Declined, and everything that goes wrong on the way. A server is killed while some of it is open.
    numbers = [bank.DECLINED, bank.POOR, bank.LOST, bank.TWICE, bank.SLOW, bank.SILENT, bank.LATE, bank.GARBAGE,
               bank.CUT, bank.BITMAP]
    payments = {number: server.pay(number, 500) for number in numbers}
    time.sleep(0.5)
    server.kill()
    server.start()
    ended = {number: server.settled(payment) for number, payment in payments.items()}
    for number, failure in ((bank.DECLINED, "card_declined"), (bank.POOR, "insufficient_funds"), (bank.LOST, "lost_card")):
        # Declined, unless the kill came before the answer: then it was undone.
        assert ended[number]["failure_code"] in (failure, "acquirer_unreachable"), ended[number]
    for number in (bank.SILENT, bank.GARBAGE, bank.CUT, bank.BITMAP):
        assert ended[number]["failure_code"] == "acquirer_unreachable", ended[number]

    # With nothing in between they are captured.
    for number in (bank.TWICE, bank.SLOW):
        assert server.settled(server.pay(number, 40))["status"] in ("captured", "failed")
    end = time.monotonic() + PATIENCE
    while not all(account["reversed"] for account in acquirer.accounts.values() if not account["captured"]):
        assert time.monotonic() < end, acquirer.accounts
        time.sleep(0.1)

    compare(server, acquirer)
    server.stop()
    log = (folder / "log").read_text()
    for number in numbers + [bank.APPROVED]:
        assert number not in log
    print("%s: %d payments, %d messages, both sides' books are the same" % (
        profile, len(server_payments), len(acquirer.heard)))


server_payments = []


def compare(server, acquirer):
    assert not acquirer.violations, acquirer.violations
    server_payments[:] = server.ask("/v1/payments?limit=100")["data"]
    accounts = dict(acquirer.accounts)
    for payment in server_payments:
        if payment["approval_code"] is None:
            continue
        account = accounts.pop(payment["approval_code"])
        assert account["minor"] == payment["amount"], (account, payment)
        assert account["captured"] == payment["amount_captured"], (account, payment)
        assert account["refunded"] == payment["amount_refunded"], (account, payment)
        assert account["reversed"] == (payment["status"] == "voided"), (account, payment)
    assert all(account["reversed"] for account in accounts.values()), accounts
    assert "0421" in acquirer.heard, "a reversal that was not answered is repeated"


def main():
    program = str(Path(sys.argv[1]).resolve())
    for profile in PROFILES:
        with tempfile.TemporaryDirectory() as folder:
            exchange(program, Path(folder), profile)


if __name__ == "__main__":
    main()
