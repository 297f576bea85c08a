"""One place decides what a caller sees."""

from sqlalchemy import select

from tunesmith.schemas.accounts import KeyKind
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import at_service, owned
from tunesmith.server.accounts.tables import ApiKeyRow


def caller(kind: KeyKind) -> Caller:
    return Caller("key_1", kind, "user-1", "ada", "proj_1", "ada")


def test_a_users_query_is_limited_to_the_project_and_an_admins_is_not():
    for kind in (KeyKind.USER, KeyKind.SERVICE, KeyKind.WORKER):
        assert "WHERE api_keys.project_id = " in str(owned(select(ApiKeyRow), ApiKeyRow, caller(kind)))
    assert "WHERE" not in str(owned(select(ApiKeyRow), ApiKeyRow, caller(KeyKind.ADMIN)))


def test_what_is_at_service_is_the_projects_own_and_the_first_projects_also_for_an_admin():
    for kind in (KeyKind.USER, KeyKind.ADMIN):
        statement = str(at_service(select(ApiKeyRow), ApiKeyRow, caller(kind)))
        assert "api_keys.project_id = :project_id_1 OR api_keys.project_id = (SELECT" in statement
