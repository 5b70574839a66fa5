"""What a run measures on: probes, judged texts, what must stay, neutral text, rows of public benchmarks."""
