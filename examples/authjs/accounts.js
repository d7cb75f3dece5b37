// Who people are in this app. A person is known by `sub` and by nothing else: an e-mail address is given to somebody else one day,
// and any customer's administrator can write any address into their own directory.
import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import { database, seconds } from "./database.js";

const MAY_TAKE = 600; // seconds to answer the question whether an account is theirs
const TRIES = 5;

const row = (sql, ...values) => database.prepare(sql).get(...values);
const run = (sql, ...values) => database.prepare(sql).run(...values);

export const accountOf = (id) => row("SELECT * FROM accounts WHERE id = ?", id);
export const personOf = (sub) => row("SELECT * FROM accounts WHERE sub = ?", sub);

/**
 * Decides about somebody whom Postern vouches for: `{ account }` is who they are here, `{ question }` has to be answered first,
 * `{ refused }` says why they get no account.
 */
export function admit(claims) {
  const known = personOf(claims.sub);
  if (known) return { account: renew(known, claims) };

  const existing = ofThisAddress(claims);
  if (existing) {
    const proven = claims.email_verified === true && existing.tenant === claims.tenant;
    return proven ? { account: connect(existing, claims) } : { question: ask(existing, claims) };
  }
  return create(claims);
}

/**
 * An account without single sign-on that may be this person's: of their own tenant, or of none. One that belongs to another tenant
 * is never offered, because whoever runs this tenant's directory would come into that one.
 */
function ofThisAddress({ email, tenant }) {
  return row(
    "SELECT * FROM accounts WHERE sub IS NULL AND email = ? AND (tenant = ? OR tenant IS NULL) ORDER BY tenant IS NULL",
    address(email),
    tenant,
  );
}

/** The first login of somebody new makes their account, unless the tenant's policy says that it may not. */
function create(claims) {
  if (claims.provisioning?.allowed === false) return { refused: claims.provisioning.reason };
  const { sub, tenant, email, name = null, role = "member" } = claims;
  const values = [sub, tenant, address(email), name, role];
  run("INSERT OR IGNORE INTO accounts (sub, tenant, email, name, role) VALUES (?, ?, ?, ?, ?)", ...values);
  return { account: renew(personOf(sub), claims) };
}

/** From now on the account is this person's. */
function connect(existing, claims) {
  run("UPDATE accounts SET sub = ?, tenant = ? WHERE id = ? AND sub IS NULL", claims.sub, claims.tenant, existing.id);
  return renew(personOf(claims.sub), claims);
}

/**
 * What may change between two logins. The team is always the one that Postern tells. A role that comes from the person's groups counts each time; a default one only makes
 * accounts, so that people who were promoted here stay promoted.
 */
export function renew({ id, role }, { email, name = null, role: told, role_source = null, team = null }) {
  const values = [address(email), name, role_source === "group" ? told : role, role_source, team];
  run("UPDATE accounts SET email = ?, name = ?, role = ?, role_source = ?, team = ? WHERE id = ?", ...values, id);
  return accountOf(id);
}

function ask(existing, claims) {
  run("DELETE FROM questions WHERE expires < ?", seconds());
  const token = randomBytes(32).toString("base64url");
  const values = [token, existing.id, JSON.stringify(claims), TRIES, seconds() + MAY_TAKE];
  run("INSERT INTO questions (token, account, claims, tries, expires) VALUES (?, ?, ?, ?, ?)", ...values);
  return token;
}

/** The address that somebody is asked about; `undefined`: nobody is asked. */
export const questionOf = (token) => open(token)?.claims.email;

function open(token) {
  const found = row("SELECT * FROM questions WHERE token = ? AND expires > ? AND tries > 0", token ?? "", seconds());
  const claims = found && JSON.parse(found.claims);
  return claims && !personOf(claims.sub) ? { ...found, claims } : undefined; // answered elsewhere meanwhile
}

/** They know the password of the account, so it is theirs. */
export function answerWithPassword(token, password) {
  const question = open(token);
  if (!question) return { refused: "question_over" };
  const existing = accountOf(question.account);
  run("UPDATE questions SET tries = tries - 1 WHERE token = ?", token);
  if (existing?.sub !== null || !matches(password, existing.password)) return { refused: "wrong_password" };
  run("DELETE FROM questions WHERE token = ?", token);
  return { account: connect(existing, question.claims) };
}

/** It is somebody else's account: they get one of their own, if the policy lets them. */
export function answerNotMine(token) {
  const question = open(token);
  if (!question) return { refused: "question_over" };
  run("DELETE FROM questions WHERE token = ?", token);
  return create(question.claims);
}

/** An account as they were before single sign-on: an address and a password. */
export function signUp({ tenant, email, password }) {
  const salt = randomBytes(16);
  const hash = Buffer.concat([salt, scryptSync(password, salt, 32)]).toString("base64");
  run(
    "INSERT INTO accounts (tenant, email, role, password) VALUES (?, ?, 'member', ?)",
    tenant ?? null,
    address(email),
    hash,
  );
}

function matches(password, hash) {
  if (!hash || typeof password !== "string") return false;
  const bytes = Buffer.from(hash, "base64");
  return timingSafeEqual(scryptSync(password, bytes.subarray(0, 16), 32), bytes.subarray(16));
}

const address = (email) => email.toLowerCase();
