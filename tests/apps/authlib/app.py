"""An app that signs people in with Authlib in Flask, as its documentation shows it.

Everything it knows of Postern comes from the environment:

  PORT            where it listens, on 127.0.0.1
  ISSUER          Postern's public URL
  CLIENT_ID
  CLIENT_SECRET
  SIGN_IN_PARAMS  what it adds to the authorization request, as a query string: `tenant=...`
  SCOPE           e.g. `openid email profile`
"""

import os
from urllib.parse import parse_qsl, urlencode

from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, redirect

app = Flask(__name__)
app.secret_key = "a secret of this app alone, for its session cookies"
app.config["SESSION_COOKIE_NAME"] = "authlib"
postern = OAuth(app).register(
    "postern",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": os.environ["SCOPE"], "code_challenge_method": "S256"},
)
session = {}  # one person at a time uses this app
hint = []  # the ID token
origin = f"http://127.0.0.1:{os.environ['PORT']}"


@app.get("/")
def home():
    return '<!doctype html><title>App</title><a href="/sign-in">Sign in</a>'


@app.get("/sign-in")
def sign_in():
    return postern.authorize_redirect(f"{origin}/callback", **dict(parse_qsl(os.environ["SIGN_IN_PARAMS"])))


@app.get("/callback")
def callback():
    token = postern.authorize_access_token()  # verifies the ID token, with its nonce
    user = postern.userinfo(token=token)
    session["idToken"] = token["userinfo"]
    session["user"] = {
        "id": user["sub"],
        "email": user["email"],
        "name": f"{user['firstName']} {user['lastName']}",
    }
    hint[:] = [token["id_token"]]
    if "refresh_token" in token:
        session["renewed"] = renew(token["refresh_token"])
    return redirect("/session")


def renew(refresh_token):
    """Uses a refresh token, and gives back the access token that it got."""
    server = postern.load_server_metadata()
    with OAuth2Session(postern.client_id, postern.client_secret) as client:
        token = client.refresh_token(server["token_endpoint"], refresh_token)

        def is_active():
            url = server["introspection_endpoint"]
            return client.introspect_token(url, token["access_token"], "access_token").json()["active"]

        before = is_active()
        client.revoke_token(server["revocation_endpoint"], token["access_token"], "access_token")
        return {"active": [before, is_active()]}


@app.get("/sign-out")
def sign_out():
    query = {"id_token_hint": hint.pop(), "post_logout_redirect_uri": f"{origin}/session"}
    session.clear()
    return redirect(postern.load_server_metadata()["end_session_endpoint"] + "?" + urlencode(query))


@app.get("/session")
def who():
    return session


app.run("127.0.0.1", int(os.environ["PORT"]))
