#!/usr/bin/env python3
"""Prints what follows from the chart: helm/postern/values.schema.json from the values, their comments and docs/CONFIG.md; the table of
helm/postern/README.md from the values and their comments; what deploy/kustomize has in common with it from its renderings.

    print.py                            says what of the chart differs from what it would print
    print.py STANDALONE.yaml SIDECAR.yaml   the same of deploy/kustomize
    print.py --write …                  writes it
"""

import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/postern"
KUSTOMIZE = ROOT / "deploy/kustomize"

TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
OF_KUBERNETES = {"type": "object"}
LIST_OF_KUBERNETES = {"type": "array", "items": OF_KUBERNETES}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
PROBE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {"type": "integer", "minimum": 0}
        for name in ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold")
    },
}

# What may be written where the default does not tell.
SHAPES = {
    "mode": {"enum": ["standalone", "sidecar"]},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.ipFamilyPolicy": {"enum": ["SingleStack", "PreferDualStack", "RequireDualStack"]},
    "drainSeconds": {"type": "integer", "minimum": 0, "maximum": 300},
    "podDisruptionBudget.maxUnavailable": {"type": ["integer", "string"]},
    "networkPolicy.httpsPorts": {"type": "array", "items": PORT},
    "networkPolicy.store.ports": {"type": "array", "items": PORT},
    "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
    **{f"ports.{name}": PORT for name in ("http", "api", "operations")},
    **{f"{name}.port": PORT for name in ("service", "apiService")},
    **{f"probes.{name}": PROBE for name in ("startup", "liveness", "readiness")},
    **dict.fromkeys(("nodeSelector", "commonLabels", "podLabels", "podAnnotations"), TEXTS),
    **dict.fromkeys(("resources", "podSecurityContext", "securityContext", "affinity", "autoscaling.behavior"), OF_KUBERNETES),
}

# Settings that the chart makes itself, from values or from secrets.
MADE = re.compile(
    r"public_url|listen|operations\..*|admin\..*|seal\.keys(_file)?|fetch\.proxy.*|oauth\.client_secret_verifier.*"
    r"|store\.(url.*|ca_files|client_.*|sentinel_password.*)"
)


def main():
    renderings = [argument for argument in sys.argv[1:] if argument != "--write"]
    wanted = kustomize(*map(rendering, renderings)) if renderings else chart()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--write" in sys.argv:
            path.write_text(wanted[path])
        else:
            print(f"chart: {path.relative_to(ROOT)} is not what it is printed from; run `UPDATE_DOCS=1 scripts/check-chart`")
    return 0 if "--write" in sys.argv else bool(stale)


def chart():
    text = (CHART / "values.yaml").read_text()
    values, comments = yaml.safe_load(text), comments_of(text)
    readme = (CHART / "README.md").read_text()
    between = re.compile(r"(?<=<!-- values -->\n).*(?=<!-- /values -->)", re.DOTALL)
    return {
        CHART / "values.schema.json": json.dumps(schema(values, comments), indent=2) + "\n",
        CHART / "README.md": between.sub(lambda _: table(values, comments), readme),
    }


def comments_of(text):
    """The comment above each value, by the value's path."""
    comments, lines, path = {}, [], []
    for line in text.splitlines():
        if comment := re.match(r" *# ?(.*)", line):
            lines.append(comment[1])
        elif key := re.match(r"( *)([A-Za-z]+):", line):
            path = path[: len(key[1]) // 2] + [key[2]]
            if lines:
                comments[".".join(path)] = " ".join(lines)
            lines = []
        else:
            lines = []
    return comments


def schema(values, comments):
    root = shape("", values, comments)
    # What Helm and charts that depend on this one add.
    root["properties"] |= {"global": {"type": "object"}, "enabled": {"type": "boolean"}}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the Postern chart"} | root


def shape(path, value, comments):
    if path == "config":
        found = settings()
    elif path in SHAPES:
        found = dict(SHAPES[path])
    elif path.endswith((".annotations", ".labels")):
        found = dict(TEXTS)
    elif isinstance(value, dict):
        members = {name: shape(f"{path}.{name}".lstrip("."), member, comments) for name, member in value.items()}
        found = {"type": "object", "additionalProperties": False, "properties": members}
    elif isinstance(value, list):
        found = dict(LIST_OF_KUBERNETES)
    elif isinstance(value, bool):
        found = {"type": "boolean"}
    elif isinstance(value, int):
        found = {"type": "integer", "minimum": 0}
    else:
        found = {"type": "string"}
    return ({"description": comments[path]} if path in comments else {}) | found


def settings():
    """The sections and settings of docs/CONFIG.md that are written into `config`."""
    region = {name: {"type": "string"} for name in ("public_url", "entity_id")}
    shapes = {
        "text in quotes": {"type": "string"},
        "a whole number": {"type": "integer"},
        "true or false": {"type": "boolean"},
        "a list of texts": {"type": "array", "items": {"type": "string"}},
        "a table for each name": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": False, "properties": region},
        },
    }
    found = {"type": "object", "additionalProperties": False, "properties": {}}
    text = (ROOT / "docs/CONFIG.md").read_text()
    for key, about, written in re.findall(r"^### `(.+?)`\n\n(.+?)\n\n.*?^- written as: (.+?)$", text, re.DOTALL | re.MULTILINE):
        if MADE.fullmatch(key):
            continue
        *section, name = key.split(".")
        of = found
        if section:
            closed = {"type": "object", "additionalProperties": False, "properties": {}}
            of = found["properties"].setdefault(section[0], closed)
        about = about.replace("\n", " ")
        of["properties"][name] = {"description": about} | shapes[written] | (bounds(about) if written == "a whole number" else {})
    return found


def bounds(about):
    """Of a number: 'in seconds: 1 to 60', and perhaps 'or 0 for no limit'."""
    written = re.search(r": (\d+) to (\d+)", about)
    if not written:
        return {}
    least, most = map(int, written.groups())
    return {"minimum": 0 if re.search(r"\b0(:| for)", about) else least, "maximum": most}


def table(values, comments):
    rows = ["\n| value | default | |\n|---|---|---|\n"]
    for path, default in leaves("", values, comments):
        text = comments.get(path, "").replace("|", "\\|")
        shown = "" if default is None else f"`{json.dumps(default)}`"
        rows.append(f"| `{path}` | {shown} | {text} |\n")
    return "".join(rows) + "\n"


def leaves(path, value, comments):
    """The values that have comments, from the innermost; a map whose members have none is one value."""
    inner = isinstance(value, dict) and any(comment.startswith(f"{path}.".lstrip(".")) for comment in comments)
    if not inner:
        yield path, value
        return
    if path in comments:
        yield path, None
    for name, member in value.items():
        yield from leaves(f"{path}.{name}".lstrip("."), member, comments)


def rendering(path):
    return [found for found in yaml.safe_load_all(Path(path).read_text()) if found]


def kustomize(standalone, sidecar):
    """The base is the chart of three values; the overlay patches into an app what the sidecar of the chart is."""
    tests = [found for found in standalone if found["metadata"]["name"].endswith("-test")]
    base = [plain(found) for found in standalone if found["kind"] != "ConfigMap" and found not in tests]
    pod = next(found for found in sidecar if found["kind"] == "Deployment")["spec"]["template"]["spec"]
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "any"},
        "spec": {"template": {"spec": {name: pod[name] for name in ("initContainers", "volumes")}}},
    }
    patch = json.loads(json.dumps(patch).replace('"app-postern"', '"postern"'))
    return {
        KUSTOMIZE / "base/postern.yaml": text_of(base),
        KUSTOMIZE / "base/postern.toml": configuration(standalone),
        KUSTOMIZE / "overlays/sidecar/sidecar.yaml": text_of([patch]),
        KUSTOMIZE / "overlays/sidecar/postern.toml": configuration(sidecar),
    }


def configuration(rendered):
    return next(found for found in rendered if found["kind"] == "ConfigMap")["data"]["postern.toml"] + "\n"


# What Helm adds, and the checksum, which kustomize has in names.
OF_HELM = {"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "postern/config-checksum", "namespace"}


def plain(found):
    if isinstance(found, dict):
        members = {name: plain(member) for name, member in found.items() if name not in OF_HELM}
        return {name: member for name, member in members.items() if name != "annotations" or member}
    return [plain(member) for member in found] if isinstance(found, list) else found


def text_of(resources):
    introduction = "# Printed from helm/postern by `UPDATE_DOCS=1 scripts/check-chart`; do not edit.\n"
    return introduction + yaml.safe_dump_all(resources, sort_keys=False, width=200, explicit_start=True)


if __name__ == "__main__":
    sys.exit(main())
