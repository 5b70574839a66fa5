"""A model whose layers rest in their files: each is read when forwards come to it, and many forwards go in step."""
