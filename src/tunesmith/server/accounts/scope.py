"""The one place that scopes queries by owner."""

from typing import Any, Protocol, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from tunesmith.server.accounts.auth import Caller

Statement = TypeVar("Statement", bound=Select[Any])


class Owned(Protocol):
    """A table whose rows belong to a project."""

    project_id: InstrumentedAttribute[str]


def owned(statement: Statement, table: Any, caller: Caller) -> Statement:
    """The statement, limited to rows the caller may see: those of its project, or all for an admin key."""
    if caller.sees_all:
        return statement
    return statement.where(table.project_id == caller.project_id)
