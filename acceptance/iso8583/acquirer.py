"""An acquirer with books of its own: messages are read and written by `pyiso8583`, which is not ours.

What it does with an authorization follows from the last digits of the number; see MOODS. What it was sent is held against
the dictionary of that library, and what must never be sent is a violation.
"""
import copy
import socket
import struct
import threading
import time

import iso8583
from iso8583.specs import default, default_ascii

NUMERIC = [2, 3, 4, 7, 11, 12, 13, 14, 18, 19, 22, 25, 32, 49, 70, 90]


def packed():
    """The library's dictionary with digits and lengths in BCD, as many hosts want them."""
    spec = copy.deepcopy(default)
    spec["t"].update(data_enc="b", max_len=2)
    for field in [str(number) for number in NUMERIC]:
        spec[field].update(data_enc="b", len_enc="bcd", len_count="nibbles", left_pad="0")
    for field, definition in spec.items():
        if field.isdigit() and definition["len_type"] == 2:
            definition.update(len_enc="bcd", len_type=1)
        elif field.isdigit() and definition["len_type"] == 3:
            definition.update(len_enc="bcd", len_type=2)
    return spec


PROFILES = {
    "text": (default_ascii, ">H", {"bitmap": "hex"}),
    "packed": (packed(), ">I", {"numbers": "bcd", "lengths": "bcd", "header": "binary4"}),
}

APPROVED, DECLINED, POOR = "4242424242424242", "4000000000000002", "4000000000009995"
SILENT, LATE, TWICE = "4000000000001018", "4000000000001000", "4000000000001026"
GARBAGE, CUT, BITMAP, SLOW = "4000000000003105", "4000000000003113", "4000000000003121", "4000000000000119"
LOST = "4000000000009987"


class Acquirer:
    def __init__(self, profile):
        self.spec, self.header, _ = PROFILES[profile]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.accounts, self.originals, self.captures, self.answered = {}, {}, {}, {}
        self.violations, self.heard = [], []
        self.unanswered_reversals = 1
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.attend, args=(connection,), daemon=True).start()

    def attend(self, connection):
        size = struct.calcsize(self.header)
        with connection:
            while True:
                head = self.receive(connection, size)
                if head is None:
                    return
                body = self.receive(connection, struct.unpack(self.header, head)[0])
                if body is None:
                    return
                question, _ = iso8583.decode(body, self.spec)
                try:
                    with self.lock:
                        answer = self.take(question)
                    if not self.say(connection, question, answer):
                        return
                except OSError:
                    return

    @staticmethod
    def receive(connection, length):
        got = b""
        while len(got) < length:
            try:
                more = connection.recv(length - len(got))
            except OSError:
                return None
            if not more:
                return None
            got += more
        return got

    def say(self, connection, question, answer):
        """Sends an answer as the number wants it; False where the connection is to end."""
        body, _ = iso8583.encode(answer, self.spec)
        framed = struct.pack(self.header, len(body)) + body
        kind = question["t"][:3]
        number = question.get("2", "") if kind == "010" else ""
        if kind == "042" and self.unanswered_reversals > 0:
            self.unanswered_reversals -= 1
        elif number == SILENT:
            pass
        elif number == LATE:
            threading.Timer(1.5, self.send_late, (connection, framed)).start()
        elif number == TWICE:
            connection.sendall(framed + framed)
        elif number == GARBAGE:
            connection.sendall(struct.pack(self.header, 9) + b"\x00garbage\xff")
        elif number == CUT:
            connection.sendall(framed[: len(framed) // 2])
            return False
        elif number == BITMAP:
            fields = bytearray(framed)
            start = struct.calcsize(self.header) + (4 if self.spec["t"]["data_enc"] == "ascii" else 2)
            fields[start + 1] ^= 0x04
            connection.sendall(fields)
        elif number == SLOW:
            for byte in framed:
                connection.sendall(bytes([byte]))
                time.sleep(0.005)
        else:
            connection.sendall(framed)
        return True

    @staticmethod
    def send_late(connection, framed):
        try:
            connection.sendall(framed)
        except OSError:
            pass

    def take(self, question):
        mti = question["t"]
        if mti == "0800":
            assert question["70"] in ("001", "301"), question["70"]
            return self.reply(question, "00")
        self.heard.append(mti)
        key = (mti[:3], question["7"], question["11"])
        if key in self.answered:
            if not mti.endswith("1"):
                self.violations.append("%s came twice as if it were new" % mti)
            return self.answered[key]
        self.check(question)
        code, approval = getattr(self, "take_" + mti[:3])(question, int(question["4"]))
        self.answered[key] = self.reply(question, code, approval)
        return self.answered[key]

    def check(self, question):
        """What every message about money must have, and must not."""
        for field in ("3", "4", "7", "11", "12", "13", "22", "25", "32", "37", "41", "42", "49"):
            if field not in question:
                self.violations.append("%s lacks field %s" % (question["t"], field))
        for field in ("35", "36", "45", "52", "55"):
            if field in question:
                self.violations.append("%s has field %s" % (question["t"], field))
        if ("48" in question) != (question["t"] == "0100"):
            self.violations.append("the code is where it must not be, or is not: %s" % question["t"])
        wanted = {"49": "978", "41": "TERM0001", "42": "MERCHANT0000001", "32": "123456"}
        for field, value in wanted.items():
            if question[field].rstrip() != value:
                self.violations.append("field %s is %s" % (field, question[field]))

    def take_010(self, question, minor):
        assert question["3"] == "000000" and question["48"] == "9203917" and question["14"] == "9912"
        if question["2"] == DECLINED:
            return "05", None
        if question["2"] == POOR:
            return "51", None
        if question["2"] == LOST:
            return "41", None
        approval = "%06d" % (len(self.accounts) + 1)
        self.accounts[approval] = {
            "number": question["2"], "minor": minor, "captured": 0, "refunded": 0, "reversed": False,
        }
        self.originals[question["11"] + question["7"]] = approval
        return "00", approval

    def original(self, question):
        elements = question["90"]
        assert elements[:4] == "0100" and elements[20:31] == "00000123456", elements
        return self.accounts.get(self.originals.get(elements[4:20]))

    def take_022(self, question, minor):
        account = self.original(question)
        account["captured"] += minor
        if account["reversed"] or account["captured"] > account["minor"]:
            self.violations.append("captured what may not be: %s" % account)
        self.captures[question["11"] + question["7"]] = (account, minor)
        return "00", None

    def take_020(self, question, minor):
        assert question["3"] == "200000"
        account = self.original(question)
        account["refunded"] += minor
        if account["reversed"] or account["refunded"] > account["captured"]:
            self.violations.append("gave back what may not be: %s" % account)
        return "00", "R00001"

    def take_042(self, question, _):
        if question["90"][:4] == "0220":
            # A capture is undone before its authorization is.
            account, minor = self.captures.pop(question["90"][4:20], (None, 0))
            if account is None:
                return "25", None
            account["captured"] -= minor
            return "00", None
        account = self.original(question)
        if account is None:
            return "25", None
        if account["reversed"] or account["captured"]:
            self.violations.append("undid what may not be: %s" % account)
        account["reversed"] = True
        return "00", None

    @staticmethod
    def reply(question, code, approval=None):
        answer = {"t": question["t"][:2] + ("10" if question["t"][2] == "0" else "30"), "39": code}
        for field in ("3", "4", "7", "11", "12", "13", "37", "41", "42", "49", "70"):
            if field in question:
                answer[field] = question[field]
        if approval:
            answer["38"] = approval
        return answer
