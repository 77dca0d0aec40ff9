"""What a config's author says about it: the comment that it begins with."""

from __future__ import annotations

from pathlib import Path


def source(config: Path) -> dict[str, str]:
    """A config file's name and its leading comment, for a manifest: plain text, with an empty line between paragraphs;
    empty if it has none, or the file is gone."""
    lines: list[str] = []
    try:
        text = config.read_text("utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").removeprefix(" ").rstrip())
    return {"file": config.name, "comment": "\n".join(lines).strip("\n")}
