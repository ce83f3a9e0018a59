"""What the operator chooses: nhost.toml and the environment, read into one frozen object."""

from config.load import ConfigError, load
from config.settings import Settings

__all__ = ["ConfigError", "Settings", "load"]
