"""Compare setup.cfg with what is on disk, and built archives with the tree they came from.

Usage: packaging_check.py tree
       packaging_check.py archives TREE WHEEL SDIST
"""

import ast
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).resolve().parent.parent
MAPPED = ("migrations", "templates", "workflows")
DATA = ("edu_pilot/static", "edu_pilot/translations", "edu_pilot/verifier", *MAPPED)


def setup_cfg(top: Path) -> ConfigParser:
    """Read the packaging configuration of a tree."""
    config = ConfigParser(interpolation=None)
    config.read(top / "setup.cfg", encoding="utf-8")
    return config


def listed_packages(top: Path) -> set[str]:
    """Give the packages that setup.cfg ships."""
    return set(setup_cfg(top)["options"]["packages"].split())


def packages_on_disk(top: Path) -> set[str]:
    """Give the packages that have code in the tree, and the three mapped folders."""
    code = {file.parent.relative_to(top) for file in (top / "edu_pilot").rglob("*.py")}
    return {".".join(place.parts) for place in code} | {f"edu_pilot.{name}" for name in MAPPED}


def declared_distributions(top: Path) -> set[str]:
    """Give the libraries that the program may import: the required ones and those of two extras."""
    config = setup_cfg(top)
    extras = config["options.extras_require"]
    text = "\n".join([config["options"]["install_requires"], extras["postgres"], extras["server"]])
    lines = (line.strip() for line in text.splitlines())
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}


def imported_modules(top: Path) -> Iterator[tuple[str, Path]]:
    """Give every top-level module that the program imports, with the file that does it."""
    for file in [*(top / "edu_pilot").rglob("*.py"), *(top / "migrations").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((alias.name.partition(".")[0], file) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0], file


def undeclared_imports(top: Path) -> set[str]:
    """Give the imports whose library setup.cfg does not name, as sentences."""
    declared = declared_distributions(top)
    providers = packages_distributions()
    own = {"edu_pilot", *sys.stdlib_module_names}
    return {
        f"{file.relative_to(top)} imports {module}, which setup.cfg does not require"
        for module, file in imported_modules(top)
        if module not in own and not declared & {canonicalize_name(name) for name in providers.get(module, [])}
    }


def problems_of_tree(top: Path) -> list[str]:
    """Give every way in which setup.cfg and the tree differ."""
    listed, found = listed_packages(top), packages_on_disk(top)
    return [
        *(f"setup.cfg does not list the package {name}" for name in sorted(found - listed)),
        *(f"setup.cfg lists {name}, which has no code" for name in sorted(listed - found)),
        *sorted(undeclared_imports(top)),
    ]


def shipped_files(top: Path) -> dict[str, str]:
    """Give each file that must be shipped: its path in the tree, and in the wheel."""
    places = [top / name for name in ("edu_pilot", *MAPPED)]
    files = [file.relative_to(top) for place in places for file in place.rglob("*")]
    return {
        str(file): str(file if file.parts[0] == "edu_pilot" else Path("edu_pilot") / file)
        for file in files
        if (top / file).is_file() and (file.suffix == ".py" or str(file).startswith(DATA))
    }


def problems_of_archives(top: Path, wheel: Path, sdist: Path) -> list[str]:
    """Give every file of the program that the wheel or the sdist has forgotten."""
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    files = shipped_files(top)
    return [
        *(f"no folder {name} in the sdist" for name in MAPPED if name not in in_sdist),
        *(f"{name} is not in the sdist" for name in sorted(files) if name not in in_sdist),
        *(f"{name} is not in the wheel" for name in sorted(files.values()) if name not in in_wheel),
    ]


def main(what: str, *paths: str) -> int:
    """Print every problem; 1 when there is one."""
    found = problems_of_archives(*map(Path, paths)) if what == "archives" else problems_of_tree(TOP)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
