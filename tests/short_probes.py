"""Probes of a few letters that any tiny model takes, and prunings of it."""

from fairhub.inputs.probes import Probe
from fairhub.model.units import Unit


def make_probes(count: int = 12) -> list[Probe]:
    words = ["aa", "b", "cccc", "dd"]
    return [
        Probe(
            f"{'so ' * (i % 3)}the {words[i % 4]} is", f"{'so ' * (i % 3)}the {words[(i + 1) % 4]} is",
            "race", "hiring", f"t{i % 3}", f"f{i % 2}", "tests", "a", "b", words[i % 4], words[(i + 1) % 4], "search",
        )
        for i in range(count)
    ]  # fmt: skip


PRUNINGS = [
    frozenset(),
    frozenset({Unit(0, "head", 1)}),
    frozenset({Unit(1, "head", 0), Unit(1, "neuron", 3)}),
    frozenset({Unit(0, "neuron", 5), Unit(1, "neuron", 3)}),
]
