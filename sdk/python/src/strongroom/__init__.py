"""Client for a Strongroom server. Needs Python 3.11 and its standard library."""

from . import pins, webhooks
from .client import Strongroom
from .errors import MalformedAnswer, Refusal, Unreachable
from .signing import MessageSigner, sign_request
from .stream import GapHealer

__all__ = [
    "GapHealer",
    "MalformedAnswer",
    "MessageSigner",
    "Refusal",
    "Strongroom",
    "Unreachable",
    "pins",
    "sign_request",
    "webhooks",
]
