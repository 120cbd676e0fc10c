"""Where the program finds its own folders and the instance that belongs to this installation."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Give a folder shipped with the program; FileNotFoundError names it when it is not there.

    An installed wheel has it inside the package, a source tree or editable install beside it.
    """
    places = (PACKAGE / name, PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    looked = " or ".join(str(place) for place in places)
    raise FileNotFoundError(f"edu-pilot is not installed whole: no folder {looked}")


def templates() -> Path:
    """Give the folder of page and document templates."""
    return folder("templates")


def workflows() -> Path:
    """Give the folder of workflow and policy files that came with the program."""
    return folder("workflows")


def migrations() -> Path:
    """Give the folder of database migrations."""
    return folder("migrations")


def instance() -> Path:
    """Give the folder of the data here (EDU_PILOT_DATA, else ./instance), made or not."""
    return Path(os.environ.get("EDU_PILOT_DATA") or "instance").expanduser().resolve()


def cache() -> Path:
    """Give the folder of what can be made anew at any time (EDU_PILOT_CACHE, else inside the instance)."""
    return Path(os.environ.get("EDU_PILOT_CACHE") or instance() / "cache").expanduser().resolve()
