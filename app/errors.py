"""Everything that can go wrong, as one exception family.

MienError
├── BadPayload            400  the bytes are not a whole picture
├── PayloadTooLarge       413  too many bytes, pixels or files
├── UnsupportedMedia      415  not a picture format that is read here
├── InvalidRequest        422  a field or an option is missing or out of range
├── Overloaded            503  the queue is full; come back after `retry_after_s`
├── NotReady              503  starting or stopping
├── DeadlineExceeded      504  the answer did not come in time
├── InferenceFailed       500  the networks failed on this batch
├── VideoUnavailable      command line: the video, camera or stream cannot be opened
├── DeviceUnavailable     start-up: the device asked for is not there
└── WeightsError          start-up: weights are missing, altered or do not fit

Every class carries an HTTP status and a stable `code`; `str(error)` is safe to show to a client.
"""


class MienError(Exception):
    """A failure with a stable code and a message that may be shown to the client."""

    status: int = 500
    code: str = "internal_error"
    title: str = "Internal error"


class BadPayload(MienError):
    """The payload is empty, truncated or damaged."""

    status = 400
    code = "bad_payload"
    title = "The picture cannot be read"


class PayloadTooLarge(MienError):
    """More bytes, pixels or files than the limits allow."""

    status = 413
    code = "payload_too_large"
    title = "The payload is too large"


class UnsupportedMedia(MienError):
    """The payload is not in a picture format that is read here."""

    status = 415
    code = "unsupported_media"
    title = "The media type is not supported"


class InvalidRequest(MienError):
    """A field or option is missing, unknown or out of range."""

    status = 422
    code = "invalid_request"
    title = "The request is not valid"


class Overloaded(MienError):
    """The queue is full.

    Args:
        message: What happened.
        retry_after_s: When to come back, in seconds.
    """

    status = 503
    code = "overloaded"
    title = "The server is busy"

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReady(MienError):
    """The server is starting or stopping."""

    status = 503
    code = "not_ready"
    title = "The server is not ready"


class DeadlineExceeded(MienError):
    """The answer did not come within the time allowed."""

    status = 504
    code = "deadline_exceeded"
    title = "The answer took too long"


class InferenceFailed(MienError):
    """The networks failed on the batch that held this picture."""

    status = 500
    code = "inference_failed"
    title = "Inference failed"


class VideoUnavailable(MienError):
    """A video file, a camera or a stream cannot be opened."""

    code = "video_unavailable"
    title = "The video cannot be opened"


class DeviceUnavailable(MienError):
    """The compute device that was asked for is not on this machine."""

    code = "device_unavailable"
    title = "The device is not available"


class WeightsError(MienError):
    """Weights are missing, altered, or do not fit their network."""

    code = "weights_error"
    title = "The weights cannot be used"
