"""Pushes a model's folder to a hub repository as one commit, by huggingface_hub."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import tenacity
from huggingface_hub import CommitOperationAdd, HfApi, constants, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # pyright: ignore[reportPrivateImportUsage]  of whichever HTTP library this huggingface_hub is built on
    OfflineModeIsEnabled,
)

from tunesmith.schemas.errors import Forbidden, Invalid, NotFound, TunesmithError, Unauthenticated, Unavailable
from tunesmith.schemas.models import Delivery

TRIES = 4
LONGEST_WAIT_S = 30.0
KEPT_BACK = frozenset({"training_sequences.fasta"})
"""Files of a model's folder that are the user's data: they stay here."""
HUB_HOST = "huggingface.co"


class HubAway(Unavailable):
    """The hub cannot be reached, or answers with errors of its own."""

    code = "hub_away"


class HubBusy(HubAway):
    """The same where another try may help."""


def push(
    folder: Path, repo: str, weights: Literal["adapter", "merged"], *, wait: Callable[[float], None] = time.sleep
) -> Delivery:
    """The folder's files are one commit on the repository's main branch, which is made, private, when it is not there.

    HF_TOKEN (or the login of `hf auth login`) and HF_ENDPOINT of this machine are used. Server errors and timeouts are
    tried TRIES times in all. Raises Unauthenticated, Forbidden, NotFound, Invalid or HubAway: what the hub said and
    what to do.
    """
    token = get_token()
    if not token:
        raise Unauthenticated(
            "This machine has no token for the hub. Set HF_TOKEN to one that may write, or run `hf auth login`.",
            code="no_hub_token",
        )
    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    if urlsplit(endpoint).hostname != HUB_HOST:
        # Other servers of the hub's API take Git LFS; few have the hub's newer storage, which is the default.
        constants.HF_HUB_DISABLE_XET = True
    api = HfApi(endpoint=endpoint, token=token, library_name="tunesmith")
    tries = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(HubBusy),
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_random_exponential(multiplier=1, max=LONGEST_WAIT_S),
        sleep=wait,
        reraise=True,
    )
    created = tries(_create, api, repo)
    commit = tries(_commit, api, repo, folder)
    note = "The repository was made, private." if created else "The repository was there already."
    return Delivery(
        repo=repo, weights=weights, status="pushed", url=f"{endpoint.rstrip('/')}/{repo}", commit=commit, note=note
    )


def files_of(folder: Path) -> list[str]:
    """What is pushed: every file but hidden ones and the user's data, by relative path."""
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [
        path.as_posix()
        for path in paths
        if path.name not in KEPT_BACK and not any(part.startswith(".") for part in path.parts)
    ]


def _create(api: HfApi, repo: str) -> bool:
    """Whether the repository was made now; False when it was there. A token may write to one and not make one."""
    try:
        api.create_repo(repo, private=True)
    except (HTTPError, OSError, ValueError) as e:
        found = _translated(e, repo)
        if _status(e) == 409 or (_status(e) in (401, 403) and _is_there(api, repo)):
            return False
        raise found from e
    return True


def _is_there(api: HfApi, repo: str) -> bool:
    try:
        return api.repo_exists(repo)
    except (HTTPError, OSError, ValueError):
        return False  # what creating said is told


def _commit(api: HfApi, repo: str, folder: Path) -> str:
    # A commit, not upload_folder, which may send several: a reader finds the whole model or none.
    operations = [CommitOperationAdd(name, folder / name) for name in files_of(folder)]
    try:
        info = api.create_commit(repo, operations, commit_message="Model trained by Tunesmith")
    except (HTTPError, OSError, ValueError, RuntimeError) as e:
        raise _translated(e, repo) from e
    return info.oid


def _translated(error: Exception, repo: str) -> TunesmithError:
    """The hub's answer in our words, with the next step."""
    if isinstance(error, OfflineModeIsEnabled):
        return HubAway("HF_HUB_OFFLINE is set on this machine, so nothing is sent to the hub. Unset it to push.")
    if isinstance(error, HFValidationError):
        return Invalid(f"'{repo}' is no name of a hub repository: {error} Use USER/NAME.", param="output_model")
    status = _status(error)
    said = " ".join(str(error).split())[:400]
    match status:
        case 401:
            return Unauthenticated(f"The hub does not take this machine's token (401): {said} Renew HF_TOKEN.")
        case 403:
            return Forbidden(
                f"The token may not write to {repo} (403): {said} Use a token with write access to it.",
                code="hub_forbidden",
            )
        case 404:
            return NotFound(
                f"The hub knows no place for {repo} (404): {said} Check the name before the slash and the token's "
                "access to it.",
                code="hub_not_found",
            )
        case None:
            if isinstance(error, (HTTPError, ConnectionError)) or isinstance(error.__cause__, HTTPError):
                return HubBusy(f"The hub cannot be reached: {said} See HF_ENDPOINT and this machine's network.")
            return Invalid(f"The push to {repo} failed: {said}", code="hub_refused")
        case _ if status == 429 or status == 408 or status >= 500:
            return HubBusy(f"The hub answered {status}: {said} Push again later.")
        case _:
            return Invalid(f"The hub refused the push to {repo} ({status}): {said}", code="hub_refused")


def _status(error: BaseException | None) -> int | None:
    """The HTTP status that the error, or one that it was raised from, carries."""
    while error is not None:
        if isinstance(error, HfHubHTTPError):
            return error.response.status_code
        error = error.__cause__
    return None
