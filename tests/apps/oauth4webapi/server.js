// An app that signs people in with `oauth4webapi` 3, step by step as its documentation shows it, and checks everything that it
// can: `iss`, `state`, `nonce`, PKCE and the signature of the ID token. Everything it knows of Postern comes from the environment:
//
//   PORT            where it listens, on 127.0.0.1
//   ISSUER          Postern's public URL
//   CLIENT_ID
//   CLIENT_SECRET
//   SIGN_IN_PARAMS  what it adds to the authorization request, as a query string: `tenant=…`
//   SCOPE           e.g. `openid email profile`
import { createServer } from "node:http";
import * as oauth from "oauth4webapi";

const { PORT, ISSUER, CLIENT_ID, CLIENT_SECRET, SIGN_IN_PARAMS, SCOPE } = process.env;
const origin = `http://127.0.0.1:${PORT}`;
const redirectUri = `${origin}/callback`;
const client = { client_id: CLIENT_ID };
const authentication = oauth.ClientSecretBasic(CLIENT_SECRET);
const options = { [oauth.allowInsecureRequests]: true }; // http, on loopback
let server;
let pending; // one person at a time uses this app
let session = {};
let hint; // the ID token

async function signIn() {
  const issuer = new URL(ISSUER);
  server ??= await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
  pending = {
    verifier: oauth.generateRandomCodeVerifier(),
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
  };
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams([
    ...new URLSearchParams(SIGN_IN_PARAMS),
    ["client_id", CLIENT_ID],
    ["redirect_uri", redirectUri],
    ["response_type", "code"],
    ["scope", SCOPE],
    ["code_challenge", await oauth.calculatePKCECodeChallenge(pending.verifier)],
    ["code_challenge_method", "S256"],
    ["state", pending.state],
    ["nonce", pending.nonce],
  ]);
  return url;
}

async function callback(url) {
  const { verifier, state, nonce } = pending;
  const parameters = oauth.validateAuthResponse(server, client, url, state);
  const answer = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, redirectUri, verifier, options,
  );
  const result = await oauth.processAuthorizationCodeResponse(server, client, answer, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(server, answer, options);
  const idToken = oauth.getValidatedIdTokenClaims(result);
  const userInfo = await oauth.userInfoRequest(server, client, result.access_token, options);
  const user = await oauth.processUserInfoResponse(server, client, idToken.sub, userInfo);
  session = { user: { id: user.sub, email: user.email, name: `${user.firstName} ${user.lastName}` }, idToken };
  hint = result.id_token;
  if (result.refresh_token) session.renewed = await renew(result.refresh_token);
}

/** Uses a refresh token, and gives back the access token that it got. */
async function renew(refreshToken) {
  const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, refreshToken, options);
  const tokens = await oauth.processRefreshTokenResponse(server, client, answer);
  const isActive = async () => {
    const answer = await oauth.introspectionRequest(server, client, authentication, tokens.access_token, options);
    return (await oauth.processIntrospectionResponse(server, client, answer)).active;
  };
  const before = await isActive();
  const revoked = await oauth.revocationRequest(server, client, authentication, tokens.access_token, options);
  await oauth.processRevocationResponse(revoked);
  return { sub: oauth.getValidatedIdTokenClaims(tokens)?.sub, active: [before, await isActive()] };
}

function signOut() {
  const url = new URL(server.end_session_endpoint);
  url.search = new URLSearchParams({ id_token_hint: hint, post_logout_redirect_uri: `${origin}/session` });
  session = {};
  return url;
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
