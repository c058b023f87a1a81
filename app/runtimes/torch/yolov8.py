"""ultralytics' definition of YOLOv8n."""

from app.runtimes.torch.ultralytics_door import DetectionModel, yaml_model_load

ARCHITECTURE = "yolov8n.yaml"


def build_yolov8n(num_classes: int) -> DetectionModel:
    """Build YOLOv8n with random weights.

    Args:
        num_classes: Outputs of the class branch; 1 for faces.
    """
    return DetectionModel({**yaml_model_load(ARCHITECTURE), "nc": num_classes}, verbose=False)
