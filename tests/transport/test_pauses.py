"""Pauses that Python makes by itself."""

import gc

import pytest

from app.transport.pauses import shorten_pauses


@pytest.fixture
def unfrozen():
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("unfrozen")
def test_what_was_loaded_is_not_walked_again():
    loaded = [[number] for number in range(1000)]
    shorten_pauses()
    assert not any(each is loaded for each in gc.get_objects())
    assert len(gc.get_objects()) < gc.get_freeze_count()
