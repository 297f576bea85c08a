"""The rows of a run as they become text, for chat and completions alike."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from tunesmith.engines.base import Model, PromptScores, Run
from tunesmith.engines.text import Piece, RowText


@dataclass
class Choices:
    """Follows a run: tokens in, pieces of text by row out. Stops a row whose text reached a stop string."""

    model: Model
    run: Run
    count: int
    stops: list[bytes]
    prompt_scores: dict[int, PromptScores] = field(default_factory=dict[int, PromptScores])
    """By prompt, where they were asked for; there before the prompt's first piece."""
    _rows: list[RowText] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = [RowText(self.model.token_bytes, self.stops) for _ in range(self.count)]

    async def pieces(self) -> AsyncGenerator[tuple[int, Piece]]:
        """(row, piece) in the order of generation; each row's last piece has its finish. Cancels the run when left."""
        ended: set[int] = set()
        try:
            async for step in self.run:
                if isinstance(step, PromptScores):
                    self.prompt_scores[step.prompt] = step
                    continue
                for token in step:
                    if token.row in ended:  # computed before the loop heard of the stop string
                        continue
                    piece = self._rows[token.row].push(token)
                    if piece.finish is not None:
                        ended.add(token.row)
                        self.run.end_row(token.row)
                    yield token.row, piece
        finally:
            self.run.cancel()

    @property
    def completion_tokens(self) -> int:
        """Of all rows, end tokens included."""
        return sum(row.n_tokens for row in self._rows)


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """OpenAI's usage object; a prompt counts once however many rows continue it."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def json_logprob(value: float) -> float:
    """OpenAI writes -9999 where JSON has no minus infinity."""
    return max(value, -9999.0)
