"""What a request for a list of jobs says in its query."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.jobs import JobStatus
from tunesmith.schemas.shape import Task
from tunesmith.server.jobs.listing import Direction, Filters, Order, Sort

Text = Annotated[str | None, Query(max_length=256)]
Several = Annotated[list[JobStatus] | None, Query(description="May be given several times.")]


async def filters(
    request: Request, task: Task | None = None, project: Text = None, owner: Text = None, search: Text = None
) -> Filters:
    """Which jobs are meant; their states are asked for apart. Raises Invalid for what no job can hold."""
    for param, text in (("project", project), ("owner", owner), ("search", search)):
        if text is not None and "\x00" in text:
            raise Invalid(f"Invalid '{param}': it holds a NUL character.", param=param)
    return Filters(
        task=task, project=project, owner=owner, search=search, metadata=metadata_filter(request.query_params)
    )


async def order(sort: Sort = "created_at", order: Direction = "desc") -> Order:
    """By what a list is ordered."""
    return Order(sort, order)


FiltersDep = Annotated[Filters, Depends(filters)]
OrderDep = Annotated[Order, Depends(order)]


def metadata_filter(query: Mapping[str, Any]) -> dict[str, str] | None:
    """`metadata[k]=v` pairs of a query, `metadata=null` as an empty mapping, None when there is neither."""
    if query.get("metadata") == "null":
        return {}
    pairs = {k[len("metadata[") : -1]: str(v) for k, v in query.items() if k.startswith("metadata[") and k[-1] == "]"}
    return pairs or None
