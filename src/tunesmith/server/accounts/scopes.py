"""What a restricted key may do, told from method and path in this one place."""

from tunesmith.schemas.accounts import Scope
from tunesmith.schemas.errors import Forbidden

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_CALLS_OF_MODELS = ("/v1/chat", "/v1/completions", "/v1/embeddings", "/v1/classify", "/v1/generate")
_MANAGED = ("/v1/keys", "/v1/projects", "/v1/sign_in_links")
_ANSWERS_ONLY = ("/v1/fine_tuning/estimate", "/v1/fine_tuning/script")
"""POSTs that change nothing: their body is a question."""
_OWN = ("/v1/session",)
"""Who am I, and signing out: no scope is asked for."""


def check(granted: frozenset[Scope] | None, method: str, path: str) -> None:
    """Raises Forbidden, naming the scope that is missing, when the call is beyond what was granted."""
    if granted is None:
        return
    enough = sufficient(method, path)
    if not enough or granted & enough:
        return
    wanted = sorted(enough)[0] if Scope.READ not in enough else Scope.READ
    raise Forbidden(
        f"This key lacks the scope '{wanted}', which {method} {path[:200]} takes; it has {_listed(granted)}. "
        f"`tunesmith keys create --scope {wanted}` with a key of full rights makes one that has it.",
        code="missing_scope",
    )


def sufficient(method: str, path: str) -> frozenset[Scope]:
    """The scopes of which any one allows the call; none where every key may."""
    if _under(path, _OWN):
        return frozenset()
    if method in _READS:
        # Programs that call models ask which there are.
        return frozenset({Scope.READ, Scope.INFER} if _under(path, ("/v1/models",)) else {Scope.READ})
    if _under(path, _CALLS_OF_MODELS):
        return frozenset({Scope.INFER})
    if _under(path, _MANAGED):
        return frozenset({Scope.MANAGE})
    return frozenset({Scope.READ if _under(path, _ANSWERS_ONLY) else Scope.TRAIN})


def check_grant(granted: frozenset[Scope] | None, wanted: frozenset[Scope] | None) -> None:
    """Raises Forbidden when who has `granted` would hand on more than that."""
    if granted is None or (wanted is not None and wanted <= granted):
        return
    raise Forbidden(
        f"This key is restricted to {_listed(granted)}, so it can only make keys with some of these scopes. "
        "Name them in `scopes`, or use a key of full rights.",
        code="missing_scope",
    )


def _under(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def _listed(scopes: frozenset[Scope]) -> str:
    return ", ".join(f"'{scope}'" for scope in Scope if scope in scopes)
