"""What this processor can do, and how much of it this process may use."""

import math
import os
import platform
from pathlib import Path

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Linux's names for bfloat16 products in hardware, of x86 alone: OpenVINO computes it nowhere else."""
DOT_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})
"""Its names for dot products of 8-bit integers: x86's, then Arm's."""
X86 = frozenset({"x86_64", "amd64", "AMD64"})


def processor_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return Linux's names of the processor's features; empty where the system does not tell them."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    found = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(found.partition(":")[2].split())


def has_bf16(flags: frozenset[str]) -> bool:
    """Whether the processor multiplies bfloat16 itself: emulated, it would be slower than float32."""
    return not BF16_FLAGS.isdisjoint(flags)


def has_int8_dot_products(flags: frozenset[str]) -> bool:
    """Whether the processor has dot products of 8-bit integers: without, int8 gains little."""
    return not DOT_FLAGS.isdisjoint(flags)


def lacks_avx2(flags: frozenset[str], machine: str = platform.machine()) -> bool:
    """Whether this is an x86 processor that is known to have no AVX2."""
    return machine in X86 and bool(flags) and "avx2" not in flags


def cores_allowed(affinity: int, cpu_max: str) -> int:
    """Return how many cores a process may use at once, at least 1.

    More threads would wait for each other: a container's CPU limit stops all of them together.

    Args:
        affinity: Cores it may run on.
        cpu_max: Its control group's `cpu.max`: microseconds of CPU time, or `max`, in each period of microseconds.

    References:
        The Linux kernel's documentation, "Control Group v2", section "CPU Interface Files".
    """
    try:
        quota, period = (float(each) for each in cpu_max.split())
    except ValueError:  # `max`, or no file there
        return affinity
    return max(1, min(affinity, math.ceil(quota / period)))


def read_cpu_max() -> str:
    """Return `cpu.max` of this process's container; empty if there is none."""
    try:
        return Path("/sys/fs/cgroup/cpu.max").read_text()
    except OSError:
        return ""


def usable_cores() -> int:
    """Return how many cores this process may use at once."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores_allowed(affinity, read_cpu_max())
