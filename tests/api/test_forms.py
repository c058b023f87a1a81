"""Forms as real clients write them, and as attackers do."""

import asyncio

import pytest

from app.api.wire.form import MAX_FIELDS, FormReader
from app.api.wire.multipart import MAX_FALSE_BOUNDARIES, MAX_HEAD_BYTES
from app.api.wire.part_head import MAX_HEADERS
from app.errors import BadPayload
from tests.api.asgi import Exchange
from tests.api.test_detect import check_problem
from tests.api.test_limits import serve
from tests.support.pictures import encode, gradient
from tests.support.processor_time import within

ROUTES = {"/detect": "file", "/detect/batch": "files", "/classify": "files"}
PICTURE = encode(gradient())
HEADERS = {"content-type": "multipart/form-data; boundary=x"}


def part(disposition, content=PICTURE, more=b""):
    return (
        b"--x\r\nContent-Disposition: form-data; " + disposition.encode() + b"\r\n" + more + b"\r\n" + content + b"\r\n"
    )


def form(*parts, before=b""):
    return before + b"".join(parts) + b"--x--\r\n"


def post(client, path, body, **headers):
    return client.post(path, content=body, headers={**HEADERS, **headers})


def entries_of(answer):
    assert answer.status_code == 200, answer.text
    value = answer.json()
    return value.get("results", [value])


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("more", "file"),
    [("", None), ("; filename*=utf-8''na%C3%AFve.png", "naïve.png"), ('; filename="C:\\\\a\\\\b.png"', "b.png"),
     ("; filename=plain.png", "plain.png"), ('; filename="a;b.png"', "a;b.png"), ('; filename=""', None)],
)  # fmt: skip
def test_a_file_needs_no_plain_filename(client, path, more, file):
    [entry] = entries_of(post(client, path, form(part(f'name="{ROUTES[path]}"{more}'))))
    assert "emotion" in entry or entry["faces"]
    assert entry.get("file") == (file if path != "/detect" else None)


def test_a_file_without_filename_may_be_large(client):
    content = b"x" * 1_100_000  # more than a field may have
    [entry] = entries_of(post(client, "/detect/batch", form(part('name="files"', content))))
    assert entry["error"]["code"] == "payload_too_large"


@pytest.mark.parametrize("path", ROUTES)
def test_a_preamble_an_epilogue_and_padding_are_legal(client, path):
    body = form(part(f'name="{ROUTES[path]}"; filename="a"'), before=b"This is a form.\r\n").replace(
        b"--x\r\n", b"--x \t\r\n"
    )
    assert len(entries_of(post(client, path, body + b"and so on\r\n--x\r\n"))) == 1


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("what", ["all", "head", "preamble"])
def test_bare_line_feeds_are_refused_and_named(client, path, what):
    body = form(part(f'name="{ROUTES[path]}"; filename="a"', b"content"))
    if what == "head":
        body = body.replace(b'a"\r\n\r\n', b'a"\n\n')
    else:
        body = (b"hello\n" if what == "preamble" else b"") + body.replace(b"\r\n", b"\n")
    problem = check_problem(post(client, path, body), 400, "bad_payload")
    assert "bare line feed" in problem["detail"]


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
@pytest.mark.parametrize("names", [["files[]"] * 3, ["files[2]", "files[0]", "files[1]"], ["files"] * 3])
def test_names_with_brackets_in_the_order_as_sent(client, path, names):
    pictures = [encode(gradient(seed=seed)) for seed in range(3)]
    body = form(*(part(f'name="{name}"; filename="{i}"', pictures[i]) for i, name in enumerate(names)))
    assert [entry["file"] for entry in entries_of(post(client, path, body))] == ["0", "1", "2"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("index", ["[]", "[0]"])
def test_names_with_brackets_on_every_route(client, path, index):
    assert len(entries_of(post(client, path, form(part(f'name="{ROUTES[path]}{index}"; filename="a"'))))) == 1


def test_two_ways_of_naming_are_refused_by_name(client):
    body = form(part('name="files"; filename="a"'), part('name="files[1]"; filename="b"'))
    problem = check_problem(post(client, "/detect/batch", body), 422, "invalid_request")
    assert "'files'" in problem["detail"]
    assert "'files[1]'" in problem["detail"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("coding", ["base64", "quoted-printable", "gzip"])
def test_coded_parts_and_bodies_are_refused_by_name(client, path, coding):
    header = b"Content-Transfer-Encoding: " + coding.encode() + b"\r\n"
    body = form(part(f'name="{ROUTES[path]}"; filename="a"', more=header))
    assert coding in check_problem(post(client, path, body), 415, "unsupported_media")["detail"]
    plain = form(part(f'name="{ROUTES[path]}"; filename="a"'))
    answer = post(client, path, plain, **{"content-encoding": coding})
    assert coding in check_problem(answer, 415, "unsupported_media")["detail"]
    assert post(client, path, plain, **{"content-encoding": "identity"}).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_what_browsers_and_php_add_does_no_harm(client, path):
    extras = {"MAX_FILE_SIZE": "30000", "submit": "Send", "_token": "a1b2", "go.x": "12", "go.y": "3", "utf8": "✓"}
    fields = [part(f'name="{name}"', value.encode()) for name, value in extras.items()]
    unchosen = part('name="other"; filename=""', b"")
    body = form(*fields, unchosen, part(f'name="{ROUTES[path]}"; filename="a"'))
    assert len(entries_of(post(client, path, body))) == 1


def test_empty_options_mean_the_default(client, fake_pipeline):
    fields = [part(f'name="{name}"', b"") for name in ("max_faces", "min_face_px", "score_threshold")]
    assert post(client, "/detect?max_faces=", form(*fields, part('name="file"'))).status_code == 200
    assert fake_pipeline.options[-1].max_faces is None


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [("max_face", "x", "did you mean max_faces?"), ("minFacePx", "3", "did you mean min_face_px?"),
     ("threads", "4", "max_faces, min_face_px, score_threshold, second_looks."),
         ("url", "https://a.example", "fetches nothing"),
     ("img_path", "a.jpg", "base64")],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/detect", "/detect/batch"])
def test_unknown_options_get_a_sentence_that_helps(client, path, name, value, hint):
    picture = part(f'name="{ROUTES[path]}"; filename="a"')
    for answer in (
        post(client, path, form(part(f'name="{name}"', value.encode()), picture)),
        post(client, f"{path}?{name}={value}", form(picture)),
        client.post(path, json={name: value}),
    ):
        problem = check_problem(answer, 422, "invalid_request")
        assert name in problem["detail"]
        assert hint in problem["detail"]


def test_an_address_in_the_place_of_a_file_is_explained(client):
    body = form(part('name="file"', b"https://a.example/a.jpg"))
    assert "address" in check_problem(post(client, "/detect", body), 422, "invalid_request")["detail"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        form(part('name="file"; filename="a"', b"\r\n--xA" * (MAX_FALSE_BOUNDARIES + 1))),
        form(part('name="file"', more=b"A: b\r\n" * MAX_HEADERS)),
        form(part('name="file"', more=b"A: " + b"b" * MAX_HEAD_BYTES)),
        form(*[part(f'name="a{i}"', b"b") for i in range(MAX_FIELDS + 1)]),
        form(part('filename="a"')),
        b"no form " * 10_000,
        form(part('name="file"; filename="a"'))[:-7],
    ],
    ids=["false boundaries", "headers", "long headers", "fields", "no name", "no boundary", "no end"],
)
def test_what_no_honest_form_has_is_refused(client, path, body):
    body = body.replace(b'name="file"', f'name="{ROUTES[path]}"'.encode())
    check_problem(post(client, path, body), 400, "bad_payload")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_pieces_of_any_size_give_the_same_form(size):
    """Contents that nearly are boundaries survive every cut."""
    content = b"\r\n--xA\r\n--\r\n-\r\r\n--xy--x--\r\n--x-"
    body = form(part('name="files"; filename="a"', content), part('name="b"', b""), part('name="files"', b""))
    reader = FormReader("multipart/form-data; boundary=x", "files", 2, 1000)
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    read = asyncio.run(reader.finish())
    assert [each.payload for each in read.uploads] == [content, b""]
    assert read.options == {"b": ""}


def test_of_a_file_that_is_too_large_nothing_is_kept():
    reader = FormReader("multipart/form-data; boundary=x", "files", 2, 1000)
    reader.feed(form(part('name="files"; filename="a"', bytes(1001)), part('name="files"; filename="b"', b"ok")))
    large, fine = asyncio.run(reader.finish()).uploads
    assert (large.payload, large.file, fine.payload) == (b"", "a", b"ok")
    assert "1,001 bytes; at most 1,000" in str(large.fault)


def test_megabytes_of_almost_boundaries_cost_no_time():
    reader = FormReader("multipart/form-data; boundary=x", "file", 1, 1000)
    reader.feed(b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n')
    with within(0.1), pytest.raises(BadPayload, match="again and again"):
        reader.feed(b"\r\n--xA" * 1_000_000)


def test_others_have_their_turn_while_a_large_form_is_read():
    """A body that arrives in one piece is read in slices; between two of them a task that waits is run."""
    turns = []

    async def steps(app, engine):
        content = b"\r\n--y" * 400_000
        headers = (("content-type", HEADERS["content-type"]), ("content-length", "1"))
        exchange = Exchange(app, [form(part('name="file"; filename="a"', content))], headers=headers)
        turns.append(await exchange.count_turns())
        assert exchange.status == 415

    serve(steps)
    assert turns[0] >= 6
