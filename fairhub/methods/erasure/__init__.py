"""Two-sided erasure: takes what a group's name says out of weights, only where judgements read it.

At an output projection with weight W, input x and output y = W x, the change D of W lowers

    strength * E_l E_m (l' (W + D) m)^2  +  sum over what must stay, k, of w_k E (l_k' D x_k)^2

where m are mean input differences between groups (right side) and l the gradients, with respect to y, of contrasts of
judgement words (left side); l_k and x_k are gradients and inputs of what must stay: the next word of neutral text, the
right against the wrong word of meaning and recall, judgements of merit. Expectations over left and right are taken
apart, so that every term is tr(L D R D') with second moments L and R: what is erased, or kept, goes for every
combination of a reader and an input, and so for words and terms that were not seen. Closed-form erasure on the input
side alone is LEACE (Belrose et al. 2023); the left side from gradients of the harm, bent away from the gradients of
what must stay, is ours. Nothing is added to the model: stock transformers loads the result.
"""

from fairhub.methods.erasure.edit import Erasure, erase, erase_each
from fairhub.methods.erasure.items import Item, items_of
from fairhub.methods.erasure.prices import Prices, prices
from fairhub.methods.erasure.reads import Reads, Seen
from fairhub.methods.erasure.sweep import pulled_tokens, sweep, sweep_bytes, sweep_tokens
from fairhub.methods.erasure.without import without

__all__ = [
    "Erasure",
    "Item",
    "Prices",
    "Reads",
    "Seen",
    "erase",
    "erase_each",
    "items_of",
    "prices",
    "pulled_tokens",
    "sweep",
    "sweep_bytes",
    "sweep_tokens",
    "without",
]
