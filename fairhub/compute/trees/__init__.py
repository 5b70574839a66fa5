"""Token trees: texts that begin alike share their beginning; rows of packed trees, and pasts where rows won't do."""
