"""weights/manifest.json: what each deployed network does, which files hold it and what is known of it."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.errors import WeightsError

MANIFEST = "manifest.json"

EMOTION = "emotion"
"""The attribute that is always served."""

LABELS: tuple[str, ...] = ("angry", "happy", "sad", "surprise", "neutral")
"""The five emotions in the order of My_model's outputs. The order is a contract with the weights and the clients."""

INPUT_SIZE_PX = 48
"""Side of My_model's gray input in pixels: FER2013's picture size (Goodfellow et al., arXiv:1307.0414, section 3.1)."""

Name = Annotated[str, Field(pattern=r"^[\w-]+(\.[\w-]+)*$")]
"""A file's name beside the manifest, or a network's: no path leads out of the folder."""


class Strict(BaseModel):
    """A part of the manifest: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CropRule(Strict):
    """How a face box becomes the square that a classifier sees; see `app.faces.crop`.

    Attributes:
        margin: The square's side is (1 + margin) times the longer side of the box.
        shift_y: The square's centre lies this share of its own side below the box's centre (negative: above).
    """

    margin: float = Field(gt=-0.9, lt=4.0)
    shift_y: float = Field(ge=-0.5, le=0.5)


class ClearRule(Strict):
    """When an answer is clear; see `app.faces.clear`.

    `training sets evaluate` chooses the two values, and `sets export` writes them into the entry. The defaults, for
    entries without them, were chosen so with the state 7cec699c: 58, 69, 52 and 33 % of the answers are clear on the
    val parts of FER2013, RAF-DB, web photos and masked faces, and 90.0, 94.7, 93.2 and 85.3 % of these are right. The
    labels of the last set are too noisy for 90 %.

    Attributes:
        margin: The best probability is at least so much above the second, 0..1.
        floor: And at least this, 0..1.
    """

    margin: float = Field(default=0.59, ge=0, le=1)
    floor: float = Field(default=0.73, ge=0, le=1)


class ArtifactFile(Strict):
    """A file beside the manifest.

    Attributes:
        file: Its name.
        sha256: Hex digest of the whole file.
    """

    file: Name
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class GraphFiles(Strict):
    """A network as OpenVINO's graph.

    Attributes:
        graph: Its layers (XML).
        weights: Its values.
        metrics: What it was compared with when it was written, and the figures.
    """

    graph: ArtifactFile
    weights: ArtifactFile
    metrics: dict[str, object]


class Artifacts(Strict):
    """The forms of one network, each made from the state.

    Attributes:
        state: The module's tensors, safetensors in float16; its hash names the network.
        openvino: The graph, values in float16.
        openvino_int8: The graph with 8-bit weights and activations.
    """

    state: ArtifactFile
    openvino: GraphFiles | None = None
    openvino_int8: GraphFiles | None = Field(default=None, alias="openvino-int8")


class NetworkCard(Strict):
    """What every entry of the manifest says about one network.

    Attributes:
        architecture: The module that the state fits.
        artifacts: Its files.
        labels: Names of the outputs, in order.
        input_size_px: Side of the network's square input.
        parameters: Number of trained values.
        training: Recipe, seed, epoch and data of the run, as the training package wrote them.
        metrics: Figures measured by the training package.
        licence: SPDX expression of the weights.
        data: Training data sets with their terms.
    """

    architecture: str
    artifacts: Artifacts
    labels: tuple[str, ...]
    input_size_px: int
    parameters: int
    training: dict[str, object]
    metrics: dict[str, object]
    licence: str
    data: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash of the state, which identifies the network in whatever form it runs."""
        return self.artifacts.state.sha256


class DetectorCard(NetworkCard):
    """A network that finds faces.

    Attributes:
        score_threshold: Default lowest score of a face, 0..1.
        iou_threshold: Boxes that overlap a higher-scoring one by more are dropped (NMS), 0..1.
    """

    task: Literal["find"] = "find"
    input_size_px: int = Field(ge=32, le=4096, multiple_of=32)
    score_threshold: float = Field(ge=0, le=1)
    iou_threshold: float = Field(ge=0, le=1)


class ClassifierCard(NetworkCard):
    """A network that describes a face.

    Attributes:
        attribute: What it describes, such as `emotion`.
        crop: Maps the face box to the input.
        temperature: Logits are divided by it before the softmax (Guo et al. 2017, arXiv:1706.04599, section 4.2).
        clear: Which answers are clear enough to stand alone.
    """

    task: Literal["classify"] = "classify"
    attribute: Name
    crop: CropRule
    temperature: float = Field(gt=0)
    clear: ClearRule = ClearRule()


Card = Annotated[DetectorCard | ClassifierCard, Field(discriminator="task")]


class Manifest(Strict):
    """The whole manifest: one network that finds faces, and one classifier for each attribute; one is for emotion."""

    schema_version: Literal[2] = 2
    networks: dict[Name, Card]

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if sum(isinstance(card, DetectorCard) for card in self.networks.values()) != 1:
            raise ValueError("exactly one network must have the task find")
        attributes = [card.attribute for card in self.networks.values() if isinstance(card, ClassifierCard)]
        if len(set(attributes)) != len(attributes) or EMOTION not in attributes:
            raise ValueError("each attribute needs exactly one classifier, and one must be for emotion")
        if self.emotion.labels != LABELS:
            raise ValueError(f"the labels of emotion must be {', '.join(LABELS)}, in this order")
        return self

    @property
    def detector_name(self) -> str:
        """Name of the network that finds faces."""
        return next(name for name, card in self.networks.items() if isinstance(card, DetectorCard))

    @property
    def detector(self) -> DetectorCard:
        """The network that finds faces."""
        card = self.networks[self.detector_name]
        assert isinstance(card, DetectorCard)  # noqa: S101 - found by its kind
        return card

    @property
    def classifiers(self) -> dict[str, tuple[str, ClassifierCard]]:
        """Attribute -> name and card of its classifier."""
        cards = self.networks.items()
        return {card.attribute: (name, card) for name, card in cards if isinstance(card, ClassifierCard)}

    def crop_rules(self, attributes: Iterable[str] = ()) -> frozenset[CropRule]:
        """Return those of the classifiers of emotion and of further attributes."""
        return frozenset(self.classifiers[each][1].crop for each in (EMOTION, *attributes))

    @property
    def further(self) -> dict[str, tuple[str, ...]]:
        """Attribute -> labels of the classifiers besides that of emotion."""
        return {each: card.labels for each, (_, card) in self.classifiers.items() if each != EMOTION}

    def with_further(self, attributes: Collection[str]) -> "Manifest":
        """Return this manifest without the classifiers of all but emotion and these attributes.

        Raises:
            WeightsError: If there is no classifier for one of them.
        """
        for each in attributes:
            if each not in self.classifiers:
                known = ", ".join(self.further) or "none"
                raise WeightsError(f"The weights hold no network for {each!r}; besides {EMOTION}: {known}.")
        kept = {
            name: card
            for name, card in self.networks.items()
            if isinstance(card, DetectorCard) or card.attribute in (EMOTION, *attributes)
        }
        return self.model_copy(update={"networks": kept})

    @property
    def emotion(self) -> ClassifierCard:
        """The classifier of emotion."""
        return self.classifiers[EMOTION][1]


def load_manifest(weights_dir: Path) -> Manifest:
    """Read manifest.json.

    Raises:
        WeightsError: If it is missing or malformed.
    """
    path = weights_dir / MANIFEST
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            raise FileNotFoundError(2, "no such file, or not a plain one")
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"No weights at {weights_dir}: {MANIFEST} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{path} is not valid: {f'{where}: ' if where else ''}{first['msg']}.") from error
