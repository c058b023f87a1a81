"""Keys, rates, origins, headers and ids, over HTTP and for streams."""

import asyncio
import base64
import os

import pytest
from fastapi import WebSocket
from fastapi.testclient import TestClient
from limits import parse
from starlette.testclient import WebSocketDenialResponse

from app.api.guards.needs import RouteTable
from app.api.guards.rate_limit import RateLimitMiddleware
from app.config import Settings
from app.environment import emptied_keys, unknown_settings
from app.errors import RateLimited, SettingsError
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

KEY = "a-secret-key"


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


async def explode(socket: WebSocket) -> None:
    await socket.accept()
    raise RuntimeError("secret detail")


def connect(**settings):
    app = create_app(Settings(**settings), Engine(FakePipeline, EngineLimits()))
    app.add_api_websocket_route("/detect/echo", echo)
    app.add_api_websocket_route("/detect/explode", explode)
    return TestClient(app)


def coded(key):
    return "key." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "no"}, {"Authorization": f"Basic {KEY}"}, {"X-API-Key": f"{KEY}x"}, {"X-API-Key": ""}],
)
@pytest.mark.parametrize("path", ["/metrics", "/detect", "/classify", "/nowhere"])
def test_without_a_right_key_nothing_is_answered(headers, path):
    with connect(api_keys=f"other, {KEY}") as client:
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert KEY not in answer.text


@pytest.mark.parametrize("headers", [{"X-API-Key": KEY}, {"X-API-Key": f"{KEY} "}, {"Authorization": f"Bearer {KEY}"}])
def test_a_right_key_opens(headers):
    with connect(api_keys=f"other, {KEY}") as client:
        assert client.post("/detect", content=encode(gradient()), headers=headers).status_code == 200
        assert client.get("/metrics", headers=headers).status_code == 200


def test_what_the_page_links_to_needs_no_key():
    with connect(api_keys=KEY) as client:
        for path in ("/", "/docs", "/openapi.json", "/models", "/livez", "/readyz"):
            assert client.get(path).status_code == 200, path


def test_keys_come_from_a_file_too(tmp_path):
    (tmp_path / "keys").write_text(f"# team A\n{KEY}  # until spring\n\nsecond\n")
    settings = Settings(api_keys="third", api_keys_file=tmp_path / "keys")
    assert settings.all_api_keys == ("third", KEY, "second")
    assert KEY not in repr(settings)
    assert "third" not in repr(settings)


def test_a_number_sign_inside_a_key_belongs_to_it_and_a_byte_order_mark_does_not(tmp_path):
    (tmp_path / "keys").write_text("first\nTr0ub#4dor&3\t# until spring\n", encoding="utf-8-sig")
    assert Settings(api_keys_file=tmp_path / "keys").all_api_keys == ("first", "Tr0ub#4dor&3")


@pytest.mark.parametrize("content", ["schlüssel", "two words", "schlüssel".encode("latin-1"), "one".encode("utf-16")])
def test_keys_that_no_header_carries_stop_the_start(tmp_path, content):
    (tmp_path / "keys").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match=r"headers cannot carry it|not text in UTF-8") as told:
        create_app(Settings(api_keys_file=tmp_path / "keys"), Engine(FakePipeline, EngineLimits()))
    assert "schl" not in str(told.value)
    assert "words" not in str(told.value)


def test_a_misspelt_setting_is_noticed():
    environment = ["PATH", "MIEN_API_KEY", "MIEN_PORT", "mien_host", "MIEN_PUBLISH", "MIEN_", "MIENFOO"]
    assert unknown_settings(environment) == ["MIEN_", "MIEN_API_KEY"]


def test_empty_variables_of_keys_are_found():
    environment = {"MIEN_API_KEYS": "", "mien_api_keys_file": "", "MIEN_RATE_LIMIT": "", "PATH": ""}
    assert emptied_keys(environment) == ["MIEN_API_KEYS", "mien_api_keys_file"]
    assert emptied_keys({"MIEN_API_KEYS": "one"}) == []


@pytest.mark.parametrize(
    "given", [{"api_keys": " , "}, {"api_keys_file": "keys"}, {"api_keys": ",", "api_keys_file": "keys"}]
)
def test_keys_that_are_none_do_not_open_to_everybody(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys").write_text("# nobody yet\n\n")
    with pytest.raises(SettingsError, match="holds no key"):
        create_app(Settings(**given), Engine(FakePipeline, EngineLimits()))


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/source", "/docs", "/openapi.json"])
def test_probes_page_and_source_stay_open(path):
    with connect(api_keys=KEY) as client:
        assert client.get(path).status_code == 200


def test_the_description_asks_for_the_key_where_it_is_needed():
    with connect(api_keys=KEY) as client:
        schema = client.get("/openapi.json").json()
        assert schema["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
        assert schema["security"] == [{"key": []}, {"bearer": []}]
        assert "security" not in schema["paths"]["/detect"]["post"]
        assert schema["paths"]["/readyz"]["get"]["security"] == []
    with connect() as client:
        assert "security" not in client.get("/openapi.json").json()


def test_streams_need_the_key_too():
    with connect(api_keys=KEY) as client:
        for offered in ([], ["mien"], ["mien", coded("wrong")], ["mien", "key.%%%"]):
            with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/detect/echo", offered):
                pass
            assert (refused.value.status_code, refused.value.json()["code"]) == (401, "unauthorized")
        with client.websocket_connect("/detect/echo", ["mien", coded(KEY)]) as socket:
            assert socket.accepted_subprotocol == "mien"
            socket.send_text("hello")
            assert socket.receive_text() == "hello"
        with client.websocket_connect("/detect/echo", headers={"X-API-Key": KEY}) as socket:
            assert socket.accepted_subprotocol is None


def test_a_stream_that_breaks_is_closed_without_details():
    with connect() as client, client.websocket_connect("/detect/explode") as socket:
        message = socket.receive()
    assert (message["type"], message["code"]) == ("websocket.close", 1011)
    assert "secret" not in str(message)


def test_rate_limit_over_http_and_streams():
    with connect(rate_limit="2/hour") as client:
        assert client.post("/detect").status_code == 400
        with client.websocket_connect("/detect/echo") as socket:
            socket.send_text("")
        answer = client.post("/detect")
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 3500 < int(answer.headers["retry-after"]) <= 3601
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/detect/echo"):
            pass
        assert refused.value.status_code == 429
        assert client.get("/readyz").status_code == client.get("/models").status_code == 200


def test_clients_are_addresses_and_networks_of_ipv6():
    middleware = RateLimitMiddleware(answer_nothing, parse("1/hour"), RouteTable(()))

    def is_refused(address):
        scope = {"type": "http", "path": "/detect", "method": "POST", "client": (address, 1)}
        try:
            asyncio.run(middleware(scope, None, None))
        except RateLimited:
            return True
        return False

    asked = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:192.0.2.1", "unknown"]
    assert [is_refused(address) for address in asked] == [False, False, False, True, False, True, False]
    assert is_refused("unknown")


async def answer_nothing(_scope, _receive, _send):
    pass


def test_each_key_has_its_own_rate():
    with connect(rate_limit="1/hour", api_keys="one,two") as client:
        codes = [client.post("/detect", headers={"X-API-Key": key}).status_code for key in ("one", "one", "two")]
    assert codes == [400, 429, 400]


@pytest.mark.parametrize("rate", ["often", "0/minute", "100/minute;5/second"])
def test_a_wrong_rate_stops_the_start(rate):
    with pytest.raises(ValueError, match="rate_limit"):
        Settings(rate_limit=rate)


@pytest.mark.parametrize("name", ["max_pixels_held", "max_body_bytes_held"])
def test_bounds_that_no_request_fits_stop_the_start(name):
    with pytest.raises(ValueError, match=name):
        Settings(**{name: 1})


NO_ORIGINS = (
    "https://a.example/", "a.example", "https://a.example, ftp://b.example", "https://", "http://[", "https://A.example",
    "https://a:443", "https://a@b", "http://a:b",
)  # fmt: skip


@pytest.mark.parametrize("origins", NO_ORIGINS)
def test_what_is_no_origin_stops_the_start(origins):
    with pytest.raises(ValueError, match="is no origin"):
        Settings(cors_origins=origins)


PROXIES = ("127.0.0.1", "10.0.0.0/8, ::1", "fd00::/8,", "fe80::1%eth0", "*")
NO_PROXIES = (
    "nginx",
    "10.0.0.1/8",
    "10.0.0.300",
    "127.0.0.1:80",
    "10.0.0.0/8 10.1.0.0/16",
    "10.0.0.1, *",
    "http://10.0.0.1",
    ",",
)


@pytest.mark.parametrize("proxies", PROXIES)
def test_addresses_and_networks_are_trusted(proxies):
    assert Settings(trusted_proxies=proxies).trusted_proxies == proxies


@pytest.mark.parametrize("proxies", NO_PROXIES)
def test_what_is_no_proxy_stops_the_start(proxies):
    with pytest.raises(ValueError, match=r"trusted_proxies\n.*is no address.*write IP addresses or networks"):
        Settings(trusted_proxies=proxies)


def test_other_origins_are_closed_out_unless_named():
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    with connect() as client:
        assert "access-control-allow-origin" not in client.get("/livez", headers=ask).headers
        assert client.options("/detect", headers=ask).status_code == 405
    with connect(cors_origins="https://a.example, https://b.example", api_keys=KEY) as client:
        assert client.options("/detect", headers=ask).headers["access-control-allow-origin"] == "https://a.example"
        refused = client.post("/detect", headers=ask)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://a.example")
        other = client.get("/livez", headers={"Origin": "https://c.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/detect", "/docs"])
def test_security_headers_are_on_every_answer(path):
    with connect() as client:
        headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert ("default-src 'none'" in headers["content-security-policy"]) == (path != "/docs")
    assert "x-request-id" in headers
    assert "server" not in headers


def test_a_routes_own_policy_wins():
    from fastapi import Response

    app = create_app(engine=Engine(FakePipeline, EngineLimits()))
    app.add_api_route("/own", lambda: Response("", headers={"Content-Security-Policy": "default-src 'self'"}))
    with TestClient(app) as client:
        assert client.get("/own").headers["content-security-policy"] == "default-src 'self'"


def test_unexpected_errors_keep_headers_and_id(client):
    async def broken() -> None:
        raise ValueError("secret detail")

    client.app.add_api_route("/broken", broken)
    answer = client.get("/broken", headers={"X-Request-ID": "abc"})
    assert (answer.status_code, answer.json()["code"], answer.json()["request_id"]) == (500, "internal_error", "abc")
    assert answer.headers["x-request-id"] == "abc"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text


def test_a_pipe_as_key_file_does_not_hang_the_start(tmp_path):
    os.mkfifo(pipe := tmp_path / "keys")
    with pytest.raises(SettingsError, match="not a plain one"):
        _ = Settings(api_keys_file=pipe).all_api_keys
