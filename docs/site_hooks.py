"""What the site needs beyond mkdocs: pages from elsewhere in the project, links that work in the
repository and on the site, and the promise that no page fetches anything from elsewhere.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()(?P<path>[^)#:\s]+)(?=[#)])")
# What a browser fetches by itself; links that a reader follows may lead anywhere.
FETCHED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?(?:https?:)?//[^>]*>", re.I)
STYLES = re.compile(r"<link\b(?![^>]*canonical)[^>]*\bhref=\"?(?:https?:)?//[^>]*>", re.I)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of `extra.pages_from`, and every file outside docs/ that a page links to."""
    for page, name in config.extra["pages_from"].items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    known = {file.abs_src_path for file in files}
    for page in files.documentation_pages():
        for target in _targets(page):
            if str(target) not in known and target.is_file():
                asset = f"files/{target.relative_to(ROOT).as_posix()}"
                files.append(File.generated(config, asset, abs_src_path=str(target)))
                known.add(str(target))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    places = {file.abs_src_path: file.src_uri for file in files}
    folder = os.path.dirname(page.file.src_uri)  # noqa: PTH120 - an address, not a path

    def there(match: re.Match[str]) -> str:
        place = places.get(str(_resolve(page.file, match["path"])))
        return match["path"] if place is None else os.path.relpath(place, folder or ".")

    return LINK.sub(there, markdown)


def on_post_page(output: str, page: Page, **_: object) -> str:
    strangers = FETCHED.findall(output) + STYLES.findall(output)
    if strangers:
        raise PluginError(f"{page.file.src_uri} would fetch from elsewhere: {strangers}")
    return output


def _targets(page: File) -> set[Path]:
    return {_resolve(page, match["path"]) for match in LINK.finditer(page.content_string)}


def _resolve(page: File, link: str) -> Path:
    """The file a link of this page leads to, as the repository has it."""
    return (Path(page.abs_src_path or ROOT).parent / link).resolve()
