"""Whether an event name begins with a past-tense verb, and how it would: for `check` and authors only.

The dictionary (lemminflect, with numpy) is imported when the first name is looked at, never while serving.
"""

from __future__ import annotations

import re
from functools import lru_cache

from connector.mapping.problem import Mistake

_PAST_TAGS = ("VBD", "VBN")
_PREFIX = re.compile(r"(?:un|re|de|dis|mis|over|under|out|pre)(?=[a-z]{4})")
"""What makes a new verb of another. The dictionary has installed, and not uninstalled."""


def mistake_in_english(name: str) -> Mistake | None:
    """What is wrong with the English of `name`, a name of well-formed words."""
    words = name.split("-")
    if is_past_tense(words[0]):
        return None
    what = f"`{name}` does not begin with a past-tense verb"
    return Mistake(what, f"{_advice(words)}; {{keep: {name}}} keeps a name that Intercom has already")


def _advice(words: list[str]) -> str:
    for at, word in enumerate(words[1:], 1):
        if is_past_tense(word):
            return f"write `{'-'.join([word, *words[:at], *words[at + 1 :]])}`"
    for at in (0, len(words) - 1):
        if past := past_tense(words[at]):
            return f"write `{'-'.join([past, *words[:at], *words[at + 1 :]])}`"
    return "put the verb first, such as completed-order"


@lru_cache(maxsize=4096)
def is_past_tense(word: str) -> bool:
    """Whether `word` is some verb's past tense or participle."""
    from lemminflect import getInflection, getLemma

    lemmas = getLemma(word, upos="VERB", lemmatize_oov=True)
    if any(word in getInflection(lemma, tag=tag) for lemma in lemmas for tag in _PAST_TAGS):
        return True
    prefix = _PREFIX.match(word)
    return prefix is not None and is_past_tense(word[prefix.end() :])


@lru_cache(maxsize=4096)
def past_tense(word: str) -> str | None:
    """The past tense of a verb in any of its forms: pay, pays, paying → paid; None for other words."""
    from lemminflect import getInflection, getLemma

    for lemma in getLemma(word, upos="VERB", lemmatize_oov=False):
        if forms := getInflection(lemma, tag="VBD"):
            return str(forms[0])
    return None
