"""Starts a server with TLS, has testssl.sh and sslyze look at it, and judges what they say."""

import datetime
import ipaddress
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "localhost"
REPORTS = pathlib.Path("target/tls")
#: What testssl.sh says of the authority, not of the server: a test authority has no address where lists of revoked
#: certificates are, so that nothing can be stapled, and the name has no CAA record.
AUTHORITY = {"cert_revocation", "DNS_CAArecord", "OCSP_stapling"}
#: What it says of its own library.
TOOL = {"engine_problem"}
#: What sslyze looks at.
SCANS = "certinfo sslv2 sslv3 tlsv1 tlsv1_1 tlsv1_2 tlsv1_3 compression early_data openssl_ccs fallback heartbleed robot reneg elliptic_curves ems"
BAD = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL"}


def usage(*named):
    known = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
    known = [*known.split(), "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{one: one in named for one in known})


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(folder):
    """A certificate of a test authority with its key."""
    now = datetime.datetime.now(datetime.timezone.utc)
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def build(subject, issuer, key, days):
        builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        begin = now - datetime.timedelta(days=1)
        return builder.not_valid_before(begin).not_valid_after(now + datetime.timedelta(days=days))

    root = build("Test Authority", "Test Authority", authority, 900)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(usage("key_cert_sign", "crl_sign"), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    root = root.add_extension(identifier, critical=False).sign(authority, hashes.SHA256())
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = build(HOST, "Test Authority", own, 89)
    leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    leaf = leaf.add_extension(usage("digital_signature"), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    leaf = leaf.add_extension(identifier, critical=False).sign(authority, hashes.SHA256())
    pem = serialization.Encoding.PEM
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, content in [("ca.pem", root.public_bytes(pem)), ("certificate.pem", leaf.public_bytes(pem)), ("key.pem", key)]:
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)


def serve(program, folder, *more):
    (folder / "strongroom.toml").write_text("data = 'data'\nkeyring = 'keyring.toml'\nlisten = '127.0.0.1:0'\n")
    (folder / "passphrase").write_text("correct horse battery staple\n")
    named = ["--config", folder / "strongroom.toml", "--passphrase-file", folder / "passphrase"]
    if not (folder / "data").exists():
        init = [program, "init", *named, "--organization", "Acme", "--currency", "EUR", "--recovery-kit", folder / "kit"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
    files = ["--tls-cert", folder / "certificate.pem", "--tls-key", folder / "key.pem"]
    server = subprocess.Popen(
        [program, "serve", *named, *files, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    line = server.stdout.readline().strip()
    assert line.startswith("listening on https://"), line
    return server, int(line.rsplit(":", 1)[1])


def testssl(port, folder, report):
    """Looks again where a look itself failed, as it may on a busy machine."""
    for _ in range(3):
        count, faults = testssl_once(port, folder, report)
        if not any("connect problem" in fault for fault in faults):
            break
    return count, faults


def testssl_once(port, folder, report):
    report.unlink(missing_ok=True)
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--ip", "127.0.0.1", "--add-ca", folder / "ca.pem"]
    command += ["--openssl-timeout", "60"]
    command += ["--jsonfile", report, f"https://{HOST}:{port}/tools/webhook-signature"]
    with open(report.with_suffix(".txt"), "w") as out:
        subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, timeout=1800, env={**os.environ, "TERM": "dumb"})
    findings = json.loads(report.read_text())
    ids = {finding["id"] for finding in findings}
    # A look that broke off would find nothing.
    missing = {"TLS1_3", "HSTS_time", "heartbleed", "ROBOT", "LUCKY13", "BEAST"} - ids
    faults = [f"testssl broke off: no {one}" for one in missing]
    for finding in findings:
        if finding["severity"] in BAD and finding["id"].split(" ")[0] not in AUTHORITY | TOOL:
            faults.append("testssl: {id}: {severity}: {finding}".format(**finding))
    return len(findings), faults


def sslyze(port, folder, report, tls12):
    program = REPORTS / "python/bin/sslyze"
    command = [program, *(f"--{scan}" for scan in SCANS.split()), "--certinfo_ca_file", folder / "ca.pem", "--json_out", report]
    command += ["--mozilla_config", "disable", f"{HOST}:{port}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    report.with_suffix(".txt").write_text(ran.stdout + ran.stderr)
    result = json.loads(report.read_text())["server_scan_results"][0]["scan_result"]
    faults = []

    def accepted(version):
        suites = result[f"{version}_cipher_suites"]["result"]["accepted_cipher_suites"]
        return [suite["cipher_suite"]["name"] for suite in suites]

    for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] + ([] if tls12 else ["tls_1_2"]):
        if accepted(version):
            faults.append(f"sslyze: {version} is spoken")
    suites = accepted("tls_1_2")
    faults += [f"sslyze: {suite}" for suite in suites if "ECDHE" not in suite or "CBC" in suite]
    if not accepted("tls_1_3") or (tls12 and not suites):
        faults.append("sslyze: a version is not spoken")
    heartbleed = result["heartbleed"]["result"]["is_vulnerable_to_heartbleed"]
    injection = result["openssl_ccs_injection"]["result"]["is_vulnerable_to_ccs_injection"]
    compression = result["tls_compression"]["result"]["supports_compression"]
    robot = result["robot"]["result"]["robot_result"]
    early = result["tls_1_3_early_data"]["result"]["supports_early_data"]
    renegotiation = result["session_renegotiation"]["result"]
    for what, bad in [
        ("Heartbleed", heartbleed),
        ("CCS injection", injection),
        ("compression", compression),
        ("early data", early),
        ("ROBOT", robot.startswith("VULNERABLE")),
        ("client renegotiation", renegotiation["is_vulnerable_to_client_renegotiation_dos"]),
        ("renegotiation that is not secure", not renegotiation["supports_secure_renegotiation"] and bool(suites)),
        ("a curve that is not known as good", not result["elliptic_curves"]["result"]["supports_ecdh_key_exchange"]),
    ]:
        if bad:
            faults.append(f"sslyze: {what}")
    deployment = result["certificate_info"]["result"]["certificate_deployments"][0]
    paths = [one for one in deployment["path_validation_results"] if one["verified_certificate_chain"]]
    if not paths:
        faults.append("sslyze: the chain does not lead to the test authority")
    return ran.stdout, faults


def main():
    program, failed = str(pathlib.Path(sys.argv[1]).resolve()), False
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        certificate(folder)
        for label, more in [("tls13", []), ("tls12", ["--tls12"])]:
            server, port = serve(program, folder, *more)
            try:
                count, faults = testssl(port, folder, REPORTS / f"testssl-{label}.json")
                _, more_faults = sslyze(port, folder, REPORTS / f"sslyze-{label}.json", bool(more))
            finally:
                server.terminate()
                server.wait(60)
            faults += more_faults
            failed = failed or bool(faults)
            for fault in faults:
                print(f"{label}: {fault}")
            print(f"{label}: {count} findings of testssl, {len(faults)} at LOW or worse beside the authority")
    sys.exit(1 if failed else 0)


main()
