"""A part of a page that is made from the code, between two marks."""

from __future__ import annotations


def between_marks(page: str, name: str, made: str) -> str:
    """The page with what stands between the marks `<!-- name: begin -->` and `<!-- name: end -->` made anew.

    Raises ValueError where the page lacks a mark.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page lacks {begin} or {end}: put both where the tables of {name} shall stand")
    return f"{before}{begin}\n\n{made}\n{end}{after}"
