"""The only door to OpenVINO: the package without its telemetry.

At import and at each conversion OpenVINO reports to Google Analytics through the package openvino-telemetry, which it
depends on, from a process that it starts for that. Where that package is missing it uses a stand-in of its own that
does nothing. So the package is made to look missing.
"""

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # an import of it then raises ModuleNotFoundError

from openvino import CompiledModel, Core, InferRequest, Model, __version__, convert_model, save_model  # noqa: E402

__all__ = ["CompiledModel", "Core", "InferRequest", "Model", "__version__", "convert_model", "save_model"]
