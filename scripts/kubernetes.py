#!/usr/bin/env python3
"""Puts the files of deploy/kubernetes together, as kustomize does, and holds the result against Kubernetes' schemas.

    .venv/bin/python scripts/kubernetes.py              checks all of them; `make lint` does
    .venv/bin/python scripts/kubernetes.py FOLDER       prints what a folder makes

Of kustomize it knows what these files use: resources, components, and strategic merge patches of one resource each.
Anything else is refused, so that nothing is left out in silence.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.33", "1.37")
"""Of the API: an old one that is still met, and the newest that the package has."""

KNOWN = {"apiVersion", "kind", "resources", "components", "patches"}
OF_OTHERS = "keda.sh/"
"""Kinds whose schemas come with what one installs for them."""

Resource = dict[str, Any]


def built(folder: Path, onto: list[Resource] | None = None) -> list[Resource]:
    """Return the resources that a folder's kustomization makes.

    Args:
        folder: With a kustomization.yaml.
        onto: Of a component: the resources it changes.

    Raises:
        ValueError: If it says something that is not known here, or a patch fits no resource.
    """
    asked = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := set(asked) - KNOWN:
        raise ValueError(f"{folder}: not known here: {', '.join(sorted(unknown))}")
    resources = list(onto or [])
    for name in asked.get("resources", []):
        path = folder / name
        resources += built(path) if path.is_dir() else yaml.safe_load_all(path.read_text())
    for name in asked.get("components", []):
        resources = built(folder / name, resources)
    for patch in asked.get("patches", []):
        resources = patched(resources, yaml.safe_load((folder / patch["path"]).read_text()))
    return resources


def patched(resources: list[Resource], patch: Resource) -> list[Resource]:
    """Merge a patch into the resource of its kind and name.

    Raises:
        ValueError: If there is not exactly one.
    """
    if sum(identity(each) == identity(patch) for each in resources) != 1:
        raise ValueError(f"a patch for {identity(patch)} fits no resource, or several")
    return [merged(each, patch) if identity(each) == identity(patch) else each for each in resources]


def merged(one: Any, other: Any) -> Any:
    """Merge as a strategic merge patch does: lists of named things by name, None removes, anything else replaces."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = one | {name: merged(one.get(name), value) for name, value in other.items()}
        return {name: value for name, value in both.items() if value is not None}
    if is_named(one) and is_named(other):
        new = {each["name"]: each for each in other}
        old = [merged(each, new.pop(each["name"], {})) for each in one]
        return [*new.values(), *old]
    return other


def is_named(value: Any) -> bool:
    """Whether it is a list of things with names."""
    return isinstance(value, list) and all(isinstance(each, dict) and "name" in each for each in value)


def identity(resource: Resource) -> tuple[str, str, str]:
    """Return what tells resources of one namespace apart."""
    return resource["apiVersion"], resource["kind"], resource["metadata"]["name"]


def faults(resources: list[Resource]) -> Iterator[str]:
    """Yield what is wrong with them in any version of the API."""
    seen = [identity(each) for each in resources]
    yield from (f"{each} is there twice" for each in set(seen) if seen.count(each) > 1)
    for each in resources:
        if each["apiVersion"].startswith(OF_OTHERS):
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                told = getattr(error, "message", error)
                yield f"{each['kind']} {each['metadata']['name']}, Kubernetes {version}: {told}"


def overlays() -> list[Path]:
    """Return the folders that `kubectl apply -k` takes."""
    made = (path for path in FOLDER.rglob("kustomization.yaml") if "kind: Kustomization" in path.read_text())
    return sorted(path.parent for path in made)


def everything() -> list[Resource]:
    """Return the base with all components at once."""
    resources = built(FOLDER / "base")
    for component in sorted((FOLDER / "components").iterdir()):
        resources = built(component, resources)
    return resources


def main() -> None:
    """Check all, or print one."""
    if len(sys.argv) > 1:
        sys.stdout.write(yaml.safe_dump_all(built(Path(sys.argv[1])), sort_keys=False))
        return
    made = {str(folder.relative_to(ROOT)): built(folder) for folder in overlays()} | {"all at once": everything()}
    found = [f"{name}: {fault}" for name, resources in made.items() for fault in faults(resources)]
    sys.stdout.write("\n".join([*found, f"kubernetes: {len(made)} checked for {', '.join(VERSIONS)}\n"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
