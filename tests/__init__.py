"""The tests. A failed `assert` of a helper shows its values, as one of a test does."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite(*(f"tests.{each.parent.name}" for each in Path(__file__).parent.glob("*/__init__.py")))
