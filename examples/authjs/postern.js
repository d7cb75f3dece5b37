// What the app asks of Postern by itself, behind the browser's back.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { settings } from "./settings.js";

const { issuer, clientId, clientSecret } = settings;

/** Postern's own description of itself: read once, and again after a failure. */
let description;
export async function endpoints() {
  description ??= fetch(`${issuer}/.well-known/openid-configuration`, { signal: AbortSignal.timeout(5000) })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`discovery: ${answer.status}`))))
    .then((found) => ({ ...found, keys: createRemoteJWKSet(new URL(found.jwks_uri)) }));
  return description.catch((error) => {
    description = undefined;
    throw error;
  });
}

/** The tokens that take the place of a refresh token; `null`: the session is over. Throws where Postern gave no answer. */
export async function refresh(refreshToken) {
  const form = { grant_type: "refresh_token", refresh_token: refreshToken };
  // A refresh token is good once. Who lost the answer sends the same one again, within ten seconds, and gets the same successor.
  const answer = await post("token_endpoint", form).catch(() => post("token_endpoint", form));
  const body = await answer.json();
  if (answer.ok) return body;
  if (body.error === "invalid_grant") return null;
  throw new Error(`refresh: ${body.error_description}`);
}

/** The claims of the person whose access token this is; `null`: the session is over. Throws where Postern gave no answer. */
export async function userinfo(accessToken) {
  const { userinfo_endpoint } = await endpoints();
  const headers = { authorization: `Bearer ${accessToken}` };
  const answer = await fetch(userinfo_endpoint, { headers, signal: AbortSignal.timeout(5000) });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`userinfo: ${answer.status}`);
  return answer.json();
}

/** What somebody else's access token is worth (RFC 7662): who presents it, for which tenant; `null`: nothing. */
export async function introspect(token) {
  const answer = await post("introspection_endpoint", { token });
  if (!answer.ok) throw new Error(`introspection: ${answer.status}`);
  const told = await answer.json();
  return told.active ? told : null;
}

/** The claims of an ID token of ours. */
export async function idToken(token) {
  const { keys } = await endpoints();
  const { payload } = await jwtVerify(token, keys, { issuer, audience: clientId });
  return payload;
}

export class NoLogoutToken extends Error {}

/** What a logout token tells (OpenID Connect Back-Channel Logout §2.6): which session ended, or whose. Throws if it is none. */
export async function logoutToken(token) {
  const { keys } = await endpoints();
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience: clientId,
    typ: "logout+jwt", // or an ID token would do
    requiredClaims: ["iat", "exp", "jti"],
  });
  const { events, nonce, sid, sub, iat } = payload;
  const isLogout = typeof events?.["http://schemas.openid.net/event/backchannel-logout"] === "object";
  if (!isLogout || nonce !== undefined || !(sid || sub)) throw new NoLogoutToken("not a logout token");
  return { sid, sub, iat };
}

/** Where the browser goes to sign out at Postern too, and from there at the identity provider. */
export async function signOutUrl(hint) {
  const { end_session_endpoint } = await endpoints();
  const parameters = { post_logout_redirect_uri: `${settings.origin}/signed-out` };
  // Without the hint Postern asks the person first.
  const who = hint ? { id_token_hint: hint } : { client_id: clientId };
  return `${end_session_endpoint}?${new URLSearchParams({ ...who, ...parameters })}`;
}

async function post(endpoint, form) {
  const { [endpoint]: url } = await endpoints();
  // RFC 6749 §2.3.1: both halves are form-urlencoded first.
  const proof = [clientId, clientSecret].map(encodeURIComponent).join(":");
  const answer = await fetch(url, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(proof).toString("base64")}` },
    body: new URLSearchParams(form),
    signal: AbortSignal.timeout(5000),
  });
  if (answer.status >= 500) throw new Error(`${endpoint}: ${answer.status}`);
  return answer;
}
