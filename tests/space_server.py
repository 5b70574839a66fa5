"""Serves the Space for browser tests: models of the test Hub stand in for the large ones, all else is as it is."""

from pathlib import Path

from fairhub.space.environment import begin_bare_

if __name__ == "__main__":
    begin_bare_()
    from fairhub.model.loading import DEFAULT
    from fairhub.space.app import launch
    from fairhub.space.models import Models

    offered = {"ada/planted": "ada/planted", "ada/other": "ada/other", DEFAULT: None}
    launch(Path(__file__).parent.parent / "model_cards", Models(offered))
