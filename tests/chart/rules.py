#!/usr/bin/env python3
"""Prints the groups of the PrometheusRule in a rendering, as promtool reads them; and fails where an alert or the dashboard asks for a
number that docs/METRICS.md does not have, or an alert has no page in docs/runbooks."""

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
for alert in (alert["alert"] for group in rule["spec"]["groups"] for alert in group["rules"]):
    page = ROOT / f"docs/runbooks/{alert}.md"
    if not page.exists() or not page.read_text().startswith(f"# {alert}\n"):
        sys.exit(f"chart: docs/runbooks/{alert}.md does not say what to do")
yaml.safe_dump(rule["spec"], sys.stdout)
