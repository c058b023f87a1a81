import pytest

from app.errors import PayloadTooLarge
from app.serving.allowance import Allowance


def test_pictures_count_once_and_together():
    allowance = Allowance(100)
    first, second = allowance.for_one(), allowance.for_one()
    first(60)
    first(60)  # its header is read again, after it waited for memory
    with pytest.raises(PayloadTooLarge, match="together"):
        second(41)
    second(40)
    with pytest.raises(PayloadTooLarge):
        allowance.for_one()(1)


def test_the_first_picture_is_always_within_it():
    allowance = Allowance(100)
    allowance.for_one()(101)
    with pytest.raises(PayloadTooLarge):
        allowance.for_one()(1)
