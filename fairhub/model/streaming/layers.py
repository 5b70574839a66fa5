"""The layers of a model that rest in their files: read when a forward comes to them, and let go for the next.

Layers that stay in memory are treated alike, but for the reading. Weights that are replaced for a while, or for good,
are put in their places when a forward comes to the layer: nothing is written to a file.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import Cache, PreTrainedModel

from fairhub.model.facts import refuse_infinite
from fairhub.model.streaming.files import Place, read
from fairhub.model.streaming.tasks import Crew, Task, current

_MARK, _NAMES = "_fairhub_streamed", "_fairhub_names"
"""What the model, and what each module of its layers, is told."""
Weight = tuple[nn.Module, str]
"""A module and the name of one of its parameters."""


class Streamed:
    """Where the weights of a model's layers are, and which of them are in memory."""

    def __init__(
        self, model: PreTrainedModel, layers: nn.ModuleList, places: Mapping[str, Place], room: int,
        scratch: object = None,
    ) -> None:  # fmt: skip
        """Take a model whose parameters of these places are on the meta device, and lead its forwards through here.

        Args:
            model: The model.
            layers: Its decoder layers.
            places: By the names that its parameters have.
            room: Bytes that forwards may hold while they wait for a layer.
            scratch: What is kept as long as the model is: a folder that some of the places lie in.
        """
        self.crew = Crew(room)
        self.places = dict(places)
        self.bytes_read, self._scratch = 0, scratch
        self.changed: dict[str, Tensor] = {}
        """What was replaced for good, by name, on the CPU in the type that it is computed in."""
        self._device = torch.device("cpu") if (found := model.device).type == "meta" else found
        self._layers = [self._owned(model, layer) for layer in layers]
        self._inside = [set(layer.modules()) for layer in layers]
        self._shapes = {name: getattr(*weight).shape for mine in self._layers for name, weight in mine.items()}
        self._sizes: dict[str, int] = {}
        self._here: int | None = None
        self._coming: dict[int, Future[dict[str, Tensor]]] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reads layers")
        self._put: list[tuple[Task | None, Mapping[Weight, Tensor]]] = []
        self._sound: set[str] = set()
        for number, layer in enumerate(layers):
            layer.forward = self._led(number, layer.forward)  # type: ignore[method-assign]
        model.__dict__[_MARK] = self

    def weight(self, module: nn.Module, name: str) -> Tensor:
        """Return a weight as it stands, wherever it is: a copy where it rests in its file."""
        for owner, put in reversed(self._put):
            if (module, name) in put and _sees(owner):
                return put[module, name]
        held: Tensor = getattr(module, name)
        return held if held.device.type != "meta" else self.tensor(self._name(module, name))

    @property
    def largest(self) -> int:
        """Bytes of the largest layer that rests in files, as it is computed."""
        sizes = ([self._shapes[name].numel() * self.places[name].dtype.itemsize for name in m] for m in self._layers)
        return max(map(sum, sizes))

    @property
    def sweeps(self) -> float:
        """How often all that rests in files was read so far."""
        return self.bytes_read / max(sum(self._sizes.values()), 1)

    @contextmanager
    def replaced(self, weights: Mapping[Weight, Tensor]) -> Iterator[None]:
        """Use other weights inside the `with` block, in the forwards of this piece of work."""
        put = current(), weights
        self._put.append(put)
        try:
            yield
        finally:
            self._put = [one for one in self._put if one is not put]

    @torch.no_grad()
    def replace_(self, module: nn.Module, name: str, weight: Tensor) -> None:
        """Use another weight from now on."""
        held = getattr(module, name)
        self._coming.clear()  # what is being read is what was
        self.changed[self._name(module, name)] = kept = weight.detach().to("cpu", held.dtype, copy=True)
        if held.device.type != "meta":
            held.copy_(kept)

    def _owned(self, model: PreTrainedModel, layer: nn.Module) -> dict[str, Weight]:
        """Return the parameters of a layer that rest in files, by their names, and tell its modules where they are."""
        prefix = next(name for name, module in model.named_modules() if module is layer)
        found: dict[str, Weight] = {}
        for path, module in layer.named_modules():
            for name, _ in module.named_parameters(recurse=False):
                whole = ".".join(part for part in (prefix, path, name) if part)
                module.__dict__.setdefault(_NAMES, (self, {}))[1][name] = whole
                if whole in self.places:
                    found[whole] = module, name
        return found

    def _name(self, module: nn.Module, name: str) -> str:
        return str(module.__dict__[_NAMES][1][name])

    def _led(self, number: int, plain: Callable[..., Any]) -> Callable[..., Any]:
        """Return a layer's forward that comes here first; with gradients it is computed again on their way back."""

        def forward(*args: Any, **kwargs: Any) -> Any:
            if not torch.is_grad_enabled():
                return run(*args, **kwargs)
            again = _handed_over(number, run, (*args, *kwargs.values()))
            return checkpoint(again, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

        def run(*args: Any, **kwargs: Any) -> Any:
            self.crew.arrive(number)
            self.hold(number)
            with self._replaced_in(number):
                return plain(*args, **kwargs)

        return forward

    def hold(self, number: int) -> None:
        """Have the layer in memory, and the one that comes next be read meanwhile."""
        if number == self._here or not self._layers[number]:
            return
        down = self._here is not None and number < self._here and number > 0
        if self._here is not None:
            for weight in self._layers[self._here].values():
                _set(*weight, torch.empty_like(getattr(*weight), device="meta"))
        self._here = None
        coming = self._coming.pop(number, None)
        self._coming.clear()
        for name, tensor in (coming.result() if coming else self._read_layer(number)).items():
            _set(*self._layers[number][name], tensor.to(self._device))
        self._here, count = number, len(self._layers)
        order = range(number - 1, -1, -1) if down else [(number + step) % count for step in range(1, count)]
        after = next((other for other in order if self._layers[other]), number)
        if after != number:
            self._coming[after] = self._reader.submit(self._read_layer, after)

    def _read_layer(self, number: int) -> dict[str, Tensor]:
        return {name: self.tensor(name) for name in self._layers[number]}

    def tensor(self, name: str) -> Tensor:
        """Return a weight that rests in its file, by its name in the model, as it stands."""
        if name in self.changed:
            return self.changed[name]
        with torch.inference_mode(False):  # what is read in one mode is used in all
            tensor, size = read(self.places[name], self._shapes[name])
        self._sizes[name] = size
        self.bytes_read += size
        if name not in self._sound:
            refuse_infinite(self.places[name].name, tensor, self.places[name].file.name)
            self._sound.add(name)
        return tensor

    @contextmanager
    def _replaced_in(self, number: int) -> Iterator[None]:
        """Put replaced weights of a layer in their places for one forward of who replaced them."""
        with ExitStack() as undo:
            for owner, put in self._put:
                for (module, name), weight in put.items() if _sees(owner) else ():
                    if module in self._inside[number]:
                        held = getattr(module, name)
                        undo.callback(_set, module, name, held)
                        _set(module, name, weight.to(held.device, held.dtype))
            yield


def streamed_of(model: PreTrainedModel) -> Streamed | None:
    """Return where the layers of a model rest; None where all are in memory."""
    found: Streamed | None = model.__dict__.get(_MARK)
    return found


def tensors_of(model: PreTrainedModel, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
    """Yield every weight of a model by name, in their order, one at a time, wherever it rests.

    Args:
        model: The model.
        dtype: Of numbers that are not whole; None: as they are computed in.
    """
    streamed = streamed_of(model)
    for name, tensor in sorted(model.state_dict().items()):
        held = streamed.tensor(name) if streamed and tensor.device.type == "meta" else tensor
        yield name, held.to(dtype) if dtype is not None and held.is_floating_point() else held


def rests(module: nn.Module) -> bool:
    """Tell whether weights of a module itself, not of its parts, rest in files that they are read from."""
    mark = module.__dict__.get(_NAMES)
    return mark is not None and any(name in mark[0].places for name in mark[1].values())


def weight_of(module: nn.Module, name: str = "weight") -> Tensor:
    """Return a module's weight, wherever it rests; itself where it is in memory."""
    mark = module.__dict__.get(_NAMES)
    return getattr(module, name) if mark is None else mark[0].weight(module, name)  # type: ignore[no-any-return]


@contextmanager
def replaced(model: PreTrainedModel, weights: Mapping[Weight, Tensor]) -> Iterator[None]:
    """Use other weights inside the `with` block; the model's own come back exactly."""
    if (streamed := streamed_of(model)) is not None:
        with streamed.replaced(weights):
            yield
        return
    kept = {weight: weight_of(*weight).detach().clone() for weight in weights}
    try:
        for (module, name), tensor in weights.items():
            replace_(module, tensor, name)
        yield
    finally:
        for (module, name), tensor in kept.items():
            replace_(module, tensor, name)


def replace_(module: nn.Module, weight: Tensor, name: str = "weight") -> None:
    """Write a module's weight for good, wherever it rests."""
    mark = module.__dict__.get(_NAMES)
    if mark is None:
        with torch.no_grad():
            getattr(module, name).copy_(weight)
    else:
        mark[0].replace_(module, name, weight)


def _sees(owner: Task | None) -> bool:
    here = current()
    return owner is None or (here is not None and here.within(owner))


def _set(module: nn.Module, name: str, tensor: Tensor) -> None:
    with torch.inference_mode(False):
        kept = tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor, requires_grad=False)
    module._parameters[name] = kept


def _handed_over(number: int, run: Callable[..., Any], given: tuple[Any, ...]) -> Callable[..., Any]:
    """Return a forward that finds keys and values of earlier tokens as they were, whenever it is computed again."""
    caches = [one for one in given if isinstance(one, Cache)]
    before = [copy.copy(cache.layers[number]) if number < len(cache.layers) else None for cache in caches]

    def again(*args: Any, **kwargs: Any) -> Any:
        for cache, layer in zip(caches, before, strict=True):
            if layer is not None:
                cache.layers[number] = copy.copy(layer)
        return run(*args, **kwargs)

    return again
