"""Everything that can go wrong, as one exception family.

MienError
├── BadPayload            400  the bytes are not a whole picture
├── MalformedRequest      400  this is not HTTP, or no request to open a stream
├── Unauthorized          401  no API key, or a wrong one
├── Forbidden             403  a page of this origin may not ask this
├── NotAcceptable         406  the answer cannot be given in the form that is asked for
├── UploadTimeout         408  the body did not arrive in time
├── PayloadTooLarge       413  too many bytes, pixels or files
├── UriTooLong            414  the path and the query are too long
├── UnsupportedMedia      415  not a supported picture format
├── WrongHost             421  the request is for another host
├── InvalidRequest        422  a field or an option is missing or out of range
├── RateLimited           429  this client sends requests too often
├── HeadersTooLarge       431  too many headers, or too long ones
├── ClientGone            499  the client left; nobody reads the answer
├── Overloaded            503  the queue or the memory budget is full
├── OutOfMemory           503  the device has no memory left, even for one picture
├── DeviceLost            503  the device failed for good; a restart is needed
├── NotReady              503  starting or stopping
├── DeadlineExceeded      504  the answer did not come in time
├── InferenceFailed       500  the networks failed on this batch
├── VideoUnavailable      command line: the video, camera or stream cannot be opened, or broke off
├── DeviceUnavailable     start-up: the requested device is not there
├── RuntimeUnavailable    start-up: the requested runtime is not installed, or does not fit the device
├── SettingsError         start-up: settings are invalid
└── WeightsError          start-up: weights are missing, altered or do not fit

Every class carries an HTTP status and a stable `code`; `str(error)` is safe to show to a client. Where waiting helps,
`retry_after_s` says when to retry. Notes (`add_note`) are for the log only.
"""


class MienError(Exception):
    """A failure with a stable code and a message that may be shown to the client."""

    status: int = 500
    code: str = "internal_error"
    title: str = "Internal error"
    retry_after_s: int | None = None


class BadPayload(MienError):
    """The payload is empty, truncated or damaged."""

    status = 400
    code = "bad_payload"
    title = "The picture cannot be read"


class MalformedRequest(MienError):
    """What arrived is not HTTP, or not the request that opens a WebSocket."""

    status = 400
    code = "bad_request"
    title = "The request cannot be understood"


class Unauthorized(MienError):
    """The request carries no API key, or a wrong one."""

    status = 401
    code = "unauthorized"
    title = "An API key is needed"


class Forbidden(MienError):
    """A page of another site asks for what it may not have, key or not."""

    status = 403
    code = "forbidden"
    title = "The page may not ask this"


class NotAcceptable(MienError):
    """The answer cannot be given in any of the media types that the request accepts."""

    status = 406
    code = "not_acceptable"
    title = "The answer has no such form"


class UploadTimeout(MienError):
    """The body did not arrive within the time allowed."""

    status = 408
    code = "upload_timeout"
    title = "The upload took too long"


class PayloadTooLarge(MienError):
    """More bytes, pixels or files than the limits allow."""

    status = 413
    code = "payload_too_large"
    title = "The payload is too large"


class UriTooLong(MienError):
    """The path and the query are too long, or the query has too many names."""

    status = 414
    code = "uri_too_long"
    title = "The address is too long"


class UnsupportedMedia(MienError):
    """The payload is not in a supported picture format."""

    status = 415
    code = "unsupported_media"
    title = "The media type is not supported"


class WrongHost(MienError):
    """The request names a host that this server is not."""

    status = 421
    code = "wrong_host"
    title = "The request is for another host"


class InvalidRequest(MienError):
    """A field or option is missing, unknown or out of range."""

    status = 422
    code = "invalid_request"
    title = "The request is not valid"


class RateLimited(MienError):
    """This client sends requests more often than it may.

    Args:
        message: What happened.
        retry_after_s: When to retry, in seconds.
    """

    status = 429
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class HeadersTooLarge(MienError):
    """The request's line and headers are too many or too long."""

    status = 431
    code = "headers_too_large"
    title = "The headers are too large"


class ClientGone(MienError):
    """The client closed the connection; the status appears in logs and metrics only."""

    status = 499
    code = "client_gone"
    title = "The client has left"


class Overloaded(MienError):
    """The queue, or the memory budget for requests, is full."""

    status = 503
    code = "overloaded"
    title = "The server is busy"
    retry_after_s = 2  # time to work off a full queue on two cores; earlier retries only slow the pictures in progress


class OutOfMemory(MienError):
    """The compute device does not have enough memory; a smaller batch may fit."""

    status = 503
    code = "out_of_memory"
    title = "The device is out of memory"
    retry_after_s = 5


class DeviceLost(MienError):
    """The compute device failed in a way that only a new process can fix."""

    status = 503
    code = "device_lost"
    title = "The device has failed"
    retry_after_s = 10


class NotReady(MienError):
    """The server is starting or stopping."""

    status = 503
    code = "not_ready"
    title = "The server is not ready"
    retry_after_s = 5


class DeadlineExceeded(MienError):
    """The answer did not come within the time allowed."""

    status = 504
    code = "deadline_exceeded"
    title = "The answer took too long"


class InferenceFailed(MienError):
    """The networks failed on the batch with this picture."""

    status = 500
    code = "inference_failed"
    title = "Inference failed"


class VideoUnavailable(MienError):
    """A video file, a camera or a stream cannot be opened, or it broke off."""

    code = "video_unavailable"
    title = "The video cannot be read"


class DeviceUnavailable(MienError):
    """The requested compute device is not on this machine."""

    code = "device_unavailable"
    title = "The device is not available"


class RuntimeUnavailable(MienError):
    """The requested runtime is not installed, or does not fit the device or the precision."""

    code = "runtime_unavailable"
    title = "The runtime is not available"


class SettingsError(MienError):
    """The settings cannot be used as they are."""

    code = "settings_error"
    title = "The settings cannot be used"


class WeightsError(MienError):
    """Weights are missing, altered, or do not fit their network."""

    code = "weights_error"
    title = "The weights cannot be used"
