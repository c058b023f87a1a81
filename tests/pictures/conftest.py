"""One set of worker processes for a module's pictures."""

import pytest

from app.pictures.workers import Workers


@pytest.fixture(scope="module")
def workers():
    with Workers() as those:
        yield those
