"""Settings for every test."""

import pytest

from symrg.budget import DEFAULT_SECONDS


@pytest.fixture(autouse=True)
def patience():
    """Calls without a budget of their own get more time than a user's, so that a busy machine fails no test."""
    token = DEFAULT_SECONDS.set(40.0)
    yield
    DEFAULT_SECONDS.reset(token)
