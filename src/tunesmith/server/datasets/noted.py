"""How many records something concerns, and the first of their lines."""

from dataclasses import dataclass, field

from tunesmith.records.hints import repairs_of
from tunesmith.schemas.datasets import Finding

MOST_LINES = 20


@dataclass
class Noted:
    """Records of which something is true."""

    count: int = 0
    lines: list[int] = field(default_factory=list[int])
    """The first MOST_LINES."""

    def add(self, line: int) -> None:
        self.count += 1
        if len(self.lines) < MOST_LINES:
            self.lines.append(line)

    def finding(
        self, code: str, message: str, nouns: tuple[str, str], fix: str, of_records: int, *, level: str = "warn"
    ) -> Finding:
        """The finding; `{n}` in the message becomes the count with the first noun for one, the second for more."""
        n = f"{self.count:,} {nouns[self.count != 1]}"
        return Finding.model_validate(
            {
                "code": code,
                "level": level,
                "count": self.count,
                "share": min(1.0, self.count / max(1, of_records)),
                "message": message.format(n=n),
                "fix": fix,
                "lines": self.lines[:MOST_LINES],
                "repairs": repairs_of(code),
            }
        )


class NotedKinds:
    """Records that hold things of several kinds: all of them, and by kind."""

    def __init__(self) -> None:
        self.all = Noted()
        self._of_kind: dict[str, int] = {}

    def add(self, line: int, kinds: set[str]) -> None:
        if kinds:
            self.all.add(line)
        for kind in kinds:
            self._of_kind[kind] = self._of_kind.get(kind, 0) + 1

    def listed(self) -> str:
        """Each kind with its number of records."""
        return ", ".join(f"{kind} in {count:,}" for kind, count in sorted(self._of_kind.items()))
