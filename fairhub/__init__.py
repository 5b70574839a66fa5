"""fairhub repairs social bias in language models by pruning, and proves the gain on prompts it never searched."""
