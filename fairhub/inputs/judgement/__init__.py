"""What judgements are read from: cells of templates and terms, judgement words, other people's texts."""
