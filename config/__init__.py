"""The operator's settings: nhost.toml and the environment, loaded into one frozen object."""

from config.configuration import ConfigError, Configuration
from config.load import file_in_force, load, read
from config.settings import Settings

__all__ = ["ConfigError", "Configuration", "Settings", "file_in_force", "load", "read"]
