"""What browsers ask before the requests of other sites' pages."""

import pytest
from fastapi.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pipeline import FakePipeline

OURS, OTHER = "https://a.example", "https://c.example"
SDK_HEADERS = "baggage,sentry-trace,traceparent,tracestate,x-requested-with,x-api-key,authorization"


def ask(origin, method="POST", path="/detect", allowed=OURS, **more):
    app = create_app(Settings(cors_origins=allowed, api_keys="a-key"), Engine(FakePipeline, EngineLimits()))
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    headers |= {f"Access-Control-Request-{name.replace('_', '-')}": value for name, value in more.items()}
    with TestClient(app) as client:
        return client.options(path, headers=headers)


@pytest.mark.parametrize("allowed", [OURS, "*"])
def test_listed_pages_may_send_what_their_sdks_add(allowed):
    answer = ask(OURS, Headers=SDK_HEADERS, allowed=allowed)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-headers"] == SDK_HEADERS  # as they are: * leaves out Authorization
    assert answer.headers["access-control-allow-origin"] == allowed


@pytest.mark.parametrize("allowed", [OURS, "*"])
def test_listed_pages_may_ask_into_a_private_network(allowed):
    answer = ask(OURS, Private_Network="true", allowed=allowed)
    assert (answer.status_code, answer.headers["access-control-allow-private-network"]) == (200, "true")
    assert "access-control-allow-private-network" not in ask(OURS, allowed=allowed).headers


@pytest.mark.parametrize(
    ("origin", "method", "detail"),
    [
        (OTHER, "POST", "Pages of this origin may not ask: list it in MIEN_CORS_ORIGINS."),
        (OURS, "DELETE", "Pages may send GET and POST requests only."),
    ],
)
def test_a_refusal_is_a_problem_that_says_why(origin, method, detail):
    answer = ask(origin, method, Headers=SDK_HEADERS, Private_Network="true")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (403, 403, "forbidden")
    assert problem["detail"] == detail
    assert problem["request_id"] == answer.headers["x-request-id"]
    granted = {name for name in answer.headers if name.startswith("access-control-")}
    assert granted == set()
