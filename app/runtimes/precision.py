"""In which number format each task is computed."""

from dataclasses import dataclass
from typing import Literal

from app.errors import RuntimeUnavailable
from app.manifest import DetectorCard, NetworkCard
from app.runtimes.processor import has_bf16, has_int8_dot_products

Format = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True)
class Precision:
    """The format of each task's network.

    Attributes:
        find: Of the network that finds faces.
        classify: Of the classifiers.
        rest: Of what has no int8 form, in an int8 network.
        optional: Whether a network that has no int8 form runs in `rest` instead.
    """

    find: Format
    classify: Format
    rest: Literal["fp32", "bf16"]
    optional: bool = False

    def of(self, card: NetworkCard) -> Format:
        """Return the format in which a network is computed."""
        wanted = self.find if isinstance(card, DetectorCard) else self.classify
        return self.rest if self.optional and card.artifacts.openvino_int8 is None else wanted


def cpu_precision(setting: str, flags: frozenset[str]) -> Precision:
    """Resolve the setting for OpenVINO on a CPU.

    `auto` finds faces in int8 where the processor has dot products of 8-bit integers, which costs less accuracy than
    the gate allows, and keeps the classifiers' probabilities finer: in bfloat16 where the processor has it.

    Args:
        setting: `auto`, `fp32`, `bf16` or `int8`.
        flags: The processor's features.

    Raises:
        RuntimeUnavailable: If bfloat16 is asked for and the processor does not compute it.
    """
    rest: Literal["fp32", "bf16"] = "bf16" if has_bf16(flags) else "fp32"
    if setting == "bf16" and rest != "bf16":
        raise RuntimeUnavailable("This processor does not compute bfloat16: set the precision to auto, fp32 or int8.")
    if setting == "fp32":
        return Precision("fp32", "fp32", "fp32")
    if setting == "int8":
        return Precision("int8", "int8", rest)
    if setting == "auto" and has_int8_dot_products(flags):
        return Precision("int8", rest, rest, optional=True)
    return Precision(rest, rest, rest)
