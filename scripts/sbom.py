"""Write the bill of materials of what production installs: CycloneDX 1.6, from requirements.lock.

Usage: sbom.py [TARGET]     (default build/sbom.json)
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LOCK = TOP / "requirements.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def pinned(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield every package of a lock file as (name, version, hashes)."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if line := PINNED.match(block):
            yield line.group(1).lower(), line.group(2), HASH.findall(block)


def licence(name: str) -> str:
    """Give what an installed package says of its licence, or nothing where it is not installed here."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return ""
    lines = str(told.get("License-Expression") or told.get("License") or "").strip().splitlines()
    return lines[0][:100] if lines else ""


def component(name: str, version: str, hashes: list[str]) -> dict[str, object]:
    """Describe one package."""
    purl = f"pkg:pypi/{name}@{version}"
    found: dict[str, object] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if text := licence(name):
        found["licenses"] = [{"license": {"name": text}}]
    kept = [{"type": "distribution", "url": purl, "hashes": [{"alg": "SHA-256", "content": h} for h in hashes]}]
    return found | {"externalReferences": kept}


def document(text: str) -> dict[str, object]:
    """Describe a whole lock file."""
    version = re.search(r'__version__ = "([^"]+)"', (TOP / "edu_pilot" / "__init__.py").read_text("utf-8"))
    own = {"type": "application", "name": "edu-pilot", "version": version.group(1) if version else "0"}
    components = [component(*one) for one in pinned(text)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
    }


def main(target: Path) -> None:
    """Write the document."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document(LOCK.read_text("utf-8")), indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build" / "sbom.json")
