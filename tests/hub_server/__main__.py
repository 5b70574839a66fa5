"""The Hub as a program: `PYTHONPATH=tests python -m hub_server PORT FOLDER`; a line of JSON says the rest."""

import json
import sys
from pathlib import Path

from .server import HubServer


def main(port: str, folder: str) -> None:
    with HubServer(Path(folder).absolute(), port=int(port)) as hub:
        told = {"url": hub.url, "tokens": {user: hub.token(user) for user in ("ada", "bob")}}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        try:
            hub.thread.join()
        except KeyboardInterrupt:  # how such a program is ended
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
