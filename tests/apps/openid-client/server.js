// An app that signs people in with `openid-client` 6, as its documentation shows it, and checks everything that it can: `iss`,
// `state`, `nonce`, PKCE and the signature of the ID token. Everything it knows of Postern comes from the environment:
//
//   PORT            where it listens, on 127.0.0.1
//   ISSUER          Postern's public URL
//   CLIENT_ID
//   CLIENT_SECRET
//   CLIENT_KEY      or, instead, a private key, a JWK for ES256: then it asks as the FAPI 2.0 Security Profile wants it, with
//                   pushed requests, private_key_jwt and DPoP
//   SIGN_IN_PARAMS  what it adds to the authorization request, as a query string: `tenant=…`
//   SCOPE           e.g. `openid email profile`
import { createServer } from "node:http";
import * as client from "openid-client";

const { PORT, ISSUER, CLIENT_ID, CLIENT_SECRET, CLIENT_KEY, SIGN_IN_PARAMS, SCOPE } = process.env;
const origin = `http://127.0.0.1:${PORT}`;
const redirect_uri = `${origin}/callback`;
let config;
let proof; // of possession: options with a DPoP key, or none
let pending; // one person at a time uses this app
let session = {};
let hint; // the ID token

async function discover() {
  const insecure = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }; // http, on loopback
  config = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, await authentication(), insecure);
  proof = CLIENT_KEY && { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256")) };
}

async function authentication() {
  if (!CLIENT_KEY) return undefined; // the secret, in the usual way
  const { kid, ...jwk } = JSON.parse(CLIENT_KEY);
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  return client.PrivateKeyJwt({ kid, key: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]) });
}

async function signIn() {
  if (!config) await discover();
  pending = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
  };
  const parameters = {
    ...Object.fromEntries(new URLSearchParams(SIGN_IN_PARAMS)),
    redirect_uri,
    scope: SCOPE,
    code_challenge: await client.calculatePKCECodeChallenge(pending.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: pending.expectedState,
    nonce: pending.expectedNonce,
  };
  return CLIENT_KEY
    ? client.buildAuthorizationUrlWithPAR(config, parameters, proof)
    : client.buildAuthorizationUrl(config, parameters);
}

async function callback(url) {
  const tokens = await client.authorizationCodeGrant(config, url, { ...pending, idTokenExpected: true }, {}, proof);
  const idToken = tokens.claims();
  const user = await client.fetchUserInfo(config, tokens.access_token, idToken.sub, proof);
  session = { user: { id: user.sub, email: user.email, name: `${user.firstName} ${user.lastName}` }, idToken };
  session.tokenType = tokens.token_type;
  hint = tokens.id_token;
  if (tokens.refresh_token) session.renewed = await renew(tokens.refresh_token);
}

/** Uses a refresh token, and gives back the access token that it got. */
async function renew(refreshToken) {
  const tokens = await client.refreshTokenGrant(config, refreshToken, {}, proof);
  const isActive = async () => (await client.tokenIntrospection(config, tokens.access_token)).active;
  const before = await isActive();
  await client.tokenRevocation(config, tokens.access_token);
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
