"""/openapi.json: FastAPI's description, with the errors of each route and the key that it takes."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.error_body import ErrorBody
from tunesmith.schemas.worker import (
    ClaimRequest,
    CommitRequest,
    CompleteRequest,
    FailRequest,
    Problem,
    ReleaseRequest,
    ReportRequest,
    UploadRequest,
)
from tunesmith.server.accounts.auth import LeaseToken, Policy, Public, Require, RequireBriefly, policy_of

_UNSEEN = (
    ErrorBody, Problem, ClaimRequest, CommitRequest, CompleteRequest, FailRequest, ReleaseRequest, ReportRequest,
    UploadRequest,
)  # fmt: skip
"""Shapes that FastAPI does not find by itself: errors, and bodies that a route reads itself."""
_REF = "#/components/schemas/{model}"
_ERRORS = (
    ("4XX", "The request was refused: what happened, to which parameter or id, and the next step."),
    ("5XX", "The server could not answer: try again after `retry-after`, or tell its operator the incident id."),
)


def install(app: FastAPI) -> None:
    """Makes `app.openapi()` answer the completed description; it is built once, when first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    parts: dict[str, Any] = found.setdefault("components", {})
    schemas: dict[str, Any] = parts.setdefault("schemas", {})
    for model in _UNSEEN:
        shape = model.model_json_schema(ref_template=_REF)
        schemas.update(shape.pop("$defs", {}))
        schemas[model.__name__] = shape
    parts["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key of Tunesmith."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "tunesmith_session",
            "description": "Of a browser that is signed in; its name ends in _PORT where the address has one.",
        },
    }
    routes = _routes(app)
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            route = routes[method.upper(), path]
            operation["operationId"] = route.name
            _complete(operation, path, policy_of(route.dependant))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return found


def _routes(app: FastAPI) -> dict[tuple[str, str], APIRoute]:
    return {
        (method, route.path_format): route
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def _complete(operation: dict[str, Any], path: str, policy: Policy | None) -> None:
    responses: dict[str, Any] = operation.setdefault("responses", {})
    responses.pop("422", None)
    kind, model = ("application/problem+json", "Problem") if path.startswith("/worker/v1") else (
        "application/json", "ErrorBody"
    )  # fmt: skip
    for status, description in _ERRORS:
        content = {kind: {"schema": {"$ref": _REF.format(model=model)}}}
        responses.setdefault(status, {"description": description, "content": content})
    if policy is None or isinstance(policy, Public):
        return
    personal = isinstance(policy, Require | RequireBriefly) and policy.kinds & {KeyKind.USER, KeyKind.ADMIN}
    operation["security"] = [{"key": []}, {"session": []}] if personal else [{"key": []}]
    operation["description"] = f"{operation.get('description', '').rstrip()}\n\n{_who(policy)}".strip()


def _who(policy: Policy) -> str:
    if isinstance(policy, LeaseToken):
        return "Takes: the lease token of the claim."
    if isinstance(policy, Require | RequireBriefly):
        return f"Takes: a key of kind {' or '.join(sorted(policy.kinds))}."
    return ""
