#!/usr/bin/env python3
"""Prints the pods that the Deployments of a rendering would make."""

import sys
from pathlib import Path

import yaml

rendered = filter(None, yaml.safe_load_all(Path(sys.argv[1]).read_text()))
pods = [
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": found["spec"]["template"]["metadata"] | {"name": f"{found['metadata']['name']}-0", "namespace": found["metadata"]["namespace"]},
        "spec": found["spec"]["template"]["spec"],
    }
    for found in rendered
    if found["kind"] == "Deployment"
]
yaml.safe_dump_all(pods, sys.stdout)
