"""The Python SDK (`sdk`) or the library `standardwebhooks`: exit code 0 when a delivery verifies, 3 when it does not."""

import importlib.util
import json
import sys
from pathlib import Path


def by_sdk(delivery: dict) -> bool:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "sdk/python/src"))
    from strongroom import webhooks

    secrets = [delivery["secret"]]
    wanted = ["standard", "nextapi", "nopos"]
    if "public_key" in delivery and importlib.util.find_spec("cryptography"):
        secrets.append(delivery["public_key"])
        wanted.insert(1, "ed25519")
    try:
        verified = webhooks.verify(delivery["body"].encode(), delivery["headers"], *secrets)
    except webhooks.WebhookRefused as refused:
        print(refused, file=sys.stderr)
        return False
    return verified.schemes == wanted


def by_library(delivery: dict) -> bool:
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    try:
        event = Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"])
    except WebhookVerificationError as refused:
        print(refused, file=sys.stderr)
        return False
    return event["id"] == json.loads(delivery["body"])["id"]


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    verify = by_sdk if sys.argv[2] == "sdk" else by_library
    sys.exit(0 if verify(told) else 3)
