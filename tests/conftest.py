"""Settings for every test."""

import pytest

from symrg.budget import DEFAULT_SECONDS


@pytest.fixture(autouse=True)
def patience():
    """Calls without a budget of their own get more time than a user's, so that a busy machine fails no test."""
    token = DEFAULT_SECONDS.set(40.0)
    yield
    DEFAULT_SECONDS.reset(token)


@pytest.fixture
def conforms():
    """A function that asserts that a value obeys a JSON Schema."""
    return lambda value, schema: _conforms(value, schema, schema)


def _conforms(value, schema, whole):
    """Check a value against the keywords of JSON Schema that the ledger's schema uses."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    kind = schema.get("type")
    if kind is not None:
        options = [kind] if isinstance(kind, str) else kind
        if value is None:
            assert "null" in options
            return
        assert any(k != "null" and isinstance(value, kinds[k]) for k in options), (value, schema)
    if "const" in schema:
        assert value == schema["const"]
    if "enum" in schema:
        assert value in schema["enum"]
    for key in schema.get("required", ()):
        assert key in value
    if isinstance(value, dict):
        for key, inner in value.items():
            rule = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            assert rule or (rule is None and "properties" not in schema), f"{key} isn't in the schema"
            if rule:
                _conforms(inner, rule, whole)
    if isinstance(value, list):
        for inner in value:
            _conforms(inner, schema["items"], whole)
