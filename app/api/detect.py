"""POST /detect, /detect/batch and /classify."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ValidationError

from app.api.deps import Services, ServicesDep
from app.api.described import (
    BATCH_BODY,
    CLASSIFY_BODY,
    DETECT_ANSWER,
    MAX_BATCH_FILES,
    MAX_CLASSIFY_FILES,
    PROBLEMS,
    SINGLE_BODY,
    TABLE_ANSWER,
)
from app.api.drawn import detect_and_draw, in_pieces
from app.api.guards.client import client_of
from app.api.wire.accept import CSV, JPEG, JSON, PNG, accepted
from app.api.wire.attributes import check_loaded
from app.api.wire.body import read_many, read_single
from app.api.wire.disconnect import unless_client_leaves
from app.api.wire.explained import (
    ExplainedBatchOut,
    ExplainedEntry,
    ExplainedOut,
    check_explainable,
    explained_out,
    explanation_out,
)
from app.api.wire.mistakes import told_of_lost_line_ends
from app.api.wire.options import (
    AttributesField,
    ClassifyFields,
    ClassifyQuery,
    DetectFields,
    DetectQuery,
    OptionFields,
    QueryOptions,
)
from app.api.wire.problems import first_fault, log_failure, problem_of, request_id_of
from app.api.wire.schemas import (
    ClassifyBatchOut,
    ClassifyEntry,
    DetectBatchOut,
    DetectEntry,
    DetectOut,
    ErrorOut,
    answer_fields,
    detect_out,
    model_names,
)
from app.api.wire.table import MEDIA_TYPE, table_of
from app.api.wire.uploads import Upload
from app.errors import MienError, Overloaded
from app.faces.types import Attributes
from app.serving.explained import MAX_EXPLAINED, classify_and_explain, detect_and_explain

QUEUE_SHARE = 4
"""The files of one request take at most a quarter of the queue at a time, so that one client cannot fill it."""

BUSY = 503

Answer = TypeVar("Answer", DetectEntry, ClassifyEntry, ExplainedEntry)
Options = TypeVar("Options", bound=AttributesField)
Anything = TypeVar("Anything")

router = APIRouter(tags=["inference"], responses=PROBLEMS)


@router.post(
    "/detect",
    response_model=DetectOut | ExplainedOut,
    summary="Faces and expressions of one picture",
    responses=DETECT_ANSWER,
    openapi_extra=SINGLE_BODY,
)
async def detect(
    request: Request, services: ServicesDep, query: Annotated[DetectQuery, Query()]
) -> DetectOut | ExplainedOut | Response:
    """Find the faces of one picture and the emotion of each.

    Send it as form field `file`, as `image` in JSON (base64), or as the whole body. With `Accept: image/jpeg` or
    `image/png` the answer is the picture with boxes and labels, with `text/csv` a table.
    """
    media_type = accepted(request, (JSON, JPEG, PNG, CSV))
    turns = services.engine.admission.turns
    body = await read_single(request, services.body_limits, DetectFields.model_fields, turns)
    merged = _merge(DetectFields, query, body.options, services)
    options, client, engine, [upload] = merged.to_options(), client_of(request.scope), services.engine, body.uploads
    names = model_names(engine.manifest, options.attributes)
    with told_of_lost_line_ends(upload.payload):
        if merged.explain:
            check_explainable(media_type, 1, MAX_EXPLAINED)
            explaining = detect_and_explain(engine, upload.payload, options, client)
            found, explanations = await unless_client_leaves(request, explaining)
            return explained_out(found, explanations, engine.manifest.emotion.crop, names)
        if media_type in (JPEG, PNG):
            drawing = detect_and_draw(engine, upload.payload, options, client, media_type)
            drawn = await unless_client_leaves(request, drawing)
            return in_pieces(drawn, media_type, engine.admission.body_bytes, client)
        found = await unless_client_leaves(request, engine.detect(upload.payload, options, client=client))
    answer = detect_out(found, names)
    if media_type == CSV:
        return _table([DetectEntry(**answer.model_dump(), file=upload.file)], options.attributes, services)
    return answer


@router.post(
    "/detect/batch",
    response_model=DetectBatchOut,
    summary="Faces and expressions of up to 32 pictures",
    responses=TABLE_ANSWER,
    openapi_extra=BATCH_BODY,
)
async def detect_batch(
    request: Request, services: ServicesDep, query: Annotated[QueryOptions, Query()]
) -> DetectBatchOut | Response:
    """Find the faces of 1 to 32 pictures: form fields `files`, or `images` in JSON; a bad one costs only its entry."""
    media_type = accepted(request, (JSON, CSV))
    turns = services.engine.admission.turns
    body = await read_many(request, services.body_limits, MAX_BATCH_FILES, OptionFields.model_fields, turns)
    options = _merge(OptionFields, query, body.options, services).to_options()
    names = model_names(services.engine.manifest, options.attributes)
    deadline, allowance = services.engine.deadline(), services.engine.allowance()
    client = client_of(request.scope)

    async def answer(upload: Upload) -> DetectEntry:
        payload = upload.usable(services.body_limits)
        found = await services.engine.detect(payload, options, deadline, client, allowance=allowance)
        return DetectEntry(**detect_out(found, names).model_dump(), file=upload.file)

    results = await _each(body.uploads, answer, request, services)
    return _table(results, options.attributes, services) if media_type == CSV else DetectBatchOut(results=results)


@router.post(
    "/classify",
    response_model=ClassifyBatchOut | ExplainedBatchOut,
    summary="Expressions of pictures that are faces already",
    responses=TABLE_ANSWER,
    openapi_extra=CLASSIFY_BODY,
)
async def classify(
    request: Request, services: ServicesDep, query: Annotated[ClassifyQuery, Query()]
) -> ClassifyBatchOut | ExplainedBatchOut | Response:
    """Classify 1 to 64 pictures that are already faces, without detection or margin; sent as to `/detect/batch`."""
    media_type = accepted(request, (JSON, CSV))
    turns = services.engine.admission.turns
    body = await read_many(request, services.body_limits, MAX_CLASSIFY_FILES, ClassifyFields.model_fields, turns)
    options = _merge(ClassifyFields, query, body.options, services)
    names = model_names(services.engine.manifest, options.attributes)
    deadline = services.engine.deadline()
    client = client_of(request.scope)

    async def answer(upload: Upload) -> ClassifyEntry:
        payload = upload.usable(services.body_limits)
        answers, picture = await services.engine.classify(payload, deadline, client, options.attributes)
        fields = answer_fields(answers).model_dump()
        return ClassifyEntry(**fields, truncated=picture.truncated, model=names, file=upload.file)

    async def explain(upload: Upload) -> ExplainedEntry:
        payload = upload.usable(services.body_limits)
        answers, explanation, truncated = await classify_and_explain(
            services.engine, payload, deadline, client, options.attributes
        )
        fields, why = answer_fields(answers).model_dump(), explanation_out(explanation)
        return ExplainedEntry(**fields, truncated=truncated, model=names, file=upload.file, explanation=why)

    if options.explain:
        check_explainable(media_type, len(body.uploads), MAX_EXPLAINED)
        return ExplainedBatchOut(results=await _each(body.uploads, explain, request, services))
    results = await _each(body.uploads, answer, request, services)
    return _table(results, options.attributes, services) if media_type == CSV else ClassifyBatchOut(results=results)


def _merge(kind: type[Options], query: BaseModel, given: Mapping[str, Any], services: Services) -> Options:
    """Merge the options of the query and the body; the body's win.

    Raises:
        InvalidRequest: If an option is out of range, or an attribute is asked that is not loaded.
    """
    try:
        merged = kind.model_validate({**query.model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        raise first_fault(error, "body") from error
    check_loaded(merged.attributes, services.engine.manifest.further)
    return merged


def _table(
    entries: Sequence[DetectEntry | ClassifyEntry | ErrorOut], attributes: Attributes, services: Services
) -> Response:
    further = services.engine.manifest.further
    table = table_of(entries, {each: further[each] for each in attributes})
    return Response(table, headers={"Content-Type": MEDIA_TYPE})


async def _each(
    uploads: Sequence[Upload], answer: Callable[[Upload], Awaitable[Answer]], request: Request, services: Services
) -> list[Answer | ErrorOut]:
    """Answer every file in order; a `MienError` fails only its own entry.

    Raises:
        MienError: One with status 503, if the server could take none of them: the whole request is worth retrying
            later. If all have the same reason, that is reported; otherwise the server is busy.
    """
    gate = asyncio.Semaphore(max(1, services.engine.limits.queue_size // QUEUE_SHARE))
    request_id = request_id_of(request)
    failures: dict[str, MienError] = {}

    async def one(upload: Upload) -> Answer | ErrorOut:
        async with gate:
            try:
                return await answer(upload)
            except MienError as error:
                failures.setdefault(error.code, error.with_traceback(None))  # which would hold the picture
                return ErrorOut(error=problem_of(error, request_id), file=upload.file)

    results = await unless_client_leaves(request, _all_of(one(upload) for upload in uploads))
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


async def _all_of(work: Iterable[Coroutine[Any, Any, Anything]]) -> list[Anything]:
    """Run all concurrently; if one raises or this call is cancelled, all are cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
    return [task.result() for task in tasks]
