"""The model as it is: loading it, where its attention heads and MLP neurons live, facts of it."""
