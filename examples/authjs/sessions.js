// Sessions that end before their cookies do. Auth.js keeps a session in a sealed cookie and nowhere else, so nobody can take it
// back; the app remembers instead which ones are over, for as long as a cookie of theirs can be around.
//
// The tokens are not in the cookie either. A refresh token is good once, and a cookie is written only when an answer reaches the
// browser: of two requests at the same time one would keep a token that is spent, and using it ends the session.
import { renew as renewAccount, accountOf } from "./accounts.js";
import { database, seconds } from "./database.js";
import * as postern from "./postern.js";
import { settings } from "./settings.js";

/** How long a cookie lives that nobody renews, in seconds. */
export const LONGEST_COOKIE = 24 * 3600;
/** An access token is renewed when it has less than this left, in seconds. */
const EARLY = 30;

const row = (sql, ...values) => database.prepare(sql).get(...values);
const run = (sql, ...values) => database.prepare(sql).run(...values);

/** A session begins. */
export function begin({ sid, session_expires_at }, tokens) {
  run("DELETE FROM tokens WHERE over < ?", seconds());
  const values = [tokens.access_token, tokens.expires_at, tokens.refresh_token ?? null, tokens.id_token];
  run(
    "INSERT OR REPLACE INTO tokens (sid, access_token, expires, refresh_token, id_token, asked, over) VALUES (?, ?, ?, ?, ?, ?, ?)",
    sid,
    ...values,
    seconds(),
    session_expires_at,
  );
}

/** One session ends, by its `sid`; or, where only `sub` is told, all of that person that began until `iat`. */
export function end({ sid, sub, iat }) {
  const now = seconds();
  run("DELETE FROM ended WHERE forget < ?", now);
  const who = sid ? [sid, null, null] : [null, sub, iat];
  run("INSERT INTO ended (sid, sub, before, forget) VALUES (?, ?, ?, ?)", ...who, now + LONGEST_COOKIE);
  if (sid) run("DELETE FROM tokens WHERE sid = ?", sid);
}

const isEnded = ({ sid, sub, began }) =>
  row("SELECT 1 FROM ended WHERE sid = ? OR (sub = ? AND before >= ?)", sid, sub, began) !== undefined;

/** The newest ID token of a session, which says at Postern which one is to end. */
export const idTokenOf = (sid) => row("SELECT id_token FROM tokens WHERE sid = ?", sid)?.id_token;

/** Whether a session goes on. Asks Postern where that is due. */
export async function goesOn(session) {
  if (seconds() >= session.session_expires_at || isEnded(session)) return false;
  const answer = await alone(session.sid, () => look(session));
  if (answer === "over") end(session);
  return answer !== "over" && !isEnded(session);
}

/** Only one at a time for each session: whoever comes meanwhile shares its answer. */
const underway = new Map();
function alone(sid, task) {
  if (!underway.has(sid)) underway.set(sid, task().finally(() => underway.delete(sid)));
  return underway.get(sid);
}

async function look({ sid, account }) {
  const kept = row("SELECT * FROM tokens WHERE sid = ?", sid);
  if (!kept) return "unknown";
  try {
    const now = seconds();
    if (kept.refresh_token && now >= kept.expires - EARLY) return await refresh(kept, account);
    const { pollSeconds } = settings;
    if (pollSeconds !== undefined && now >= kept.asked + pollSeconds) return await poll(kept);
  } catch (error) {
    // Postern did not answer. The person stays, and the next request asks again.
    console.error(error.message);
  }
  return "unknown";
}

async function refresh({ sid, refresh_token }, account) {
  const tokens = await postern.refresh(refresh_token);
  if (!tokens) return "over";
  const now = seconds();
  run(
    "UPDATE tokens SET access_token = ?, expires = ?, refresh_token = ?, id_token = ?, asked = ? WHERE sid = ?",
    tokens.access_token,
    now + tokens.expires_in,
    tokens.refresh_token,
    tokens.id_token,
    now,
    sid,
  );
  renewAccount(accountOf(account), await postern.idToken(tokens.id_token));
  return "alive";
}

async function poll({ sid, access_token }) {
  const claims = await postern.userinfo(access_token);
  run("UPDATE tokens SET asked = ? WHERE sid = ?", seconds(), sid);
  return claims ? "alive" : "over";
}
