"""Why a model could not be fetched, in words: what happened, what to do, and the exit code."""

from __future__ import annotations

from talecraft.errors import (
    BusyError,
    DoesNotFit,
    NotAuthorised,
    TalecraftError,
    UsageError,
)
from talecraft.process.fetch_messages import Refused
from talecraft.story.clean import clean_line


class FetchError(TalecraftError):
    """Something could not be fetched; what came of it is kept."""


class TokenWanted(NotAuthorised):
    """The hub asks who is there. `page` is where the licence is read and accepted."""

    def __init__(self, message: str, hint: str, page: str) -> None:
        super().__init__(message, hint)
        self.page = page


_TOKENS = "Tokens are made at huggingface.co/settings/tokens; give one when asked, or as HF_TOKEN."
_AGAIN = "Ask again later: it goes on where it was."

_UNUSABLE = {
    "no config.json": "it has no config.json",
    "no modules.json": "it has no modules.json, as sentence encoders do",
    "modules": "its modules.json names what is no part of a sentence encoder",
    "foreign modules": "it has modules that are programs of its own",
    "module without weights": "a module of it has no weights as safetensors",
    "no safetensors": "it has no weights as safetensors, and others may hold programs",
    "no tokenizer": "it has no tokenizer",
}


def error_of(refused: Refused, title: str, repository: str, revision: str) -> TalecraftError:
    """The error that tells of it."""
    page, detail = clean_line(refused.page), clean_line(refused.detail)
    match refused.kind:
        case "token":
            return TokenWanted(
                f"{title} is gated: its hub wants to know who fetches it (401).",
                f"Accept the licence at {page}. {_TOKENS}",
                page,
            )
        case "wrong token":
            return TokenWanted("The hub does not know this token (401).", _TOKENS, page)
        case "hidden":
            return TokenWanted(
                f"The hub shows no {repository} to whoever gives no token (401): it is not there,"
                " or private.",
                f"Check the name. {_TOKENS}",
                page,
            )
        case "licence":
            return NotAuthorised(
                f"{title} is gated, and this token's account may not have it yet (403).",
                f"Accept the licence at {page} with that account; some owners take a day to nod.",
            )
        case "forbidden":
            return NotAuthorised(
                f"This token may not read {repository} (403).",
                "Give it the right to read gated repositories, or make another.",
            )
        case "missing":
            return FetchError(
                f"The hub has no {repository} (404).",
                "Check the name; a model's is in models.toml.",
            )
        case "revision":
            return FetchError(
                f"{repository} has no revision '{revision}' (404).",
                "Check the revision in models.toml.",
            )
        case "disabled":
            return FetchError(f"The hub has closed {repository}.", "Choose another.")
        case "offline":
            return FetchError(
                "The hub cannot be reached: this machine seems to be offline.",
                f"Check the connection (and HF_ENDPOINT, where set). {_AGAIN}",
            )
        case "cut":
            return FetchError("The connection was cut, and did not come back.", _AGAIN)
        case "no hub":
            return FetchError(
                "What answered is not a hub of models.",
                "Sign in to the network, or check the proxy and HF_ENDPOINT.",
            )
        case "busy hub":
            return FetchError(f"The hub does not manage just now ({detail}).", _AGAIN)
        case "no weights":
            return UsageError(
                f"{repository} cannot be used: {_UNUSABLE.get(detail, detail)}.",
                "Choose another repository.",
            )
        case "no checksum":
            return FetchError(
                f"The hub tells no checksum of {detail}.", "It was not fetched; nothing vouches."
            )
        case "damaged":
            return FetchError(
                f"{detail} did not come as the hub had announced it, and was thrown away.",
                "Ask again; if it stays so, do not use that repository.",
            )
        case "full":
            return DoesNotFit("The disk is full.", "Free some space. What came is kept.")
        case "disk":
            return FetchError(f"The disk refused it: {detail}.", "Make the folder writable.")
        case "locked":
            return BusyError(
                f"{title} is being fetched or removed already.", "Wait until that has ended."
            )
        case _:
            return FetchError(f"The hub refused it ({detail}).", _AGAIN)
