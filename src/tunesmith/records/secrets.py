"""Likely secrets in a text: keys and tokens of known shapes, by detect-secrets' detectors and a few newer shapes.

Detectors that guess by entropy or by a word such as "password" are left out: in prose and code they mostly find
what is none. Only what kind it is comes back, never the secret.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache

MOST_CHARACTERS = 40_000
"""Of each text."""
WINDOW, STEP = 4_000, 3_800
"""Characters that are looked at together: not every pattern takes linear time. Windows overlap by a key's length."""
_NEWER = {
    "OpenAI key": re.compile(r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200}"),
    "Anthropic key": re.compile(r"\bsk-ant-[A-Za-z0-9_-]{40,200}"),
    "Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,60}"),
    "Google API key": re.compile(r"\bAIza[A-Za-z0-9_-]{35}"),
    "GitHub token": re.compile(r"\bgithub_pat_[A-Za-z0-9_]{60,100}"),
}


def secrets_in(text: str) -> list[str]:
    """The kinds of secret that the text seems to hold, each once; without what they are."""
    windows = [text[at : at + WINDOW] for at in range(0, min(len(text), MOST_CHARACTERS), STEP)]
    return sorted({kind for kind, holds in _detectors() if any(map(holds, windows))})


@cache
def _detectors() -> list[tuple[str, Callable[[str], bool]]]:
    """Name and test of each. Made when first asked for: detect-secrets imports a good deal."""
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
    from detect_secrets.plugins.basic_auth import BasicAuthDetector
    from detect_secrets.plugins.discord import DiscordBotTokenDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
    from detect_secrets.plugins.jwt import JwtTokenDetector
    from detect_secrets.plugins.npm import NpmDetector
    from detect_secrets.plugins.openai import OpenAIDetector
    from detect_secrets.plugins.private_key import PrivateKeyDetector
    from detect_secrets.plugins.pypi_token import PypiTokenDetector
    from detect_secrets.plugins.sendgrid import SendGridDetector
    from detect_secrets.plugins.slack import SlackDetector
    from detect_secrets.plugins.square_oauth import SquareOAuthDetector
    from detect_secrets.plugins.stripe import StripeDetector
    from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
    from detect_secrets.plugins.twilio import TwilioKeyDetector

    theirs = (
        AWSKeyDetector(), AzureStorageKeyDetector(), BasicAuthDetector(), DiscordBotTokenDetector(),
        GitHubTokenDetector(), GitLabTokenDetector(), JwtTokenDetector(), NpmDetector(), OpenAIDetector(),
        PrivateKeyDetector(), PypiTokenDetector(), SendGridDetector(), SlackDetector(), SquareOAuthDetector(),
        StripeDetector(), TelegramBotTokenDetector(), TwilioKeyDetector(),
    )  # fmt: skip
    found = [(each.secret_type, _finds_any(each.analyze_string)) for each in theirs]
    return [*found, *((kind, _matches(pattern)) for kind, pattern in _NEWER.items())]


def _finds_any(analyze: Callable[[str], Iterable[str]]) -> Callable[[str], bool]:
    return lambda text: next(iter(analyze(text)), None) is not None


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None
