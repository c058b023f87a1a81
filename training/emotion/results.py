"""evaluation.json: the results of one weights file, kept from one measurement to the next.

PrivateTest is meant to be measured once per weights file, so its figures must not be lost when PublicTest is measured
again, and must not be silently re-measured.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.emotion.data import TEST_SPLIT, EmotionSplit
from training.emotion.evaluate import Evaluation
from training.errors import RunError
from training.files import read_json, write_json

EVALUATION = "evaluation.json"


def read_evaluation(out_dir: Path, sha256: str, limit: int | None = None) -> dict[str, Any] | None:
    """Return evaluation.json as plain values; None if there is none with this hash and limit."""
    known = _read(out_dir)
    same = known.get("weights_sha256") == sha256 and known.get("limit") == limit
    return known if same else None


def earlier_results(
    out_dir: Path, sha256: str, limit: int | None, splits: Mapping[str, EmotionSplit]
) -> dict[str, Any]:
    """Return evaluation.json if it belongs to the same weights and pictures; otherwise empty.

    Args:
        out_dir: Its folder.
        sha256: Hash of the weights to be measured.
        limit: See `Evaluation`.
        splits: The pictures by split name. A split without a recorded digest, from an earlier version, counts as the
            same.

    Raises:
        RunError: If it has PrivateTest's figures for these weights on other pictures: they would be lost.
    """
    known = _read(out_dir)
    if known.get("weights_sha256") != sha256:
        return {}
    digests = known.get("data_sha256", {})
    same = all(digests.get(name) in (None, split.sha256) for name, split in splits.items())
    if same and known.get("limit") == limit:
        return known
    if TEST_SPLIT in known["splits"]:
        raise RunError(
            f"{out_dir / EVALUATION} holds these weights' figures on {TEST_SPLIT} of other data: measure into another "
            "folder (--out), or replace them by evaluate --final --again."
        )
    return {}


def write_evaluation(evaluation: Evaluation, out_dir: Path, earlier: Mapping[str, Any] | None = None) -> None:
    """Write evaluation.json.

    Args:
        evaluation: The new results.
        out_dir: Where to write.
        earlier: From `earlier_results`; its splits that were not measured this time are kept.
    """
    values = asdict(evaluation)
    for part in ("splits", "data_sha256", "robustness"):
        values[part] = {**(earlier or {}).get(part, {}), **values[part]}
    write_json(values, out_dir / EVALUATION)


def _read(out_dir: Path) -> dict[str, Any]:
    path = out_dir / EVALUATION
    return read_json(path) if path.is_file() else {}
