// Stands in for Postern: says what a test tells it to, and counts how often it was asked. To be imported before the app, which
// reads its settings when it is loaded.
import { createServer } from "node:http";
import { SignJWT, exportJWK, generateKeyPair } from "jose";

export const CLIENT = "prod_example";
const asked = [];
const keys = { ours: await generateKeyPair("ES256"), foreign: await generateKeyPair("ES256") };
const jwks = { keys: [{ ...(await exportJWK(keys.ours.publicKey)), kid: "1", alg: "ES256" }] };

export const postern = {
  /** What it answers to a refresh and at userinfo: [status, body], or "nothing": the connection breaks. */
  answers: [],
  /** The paths and forms that it was asked since a test last looked. */
  asked: () => asked.splice(0),
  /** Signs claims as it would; what is `undefined` is left out. */
  async sign(claims, { typ = "JWT", key = "ours" } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: postern.issuer, aud: CLIENT, iat: now, exp: now + 300 };
    return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg: "ES256", kid: "1", typ }).sign(keys[key].privateKey);
  },
};

const server = createServer(async (request, response) => {
  const path = request.url;
  const say = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (path === "/jwks") return say(200, jwks);
  if (path === "/.well-known/openid-configuration") {
    const names = ["token", "userinfo", "introspection", "end_session"];
    const endpoints = names.map((name) => [`${name}_endpoint`, `${postern.issuer}/${name}`]);
    return say(200, { issuer: postern.issuer, jwks_uri: `${postern.issuer}/jwks`, ...Object.fromEntries(endpoints) });
  }
  const body = Buffer.concat(await Array.fromAsync(request)).toString();
  asked.push({ path, ...Object.fromEntries(new URLSearchParams(body)) });
  const answer = postern.answers.shift() ?? [500, {}];
  answer === "nothing" ? request.destroy() : say(...answer);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
server.unref();
postern.issuer = `http://127.0.0.1:${server.address().port}`;

Object.assign(process.env, {
  POSTERN_ISSUER: postern.issuer,
  POSTERN_CLIENT_ID: CLIENT,
  POSTERN_CLIENT_SECRET: "a secret of this test alone",
  AUTH_SECRET: "another secret of this test alone",
  DATABASE: ":memory:",
});
