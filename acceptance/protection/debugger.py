"""Attaches a debugger to the API process and to the vault of a demo, writes their whole memory down, and has `strongroom
secret-scan` search it: what went through the API process stands in none of it, and the same search finds it in the vault."""

import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

NUMBERS = 12
#: How long something is waited for, in seconds.
PATIENCE = 180


def number(n):
    """A Visa number of sixteen digits."""
    digits = f"40{7_410_000_000 + n * 7_919:013}"
    doubled = [int(digit) * 2 if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(digits))]
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return f"{digits}{-total % 10}"


def card(digits):
    return {"card": {"number": digits, "exp_month": 12, "exp_year": 2099, "cvv": "917"}, "use": "multi_use"}


class Client:
    def __init__(self, told):
        self.host = told["base_url"].removeprefix("http://")
        self.key = told["secret_key"]

    def post(self, path, body):
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def unfinished(self, body):
        """A request but for the last byte of its body: the vault holds what came."""
        text = json.dumps(body).encode()
        head = f"POST /v1/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.key}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(text) + 1}\r\n\r\n"
        name, port = self.host.rsplit(":", 1)
        stream = socket.create_connection((name, int(port)))
        stream.sendall(head.encode() + text)
        return stream


def children(pid):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        if stat.rsplit(")", 1)[1].split()[1] == str(pid):
            found.append(int(entry.name))
    return found


def dumped(pid, file):
    """A process's memory, as a debugger writes it down."""
    gdb = ["gdb", "-nx", "-batch", "-ex", f"gcore {file}", "-p", str(pid)]
    ran = subprocess.run(gdb, capture_output=True, text=True, timeout=1800)
    assert file.exists() and file.stat().st_size > 1_000_000, ran.stdout + ran.stderr
    return file


def scanned(program, canaries, *what):
    ran = subprocess.run([program, "secret-scan", "--canaries", canaries, *what], capture_output=True, text=True)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return ran.returncode == 0, ran.stdout


def main():
    program, folder = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
    if os.geteuid() != 0:
        sys.exit("cannot be shown here: only root may attach to a process that is not dumpable")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        made = pathlib.Path(made)
        command = [program, "demo", "--json", "--port", "0", "--data", made / "demo"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            show(program, made, server.pid, Client(json.loads(server.stdout.readline())))
        finally:
            server.terminate()
            server.wait(PATIENCE)


def show(program, made, api, client):
    (vault,) = children(api)
    numbers = [number(n) for n in range(NUMBERS)]
    for digits in numbers[:-1]:
        status, token = client.post("/v1/tokens", card(digits))
        assert status == 201, token
        status, shown = client.post(f"/v1/tokens/{token['id']}/reveal", {"reason": "a test"})
        assert shown["card"]["number"] == digits, shown
    waiting = client.unfinished(card(numbers[-1]))
    list_of = made / "canaries"
    list_of.write_text("".join(f"{digits}\n" for digits in [*numbers, '"cvv": "917"', '"cvv":"917"']))
    # SECURITY: the search proves something only if it finds in the vault what it looks for.
    ended = time.monotonic() + PATIENCE
    while True:
        found_none, _ = scanned(program, list_of, dumped(vault, made / "vault.core"))
        if not found_none:
            break
        assert time.monotonic() < ended, "the vault's memory does not hold the number that waits in it"
        (made / "vault.core").unlink()
        time.sleep(1)
    core = dumped(api, made / "api.core")
    for what in [(core,), ("--process", str(api))]:
        found_none, told = scanned(program, list_of, *what)
        assert found_none, told
    waiting.close()
    size = core.stat().st_size // 1_000_000
    print(f"debugger: {NUMBERS} numbers and a code, {size} MB of the API process's memory: 0 hits; in the vault's: found")


if __name__ == "__main__":
    main()
