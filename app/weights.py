"""The files of the deployed networks, verified before use."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.errors import WeightsError
from app.manifest import EMOTION, MANIFEST, ArtifactFile, ClassifierCard, DetectorCard, Manifest


class Graph(NamedTuple):
    """The bytes of OpenVINO's two files."""

    layers: bytes
    values: bytes


@dataclass(frozen=True)
class NetworkFiles:
    """One network and where its files lie: what a runtime opens.

    Attributes:
        name: Its name in the manifest.
        card: Its entry.
        folder: The manifest's folder.
    """

    name: str
    card: DetectorCard | ClassifierCard
    folder: Path

    def read_state(self) -> bytes:
        """Read and verify the state.

        Raises:
            WeightsError: If it is missing or does not match the manifest's hash.
        """
        return _read_verified(self.folder, self.card.artifacts.state)

    def read_graph(self, int8: bool) -> Graph:
        """Read and verify a graph.

        Args:
            int8: The one in 8-bit integers.

        Raises:
            WeightsError: If it has not been made, or a file is missing or does not match the manifest's hash.
        """
        artifacts = self.card.artifacts
        files = artifacts.openvino_int8 if int8 else artifacts.openvino
        if files is None:
            raise WeightsError(self._how_to_make(int8))
        return Graph(_read_verified(self.folder, files.graph), _read_verified(self.folder, files.weights))

    def _how_to_make(self, int8: bool) -> str:
        if isinstance(self.card, ClassifierCard) and self.card.attribute != EMOTION:
            return f"{self.folder} lacks a graph of {self.name}: export it again, or set the runtime to torch."
        side = "detector" if isinstance(self.card, DetectorCard) else EMOTION
        if int8:
            return (
                f"{self.folder} holds no int8 graph of {self.name}: make it with `python -m training quantize {side} "
                f"--data ... --weights-dir {self.folder}`, or set the precision to fp32 or bf16."
            )
        return (
            f"{self.folder} holds the state of {self.name} but no graph for OpenVINO: make it with `python -m training "
            f"graph {side} --data ... --weights-dir {self.folder}`, or set the runtime to torch."
        )


def network_files(manifest: Manifest, name: str, weights_dir: Path) -> NetworkFiles:
    """Return a network of the manifest with its folder."""
    return NetworkFiles(name, manifest.networks[name], weights_dir)


def default_weights_dir() -> Path:
    """Return the folder of the weights that come with this installation.

    In a wheel they are inside the package; in a checkout they are in `weights/` beside it.
    """
    package = Path(__file__).resolve().parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def sha256_of(payload: bytes) -> str:
    """Return the hex SHA-256 digest of the bytes."""
    return hashlib.sha256(payload).hexdigest()


def _read_verified(folder: Path, entry: ArtifactFile) -> bytes:
    path = folder / entry.file
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "no such file, or not a plain one")
        payload = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"Weights {path} cannot be read ({error.strerror}).") from error
    digest = sha256_of(payload)
    if digest != entry.sha256:
        raise WeightsError(
            f"Weights {path} have sha256 {digest[:12]}..., but {MANIFEST} says {entry.sha256[:12]}...: the file was "
            "damaged or exchanged. Restore it, or export it again with the training package."
        )
    return payload
