"""A bank made of other people's libraries: reads payout files with lxml, answers with messages of pyiso20022."""

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from decimal import Decimal
from pathlib import Path

from lxml import etree
from pyiso20022.camt import camt_053_001_08 as camt
from pyiso20022.pain import pain_002_001_03 as pain
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.models.datatype import XmlDate, XmlDateTime

BASE, KEY = os.environ["BASE_URL"].rstrip("/"), os.environ["SECRET_KEY"]
SCHEMAS = Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] else None
PAIN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
CREDITORS = ["GB82WEST12345698765432", "FR1420041010050500013M02606", "DE89370400440532013000"]


def ask(method, path, body=None, kind="application/json"):
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": str(uuid.uuid4())}
    if body is not None:
        headers["Content-Type"] = kind
        body = json.dumps(body).encode() if kind == "application/json" else body
    request = urllib.request.Request(BASE + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def good(method, path, body=None, kind="application/json"):
    status, answer = ask(method, path, body, kind)
    assert status < 300, f"{method} {path}: {status} {answer.decode()}"
    return json.loads(answer)


def until(path, done):
    for _ in range(1200):
        found = good("GET", path)
        if done(found):
            return found
        time.sleep(0.25)
    raise SystemExit(f"never so: {path} {found}")


def valid(name, xml):
    """Holds a message against the official schema, where that is at hand."""
    schema = SCHEMAS / f"{name}.xsd" if SCHEMAS else None
    if not schema or not schema.exists():
        print(f"skipped: the schema of {name} is not at hand")
        return
    etree.XMLSchema(etree.parse(str(schema))).assertValid(etree.fromstring(xml))
    print(f"{name} is valid by its schema")


def account():
    """A German account's number that nobody else has used here."""
    bban = f"37040044{uuid.uuid4().int % 10**10:010}"
    return f"DE{98 - int(bban + '131400') % 97:02}{bban}"


def sent_file(wallet, iban):
    good("POST", "/v1/payout-rails", {
        "wallet_id": wallet,
        "debtor": {"name": "Ácme & Söhne", "iban": iban, "bic": "DEUTDEFF"},
        "cut_off": {"time": "23:59", "zone": "Asia/Manila"},
    })
    payouts = [
        good("POST", "/v1/payouts", {
            "amount": 1000 + n, "source_wallet_id": wallet, "description": f"Rechnung Nº {n} <&>",
            "recipient": {"type": "bank_account", "account_name": f"Peña {n}", "iban": CREDITORS[n % 3]},
        })["id"]
        for n in range(6)
    ]
    for payout in payouts:
        until(f"/v1/payouts/{payout}", lambda p: p["status"] == "pending")
    file = good("POST", "/v1/payout-files", {"wallet_id": wallet})
    file = until(f"/v1/payout-files/{file['id']}", lambda f: f["status"] == "ready")
    status, xml = ask("GET", f"/v1/payout-files/{file['id']}/content")
    assert status == 200 and hashlib.sha256(xml).hexdigest() == file["sha256"]
    valid("pain.001.001.09", xml)
    good("POST", f"/v1/payout-files/{file['id']}/sent", {})
    return payouts, file, etree.fromstring(xml)


def transfers(document):
    for one in document.iter(f"{PAIN}CdtTrfTxInf"):
        amount = one.find(f".//{PAIN}InstdAmt")
        yield one.find(f".//{PAIN}EndToEndId").text, Decimal(amount.text), amount.get("Ccy")


def now():
    return XmlDateTime.from_string("2026-01-02T10:00:00")


def status_report(about, said):
    def one(name, status, reason):
        reasons = [pain.StatusReasonInformation8(rsn=pain.StatusReason6Choice(cd=reason))] if reason else []
        code = pain.TransactionIndividualStatus3Code(status)
        return pain.PaymentTransactionInformation25(orgnl_end_to_end_id=name, tx_sts=code, sts_rsn_inf=reasons)

    report = pain.CustomerPaymentStatusReportV03(
        grp_hdr=pain.GroupHeader36(msg_id=uuid.uuid4().hex, cre_dt_tm=now()),
        orgnl_grp_inf_and_sts=pain.OriginalGroupInformation20(
            orgnl_msg_id=about, orgnl_msg_nm_id="pain.001.001.09", grp_sts=pain.TransactionGroupStatus3Code.PART),
        orgnl_pmt_inf_and_sts=[pain.OriginalPaymentInformation1(
            orgnl_pmt_inf_id=about, tx_inf_and_sts=[one(*each) for each in said])],
    )
    return written(pain.Document(cstmr_pmt_sts_rpt=report))


def statement(iban, lines):
    def money(amount, currency):
        return camt.ActiveOrHistoricCurrencyAndAmount(value=amount, ccy=currency)

    def line(name, amount, currency, reason):
        direction = camt.CreditDebitCode.CRDT if reason else camt.CreditDebitCode.DBIT
        back = camt.PaymentReturnReason5(rsn=camt.ReturnReason5Choice(cd=reason)) if reason else None
        family = camt.BankTransactionCodeStructure6(cd="ICDT", sub_fmly_cd="ESCT")
        domain = camt.BankTransactionCodeStructure5(cd="PMNT", fmly=family)
        return camt.ReportEntry10(
            amt=money(amount, currency), cdt_dbt_ind=direction, sts=camt.EntryStatus1Choice(cd="BOOK"),
            bookg_dt=camt.DateAndDateTime2Choice(dt=XmlDate(2026, 1, 2)),
            bk_tx_cd=camt.BankTransactionCodeStructure4(domn=domain),
            ntry_dtls=[camt.EntryDetails9(tx_dtls=[camt.EntryTransaction10(
                refs=camt.TransactionReferences6(end_to_end_id=name), amt=money(amount, currency),
                cdt_dbt_ind=direction, rtr_inf=back)])],
        )

    currency = lines[0][2]
    balance = camt.CashBalance8(
        tp=camt.BalanceType13(cd_or_prtry=camt.BalanceType10Choice(cd="CLBD")), amt=money(Decimal("0.00"), currency),
        cdt_dbt_ind=camt.CreditDebitCode.CRDT, dt=camt.DateAndDateTime2Choice(dt=XmlDate(2026, 1, 2)))
    report = camt.BankToCustomerStatementV08(
        grp_hdr=camt.GroupHeader81(msg_id=uuid.uuid4().hex, cre_dt_tm=now()),
        stmt=[camt.AccountStatement9(
            id=uuid.uuid4().hex, acct=camt.CashAccount39(id=camt.AccountIdentification4Choice(iban=iban)),
            bal=[balance], ntry=[line(*each) for each in lines])],
    )
    return written(camt.Document(bk_to_cstmr_stmt=report))


def written(document):
    return XmlSerializer().render(document, ns_map={None: document.Meta.namespace}).encode()


def applied(xml):
    file = good("POST", "/v1/bank-files", xml, "application/xml")
    done = until(f"/v1/bank-files/{file['id']}", lambda f: f["status"] == "completed")
    again = good("POST", "/v1/bank-files", xml, "application/xml")
    assert again == done, "the same file is answered as before"
    return done


def main():
    wallet = good("POST", "/v1/wallets", {"type": "master"})["id"]
    good("POST", f"/v1/wallets/{wallet}/credit", {"amount": 100_000})
    iban = account()
    payouts, file, document = sent_file(wallet, iban)
    sent = list(transfers(document))
    assert len(sent) == 6 and sum(amount for _, amount, _ in sent) == Decimal("60.15"), sent
    said = [(sent[0][0], "ACSC", None), (sent[1][0], "RJCT", "AC04"), (sent[2][0], "ACSP", None)]
    report = status_report(file["message_id"], said)
    valid("pain.002.001.03", report)
    done = applied(report)
    # Of a message that is taken in part, nothing is said of the transfers that are not named.
    assert done["counts"] == {"applied": 2, "confirmed": 0, "acknowledged": 1, "unmatched": 0}, done
    lines = [(*sent[0], None), (*sent[2], None), (*sent[3], None), (*sent[3], "AC06")]
    lines.append(("NOTPROVIDED", Decimal("5.00"), sent[0][2], None))
    day = statement(iban, lines)
    valid("camt.053.001.08", day)
    done = applied(day)
    assert done["counts"] == {"applied": 3, "confirmed": 1, "acknowledged": 0, "unmatched": 1}, done
    unmatched = good("GET", f"/v1/bank-files/{done['id']}/entries?status=unmatched")["data"]
    assert [entry["reference"] for entry in unmatched] == ["NOTPROVIDED"], unmatched
    found = [good("GET", f"/v1/payouts/{payout}") for payout in payouts]
    states = [payout["status"] for payout in found]
    assert states == ["completed", "failed", "completed", "reversed", "processing", "processing"], states
    assert [found[n]["failure_code"] for n in (1, 3)] == ["account_closed", "account_blocked"], found
    balances = good("GET", f"/v1/wallets/{wallet}/balance")["balances"]
    assert balances["available"] == 100_000 - 1000 - 1002 - 1004 - 1005, balances
    print("paid, refused, returned: as the bank said")


main()
