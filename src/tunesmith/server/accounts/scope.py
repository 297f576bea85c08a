"""The one place that scopes queries by owner."""

from typing import Any, Protocol, TypeVar

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from tunesmith.server.accounts.acting import Caller
from tunesmith.server.accounts.tables import FIRST_PROJECT, ProjectRow

Statement = TypeVar("Statement", bound=Select[*tuple[Any, ...]])


class Owned(Protocol):
    """A table whose rows belong to a project."""

    project_id: InstrumentedAttribute[str]


def owned(statement: Statement, table: Any, caller: Caller) -> Statement:
    """The statement, limited to rows the caller may see: those of its project, or all for an admin that names none."""
    if caller.sees_all:
        return statement
    return statement.where(table.project_id == caller.project_id)


def at_service(statement: Statement, table: Any, caller: Caller) -> Statement:
    """The statement, limited to workers and engines that work for the caller: its project's and the first project's.

    Only an admin makes worker keys: one of the first project serves everybody, one of another project that alone.
    """
    first = select(ProjectRow.id).where(ProjectRow.slug == FIRST_PROJECT).scalar_subquery()
    return statement.where(or_(table.project_id == caller.project_id, table.project_id == first))
