"""Prints the server's description of its calls (OpenAPI), for what is generated from it; no database is asked."""

import sys

import orjson

from tunesmith.server.app import create_app
from tunesmith.server.settings import Settings

app = create_app(Settings(), "postgresql://nowhere/nothing")
sys.stdout.write(orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())
