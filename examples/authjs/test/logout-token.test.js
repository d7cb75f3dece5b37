import assert from "node:assert/strict";
import { test } from "node:test";
import { postern } from "./stand-in.js";

const { logoutToken } = await import("../postern.js");

const good = { sub: "s", sid: "x", jti: "j", events: { "http://schemas.openid.net/event/backchannel-logout": {} } };
const typ = "logout+jwt";

test("a logout token says which session ended", async () => {
  const { sid, sub } = await logoutToken(await postern.sign(good, { typ }));
  assert.deepEqual([sid, sub], ["x", "s"]);
  assert.equal((await logoutToken(await postern.sign({ ...good, sid: undefined }, { typ }))).sub, "s");
});

for (const [name, claims, header] of [
  ["an ID token", {}, { typ: "JWT" }],
  ["one with a nonce", { nonce: "n" }],
  ["one of another event", { events: { other: {} } }],
  ["one without events", { events: undefined }],
  ["one about nobody", { sid: undefined, sub: undefined }],
  ["one for another app", { aud: "prod_other" }],
  ["one of another issuer", { iss: "https://evil.example" }],
  ["one that has expired", { exp: 1 }],
  ["one without an end", { exp: undefined }],
  ["one without a name", { jti: undefined }],
  ["one that somebody else signed", {}, { key: "foreign" }],
]) {
  test(`${name} is none`, async () => {
    const token = await postern.sign({ ...good, ...claims }, { typ, ...header });
    await assert.rejects(logoutToken(token));
  });
}
