import pytest

from app.runtimes.processor import cores_allowed, has_bf16, has_int8_dot_products, lacks_avx2, processor_flags


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [("", 8), ("max 100000\n", 8), ("200000 100000\n", 2), ("150000 100000", 2), ("10000 100000", 1), ("9e9 1", 8)],
)
def test_a_containers_limit_of_cpu_time_bounds_the_cores(cpu_max, cores):
    assert cores_allowed(8, cpu_max) == cores


def test_flags_are_read_from_linux(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\n\nprocessor\t: 1\nflags\t\t: fpu avx2\n")
    assert processor_flags(path) == {"fpu", "avx2", "avx512_bf16"}
    path.write_text("processor : 0\nFeatures : fp asimddp bf16\n")
    assert processor_flags(path) == {"fp", "asimddp", "bf16"}
    assert processor_flags(tmp_path / "none") == frozenset()


@pytest.mark.parametrize(
    ("flags", "bf16", "int8"),
    [
        (set(), False, False),
        ({"avx512_bf16"}, True, False),
        ({"avx_vnni"}, False, True),
        ({"bf16", "i8mm"}, False, True),
    ],
)
def test_what_the_flags_mean(flags, bf16, int8):
    assert (has_bf16(frozenset(flags)), has_int8_dot_products(frozenset(flags))) == (bf16, int8)


def test_only_x86_that_says_so_lacks_avx2():
    assert lacks_avx2(frozenset({"sse2"}), "x86_64")
    assert not lacks_avx2(frozenset({"avx2"}), "x86_64")
    assert not lacks_avx2(frozenset(), "x86_64")  # the system does not tell
    assert not lacks_avx2(frozenset({"asimd"}), "aarch64")
