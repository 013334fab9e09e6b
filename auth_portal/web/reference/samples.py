"""Each operation as a program calls it: with curl, in Python, in TypeScript. A test runs every one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from auth_portal.web.reference.calls import Call
from auth_portal.web.reference.typescript import body_of, data_of, type_of

PROOFS = {"access": "ACCESS_TOKEN", "registration": "REGISTRATION_TOKEN"}
"""Where the samples have their token from: the environment."""
_SESSION = "5d21f0b7a9c34e0f9a1d2c3b4a5f6e7d"


def samples_of(call: Call, operation: Mapping[str, Any], server: str) -> dict[str, tuple[str, str]]:
    """The samples by what they are called, each with the language of its fence."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    url = server + call.path.format(**dict.fromkeys(call.parameters, _SESSION))
    return {
        "curl": ("sh", _curl(call, url, body)),
        "Python": ("python", _python(call, url, body)),
        "TypeScript": ("ts", _typescript(call, operation, url, body)),
    }


def _curl(call: Call, url: str, body: Any) -> str:
    lines = [f"curl -sS {'' if call.method in _implied(body) else f'-X {call.method} '}{url}"]
    if proof := call.operation.proof:
        lines.append(f'-H "Authorization: Bearer ${PROOFS[proof]}"')
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d '{_json(body)}'")
    return " \\\n  ".join(lines) + "\n"


def _implied(body: Any) -> tuple[str, ...]:
    """The method that curl takes by itself."""
    return ("POST",) if body is not None else ("GET",)


def _python(call: Call, url: str, body: Any) -> str:
    proof = call.operation.proof
    arguments = [f'"{url}"']
    if proof:
        arguments.append(f'headers={{"Authorization": f"Bearer {{os.environ[\'{PROOFS[proof]}\']}}"}}')
    if body is not None:
        arguments.append(f"json={body!r}".replace("'", '"'))
    arguments.append("timeout=10")
    inside = "".join(f"    {argument},\n" for argument in arguments)
    imports = "import os\n\nimport requests\n" if proof else "import requests\n"
    return (
        f"{imports}\n"
        f"answer = requests.{call.method.lower()}(\n{inside})\n"
        "if not answer.ok:\n"
        "    raise SystemExit(f\"{answer.headers['X-Error-Code']}: {answer.json()['errors'][0]}\")\n"
        'print(answer.json()["data"])\n'
    )


def _typescript(call: Call, operation: Mapping[str, Any], url: str, body: Any) -> str:
    body_type, data_type = body_of(operation), type_of(data_of(operation))
    used = sorted({"Envelope", "Failure", *data_type.split(" | "), *([type_of(body_type)] if body_type else [])})
    headers = []
    if proof := call.operation.proof:
        headers.append(f"Authorization: `Bearer ${{process.env.{PROOFS[proof]}}}`")
    if body is not None:
        headers.append('"Content-Type": "application/json"')
    options = [f'method: "{call.method}"'] if call.method != "GET" else []
    if headers:
        options.append(f"headers: {{ {', '.join(headers)} }}")
    if body is not None:
        options.append("body: JSON.stringify(body)")
    given = f", {{\n{''.join(f'  {option},{chr(10)}' for option in options)}}}" if options else ""
    sent = f"const body: {type_of(body_type)} = {_json(body)};\n" if body_type else ""
    return (
        f'import type {{ {", ".join(used)} }} from "./types";\n\n'
        f"{sent}"
        f'const response = await fetch("{url}"{given});\n'
        f"const answer = (await response.json()) as Envelope<{data_type}> | Failure;\n"
        "if (!answer.isSuccess) {\n"
        '  throw new Error(`${response.headers.get("X-Error-Code")}: ${answer.errors[0]}`);\n'
        "}\n"
        "console.log(answer.data);\n"
    )


def _json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)
