import assert from "node:assert/strict";
import { test } from "node:test";
import "./stand-in.js";

const accounts = await import("../accounts.js");
const { admit, signUp } = accounts;

let people = 0;
/** What Postern says of somebody new. */
const somebody = (claims) => {
  const sub = `sub-${++people}`;
  return { sub, tenant: "acme.example", email: `${sub}@acme.example`, name: "Alice", ...claims };
};

test("the first login makes an account, and every later one finds it, whatever the address is then", () => {
  const claims = somebody();
  const { account } = admit(claims);
  assert.equal(account.email, claims.email);
  assert.equal(admit({ ...claims, email: "Married@acme.example" }).account.id, account.id);
  assert.equal(accounts.accountOf(account.id).email, "married@acme.example");
});

test("the team is the one that is told, each time", () => {
  const claims = somebody({ team: "Rockets" });
  assert.equal(admit(claims).account.team, "Rockets");
  assert.equal(admit({ ...claims, team: undefined }).account.team, null);
});

test("the same address under another sub is somebody else", () => {
  const claims = somebody({ email_verified: true });
  const { account } = admit(claims);
  assert.notEqual(admit({ ...claims, sub: "another" }).account.id, account.id);
});

test("an account of the same tenant and a verified address is connected", () => {
  const claims = somebody({ email_verified: true });
  signUp({ tenant: claims.tenant, email: claims.email.toUpperCase(), password: "p" });
  const { account } = admit(claims);
  assert.equal(account.sub, claims.sub);
  assert.notEqual(account.password, null, "it is the old one");
});

test("an address that is not verified asks, and the password connects", () => {
  const claims = somebody();
  signUp({ tenant: claims.tenant, email: claims.email, password: "right" });
  const { question } = admit(claims);
  assert.equal(accounts.questionOf(question), claims.email);
  assert.deepEqual(accounts.answerWithPassword(question, "wrong"), { refused: "wrong_password" });
  const { account } = accounts.answerWithPassword(question, "right");
  assert.notEqual(account.password, null);
  assert.equal(admit(claims).account.id, account.id);
  assert.deepEqual(accounts.answerWithPassword(question, "right"), { refused: "question_over" });
});

test("a password is not guessed at: after five tries the question is over", () => {
  const claims = somebody();
  signUp({ tenant: claims.tenant, email: claims.email, password: "right" });
  const { question } = admit(claims);
  for (let tries = 0; tries < 5; tries++) accounts.answerWithPassword(question, "wrong");
  assert.deepEqual(accounts.answerWithPassword(question, "right"), { refused: "question_over" });
});

test("an account of no tenant asks, even where the address is verified", () => {
  const claims = somebody({ email_verified: true });
  signUp({ email: claims.email, password: "right" });
  assert.ok(admit(claims).question);
});

test("an account of another tenant is never offered: whoever runs this directory would come into that tenant", () => {
  const claims = somebody({ email_verified: true });
  signUp({ tenant: "other.example", email: claims.email, password: "right" });
  const { account } = admit(claims);
  assert.equal(account.password, null);
  assert.equal(account.tenant, "acme.example");
});

test("who says that it is not theirs gets an account of their own", () => {
  const claims = somebody();
  signUp({ tenant: claims.tenant, email: claims.email, password: "right" });
  const { account } = accounts.answerNotMine(admit(claims).question);
  assert.equal(account.password, null);
  assert.equal(admit(claims).account.id, account.id);
});

test("where the policy lets nobody new in, those come in who are known", () => {
  const provisioning = { allowed: false, reason: "not_invited" };
  assert.deepEqual(admit(somebody({ provisioning })), { refused: "not_invited" });
  const claims = somebody({ provisioning: { allowed: true } });
  const { account } = admit(claims);
  assert.equal(admit({ ...claims, provisioning }).account.id, account.id);
});

test("a role of a group counts each time, a default one only where it makes the account", () => {
  const claims = somebody({ role: "viewer", role_source: "default" });
  assert.equal(admit(claims).account.role, "viewer");
  assert.equal(admit({ ...claims, role: "owner" }).account.role, "viewer");
  const { role, role_source } = admit({ ...claims, role: "admin", role_source: "group" }).account;
  assert.deepEqual([role, role_source], ["admin", "group"]);
  assert.equal(admit(claims).account.role, "admin", "people who were promoted stay promoted");
  assert.equal(admit(somebody()).account.role, "member", "the app's own, where Postern names none");
});
