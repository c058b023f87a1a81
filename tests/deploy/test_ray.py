"""What is handed to Ray; the cluster itself is tried in tests/system/test_ray_serve.py."""

import pytest

import tests.support.ray_environment  # noqa: F401 - before Ray

pytest.importorskip("ray.serve", reason="extra ray")

import yaml
from prometheus_client import CollectorRegistry, Counter, Histogram
from ray.serve.schema import ServeDeploySchema

from app.config import Settings
from app.deploy.ray import SILENT_S, build
from app.deploy.ray_metrics import MetricsOfReplica
from app.environment import with_threads
from app.errors import SettingsError
from tests.support.server_process import ROOT


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, 1), (1.0, 1), (3.0, 3)])
def test_networks_have_the_threads_that_ray_has_reserved(cpus, threads):
    assert with_threads(Settings(), cpus).threads == threads


def test_the_setting_of_threads_goes_before():
    assert with_threads(Settings(threads=7), 2.0).threads == 7


def test_a_replica_has_room_for_its_pictures_and_streams_and_time_to_end_them(monkeypatch):
    monkeypatch.setenv("MIEN_QUEUE_SIZE", "10")
    monkeypatch.setenv("MIEN_STREAM_MAX_SESSIONS", "20")
    monkeypatch.setenv("MIEN_DEADLINE_S", "7")
    deployment = build({})._bound_deployment
    assert deployment.max_ongoing_requests == 34
    assert deployment._deployment_config.graceful_shutdown_timeout_s == SILENT_S + 14


def test_invalid_settings_stop_the_deployment(monkeypatch):
    monkeypatch.setenv("MIEN_QUEUE_SIZES", "10")
    with pytest.raises(SettingsError, match="MIEN_QUEUE_SIZES: no such setting"):
        build()


def test_emptied_keys_stop_the_deployment(monkeypatch):
    monkeypatch.setenv("MIEN_API_KEYS", "")
    with pytest.raises(SettingsError, match="which would let everybody ask"):
        build()


def test_the_config_file_is_ray_s_and_names_the_deployment():
    config = ServeDeploySchema.model_validate(yaml.safe_load((ROOT / "deploy/ray/serve.yaml").read_text()))
    assert config.http_options.request_timeout_s is None  # it counts from a stream's beginning, and would cut it
    assert config.logging_config.enable_access_log is False
    [application] = config.applications
    assert application.import_path == "app.deploy.ray:build"
    assert [each.name for each in application.deployments] == [build()._bound_deployment.name]


def test_every_sample_is_handed_over_with_its_labels():
    told = {}

    class Told:
        def __init__(self, name, description, tag_keys):
            self.name, self.keys = name, tag_keys

        def set(self, value, tags):
            assert set(tags) == set(self.keys)
            told[self.name, *tags.values()] = value

    registry = CollectorRegistry()
    counter = Counter("pictures", "Pictures", ("kind",), registry=registry)
    Histogram("seconds", "Seconds", registry=registry, buckets=(1, 2)).observe(1.5)
    metrics = MetricsOfReplica(registry, Told)
    for _ in range(2):
        counter.labels("jpeg").inc()
        metrics.tell()
    assert told["pictures_total", "jpeg"] == 2
    assert told["seconds_bucket", "2.0"] == 1
    assert told["seconds_bucket", "1.0"] == 0
    assert told["seconds_sum",] == 1.5
