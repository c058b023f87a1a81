"""Weights between a run's start and its end."""

from pathlib import Path

from app.weights import sha256_of
from training.deployed import from_payload, read_payload, to_payload
from training.detector.export import payload_of_run
from training.detector.recipe import read_recipe
from training.errors import RunError


def blended_payload(run_dir: Path, start: Path | None, start_share: float) -> bytes:
    """Return a run's best epoch, with a share of the weights that the run started from.

    Such a mean of two ends of one run can keep what the start knew at no cost to what was learned.

    Args:
        run_dir: The run; it is trusted, as for `payload_of_run`.
        start: Its start weights, where a share of them is wanted.
        start_share: Their share in every tensor, 0..1.

    Returns:
        A safetensors file, as it is served.

    Raises:
        RunError: If the run has no checkpoint, there is a share without start weights or the reverse, the run started
            from other weights, or those are for other classes.

    References:
        Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv:2109.01903, section 3.
    """
    if (start is None) != (start_share == 0):
        raise RunError("--start and --start-share belong together: give both or neither.")
    payload = payload_of_run(run_dir)
    if start is None:
        return payload
    before = read_payload(start)
    if sha256_of(before) != read_recipe(run_dir)[1]:
        raise RunError(f"The run in {run_dir} did not start from {start}.")
    first, last = from_payload(before), from_payload(payload)
    if {name: value.shape for name, value in first.items()} != {name: value.shape for name, value in last.items()}:
        raise RunError(f"{start} has other layers than the run, such as a head for other classes.")
    return to_payload({name: last[name].lerp(first[name], start_share) for name in last})
