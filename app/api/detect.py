"""POST /detect, /detect/batch and /classify."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError

from app.api.deps import Services, ServicesDep
from app.api.guards.client import client_of
from app.api.wire.body import check_size, read_many, read_single
from app.api.wire.disconnect import unless_client_leaves
from app.api.wire.problems import first_fault, log_failure, problem_of, problem_responses, request_id_of
from app.api.wire.schemas import (
    ClassifyBatchOut,
    ClassifyOut,
    DetectBatchOut,
    DetectOut,
    ErrorOut,
    OptionFields,
    detect_out,
    emotion_fields,
    model_names,
)
from app.errors import InvalidRequest, MienError, Overloaded
from app.faces.types import DetectOptions
from app.pictures.open import FORMATS

QUEUE_SHARE = 4
"""The files of one request take at most a quarter of the queue at a time, so that one client cannot fill it."""

MAX_BATCH_FILES, MAX_CLASSIFY_FILES = 32, 64

BUSY = 503

Answer = TypeVar("Answer")

PROBLEMS = problem_responses(
    {
        400: "The body or the picture is empty, truncated or damaged.",
        401: "An API key is needed.",
        408: "The body did not arrive in time.",
        413: "Too many bytes, pixels or files.",
        414: "The path and the query are too long.",
        415: "Not a picture format that is read here.",
        422: "A field or an option is missing, unknown or out of range.",
        431: "The headers are too long, or too many.",
        429: "This client asks too often; Retry-After says when to come back.",
        500: "The networks failed.",
        503: "The server is busy, starting or stopping; Retry-After says when to come back.",
        504: "The answer took too long.",
    }
)
OPTION_SCHEMA: dict[str, Any] = OptionFields.model_json_schema()["properties"]
BINARY = {"type": "string", "format": "binary"}


def _form_schema(name: str, file_schema: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    properties = {name: file_schema, **options}
    return {"multipart/form-data": {"schema": {"type": "object", "required": [name], "properties": properties}}}


SINGLE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            **_form_schema("file", BINARY, OPTION_SCHEMA),
            **{f"image/{each.lower()}": {"schema": BINARY} for each in FORMATS},
        },
    }
}
BATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": _form_schema(
            "files", {"type": "array", "items": BINARY, "maxItems": MAX_BATCH_FILES}, OPTION_SCHEMA
        ),
    }
}
CLASSIFY_BODY = {
    "requestBody": {
        "required": True,
        "content": _form_schema("files", {"type": "array", "items": BINARY, "maxItems": MAX_CLASSIFY_FILES}, {}),
    }
}

router = APIRouter(tags=["inference"], responses=PROBLEMS)


@router.post("/detect", openapi_extra=SINGLE_BODY)
async def detect(request: Request, services: ServicesDep, query: Annotated[OptionFields, Query()]) -> DetectOut:
    """Find the faces of one picture and the emotion of each: form field `file`, or the picture as the whole body."""
    form = await read_single(request, services.body_limits)
    options = _merge_options(query, form.fields)
    client = client_of(request.scope)
    found = await unless_client_leaves(request, services.engine.detect(form.payloads[0], options, client=client))
    return detect_out(found, model_names(services.engine.manifest))


@router.post("/detect/batch", openapi_extra=BATCH_BODY)
async def detect_batch(
    request: Request, services: ServicesDep, query: Annotated[OptionFields, Query()]
) -> DetectBatchOut:
    """Find the faces of up to 32 pictures (form field `files`); a bad file costs only its own entry."""
    form = await read_many(request, services.body_limits, MAX_BATCH_FILES)
    options = _merge_options(query, form.fields)
    names, deadline = model_names(services.engine.manifest), services.engine.deadline()
    client = client_of(request.scope)

    async def answer(payload: bytes) -> DetectOut:
        check_size(payload, services.body_limits)
        return detect_out(await services.engine.detect(payload, options, deadline, client), names)

    return DetectBatchOut(results=await _each(form.payloads, answer, request, services))


@router.post("/classify", openapi_extra=CLASSIFY_BODY)
async def classify(request: Request, services: ServicesDep) -> ClassifyBatchOut:
    """Classify 1 to 64 pictures that are already faces (form field `files`), without detection or margin."""
    _refuse_unknown(request.query_params.keys())
    form = await read_many(request, services.body_limits, MAX_CLASSIFY_FILES)
    _refuse_unknown(form.fields.keys())
    names, deadline = model_names(services.engine.manifest), services.engine.deadline()
    client = client_of(request.scope)

    async def answer(payload: bytes) -> ClassifyOut:
        check_size(payload, services.body_limits)
        fields = emotion_fields(await services.engine.classify(payload, deadline, client))
        return ClassifyOut(**fields.model_dump(), model=names)

    return ClassifyBatchOut(results=await _each(form.payloads, answer, request, services))


def _merge_options(query: OptionFields, fields: dict[str, str]) -> DetectOptions:
    """Merge the options of the query and the form; the form's win."""
    try:
        merged = OptionFields.model_validate({**query.model_dump(exclude_unset=True), **fields})
    except ValidationError as error:
        raise first_fault(error, "body") from error
    return merged.to_options()


def _refuse_unknown(names: Any) -> None:
    for name in names:
        raise InvalidRequest(f"Unknown option {name!r}: /classify takes only the field 'files'.")


async def _each(
    payloads: Sequence[bytes], answer: Callable[[bytes], Awaitable[Answer]], request: Request, services: Services
) -> list[Answer | ErrorOut]:
    """Answer every payload in order; a `MienError` fails only its own entry.

    Raises:
        MienError: One with status 503, if the server could take none of them: the whole request is worth retrying
            later. If all have the same reason, that is reported; otherwise the server is busy.
    """
    gate = asyncio.Semaphore(max(1, services.engine.limits.queue_size // QUEUE_SHARE))
    request_id = request_id_of(request)
    failures: dict[str, MienError] = {}

    async def one(payload: bytes) -> Answer | ErrorOut:
        async with gate:
            try:
                return await answer(payload)
            except MienError as error:
                failures.setdefault(error.code, error.with_traceback(None))  # which would hold the picture
                return ErrorOut(error=problem_of(error, request_id))

    results = await unless_client_leaves(request, _all_of(one(payload) for payload in payloads))
    if all(isinstance(each, ErrorOut) and each.error.status == BUSY for each in results):
        if len(failures) == 1:
            raise failures.popitem()[1]
        raise Overloaded("The server could take none of these pictures; try again shortly.")
    for each in results:
        if isinstance(each, ErrorOut):
            services.metrics.rejected(each.error.code)
    for failure in failures.values():
        log_failure(failure)
    return results


async def _all_of(work: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Run all concurrently; if one raises or this call is cancelled, all are cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
    return [task.result() for task in tasks]
