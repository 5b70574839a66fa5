"""The Space: what a visitor of it meets, and what `make space` starts on one's own machine."""

from pathlib import Path

from fairhub.space.app import launch

if __name__ == "__main__":
    launch(gallery=Path(__file__).parent / "model_cards")
