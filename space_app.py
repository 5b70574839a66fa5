"""The Space: what a visitor of it meets, and what `make space` starts on one's own machine."""

from pathlib import Path

from fairhub.space.environment import begin_bare_

if __name__ == "__main__":
    begin_bare_()  # before anything is loaded: what it was started with holds the owner's secrets
    from fairhub.space.app import launch

    launch(gallery=Path(__file__).parent / "model_cards")
