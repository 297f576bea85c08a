"""What every wire shape shares."""

from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A wire shape. Unknown keys are refused: a typed mistake is told, not swallowed."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), ser_json_inf_nan="null")


class Frozen(Shape):
    """A wire shape that is passed around inside and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), ser_json_inf_nan="null")


Item = TypeVar("Item", bound=BaseModel)


class Page(Shape, Generic[Item]):
    """OpenAI's list page; `first_id` and `last_id` are sent on every list."""

    object: Literal["list"] = "list"
    data: list[Item]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class Deleted(Shape):
    id: str
    object: str
    deleted: bool = True


class Task(StrEnum):
    """What a model is trained to do."""

    CHAT = "chat"
    CLASSIFICATION = "classification"
    EMBEDDING = "embedding"
    PROTEIN = "protein"


class TrainingMethod(StrEnum):
    """What the loss is made of; the words of OpenAI's `method.type`."""

    SUPERVISED = "supervised"
    DPO = "dpo"


class Adaptation(StrEnum):
    """Which weights are trained."""

    LORA = "lora"
    QLORA = "qlora"
    """LoRA over a base that is held in four bits."""
    FULL = "full"


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Auto = Literal["auto"]
