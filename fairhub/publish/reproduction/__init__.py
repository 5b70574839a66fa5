"""What a reproduction compares: the published folder, its tensors, what it says and how it reads, figures and items."""
