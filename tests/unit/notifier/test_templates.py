"""The templates of pages and emails hold no text: every language has its own in the catalogue."""

import re
from pathlib import Path

import notifier

TEMPLATES = Path(notifier.__file__).parent / "templates"
MARKUP = re.compile(r"{{.*?}}|{%.*?%}|<!?[a-z/][^>]*>", re.DOTALL | re.IGNORECASE)
BRAND = {"QuickSync", "for", "Clover"}


def test_templates_hold_no_sentences() -> None:
    """Beside the name of the product, no word stands in a template."""
    found = {
        str(path.relative_to(TEMPLATES)): words - BRAND
        for path in TEMPLATES.rglob("*.*")
        if (words := set(re.findall(r"[^\W\d_]+", MARKUP.sub(" ", path.read_text())))) - BRAND
    }

    assert found == {}
