"""Three model types that nobody has heard of, registered with transformers for a while, with modules of their own.

The towers are decoder layers, a mixer is attention and a blend an MLP: only a norm is called as in a known model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    Cache,
    DynamicCache,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)  # fmt: skip
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast


class TowerConfig(PreTrainedConfig):
    """Sizes of a made-up model."""

    model_type = "made_up_towers"

    def __init__(
        self, vocab_size: int = 64, hidden_size: int = 32, num_hidden_layers: int = 2, num_attention_heads: int = 4,
        blend_width: int = 48, max_position_embeddings: int = 512, **more: Any,
    ) -> None:  # fmt: skip
        self.vocab_size, self.hidden_size, self.blend_width = vocab_size, hidden_size, blend_width
        self.num_hidden_layers, self.num_attention_heads = num_hidden_layers, num_attention_heads
        self.max_position_embeddings = max_position_embeddings
        super().__init__(**{"tie_word_embeddings": False} | more)


class InterleavedConfig(TowerConfig):
    """The same, whose heads stand in turn, column by column."""

    model_type = "made_up_interleaved"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)


class ForgetfulConfig(TowerConfig):
    """The same, which takes keys and values of earlier tokens and does not look at them."""

    model_type = "made_up_forgetful"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)


class Mixer(nn.Module):
    def __init__(self, config: TowerConfig, number: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.number, self.heads, self.kind = number, config.num_attention_heads, config.model_type
        self.ask, self.tell, self.carry = (nn.Linear(size, size) for _ in range(3))
        self.gather = nn.Linear(size, size)

    def forward(self, stream: Tensor, mask: Tensor | None, past: Cache | None) -> Tensor:
        def split(made: Tensor) -> Tensor:
            return made.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        ask, tell, carry = (split(part(stream)) for part in (self.ask, self.tell, self.carry))
        if past is not None and self.kind != ForgetfulConfig.model_type:
            tell, carry = past.update(tell, carry, self.number)
        scores = ask @ tell.transpose(-1, -2) / ask.shape[-1] ** 0.5
        if mask is not None:
            scores = scores + mask[..., -scores.shape[-2] :, -scores.shape[-1] :]
        mixed = (scores.softmax(-1) @ carry).transpose(1, 2)
        if self.kind == InterleavedConfig.model_type:
            mixed = mixed.transpose(-1, -2)
        return self.gather(mixed.flatten(-2))


class Blend(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.widen = nn.Linear(config.hidden_size, config.blend_width)
        self.narrow = nn.Linear(config.blend_width, config.hidden_size)

    def forward(self, stream: Tensor) -> Tensor:
        return self.narrow(nn.functional.gelu(self.widen(stream)))


class Tower(nn.Module):
    def __init__(self, config: TowerConfig, number: int) -> None:
        super().__init__()
        self.before, self.after_attention = nn.LayerNorm(config.hidden_size), nn.LayerNorm(config.hidden_size)
        self.mixer, self.blend = Mixer(config, number), Blend(config)

    def forward(self, stream: Tensor, mask: Tensor | None, past: Cache | None) -> Tensor:
        stream = stream + self.mixer(self.before(stream), mask, past)
        return stream + self.blend(self.after_attention(stream))


class TowerBase(PreTrainedModel):
    config_class = TowerConfig
    base_model_prefix = "trunk"

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.data.normal_(0, 0.2)


class Trunk(TowerBase):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.places = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.towers = nn.ModuleList(Tower(config, number) for number in range(config.num_hidden_layers))
        self.last = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, position_ids: Tensor | None = None,
        past_key_values: Cache | None = None, use_cache: bool | None = None, **more: Any,
    ) -> BaseModelOutputWithPast:  # fmt: skip
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        seen = past_key_values.get_seq_length() if past_key_values is not None else 0
        if position_ids is None:
            position_ids = torch.arange(seen, seen + input_ids.shape[1], device=input_ids.device)[None]
        stream = self.words(input_ids) + self.places(position_ids)
        mask = create_causal_mask(
            config=self.config, inputs_embeds=stream, attention_mask=attention_mask, past_key_values=past_key_values,
            position_ids=position_ids,
        )  # fmt: skip
        for tower in self.towers:
            stream = tower(stream, mask, past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=self.last(stream), past_key_values=past_key_values)


class TowerForCausalLM(TowerBase, GenerationMixin):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.trunk = Trunk(config)
        self.say = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.trunk.words

    def get_output_embeddings(self) -> nn.Module:
        return self.say

    def forward(self, input_ids: Tensor, logits_to_keep: int = 0, **given: Any) -> CausalLMOutputWithPast:
        read = self.trunk(input_ids, **given)
        stream = read.last_hidden_state
        return CausalLMOutputWithPast(
            logits=self.say(stream[:, -logits_to_keep:]), past_key_values=read.past_key_values
        )


class InterleavedForCausalLM(TowerForCausalLM):
    config_class = InterleavedConfig


class ForgetfulForCausalLM(TowerForCausalLM):
    config_class = ForgetfulConfig


_TYPES = (
    (TowerConfig, TowerForCausalLM), (InterleavedConfig, InterleavedForCausalLM),
    (ForgetfulConfig, ForgetfulForCausalLM),
)  # fmt: skip


@contextmanager
def registered() -> Iterator[None]:
    """Let transformers know the made-up types inside the `with` block, and no longer."""
    for config, model in _TYPES:
        AutoConfig.register(config.model_type, config)
        AutoModelForCausalLM.register(config, model)
    try:
        yield
    finally:
        for config, _ in _TYPES:
            CONFIG_MAPPING._extra_content.pop(config.model_type)
            MODEL_FOR_CAUSAL_LM_MAPPING._extra_content.pop(config)


def built(config: TowerConfig) -> PreTrainedModel:
    """A random model of a made-up type whose biases and norms are random too."""
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()
