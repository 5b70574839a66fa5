"""A Hub on this machine, for tests: the real client, the `hf` command and transformers talk to it as to the Hub."""

from .faults import Fault, Logged
from .server import HubServer
from .store import Commit, Discussion, Entry, Repo

__all__ = ["Commit", "Discussion", "Entry", "Fault", "HubServer", "Logged", "Repo"]
