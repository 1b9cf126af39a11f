"""Ask vLLM's own API server what fixtures/golden/vllm-api-0.33.0 has, and compare its answers.

    pip download --no-deps vllm==0.33.0 && unzip vllm-0.33.0-*.whl 'vllm/*' -d FOLDER
    python -m venv VENV && VENV/bin/pip install -r tools/vllm_golden/requirements.txt pyyaml click
    VENV/bin/python tools/golden_vllm_api.py FOLDER [--write]

Its routers, request models, serving classes and error handlers run as they are; the engine, the
tokenizer and the chat renderer are stand-ins (`vllm_golden/stand_ins.py`), so neither torch nor a
GPU is needed. The exit code is 1 if an answer differs; `--write` writes the answers instead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "harness", ROOT / "tests"):
    sys.path.insert(0, str(folder))

from mock_apps import ask  # noqa: E402
from vllm_golden.server import vllm_server  # noqa: E402
from vllm_golden.stand_ins import Theirs  # noqa: E402

EXCHANGES = ROOT / "fixtures" / "golden" / "vllm-api-0.33.0" / "exchanges.json"


async def answered(app: Theirs, exchange: dict[str, Any]) -> dict[str, Any]:
    """Return an exchange with what the server answers now."""
    body = exchange["body"].encode()
    answer = await ask(app, exchange["method"], exchange["path"], body, exchange["headers"])
    said = re.sub(r"(cmpl|modelperm)-[0-9a-f]{16}\b", r"\1-ID", answer.body.decode())
    return exchange | {
        "status": answer.status,
        "content_type": answer.headers.get("content-type", ""),
        "answer": re.sub(r'"created":\d+', '"created":0', said),
    }


async def answers(app: Theirs, exchanges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all exchanges with what the server answers now."""
    return [await answered(app, exchange) for exchange in exchanges]


def main() -> int:
    """Compare or write; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("unpacked", type=Path, help="folder with vLLM's wheel")
    parser.add_argument("--write", action="store_true", help="write the answers")
    given = parser.parse_args()
    known = json.loads(EXCHANGES.read_text())
    found = asyncio.run(answers(vllm_server(given.unpacked), known))
    differing = [one["title"] for one, other in zip(found, known, strict=True) if one != other]
    for title in differing:
        sys.stdout.write(f"differs: {title}\n")
    if given.write:
        lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in found)
        EXCHANGES.write_text(f"[\n{lines}\n]\n")
        return 0
    sys.stdout.write(f"{len(known) - len(differing)} of {len(known)} answers are the same\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
