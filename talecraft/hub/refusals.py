"""A hub's and a network's errors, told apart."""

from __future__ import annotations

import errno
from typing import get_args

import httpx2
from huggingface_hub import errors

from talecraft.errors import TalecraftError, os_reason
from talecraft.hub.selection import Unusable
from talecraft.process.fetch_messages import Kind, Refused

_OFFLINE = (httpx2.ConnectError, httpx2.TimeoutException, httpx2.ProxyError)
_BUSY = {408, 429, 500, 502, 503, 504}


def refusal(error: Exception, page: str) -> Refused | None:
    """What is to be said of `error`; None for one that nobody has foreseen."""
    if isinstance(error, Unusable):
        assert error.kind in get_args(Kind)
        return Refused(error.kind, page, error.detail)  # type: ignore[arg-type]
    if isinstance(error, TalecraftError):
        return Refused("disk", page, error.message)
    if isinstance(error, errors.HfHubHTTPError):
        return Refused(_answered(error), page, f"HTTP {error.response.status_code}")
    if isinstance(error, errors.FileMetadataError):
        return Refused("no hub", page)
    if isinstance(error, _OFFLINE):
        return Refused("offline", page)
    if isinstance(error, httpx2.TransportError):
        return Refused("cut", page)
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Refused("full", page)
        if error.errno is None:  # the client's own: a length that is not the one promised
            return Refused("cut", page)
        return Refused("disk", page, f"{error.filename or ''}: {os_reason(error)}".lstrip(": "))
    if isinstance(error, ValueError | TypeError | KeyError | AttributeError):
        return Refused("no hub", page)  # an answer that is none
    return None


def _answered(error: errors.HfHubHTTPError) -> Kind:
    """The kind of an answer by its status. Of a repository that is missing or private a hub says
    401 to whoever gives no token, and 404 to others."""
    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        return "token" if status == 401 else "licence"
    if isinstance(error, errors.RevisionNotFoundError):
        return "revision"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "hidden" if status == 401 else "missing"
    if isinstance(error, errors.DisabledRepoError):
        return "disabled"
    if status == 401:
        return "wrong token"
    if status == 403:
        return "forbidden"
    if status in (404, 410):
        return "missing"
    return "busy hub" if status in _BUSY else "refused"
