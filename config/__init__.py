"""The operator's settings: nhost.toml and the environment, loaded into one frozen object."""

from config.load import ConfigError, file_in_force, load
from config.settings import Settings

__all__ = ["ConfigError", "Settings", "file_in_force", "load"]
