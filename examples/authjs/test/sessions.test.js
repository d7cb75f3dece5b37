import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { postern } from "./stand-in.js";

const { settings } = await import("../settings.js");
const { admit } = await import("../accounts.js");
const sessions = await import("../sessions.js");
const { authConfig } = await import("../auth.js");

let number = 0;
/** A session whose access token has so many seconds left, as the cookie holds it. */
function session(left = 300, more = {}) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: `person-${++number}`, sid: `session-${number}`, tenant: "acme.example", email: `${number}@acme.example` };
  const account = admit(claims).account.id;
  const token = { ...claims, account, began: now, session_expires_at: now + 86_400, ...more };
  const tokens = { access_token: "access", refresh_token: "refresh", id_token: "first", expires_at: now + left };
  sessions.begin(token, tokens);
  return token;
}
const renewed = async ({ sub, email }, claims) => [
  200,
  { access_token: "a2", refresh_token: "r2", expires_in: 300, id_token: await postern.sign({ sub, email, ...claims }) },
];
const asked = () => postern.asked().map(({ path, refresh_token }) => [path, refresh_token]);

afterEach(() => {
  mock.timers.reset();
  settings.pollSeconds = undefined;
  assert.deepEqual(postern.answers.splice(0), [], "all that was to be asked was asked");
  postern.asked();
});

test("a session with a fresh access token asks nobody", async () => {
  assert.equal(await sessions.goesOn(session()), true);
  assert.deepEqual(asked(), []);
});

test("twenty requests at the same time refresh once", async () => {
  const token = session(0);
  postern.answers.push(await renewed(token));
  const all = await Promise.all(Array.from({ length: 20 }, () => sessions.goesOn(token)));
  assert.ok(all.every(Boolean));
  assert.deepEqual(asked(), [["/token", "refresh"]]);
  assert.equal(await sessions.goesOn(token), true);
  assert.deepEqual(asked(), [], "the new one is fresh");
});

test("a lost answer is asked for again with the same token, and its successor is used next", async () => {
  const token = session(0);
  postern.answers.push("nothing", await renewed(token));
  assert.equal(await sessions.goesOn(token), true);
  assert.deepEqual(asked(), [["/token", "refresh"], ["/token", "refresh"]]);
  mock.timers.enable({ apis: ["Date"], now: Date.now() + 280_000 });
  postern.answers.push(await renewed(token));
  assert.equal(await sessions.goesOn(token), true);
  assert.deepEqual(asked(), [["/token", "r2"]]);
});

test("a refresh brings what the policy says now", async () => {
  const token = session(0);
  postern.answers.push(await renewed(token, { role: "admin", role_source: "group" }));
  const { role, role_source } = await authConfig().callbacks.jwt({ token });
  assert.deepEqual([role, role_source], ["admin", "group"]);
});

test("a refresh token that is worth nothing ends the session, and its cookie with it", async () => {
  const token = session(0);
  postern.answers.push([400, { error: "invalid_grant" }]);
  assert.equal(await authConfig().callbacks.jwt({ token }), null);
  assert.equal(await sessions.goesOn(token), false);
  assert.equal(asked().length, 1, "it does not ask again");
});

test("while Postern does not answer people stay, and the next request asks again", async () => {
  const token = session(0);
  postern.answers.push([503, {}], [503, {}]);
  assert.equal(await sessions.goesOn(token), true);
  postern.answers.push(await renewed(token));
  assert.equal(await sessions.goesOn(token), true);
  assert.equal(asked().length, 3);
});

test("no session outlasts Postern's", async () => {
  assert.equal(await sessions.goesOn(session(300, { session_expires_at: Math.floor(Date.now() / 1000) })), false);
});

test("what Postern tells of ends: one session, or all of a person that began until then", async () => {
  const [one, other] = [session(), session()];
  sessions.end({ sid: one.sid });
  assert.deepEqual([await sessions.goesOn(one), await sessions.goesOn(other)], [false, true]);
  const later = { ...other, sid: "later", began: other.began + 1 };
  sessions.end({ sub: other.sub, iat: other.began });
  assert.deepEqual([await sessions.goesOn(other), await sessions.goesOn(later)], [false, true]);
});

test("an ended session is remembered for as long as its cookie can be around, and then forgotten", async () => {
  const token = session(10 * 86_400, { session_expires_at: Math.floor(Date.now() / 1000) + 10 * 86_400 });
  sessions.end({ sid: token.sid });
  mock.timers.enable({ apis: ["Date"], now: Date.now() + sessions.LONGEST_COOKIE * 1000 });
  sessions.end({ sid: "another" });
  assert.equal(await sessions.goesOn(token), false);
  mock.timers.tick(2000);
  sessions.end({ sid: "a third" });
  assert.equal(await sessions.goesOn(token), true, "no cookie is as old as that");
});

test("an app without a back channel asks at most once in a while, and hears that a session is over", async () => {
  settings.pollSeconds = 60;
  const token = session(3600);
  mock.timers.enable({ apis: ["Date"], now: Date.now() + 59_000 });
  assert.equal(await sessions.goesOn(token), true);
  assert.deepEqual(asked(), []);
  mock.timers.tick(2000);
  postern.answers.push([200, { sub: token.sub }]);
  assert.ok((await Promise.all([sessions.goesOn(token), sessions.goesOn(token)])).every(Boolean));
  assert.equal(await sessions.goesOn(token), true);
  assert.deepEqual(asked(), [["/userinfo", undefined]]);
  mock.timers.tick(60_000);
  postern.answers.push([401, { error: "invalid_token" }]);
  assert.equal(await sessions.goesOn(token), false);
});
