"""The files of a network that is to be served, and the checks that let each of them into the weights' folder.

Everything is made from the state. A graph is kept only if it answers like the PyTorch module on real pictures; an int8
graph only if it loses at most half a point.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from app.manifest import ArtifactFile, Artifacts, ClassifierCard, DetectorCard, GraphFiles
from app.runtimes.openvino import OpenVinoRuntime, version
from app.runtimes.precision import Precision
from app.runtimes.processor import has_bf16, processor_flags, usable_cores
from app.runtimes.protocol import Array, Network
from app.runtimes.torch.state import parse_state
from app.weights import Graph, NetworkFiles, sha256_of
from training.compare_graph import compare, describe
from training.convert import convert, quantize, serialize
from training.errors import RunError, TooCoarse
from training.files import write_payload
from training.manifest_entry import read_entry, write_entry

Card = TypeVar("Card", DetectorCard, ClassifierCard)

LARGEST_LOSS = 0.005
"""How much accuracy or AP, as a share of 1, an int8 graph may lose against float32: half a point."""


@dataclass(frozen=True)
class Served:
    """A network as it will be served, not yet in the weights' folder.

    Attributes:
        name: Its name in the manifest, and the stem of its files.
        card: Its entry.
        files: File name -> content, of all artifacts of the entry.
    """

    name: str
    card: DetectorCard | ClassifierCard
    files: Mapping[str, bytes]

    @property
    def detector_card(self) -> DetectorCard:
        """The entry of a network that finds faces."""
        assert isinstance(self.card, DetectorCard)  # noqa: S101 - the caller has made it so
        return self.card

    @property
    def classifier_card(self) -> ClassifierCard:
        """The entry of a classifier."""
        assert isinstance(self.card, ClassifierCard)  # noqa: S101 - the caller has made it so
        return self.card

    @property
    def state(self) -> bytes:
        """The safetensors file."""
        return self.files[self.card.artifacts.state.file]

    def open(self, precision: Precision) -> Network:
        """Open a graph as the server does, on the CPU."""
        with tempfile.TemporaryDirectory() as folder:
            for file, payload in self.files.items():
                write_payload(payload, Path(folder) / file)
            runtime = OpenVinoRuntime(precision, usable_cores())
            return runtime.open(NetworkFiles(self.name, self.card, Path(folder)))

    def publish(self, weights_dir: Path) -> None:
        """Write the files, then the manifest's entry."""
        for file, payload in self.files.items():
            write_payload(payload, weights_dir / file)
        write_entry(weights_dir, self.name, self.card)

    def _with(self, graph: Graph, suffix: str, field: str, metrics: dict[str, object]) -> "Served":
        layers, values = f"{self.name}{suffix}.xml", f"{self.name}{suffix}.bin"
        entry = GraphFiles(
            graph=ArtifactFile(file=layers, sha256=sha256_of(graph.layers)),
            weights=ArtifactFile(file=values, sha256=sha256_of(graph.values)),
            metrics=metrics,
        )
        artifacts = self.card.artifacts.model_copy(update={field: entry})
        return replace(
            self,
            card=self.card.model_copy(update={"artifacts": artifacts}),
            files={**self.files, layers: graph.layers, values: graph.values},
        )


def state_artifact(name: str, payload: bytes) -> Artifacts:
    """Describe the state of a new network; its graphs come later."""
    return Artifacts(state=ArtifactFile(file=f"{name}.safetensors", sha256=sha256_of(payload)))


def served(name: str, card: DetectorCard | ClassifierCard, payload: bytes) -> Served:
    """Begin with the state alone."""
    return Served(name, card, {card.artifacts.state.file: payload})


def read_served(weights_dir: Path, kind: type[Card], attribute: str | None = None, graphs: bool = True) -> Served:
    """Read an exported network.

    Args:
        weights_dir: Folder of manifest.json.
        kind: The detector's or a classifier's entry.
        attribute: Of the classifier.
        graphs: Read the graphs that it has, too, and not its state alone.

    Raises:
        RunError: If it has not been exported.
        WeightsError: If a file is missing or altered.
    """
    name, card = read_entry(weights_dir, kind, attribute)
    files = NetworkFiles(name, card, weights_dir)
    payloads = {card.artifacts.state.file: files.read_state()}
    for int8, entry in ((False, card.artifacts.openvino), (True, card.artifacts.openvino_int8)):
        if graphs and entry is not None:
            graph = files.read_graph(int8)
            payloads |= {entry.graph.file: graph.layers, entry.weights.file: graph.values}
    return Served(name, card, payloads)


def with_graph(network: Served, inputs: Sequence[Array]) -> Served:
    """Add the float graph, its values in float16.

    Args:
        network: With its state.
        inputs: Real inputs of the network, canvases or crops, one row each.

    Raises:
        RunError: If its answers differ from the module's.
    """
    state = parse_state(network.state, network.name)
    graph = serialize(convert(network.card, state, network.name))
    made = network._with(graph, "", "openvino", {})
    found = compare(made.card, state, made.open(Precision("fp32", "fp32", "fp32")), inputs)
    return made._with(graph, "", "openvino", {"openvino": version(), "inputs": len(inputs), **describe(found)})


def with_int8(
    network: Served, samples: list[Array], measure: Callable[[Network], dict[str, float]], about: dict[str, object]
) -> Served:
    """Add the graph in 8-bit integers.

    Args:
        network: With its float graph.
        samples: Typical inputs, one row each; the integers' ranges come from them.
        measure: Returns figures of a network, as shares of 1; of those named AP or accuracy higher is better.
        about: On what it measures.

    Raises:
        RunError: If there is no float graph; TooCoarse if a figure falls by more than half a point.
    """
    if network.card.artifacts.openvino is None:
        raise RunError(f"{network.name} has no float graph to compare with: make it with `graph` first.")
    state = parse_state(network.state, network.name)
    graph = quantize(convert(network.card, state, network.name), samples)
    made = network._with(graph, ".int8", "openvino_int8", {})
    rest = "bf16" if has_bf16(processor_flags()) else "fp32"
    before = measure(network.open(Precision("fp32", "fp32", "fp32")))
    after = measure(made.open(Precision("int8", "int8", rest)))  # type: ignore[arg-type]  # one of the two literals
    check_loss(before, after)
    return made._with(graph, ".int8", "openvino_int8", {**about, "fp32": before, "int8": after})


def check_loss(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Refuse a network that is worse by more than half a point.

    Args:
        before: Figures in float32 by name, as shares of 1; of those named AP or accuracy higher is better.
        after: The same in int8.

    Raises:
        TooCoarse: If one of these lost too much.
    """
    for name, value in before.items():
        if name.startswith(("AP", "accuracy")) and value - after[name] > LARGEST_LOSS:
            raise TooCoarse(
                f"In int8 the {name} falls from {value:.2%} to {after[name]:.2%}, by more than {LARGEST_LOSS:.1%}: "
                "not written."
            )
