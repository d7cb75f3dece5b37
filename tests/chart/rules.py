#!/usr/bin/env python3
"""Prints the groups of the PrometheusRule in a rendering, as promtool reads them; and fails where an alert or the dashboard asks for a
number that docs/METRICS.md does not have."""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
rendered = list(filter(None, yaml.safe_load_all(Path(sys.argv[1]).read_text())))
rule = next(found for found in rendered if found["kind"] == "PrometheusRule")
dashboard = next(found for found in rendered if found["metadata"]["name"].endswith("-dashboard"))["data"]["postern.json"]

told = set(re.findall(r"`(postern_\w+)", (ROOT / "docs/METRICS.md").read_text()))
asked = set(re.findall(r"postern_\w+", yaml.safe_dump(rule["spec"]) + dashboard))
if asked - told or not asked:
    sys.exit(f"chart: docs/METRICS.md does not have {', '.join(sorted(asked - told)) or 'anything that is asked for'}")
yaml.safe_dump(rule["spec"], sys.stdout)
