"""A folder with one exported network is no use to a server: the others come from the deployed weights."""

from collections.abc import Callable
from pathlib import Path

from app.manifest import EMOTION, MANIFEST, ClassifierCard, DetectorCard, load_manifest
from app.weights import default_weights_dir
from training.artifacts import read_served
from training.files import write_payload
from training.manifest_entry import CLASSIFY, FIND, known_entry

NEEDED = ((FIND, None), (CLASSIFY, EMOTION))
"""Task and attribute of what every served folder holds."""


def known_weights(weights_dir: Path) -> Path:
    """Return the folder whose manifest an export goes by: this one, or the deployed weights' while it has none."""
    return weights_dir if (weights_dir / MANIFEST).is_file() else default_weights_dir()


def take_along(weights_dir: Path, tell: Callable[[str], None]) -> None:
    """After an export: copy what a folder lacks to be served from the weights that come with this installation.

    A folder that can be served is left as it is, and so is that of the installation itself.

    Args:
        weights_dir: Folder of manifest.json.
        tell: Gets one line if anything was copied.

    Raises:
        WeightsError: If a file of the deployed weights is missing or altered.
    """
    deployed, taken = default_weights_dir(), list[str]()
    if deployed.resolve() == weights_dir.resolve() or all(known_entry(weights_dir, *purpose) for purpose in NEEDED):
        return
    for name, card in load_manifest(deployed).networks.items():
        attribute = card.attribute if isinstance(card, ClassifierCard) else None
        if known_entry(weights_dir, card.task, attribute):
            continue
        if attribute is None:
            network = read_served(deployed, DetectorCard)
        else:
            network = read_served(deployed, ClassifierCard, attribute)
        network.publish(weights_dir)
        text = deployed / f"{name}.md"
        if text.is_file():
            write_payload(text.read_bytes(), weights_dir / text.name)
        taken.append(name)
    tell(f"Took {', '.join(taken)} along from {deployed}, so that {weights_dir} can be served.")
