"""Surrogates: networks that forecast what a head mask does to bias and log-perplexity, and a search on them."""
