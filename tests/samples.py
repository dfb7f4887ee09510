"""A value of every type that the installed SDK declares, made from the types themselves, so that none is forgotten."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

Json = dict[str, Any]


def members(union: Any) -> list[type[BaseModel]]:
    """The models of a union type, nested unions and annotations taken apart."""
    if get_origin(union) is Annotated:
        return members(get_args(union)[0])
    if get_origin(union) in (Union, types.UnionType):
        return [one for part in get_args(union) for one in members(part)]
    return [union]


def kind(model: type[BaseModel]) -> str:
    """The `type` that a model is told by."""
    return str(value(model.model_fields["type"].annotation, "type")) if "type" in model.model_fields else "message"


def sample(model: type[BaseModel], depth: int = 0, choice: int = 0) -> Json:
    """A value of each field, the optional ones included; `choice` picks among the variants of what a field may be."""
    made = {}
    for name, field in model.model_fields.items():
        made[field.alias or name] = value(field.annotation, name, depth + 1, choice)
    return made


def variants(model: type[BaseModel], most: int = 8) -> Iterator[Json]:
    """Different samples of a model: every variant of its fields is in one of them."""
    seen: list[Json] = []
    for choice in range(most):
        made = sample(model, choice=choice)
        if made not in seen:
            seen.append(made)
            yield made


def value(annotation: Any, name: str, depth: int = 0, choice: int = 0) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return value(args[0], name, depth, choice)
    if origin is Literal:
        return args[choice % len(args)]
    if origin in (Union, types.UnionType):
        real = [one for one in args if one is not type(None)]
        return value(real[choice % len(real)], name, depth, choice)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return sample(annotation, depth, choice) if depth < 8 else {}
    return _plain(annotation, origin, args, name, depth, choice)


def _plain(annotation: Any, origin: Any, args: tuple[Any, ...], name: str, depth: int, choice: int) -> Any:
    if origin in (list, tuple) or annotation is list:
        return [value(args[0], name, depth, choice)] if args and depth < 8 else []
    if origin is dict or annotation is dict:
        return {"key": value(args[1], name, depth, choice)} if args and depth < 8 else {}
    if annotation is bool:
        return True
    if annotation is int:
        return 0 if name.endswith("index") else 3
    if annotation is float:
        return 0.5
    return f"a {name}"  # a string, or an object of no declared type
