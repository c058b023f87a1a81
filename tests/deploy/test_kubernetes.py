"""The files for Kubernetes: what they make together, that what protects stays, and that their check sees mistakes."""

import copy
import runpy

import pytest

pytest.importorskip("kubernetes_validate", reason="extra dev")

from app.config import Settings
from app.environment import unknown_settings
from tests.support.server_process import ROOT

SCRIPT = runpy.run_path(str(ROOT / "scripts" / "kubernetes.py"))
FOLDER, built, everything, faults, merged = (
    SCRIPT[name] for name in ("FOLDER", "built", "everything", "faults", "merged")
)


def of_kind(resources, kind):
    [found] = [each for each in resources if each["kind"] == kind]
    return found


def pod(resources):
    return of_kind(resources, "Deployment")["spec"]["template"]["spec"]


def container(resources):
    [only] = pod(resources)["containers"]
    return only


@pytest.mark.parametrize(
    "made", [built(FOLDER / "base"), built(FOLDER / "gpu"), everything()], ids=["base", "gpu", "all"]
)
def test_pods_can_do_little(made):
    assert pod(made)["securityContext"]["runAsNonRoot"] is True
    assert pod(made)["automountServiceAccountToken"] is pod(made)["enableServiceLinks"] is False
    allowed = container(made)["securityContext"]
    assert allowed["readOnlyRootFilesystem"] is True
    assert allowed["allowPrivilegeEscalation"] is False
    assert allowed["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(container(made)["resources"]["limits"])
    policy = of_kind(made, "NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["egress"] == []


def test_everything_selects_the_pods():
    made = everything()
    labels = of_kind(made, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selected = [
        of_kind(made, "Deployment")["spec"]["selector"]["matchLabels"],
        of_kind(made, "Service")["spec"]["selector"],
        of_kind(made, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(made, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(each == labels for each in selected)
    name = of_kind(made, "Deployment")["metadata"]["name"]
    assert of_kind(made, "ScaledObject")["spec"]["scaleTargetRef"]["name"] == name


def test_a_pod_has_the_time_to_answer_what_runs():
    made = built(FOLDER / "base")
    pause_s = container(made)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod(made)["terminationGracePeriodSeconds"] >= pause_s + Settings().deadline_s + 10


def test_settings_in_the_files_exist():
    assert unknown_settings(each["name"] for each in container(everything())["env"]) == []


def test_the_metric_that_scales_is_one_of_ours():
    from prometheus_client.parser import text_string_to_metric_families

    from app.main import create_app
    from app.metrics import Metrics
    from app.serving.engine import Engine, EngineLimits
    from tests.support.pipeline import FakePipeline

    counted = Metrics()
    create_app(engine=Engine(FakePipeline, EngineLimits()), counted=counted)
    names = {family.name for family in text_string_to_metric_families(counted.render().decode())}
    [trigger] = of_kind(everything(), "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"]["query"].removeprefix("sum(").removesuffix(")") in names


def test_the_gpu_replaces_what_it_names_and_nothing_else():
    base, gpu = built(FOLDER / "base"), built(FOLDER / "gpu")
    assert container(gpu)["image"] == "mien:gpu"
    assert container(gpu)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {each["name"] for each in container(gpu)["env"]} > {each["name"] for each in container(base)["env"]}
    assert container(gpu)["livenessProbe"] == container(base)["livenessProbe"]


def test_keda_alone_says_how_many():
    assert "replicas" not in of_kind(built(FOLDER / "keda"), "Deployment")["spec"]


def test_all_files_are_valid():
    assert list(faults(everything())) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one: one["spec"].update(replica=2), "replica"),
        (lambda one: one["spec"].update(replicas="two"), "two"),
        (lambda one: one.update(apiVersion="apps/v1beta1"), "apps/v1beta1"),
    ],
)
def test_the_check_sees_mistakes(change, told):
    made = copy.deepcopy(built(FOLDER / "base"))
    change(of_kind(made, "Deployment"))
    found = list(faults(made))
    assert len(found) == 2  # one for each version
    assert all(told in each for each in found)


def test_two_of_a_name_are_a_mistake():
    made = built(FOLDER / "base")
    assert any("twice" in each for each in faults([*made, made[0]]))


def test_what_kustomize_knows_and_the_check_does_not_is_refused(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("namePrefix: my-\n")
    with pytest.raises(ValueError, match="namePrefix"):
        built(tmp_path)


def test_a_patch_that_fits_nothing_is_refused(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("patches: [{path: a.yaml}]\n")
    (tmp_path / "a.yaml").write_text("{apiVersion: v1, kind: Service, metadata: {name: a}}")
    with pytest.raises(ValueError, match="fits no resource"):
        built(tmp_path)


def test_merging():
    one = {"a": [{"name": "x", "v": 1, "w": 1}, {"name": "y"}], "b": 1, "c": [1], "d": {"e": 1}}
    other = {"a": [{"name": "x", "v": 2}, {"name": "z"}], "b": None, "c": [2], "d": {"f": 2}}
    assert merged(one, other) == {
        "a": [{"name": "z"}, {"name": "x", "v": 2, "w": 1}, {"name": "y"}], "c": [2], "d": {"e": 1, "f": 2},
    }  # fmt: skip
