// An app that signs people in with `openid-client` 6, as its documentation shows it, and checks everything that it can: `iss`,
// `state`, `nonce`, PKCE and the signature of the ID token. Everything it knows of Postern comes from the environment:
//
//   PORT            where it listens, on 127.0.0.1
//   ISSUER          Postern's public URL
//   CLIENT_ID
//   CLIENT_SECRET
//   SIGN_IN_PARAMS  what it adds to the authorization request, as a query string: `tenant=…`
//   SCOPE           e.g. `openid email profile`
import { createServer } from "node:http";
import * as client from "openid-client";

const { PORT, ISSUER, CLIENT_ID, CLIENT_SECRET, SIGN_IN_PARAMS, SCOPE } = process.env;
const origin = `http://127.0.0.1:${PORT}`;
const redirect_uri = `${origin}/callback`;
let config;
let pending; // one person at a time uses this app
let session = {};
let hint; // the ID token

async function configuration() {
  const insecure = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }; // http, on loopback
  return (config ??= await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, insecure));
}

async function signIn() {
  pending = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
  };
  return client.buildAuthorizationUrl(await configuration(), {
    ...Object.fromEntries(new URLSearchParams(SIGN_IN_PARAMS)),
    redirect_uri,
    scope: SCOPE,
    code_challenge: await client.calculatePKCECodeChallenge(pending.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: pending.expectedState,
    nonce: pending.expectedNonce,
  });
}

async function callback(url) {
  const tokens = await client.authorizationCodeGrant(config, url, { ...pending, idTokenExpected: true });
  const idToken = tokens.claims();
  const user = await client.fetchUserInfo(config, tokens.access_token, idToken.sub);
  session = { user: { id: user.sub, email: user.email, name: `${user.firstName} ${user.lastName}` }, idToken };
  hint = tokens.id_token;
  if (tokens.refresh_token) session.renewed = await renew(tokens.refresh_token);
}

/** What becomes of a refresh token: it is used, and the one that follows it is given back. */
async function renew(refreshToken) {
  const tokens = await client.refreshTokenGrant(config, refreshToken);
  const isActive = async () => (await client.tokenIntrospection(config, tokens.access_token)).active;
  const before = await isActive();
  await client.tokenRevocation(config, tokens.refresh_token);
  return { sub: tokens.claims()?.sub, active: [before, await isActive()] };
}

function signOut() {
  session = {};
  return client.buildEndSessionUrl(config, { id_token_hint: hint, post_logout_redirect_uri: `${origin}/session` });
}

createServer(async (req, res) => {
  const url = new URL(req.url, origin);
  const seeOther = (location) => res.writeHead(303, { location: String(location) }).end();
  try {
    if (url.pathname === "/sign-in") return seeOther(await signIn());
    if (url.pathname === "/callback") return await callback(url), seeOther("/session");
    if (url.pathname === "/sign-out") return seeOther(signOut());
    if (url.pathname === "/session") return res.end(JSON.stringify(session));
    res.setHeader("content-type", "text/html").end(`<!doctype html><title>App</title><a href="/sign-in">Sign in</a>`);
  } catch (error) {
    console.error(error);
    res.writeHead(500).end(`${error.code}: ${error.message} ${error.cause?.message ?? error.error_description ?? ""}`);
  }
}).listen(Number(PORT), "127.0.0.1");
