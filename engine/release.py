"""Which Posthouse this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def version() -> str:
    """The installed version of Posthouse."""
    try:
        return installed_version("posthouse")
    except PackageNotFoundError:
        return "unreleased"
