"""What the tests of activations share: the gated architectures, and a batch of pairs of texts."""

from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import Probe

GATED = ("llama", "llama_mqa", "mistral", "qwen2", "qwen3", "gemma2", "gemma3")


def probe(a, b):
    return Probe(a, b, "", "", "t", "", "", "", "", "", "", "held_out")


def batch_of(tokenizer, *pairs):
    (batch,) = probe_batches(tokenizer, [probe(*pair) for pair in pairs])
    return batch
