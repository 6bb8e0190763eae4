"""``/sign-in``: a browser gives the token once and carries a cookie from then on."""

import msgspec
from litestar import MediaType, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import URLEncodedBody
from litestar.status_codes import HTTP_200_OK, HTTP_303_SEE_OTHER, HTTP_401_UNAUTHORIZED

from firstlight.hub.given import GivenPlatform
from firstlight.hub.guard import COOKIE, SIGN_IN_PATH, Access, cookie_value

_MAX_FORM_BYTES = 4096
_COOKIE_AGE_S = 30 * 24 * 3600
_FORM = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in · Firstlight</title>
<h1>Firstlight</h1>
<form method="post" action="/sign-in">
<p>{}</p>
<p><label>Token <input type="password" name="token" autocomplete="current-password" autofocus required></label>
<button>Sign in</button></p>
</form>
</html>
"""


class SignIn(msgspec.Struct):
    """What the form sends."""

    token: str


@get(SIGN_IN_PATH, media_type=MediaType.HTML, include_in_schema=False)
async def show_sign_in() -> str:
    """Return the form."""
    return _FORM.format("This hub asks for its token (hub.token).")


@post(SIGN_IN_PATH, include_in_schema=False, status_code=HTTP_200_OK, request_max_body_size=_MAX_FORM_BYTES)
async def sign_in(data: URLEncodedBody[SignIn], platform: GivenPlatform) -> Response[str]:
    """Give the browser its cookie and send it to the page."""
    settings = platform.settings
    if not Access(settings).is_token(data.token):
        wrong = _FORM.format("That is not the token of this hub.")
        return Response(wrong, status_code=HTTP_401_UNAUTHORIZED, media_type=MediaType.HTML)
    value = cookie_value(settings.hub.token)
    cookie = Cookie(key=COOKIE, value=value, max_age=_COOKIE_AGE_S, httponly=True, samesite="strict")
    return Response("", status_code=HTTP_303_SEE_OTHER, headers={"location": "/"}, cookies=[cookie])
