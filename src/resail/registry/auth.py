"""Logging in to a registry: as its challenge says, by a token or by name and password.

https://distribution.github.io/distribution/spec/auth/token/ and, for identity tokens, ``…/auth/oauth/``.
"""

import base64
from urllib.parse import urlsplit

import httpx2
import msgspec

from resail.registry.challenges import Challenge, parse_challenges
from resail.registry.credentials import Credential

__all__ = ["AuthError", "authorization"]


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


class AuthError(Exception):
    """The login did not come about; ``status`` is what the token service answered, 0 where it was not asked."""

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.status = status


async def authorization(
    client: httpx2.AsyncClient, challenge_header: str, scope: str, credential: Credential | None, *, local: bool
) -> str:
    """The header ``Authorization`` that answers a 401.

    Args:
        client: to ask the token service with.
        challenge_header: of the 401.
        scope: what is asked for where the challenge does not say it.
        credential: None: without any, as for a public image.
        local: the registry is on this machine, so that its token service may do without TLS.

    Raises:
        AuthError: there is no way in.
        httpx2.HTTPError: the token service does not answer.
    """
    challenges = {one.scheme: one for one in reversed(parse_challenges(challenge_header))}
    if "bearer" in challenges:
        return f"Bearer {await _token(client, challenges['bearer'], scope, credential, local=local)}"
    if "basic" in challenges and credential is not None and credential.username:
        return _basic(credential)
    raise AuthError("it asks for a login")


async def _token(
    client: httpx2.AsyncClient, challenge: Challenge, scope: str, credential: Credential | None, *, local: bool
) -> str:
    realm = challenge.parameters.get("realm", "")
    if urlsplit(realm).scheme != "https" and not (local and urlsplit(realm).scheme == "http"):
        raise AuthError("it names a token service that has no TLS")
    asked = {"scope": challenge.parameters.get("scope") or scope}
    if "service" in challenge.parameters:
        asked["service"] = challenge.parameters["service"]
    if credential is not None and credential.identity_token:
        form = {**asked, "grant_type": "refresh_token", "refresh_token": credential.identity_token, "client_id": "resail"}
        answer = await client.post(realm, data=form)
    else:
        headers = {"Authorization": _basic(credential)} if credential is not None and credential.username else {}
        answer = await client.get(realm, params=asked, headers=headers)
    if not answer.is_success:
        raise AuthError(f"its token service says {answer.status_code}", answer.status_code)
    try:
        token = msgspec.json.decode(answer.content, type=_Token)
    except msgspec.MsgspecError as error:
        raise AuthError("its token service sends no token", 500) from error
    if not (token.token or token.access_token):
        raise AuthError("its token service sends no token", 500)
    return token.token or token.access_token


def _basic(credential: Credential) -> str:
    return f"Basic {base64.b64encode(f'{credential.username}:{credential.password}'.encode()).decode()}"
