"""The Space: a browser's view on the same verbs; visitors are strangers, and know nothing of each other."""
