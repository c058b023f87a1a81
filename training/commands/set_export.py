"""`python -m training sets export`, and the options that the commands on sets share."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from app.weights import sha256_of
from training.commands.options import NO_INT8, WEIGHTS_DIR, WeightsDirOption
from training.deployed import read_payload
from training.emotion.network import MY_MODEL
from training.errors import RunError
from training.files import read_json, write_json, write_payload
from training.manifest_entry import crop_rule, measured_rule
from training.sets.blend import blend as blended
from training.sets.export import BLEND, about_run, export_sets
from training.sets.loading import load_parts
from training.sets.pictures import read_textures
from training.sets.plan import DEFAULT_SETS, read_plan
from training.sets.recipe import WIDE
from training.sets.start import make_mixture
from training.take_along import known_weights, take_along

EVALUATION, FRAMING = "evaluation-by-set.json", "framing.json"

DataOption = Annotated[Path, typer.Option("--data", help="The folder that the sets' paths are relative to.")]
SetsOption = Annotated[Path, typer.Option("--sets", help="JSON file with the sets; see docs/training-sets.md.")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Rehearsal: so many pictures of each set.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="Of the CPU; default: all cores.")]


def export(
    data: DataOption,
    run: Annotated[Path, typer.Option("--run", help="Folder of the run; its figures are those of `sets evaluate`.")],
    sets: SetsOption = DEFAULT_SETS,
    weights_dir: WeightsDirOption = WEIGHTS_DIR,
    margin: Annotated[
        float | None, typer.Option("--margin", help="Crop rule; default: framing.json's, else the manifest's.")
    ] = None,
    shift_y: Annotated[float | None, typer.Option("--shift-y", help="As --margin.")] = None,
    threads: ThreadsOption = None,
    limit: LimitOption = None,
) -> None:
    """Write state, graphs, manifest entry and card of a run that `sets evaluate --out RUN` has measured."""
    use_threads(threads)
    plan, weights = read_plan(sets), run / f"{MY_MODEL}.safetensors"
    sha256 = sha256_of(read_payload(weights))
    evaluation = read_json(run / EVALUATION) if (run / EVALUATION).is_file() else {}
    known = (evaluation.get("weights_sha256"), evaluation.get("limit"))
    if known != (sha256, limit) or "clear" not in evaluation:
        raise RunError(f"{run / EVALUATION} does not hold the figures of {weights}: run `sets evaluate --out {run}`.")
    known_dir = known_weights(weights_dir)
    crop = crop_rule(known_dir, margin, shift_y, measured_rule(run / FRAMING, sha256, known_dir))
    parts = load_parts(plan, data, "train", limit), load_parts(plan, data, "val", limit)
    card = export_sets(weights, about_run(run), plan, evaluation, crop, parts, weights_dir)
    typer.echo(f"Wrote {plan.network} (sha256 {card.sha256[:12]}...) into {weights_dir}: state, graphs, entry, card.")
    if card.artifacts.openvino_int8 is None:
        typer.echo(NO_INT8)
    take_along(weights_dir, typer.echo)


def blend(
    data: DataOption,
    weights: Annotated[list[Path], typer.Option("--weights", help="My_model's, of runs from one start; repeat.")],
    share: Annotated[list[float], typer.Option("--share", help="For each of the weights, in their order.")],
    run: Annotated[Path, typer.Option("--run", help="Folder to write into.")],
    sets: SetsOption = DEFAULT_SETS,
    threads: ThreadsOption = None,
    limit: LimitOption = None,
) -> None:
    """Average the weights of several runs, and measure the norms anew on train pictures."""
    use_threads(threads)
    plan = read_plan(sets)
    mixture = make_mixture(WIDE, load_parts(plan, data, "train", limit), None, read_textures(data, plan.textures))
    payload, about = blended(weights, share, mixture)
    write_payload(payload, run / f"{MY_MODEL}.safetensors")
    write_json(about, run / BLEND)
    typer.echo(f"Blend of {len(weights)} written: {run / f'{MY_MODEL}.safetensors'}")


def use_threads(threads: int | None) -> None:
    """Bound the CPU threads; None: all cores."""
    if threads is not None:
        torch.set_num_threads(threads)
