"""The only door to OpenVINO: the package without its telemetry.

On import and at each conversion, OpenVINO reports to Google Analytics through its dependency openvino-telemetry, from
a process started for that. If that package is missing, it uses its own no-op stand-in. So the package is made to look
missing.
"""

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # an import of it then raises ModuleNotFoundError

from openvino import CompiledModel, Core, InferRequest, Model, Output, __version__, convert_model, save_model  # noqa: E402

__all__ = ["CompiledModel", "Core", "InferRequest", "Model", "Output", "__version__", "convert_model", "save_model"]
