# Holds answers against a JSON schema: python answers.py SCHEMA < ANSWERS. Each answer comes with the place in the schema that it belongs
# to: [{"schema": "#/$defs/id_token", "answer": {...}}]. Prints a line for each that is not as the schema says.
import json
import sys

import jsonschema_rs

with open(sys.argv[1]) as file:
    whole = json.load(file)
for said in json.load(sys.stdin):
    part = whole if said["schema"] == "#" else {"$ref": said["schema"], "$defs": whole["$defs"]}
    validator = jsonschema_rs.validator_for({**part, "$schema": whole["$schema"]})
    wrong = [str(error).splitlines()[0] for error in validator.iter_errors(said["answer"])]
    if wrong:
        print(said["schema"], "; ".join(wrong))
